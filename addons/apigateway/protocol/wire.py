"""The parts of HTTP that several rooms read the same way: fields, paths, queries and forms.

Pure functions over text. Header bytes are decoded as UTF-8 before they come here (clients put
UTF-8 on the wire; reference: protocol 1.2), with undecodable bytes as surrogate escapes.
"""

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote_to_bytes

FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
MULTIPART_MEDIA_TYPE = "multipart/form-data"

APP_CODE_PARAMETER = "appcode"
"""The query parameter that carries an AppCode, in lower case; it is read in any."""

Pairs = tuple[tuple[str, str], ...]

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT_ESCAPE = re.compile(r"(%2[Ff]|%5[Cc])")
_CHARSETS = frozenset(
    [
        "utf-8",
        "ascii",
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "big5hkscs",
        "shift_jis",
        "cp932",
        "euc_jp",
        "euc_kr",
        "koi8-r",
    ]
)
"""Encodings of text on the web; Python knows many more that are none (`idna`, `utf-7`, ...)."""
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_:.\-]+)""", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Headers:
    """Header fields in the order received, spelled as received; looked up in any case.

    `repeated` are the names in lower case that stand more than once, with all their values.
    """

    __slots__ = ("_first", "fields", "repeated")

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self.fields: Pairs = tuple(fields)
        first: dict[str, str] = {}
        repeated: dict[str, list[str]] = {}
        for name, value in self.fields:
            lower = name.lower()
            if lower not in first:
                first[lower] = value
            elif lower in repeated:
                repeated[lower].append(value)
            else:
                repeated[lower] = [first[lower], value]
        self._first = first
        self.repeated: Mapping[str, Sequence[str]] = repeated

    def first(self, name: str) -> str | None:
        """The first value of a field, or None when it is absent."""
        return self._first.get(name.lower())

    def all(self, name: str) -> Sequence[str]:
        lower = name.lower()
        if lower in self.repeated:
            return self.repeated[lower]
        value = self._first.get(lower)
        return () if value is None else [value]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._first

    def __repr__(self) -> str:
        return f"Headers({self.fields!r})"


def is_token(text: str) -> bool:
    """Whether `text` may be a header name or a method (RFC 9110, 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def media_type(content_type: str) -> str:
    """`Application/JSON; charset=utf-8` -> `application/json`."""
    return content_type.partition(";")[0].strip().lower()


def is_form(content_type: str) -> bool:
    """The product's rule: a form is what says so anywhere in Content-Type (protocol 1.2)."""
    return FORM_MEDIA_TYPE in content_type.lower()


def is_multipart(content_type: str) -> bool:
    return media_type(content_type) == MULTIPART_MEDIA_TYPE


def charset_of(content_type: str) -> str:
    """The codec that a Content-Type names, UTF-8 when it names none.

    Raises:
        LookupError: a charset that is none of the web's.
    """
    named = _CHARSET.search(content_type)
    charset = codecs.lookup(named[1]).name if named else "utf-8"
    if charset not in _CHARSETS and not charset.startswith(("cp125", "iso8859-")):
        raise LookupError(charset)
    return charset


def unquote_bytes(text: str) -> bytes:
    """Percent-decoded bytes; what was no UTF-8 on the wire (surrogate escapes) is as it was."""
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape"))


def decode_path(raw: str) -> str | None:
    """Percent-decode a path as UTF-8, leaving `%2F` and `%5C` as they are spelled.

    `+` stays `+`. None when an escape is broken or the bytes are not UTF-8 (protocol 1.2).
    """
    if "%" not in raw and raw.isascii():
        return raw
    if _BROKEN_ESCAPE.search(raw):
        return None
    try:
        return "".join(
            piece if _KEPT_ESCAPE.fullmatch(piece) else unquote_bytes(piece).decode("utf-8")
            for piece in _KEPT_ESCAPE.split(raw)
        )
    except UnicodeDecodeError:
        return None


def decode_form_text(raw: str, charset: str = "utf-8", errors: str = "replace") -> str:
    """Form decoding of one name or value: `+` is a space, escapes are of `charset`.

    Broken escapes stay as they are; bytes that are none of its characters become U+FFFD, or what
    `errors` says (as `bytes.decode` does).
    """
    text = raw.replace("+", " ")
    if "%" not in text and text.isascii():
        return text
    return unquote_bytes(text).decode(charset, errors)


def form_fields(body: bytes, content_type: str) -> Pairs:
    """The fields of a url-encoded body, in the charset its type names, else UTF-8 (protocol 5.3).

    Raises:
        LookupError: a charset that is none of the web's.
        UnicodeDecodeError: bytes that are none of its characters.
    """
    charset = charset_of(content_type)
    body.decode(charset)
    return parse_query(body.decode("utf-8", "surrogateescape"), charset)


def parse_query(raw: str, charset: str = "utf-8") -> Pairs:
    """Query text to decoded pairs, in order, duplicates kept.

    `a` and `a=` are both the empty string; a pair with an empty name is dropped (protocol 5.3).
    """
    pairs = []
    for item in raw.split("&"):
        name, _, value = item.partition("=")
        if name:
            pairs.append((decode_form_text(name, charset), decode_form_text(value, charset)))
    return tuple(pairs)


def first_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The first value of each name (protocol 5.3: a parameter that is no list uses the first)."""
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def host_name(authority: str) -> str:
    """`API.example.com:8080` -> `api.example.com`; `[::1]:80` -> `::1`; a final dot is dropped."""
    authority = authority.strip().lower()
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0].rstrip(".")
