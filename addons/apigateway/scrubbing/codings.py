"""Bodies as they read without their Content-Encoding, and packed again."""

from mitmproxy.net import encoding

_IDENTITY = frozenset({"", "identity"})
_KNOWN = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd"})


def unpacked(body: bytes, content_encoding: str) -> bytes | None:
    """None for a coding that is not known, and for a body that is not of it."""
    for name in reversed(_names(content_encoding)):
        if name not in _KNOWN:
            return None
        try:
            found = encoding.decode(body, name.removeprefix("x-"))
        except ValueError:
            return None
        if not isinstance(found, bytes):
            return None
        body = found
    return body


def packed(body: bytes, content_encoding: str) -> bytes:
    """
    Raises:
        ValueError: a coding that `unpacked` does not know either.
    """
    for name in _names(content_encoding):
        made = encoding.encode(body, name.removeprefix("x-"))
        if not isinstance(made, bytes):
            raise ValueError(name)
        body = made
    return body


def _names(content_encoding: str) -> list[str]:
    names = (name.strip().lower() for name in content_encoding.split(","))
    return [name for name in names if name not in _IDENTITY]
