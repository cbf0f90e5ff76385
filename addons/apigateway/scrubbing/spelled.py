"""A secret found wherever it stands in bytes, in every way to write it: as it is, with escapes of a
URL, of JSON (one in another too) and of XML, and within base64."""

import base64
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import unescape
from urllib.parse import unquote_to_bytes

SHORTEST = 8
"""Characters. What is shorter would be found in words."""

_LONGEST_LETTERED = 200
"""A longer secret is not looked for with each letter escaped in a way of its own."""

_MOST_SLASHES = 32
_PLAIN_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_ENTITIES = {
    "&": ("&amp;",),
    "<": ("&lt;",),
    ">": ("&gt;",),
    '"': ("&quot;", "&#34;"),
    "'": ("&#x27;", "&#39;", "&apos;"),
}
_JSON_ESCAPE = re.compile(rb"((?:\\+u[0-9A-Fa-f]{4})+)|\\+([\"/])")
_MOST_LAYERS = 4

Swap = tuple[str, str]
"""A secret, and what stands for it."""


def replaced(raw: bytes, swaps: Sequence[Swap]) -> bytes:
    """The bytes with a placeholder for each of the secrets, longest first."""
    if not raw or not swaps:
        return raw
    found = present(raw, (secret for secret, _ in swaps))
    for secret, mark in sorted(swaps, key=lambda swap: -len(swap[0])):
        if secret in found:
            written = mark.encode("ascii")
            raw = _pattern(secret).sub(lambda _, written=written: written, raw)  # type: ignore[misc]
            raw = _without_base64(raw, secret)
    return raw


def present(raw: bytes, secrets: Iterable[str]) -> frozenset[str]:
    """The secrets that are in the bytes in some spelling."""
    views = tuple(dict.fromkeys(_views(raw)))
    return frozenset(
        secret
        for secret in secrets
        if len(secret) >= SHORTEST
        and (
            any(form in view for view in views for form in _forms(secret))
            or any(needle in view for view in views for needle in _needles(secret))
        )
    )


def _views(raw: bytes) -> Iterable[bytes]:
    """The bytes as they are, and as those read them who undo the escapes."""
    yield raw
    if any(mark in raw for mark in (b"%", b"\\", b"&")):
        yield from _undone(raw)
    if b"+" in raw:  # a space, in a form
        spaced = raw.replace(b"+", b" ")
        yield spaced
        yield from _undone(spaced)


def _undone(view: bytes) -> Iterable[bytes]:
    """Layer by layer, and kind by kind: an escape may be escaped again."""
    for _ in range(_MOST_LAYERS):
        before = view
        for undo in (unquote_to_bytes, _without_json, _without_xml):
            view = undo(view)
            yield view
        if view == before:
            break


def _without_json(raw: bytes) -> bytes:
    return re.sub(rb"\\\\+", rb"\\", _JSON_ESCAPE.sub(_letter, raw)) if b"\\" in raw else raw


def _without_xml(raw: bytes) -> bytes:
    return unescape(raw.decode("latin-1")).encode("latin-1", "replace") if b"&" in raw else raw


def _letter(found: re.Match[bytes]) -> bytes:
    if found[2] is not None:
        return found[2]
    units = bytes.fromhex(found[1].replace(b"\\", b"").replace(b"u", b"").decode("ascii"))
    return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")


@lru_cache(maxsize=4096)
def _forms(secret: str) -> tuple[bytes, ...]:
    """What stands in a view of it: a secret that looks like an escape was undone there too."""
    raw = _bytes(secret)
    return tuple(
        dict.fromkeys((raw, *(form for form in _undone(raw) if len(form) >= SHORTEST // 2)))
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=4096)
def _pattern(secret: str) -> re.Pattern[bytes]:
    if len(secret) > _LONGEST_LETTERED:
        return re.compile(re.escape(_bytes(secret)))
    return re.compile(b"".join(map(_any_spelling, secret)))


@lru_cache(maxsize=512)
def _any_spelling(letter: str) -> bytes:
    """One character, however it is escaped; an escape may be escaped again."""
    raw = _bytes(letter)
    percent = b"".join(rb"%%(?:25)*%s" % _hex(f"{byte:02x}") for byte in raw)
    slashes = rb"\\{0,%d}" % _MOST_SLASHES
    spelled = [percent, rb"\\{1,%d}" % _MOST_SLASHES + _utf16(letter)]
    if letter == "\\":
        spelled.append(rb"\\{1,%d}" % _MOST_SLASHES)
    elif raw in (b'"', b"/", b"'"):
        spelled.append(slashes + raw)
    else:
        spelled.append(re.escape(raw))
    if letter == " ":
        spelled.append(rb"\+")
    spelled += [re.escape(entity.encode()) for entity in _ENTITIES.get(letter, ())]
    return b"(?:" + b"|".join(spelled) + b")"


def _hex(digits: str) -> bytes:
    """Hexadecimal digits in either case."""
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits).encode("ascii")


def _utf16(letter: str) -> bytes:
    """As JSON escapes it, after the first backslash: two escapes for a character beyond FFFF."""
    raw = letter.encode("utf-16-be", "surrogatepass").hex()
    units = [b"u" + _hex(raw[at : at + 4]) for at in range(0, len(raw), 4)]
    return (rb"\\{1,%d}" % _MOST_SLASHES).join(units)


# --- base64


def _without_base64(raw: bytes, secret: str) -> bytes:
    """What a secret makes in base64, at each place in three bytes, overwritten by as much text."""
    for needle in _needles(secret):
        filler = (b"scrubbed" * (len(needle) // 8 + 1))[: len(needle)]
        if needle in raw:
            raw = raw.replace(needle, filler)
        if needle.translate(None, b"+/") != needle and b"%" in raw:  # in a URL they are escaped
            escaped = _pattern(needle.decode("ascii"))
            raw = escaped.sub(lambda _, filler=filler: filler, raw)  # type: ignore[misc]
    return raw


@lru_cache(maxsize=4096)
def _needles(secret: str) -> tuple[bytes, ...]:
    """The letters of base64 that the secret alone makes, in both alphabets."""
    raw = _bytes(secret)
    found: list[bytes] = []
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        first = -(-before * 8 // 6)  # letters that hold bits of what stands before
        last = (before + len(raw)) * 8 // 6
        letters = whole[first:last]
        found += (letters, letters.translate(bytes.maketrans(b"+/", b"-_")))
    return tuple(dict.fromkeys(found))
