"""The secrets that the gateway knows by value, taken out of a trail wherever they stand.

Names hide what stands where it belongs. A client that sends its AppSecret as a query, or its token
in a field of its own making, is found here. Secrets of less than eight characters are not looked
for: they would be found in words.
"""

import json
import marshal
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any
from urllib.parse import quote, quote_plus

from apigateway.trail.masking import mask, shown

_SHORTEST = 8
_START = 16
"""Characters that give a secret away, so that one is found that was cut."""

_JWT_START = "eyJ"
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*")


@lru_cache(maxsize=1024)
def _spellings(secret: str) -> tuple[str, ...]:
    """A secret as it is, and as it is written in a path, a query, a form and a JSON document."""
    if len(secret) < _SHORTEST:
        return ()
    spelled = (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
    return tuple(dict.fromkeys((*spelled, json.dumps(secret)[1:-1])))


@lru_cache(maxsize=1024)
def starts_of(*secrets: str) -> tuple[str, ...]:
    """What a text has in it that holds one of these."""
    spellings = chain.from_iterable(map(_spellings, secrets))
    return tuple(dict.fromkeys(text[:_START] for text in spellings))


def holds_a_secret(text: str, secrets: Iterable[str]) -> bool:
    """One of these, or any token."""
    return holds_a_start(text, starts_of(*secrets))


def holds_a_start(text: str, starts: Iterable[str]) -> bool:
    """One of the starts of secrets, or any token."""
    for start in starts:
        if start in text:
            return True
    # One letter is found at once, and this one is rare.
    return "J" in text and _JWT_START in text and _JWT.search(text) is not None


def bytes_hold_a_secret(raw: bytes, secrets: Iterable[str]) -> bool:
    return holds_a_secret(raw.decode("utf-8", "surrogateescape"), secrets)


def without_secrets(trail: dict[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    """The trail itself where no text of it holds a secret, else one without them."""
    try:
        raw = marshal.dumps(trail)  # the fastest way to look at every text of it
    except ValueError:  # text of a class of its own
        raw = None
    if raw is not None and not bytes_hold_a_secret(raw, secrets):
        return trail
    cleaned: dict[str, Any] = _cleaned(trail, secrets)
    return cleaned


def _cleaned(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        return text_without_secrets(value, secrets)
    if isinstance(value, dict):
        return {
            text_without_secrets(name, secrets): _cleaned(item, secrets)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_cleaned(item, secrets) for item in value]
    return value


def text_without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Tokens go first, as a whole: all of one issuer begin alike."""
    text = _JWT.sub(lambda found: mask(found[0]), shown(text, len(text)))
    for secret in secrets:
        for start in starts_of(secret):
            text = _cut_out(text, start, _spellings(secret))
    return text


def _cut_out(text: str, start: str, spellings: Iterable[str]) -> str:
    """Without what begins so, as far as it is one of the spellings."""
    at, written = 0, []
    while (found := text.find(start, at)) >= 0:
        end = found + max(_common(text, found, spelled) for spelled in spellings)
        written.append(text[at:found] + mask(text[found:end]))
        at = end
    return "".join(written) + text[at:]


def _common(text: str, at: int, other: str) -> int:
    """How many characters of the other text stand there."""
    length = 0
    while length < len(other) and text.startswith(other[length], at + length):
        length += 1
    return length
