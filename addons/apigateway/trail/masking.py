"""What a trail does not show: the values of secrets, and more of a value than a person reads.

A secret is known by its name here; those that the gateway knows by value are found by `known`.
"""

import re
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

MARK = "\N{HORIZONTAL ELLIPSIS}"
"""Stands for what is not shown."""

LONGEST_TEXT = 1_000
LONGEST_URL = 4_096
MOST_ENTRIES = 100

_TELLING = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "appcode",
    "credential",
    "authorization",
    "cookie",
    "signature",
)
"""A name that holds one of these, whatever stands between its letters, is that of a secret."""

_TELLING_WORDS = frozenset({"key", "keys", "jwt", "sign", "sig"})
"""These tell as a word of their own; `key` also at the end of one, as in `apikey`."""

_FRAGMENTS = ("pass", "pwd", "secret", "token", "key", "app", "cred", "auth", "cook", "sig", "jwt")
"""One of these is in every name that tells, in lower case and whole."""

_LETTERS = frozenset("pckugj")
"""One of these is in every fragment."""

_OPEN = frozenset(
    {
        "x-ca-key",
        "x-ca-signature-headers",
        "x-ca-signature-method",
        "x-ca-proxy-signature-headers",
        "x-ca-proxy-signature-secret-key",
    }
)
"""Names of the product's protocol that sound like secrets and are none."""

_SCHEMES = frozenset({"bearer", "basic", "appcode", "digest", "negotiate"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_BETWEEN = str.maketrans("", "", "-_. ")

_SHOWN = 4
_LONG = 16


class _Judged(dict[str, bool]):
    """What was found of names. What one caller sends is never kept for long, nor much of it."""

    def __missing__(self, name: str) -> bool:
        if len(name) > _LONGEST_JUDGED:
            return True
        lower = name.lower()
        plain = lower.translate(_BETWEEN)
        found = lower not in _OPEN and (
            plain.endswith("key")
            or any(word in plain for word in _TELLING)
            or any(word.lower() in _TELLING_WORDS for word in _WORD.findall(name))
        )
        if len(self) >= _MOST_JUDGED:
            self.clear()
        self[name] = found
        return found


_MOST_JUDGED, _LONGEST_JUDGED = 4_096, 100

is_secret = _Judged().__getitem__
"""Whether a parameter, field or member of this name holds a secret, as far as a name can tell:
password, secret, token, pwd, key and their kind, in any case and spelling. What has a name of more
than 100 characters is not shown either."""


def may_hold_secrets(text: str) -> bool:
    """Whether a name that tells could be in a text that holds names and values."""
    lower = text.lower()
    if _LETTERS.isdisjoint(lower):
        return False
    for fragment in _FRAGMENTS:  # noqa: SIM110 - `any` takes twice as long for a short text
        if fragment in lower:
            return True
    return False


def mask(value: str) -> str:
    """The first four characters of a long secret, none of a short one; "" stays, for an empty
    value explains a lot. The scheme of credentials is no secret."""
    if " " in value:
        scheme, _, rest = value.partition(" ")
        if scheme.lower() in _SCHEMES:
            return f"{scheme} {mask(rest.strip())}"
    if len(value) < _LONG:
        return MARK if value else ""
    start = value[:_SHOWN]
    return (start if start.isascii() else shown(start)) + MARK


def shown(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text as the trail holds it: cut where it is too long, and UTF-8 can be made of it."""
    if len(text) > longest:
        text = f"{text[:longest]}{MARK} ({len(text) - longest} more)"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def more(count: int) -> str:
    """What stands at the end of a list that was cut."""
    return f"{MARK} ({count} more)"


def first_texts(texts: Sequence[str]) -> list[str]:
    """The first of a list, each as it is shown."""
    found = [shown(text) for text in texts[:MOST_ENTRIES]]
    if len(texts) > MOST_ENTRIES:
        found.append(more(len(texts) - MOST_ENTRIES))
    return found
