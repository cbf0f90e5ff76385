"""The placeholders of one call: one for each of its secrets, the same wherever that stands."""

import base64
import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_plus

from apigateway.model.catalog import Catalog
from apigateway.protocol.wire import APP_CODE_PARAMETER
from apigateway.replay.placeholders import (
    MARK,
    UNKNOWN_APP_CODE,
    UNVERIFIED_SIGNATURE,
    app_code_mark,
    read_app_code,
    read_signature,
)
from apigateway.scrubbing.spelled import SHORTEST, Swap
from apigateway.scrubbing.tokens import JWT, THREE_PARTS, TokenMarks
from apigateway.signatures.caller import SIGNATURE

APP_SECRET, APP_CODE, SIGNATURES, TOKENS, COOKIES, KEYS = (
    "AppSecret",
    "AppCode",
    "signature",
    "token",
    "cookie",
    "signature key",
)
"""Kinds of secrets; any other kind is the name below which it stood."""

_SCHEMES = frozenset({"bearer", "basic", "appcode", "digest", "negotiate"})
_NOT_A_LETTER = re.compile(r"[^a-z0-9_-]+")
_LONGEST_NAME = 40
_PLACEHOLDER = re.compile(rf"{MARK}(?::[A-Za-z0-9_-]{{1,64}})+")


@dataclass(frozen=True, slots=True)
class Known:
    """A secret that the definitions hold, and what stands for it."""

    secret: str
    mark: str
    kind: str


def known_of(catalog: Catalog) -> tuple[Known, ...]:
    """The secrets of the apps and of the signature keys, those that are long enough to look for."""
    found = []
    for app in catalog.apps.values():
        found.append(Known(app.secret.reveal(), f"{MARK}:appsecret:{app.key}", APP_SECRET))
        if app.code is not None:
            found.append(Known(app.code.reveal(), app_code_mark(app.key), APP_CODE))
    for served in catalog.served:
        if (key := served.signature_key) is not None:
            found.append(Known(key.secret.reveal(), f"{MARK}:signature-key", KEYS))
    return tuple(dict.fromkeys(found))


@dataclass(slots=True)
class Hiding:
    """`signature` is what stands for the request's own (see `placeholders`). With `alike` a value
    that only its name tells is replaced by one of its shape, for rules that ask for one.

    `counts` are the secrets by kind; `found` the values with what stands for them.
    """

    known: Sequence[Known]
    app_keys: Container[str]
    tokens: TokenMarks
    signature: str = UNVERIFIED_SIGNATURE
    alike: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    found: dict[str, str] = field(default_factory=dict)
    _values: dict[str, str] = field(default_factory=dict)

    def swaps(self) -> list[Swap]:
        """The values that are long enough to be looked for everywhere."""
        return [swap for swap in self.found.items() if len(swap[0]) >= SHORTEST]

    def note(self, value: str, mark: str, kind: str) -> str:
        """A value that is written with escapes is looked for without them too."""
        if value not in self.found:
            self.counts[kind] += 1
            self.found[value] = mark
            for plain in (unquote(value), unquote_plus(value)):
                self.found.setdefault(plain, mark)
        return mark

    def value(self, name: str, value: str) -> str:
        """What stands for a value below a name that tells. An empty one stays, and a placeholder;
        so do the scheme of credentials and an AppKey."""
        text = value.strip()
        if not text or text in self.app_keys:
            return value
        lower = name.strip().lower()
        if lower == SIGNATURE.lower():
            return self._signature(text)
        if lower == APP_CODE_PARAMETER:
            return self._app_code(text)
        scheme, blank, rest = text.partition(" ")
        if blank and scheme.lower() in _SCHEMES:
            return f"{scheme} {self._credentials(scheme.lower(), lower, rest.strip())}"
        return self._other(lower, text)

    def _signature(self, text: str) -> str:
        if text == UNVERIFIED_SIGNATURE or read_signature(text):
            return text
        return self.note(text, self.signature, SIGNATURES)

    def _app_code(self, text: str) -> str:
        if text == UNKNOWN_APP_CODE or read_app_code(text):
            return text
        for known in self.known:
            if known.kind == APP_CODE and known.secret == text:
                return self.note(text, known.mark, APP_CODE)
        return self.note(text, UNKNOWN_APP_CODE, APP_CODE)

    def _credentials(self, scheme: str, name: str, text: str) -> str:
        if not text:
            return text
        if scheme == "appcode":
            return self._app_code(text)
        if scheme == "basic":
            self._password_of(text)
        return self._other(name, text)

    def _password_of(self, text: str) -> None:
        """A password goes as base64 in a field, and may go elsewhere as it is."""
        try:
            password = base64.b64decode(text).decode("utf-8").partition(":")[2]
        except ValueError:
            return
        if password and not _PLACEHOLDER.fullmatch(password):
            self.note(password, self._unique(f"{MARK}:password", password), "password")

    def number(self, name: str, text: str) -> str:
        """What stands for a number of JSON: one of as many digits."""
        number = re.sub(r"[0-9]", "1", text) if self.alike else "0"
        return text if text == number else self.note(text, number, _slug(name.strip()))

    def cookie(self, name: str, value: str) -> str:
        return self._named(name.strip().lower(), value.strip(), COOKIES) if value.strip() else value

    def token(self, text: str) -> str:
        """What stands for a token, wherever it was found."""
        if text in self.found:
            return self.found[text]
        mark = self.tokens.mark(text)
        if mark == text:  # it is one
            return text
        number = 1
        while self._values.setdefault(mark, text) != text:
            number += 1
            mark = self.tokens.mark(text, number)
        return self.note(text, mark, TOKENS)

    def _other(self, name: str, text: str) -> str:
        if _PLACEHOLDER.fullmatch(text):
            return text
        if JWT.fullmatch(text) or (len(text) > SHORTEST and THREE_PARTS.fullmatch(text)):
            return self.token(text)
        return self._named(name, text, _slug(name))

    def _named(self, name: str, text: str, kind: str) -> str:
        if text in self.found:
            return self.found[text]
        if _PLACEHOLDER.fullmatch(text):
            return text
        mark = alike(text) if self.alike else self._unique(_mark_of(name), text)
        return self.note(text, mark, kind)

    def _unique(self, mark: str, value: str) -> str:
        """Two values of one call are two placeholders: what was different stays so."""
        numbered, number = mark, 1
        while self._values.setdefault(numbered, value) != value:
            number += 1
            numbered = f"{mark}-{number}"
        return numbered


def _mark_of(name: str) -> str:
    return f"{MARK}:{_slug(name)}"


def _slug(name: str) -> str:
    return _NOT_A_LETTER.sub("-", name.lower())[:_LONGEST_NAME] or "value"


def alike(text: str) -> str:
    """A text of the same shape: letters, digits and what stands between them."""
    shaped = "".join(
        "1" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() or ord(c) > 126 else c
        for c in text
    )
    return shaped if any(c.isalnum() for c in shaped) else "x" * len(text)
