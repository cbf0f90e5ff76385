"""Texts of names and values, with a placeholder for each value whose name tells: queries and forms,
JSON, XML, cookies, strings to sign. All else stays as it was written."""

import json
import re
from urllib.parse import quote

from apigateway.protocol.wire import decode_form_text
from apigateway.scrubbing.hiding import Hiding
from apigateway.scrubbing.names import Names
from apigateway.scrubbing.tokens import JWT
from apigateway.trail.masking import MARK as MASKED
from apigateway.trail.texts import JSON_PIECE, XML_ELEMENT

_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*")
_XML_ATTRIBUTE = re.compile(r"""(?<![^\s<>/="'])([^\s<>/="']++)(\s*+=\s*+)("[^"]*+"|'[^']*+')""")
_INLINE_PARAMETER = re.compile(r"""(?<=[?&])([^=&#?\s"'`]+)=([^&#\s"'`\\]+)""")
_INLINE_FIELD = re.compile(r"(?<=[#\n])([A-Za-z0-9_-]+):([^#\n`]+)(?=[#\n])")
_MOST_NESTED = 3


class Texts:
    """`masked` is of texts in which values that tell may have been masked before, as in a trail:
    those stay."""

    def __init__(self, names: Names, hiding: Hiding, *, masked: bool = False) -> None:
        self._names = names
        self._hiding = hiding
        self._masked = masked

    def value(self, name: str, value: str) -> str:
        """What stands for a value below a name that tells."""
        return value if self._masked and MASKED in value else self._hiding.value(name, value)

    def document(self, text: str, *, is_form: bool, depth: int = 0) -> str:
        """A body, or a value that may be a document of its own."""
        start = text.lstrip("\ufeff \t\r\n")[:1]
        if start in ("{", "["):
            return self.json(text, depth)
        if start == "<":
            return self.xml(text)
        return self.query(text, depth) if is_form else self.inline(text)

    def query(self, text: str, depth: int = 0) -> str:
        """A query, or the fields of a form, as on the wire."""
        return "&".join(self._item(item, depth) for item in text.split("&"))

    def _item(self, item: str, depth: int) -> str:
        """Some backends begin another item at a `;`: from a secret one on, it is one value."""
        written, at = [], 0
        for piece in item.split(";"):
            name, equals, value = piece.partition("=")
            plain = decode_form_text(name)
            if equals and value and self._names.tell(plain):
                given = decode_form_text(item[at + len(name) + 1 :], errors="surrogateescape")
                hidden = self.value(plain, given)
                is_same = hidden == given
                written.append(item[at:] if is_same else f"{name}={quote(hidden, safe=':')}")
                break
            written.append(f"{name}={self._nested(value, depth)}" if value else piece)
            at += len(piece) + 1
        return ";".join(written)

    def _nested(self, value: str, depth: int) -> str:
        """A value that is a JSON document of its own, or a URL with a query."""
        text = decode_form_text(value, errors="surrogateescape")
        if depth >= _MOST_NESTED:
            return value
        if text[:1] in ("{", "["):
            scrubbed = self.json(text, depth + 1)
        else:
            scrubbed = self.inline(text)
        if scrubbed == text:
            return value
        return quote(scrubbed, safe="", errors="surrogateescape")

    def json(self, text: str, depth: int = 0) -> str:
        """Below a name that tells every text and number goes."""
        written: list[str] = []
        at = level = 0
        name, telling_at = "", -1  # the member that tells, and how deep it is, while it goes on
        for piece in JSON_PIECE.finditer(text):
            word = piece[0]
            written.append(text[at : piece.start()])
            at = piece.end()
            if piece[2] is not None:
                member = _json_text(piece[1])
                if telling_at < 0 and self._names.tell(member):
                    name, telling_at = member, level
            elif word in "[{":
                level += 1
            elif word in "]},":
                if level == telling_at:
                    telling_at = -1
                level -= word != ","
            elif telling_at >= 0:
                word = self._json_secret(name, word)
            elif word[0] == '"':
                word = self._json_value(word, depth)
            written.append(word)
        return "".join(written) + text[at:]

    def _json_secret(self, name: str, word: str) -> str:
        if word[0] == '"':
            return _quoted(self.value(name, _json_text(word)))
        if _NUMBER.fullmatch(word):
            return self._hiding.number(name, word)
        return word

    def _json_value(self, word: str, depth: int) -> str:
        if len(word) < 8 or depth >= _MOST_NESTED:
            return word
        text = _json_text(word)
        scrubbed = self.document(text, is_form=False, depth=depth + 1)
        return word if scrubbed == text else _quoted(scrubbed)

    def xml(self, text: str) -> str:
        def attribute(found: re.Match[str]) -> str:
            quotes = found[3][0]
            value = self.value(_local(found[1]), found[3][1:-1])
            return f"{found[1]}{found[2]}{quotes}{value}{quotes}"

        def element(found: re.Match[str]) -> str:
            return found[1] + self.value(_local(found[2]), found[3])

        text = _XML_ATTRIBUTE.sub(lambda m: attribute(m) if self._tells(m[1]) else m[0], text)
        return XML_ELEMENT.sub(
            lambda m: element(m) if self._tells(m[2]) and m[3].strip() else m[0], text
        )

    def _tells(self, name: str) -> bool:
        return self._names.tell(_local(name))

    def cookies(self, value: str) -> str:
        """Of `Cookie`: every one, whatever its name."""
        return "; ".join(map(self._cookie, value.split("; ")))

    def set_cookie(self, value: str) -> str:
        cookie, semicolon, attributes = value.partition(";")
        return self._cookie(cookie) + semicolon + attributes

    def _cookie(self, cookie: str) -> str:
        name, equals, value = cookie.partition("=")
        if not equals:
            return self._hiding.cookie("cookie", cookie)
        if self._names.keeps(name):
            return cookie
        return name + equals + self._hiding.cookie(name, value)

    def inline(self, text: str) -> str:
        """A text that may hold a query, a string to sign (line feeds as `#`), or tokens."""
        if "=" in text or ":" in text:
            text = _INLINE_PARAMETER.sub(self._inline_parameter, text)
            text = _INLINE_FIELD.sub(self._inline_field, text)
        return JWT.sub(lambda found: self._hiding.token(found[0]), text)

    def _inline_parameter(self, found: re.Match[str]) -> str:
        name = decode_form_text(found[1])
        if not self._names.tell(name):
            return found[0]
        return f"{found[1]}={self.value(name, decode_form_text(found[2]))}"

    def _inline_field(self, found: re.Match[str]) -> str:
        if not self._names.tell(found[1]):
            return found[0]
        return f"{found[1]}:{self.value(found[1], found[2])}"


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _json_text(quoted: str) -> str:
    """What a text of JSON says; one that says nothing (it was cut) is taken as it is written."""
    try:
        return str(json.loads(quoted))
    except ValueError:
        return quoted.strip('"')


def _quoted(text: str) -> str:
    """Surrogate escapes stay: they are bytes of the body."""
    return json.dumps(text, ensure_ascii=False)
