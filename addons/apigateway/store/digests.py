"""What stands for a nonce in a store."""

from hashlib import blake2b


def digest(app_key: str, nonce: str) -> bytes:
    """16 bytes that stand for a nonce of an app.

    A nonce comes from the caller and may be long or hold bytes that are no text; its digest is
    neither, and rows stay small. The length keeps `a` + `bc` and `ab` + `c` apart.
    """
    text = f"{len(app_key)}:{app_key}{nonce}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
