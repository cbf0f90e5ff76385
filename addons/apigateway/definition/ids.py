"""Ids for what declares none: stable without bookkeeping, the same on every machine."""

from hashlib import md5


def hex_id(*parts: str) -> str:
    """32 lower-case hex digits, the form of GroupId and ApiId."""
    return md5("\0".join(parts).encode(), usedforsecurity=False).hexdigest()


def numeric_id(*parts: str) -> str:
    """Twelve digits, the form of AppId and of policy ids."""
    return str(10**11 + int(hex_id(*parts), 16) % (9 * 10**11))
