"""A secret found wherever it stands, in every way to write it."""

import base64
import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest

from apigateway.scrubbing.spelled import present, replaced

SECRETS = [
    "MySuperAppSecret-42",
    'q"uo/te\\s & <plus>+',
    "mot de passe é中",
    "%41%42-literal",
    "😀smile-face",
]

SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "raw": lambda text: text.encode(),
    "quoted": lambda text: quote(text, safe="").encode(),
    "quoted in lower case": lambda text: quote(text, safe="").replace("%C3", "%c3").encode(),
    "quoted, every letter": lambda text: "".join(f"%{b:02x}" for b in text.encode()).encode(),
    "quoted twice": lambda text: quote(quote(text, safe=""), safe="").encode(),
    "form": lambda text: quote_plus(text).encode(),
    "json": lambda text: json.dumps(text).encode(),
    "json, not escaped": lambda text: json.dumps(text, ensure_ascii=False).encode(),
    "json with slashes": lambda text: json.dumps(text).replace("/", r"\/").encode(),
    "json, every letter": lambda text: (
        json.dumps("".join(text), ensure_ascii=True)
        .replace("M", "\\u004d")
        .replace("m", "\\u006D")
        .encode()
    ),
    "json in json": lambda text: json.dumps(json.dumps({"a": text})).encode(),
    "xml": lambda text: escape(text).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 after a byte": lambda text: base64.b64encode(b"x" + text.encode() + b"more"),
    "base64 after two": lambda text: base64.b64encode(b"xy" + text.encode() + b"."),
    "base64 of a URL": lambda text: base64.urlsafe_b64encode(b"user:" + text.encode()),
}


@pytest.mark.parametrize("spelled", SPELLINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_goes_in_every_spelling(secret: str, spelled: str) -> None:
    written = SPELLINGS[spelled](secret)
    raw = b"before " + written + b" after"
    assert present(raw, [secret]) == {secret}
    done = replaced(raw, [(secret, "scrubbed:x")])
    assert done.startswith(b"before ")
    assert done.endswith(b" after")
    assert written not in done
    assert not present(done, [secret])
    if "base64" not in spelled:
        assert b"scrubbed:x" in done


def test_base64_keeps_its_length_and_can_be_read() -> None:
    raw = base64.b64encode(b"alice:MySuperAppSecret-42")
    done = replaced(raw, [("MySuperAppSecret-42", "mark")])
    assert len(done) == len(raw)
    assert base64.b64decode(done).startswith(b"alice:")


def test_what_holds_no_secret_stays_as_it_is() -> None:
    raw = b"a=%41&b=\\u0041&MySuperAppSecret-4"
    assert replaced(raw, [("MySuperAppSecret-42", "x")]) == raw
    assert replaced(b"", [("MySuperAppSecret-42", "x")]) == b""


def test_what_is_short_is_not_looked_for() -> None:
    assert not present(b"secret", ["secret"])
    assert replaced(b"a secret", [("secret", "x")]) == b"a secret"


def test_a_longer_secret_goes_before_one_that_it_begins_with() -> None:
    swaps = [("abcdefgh", "short"), ("abcdefgh-ijkl", "long")]
    assert replaced(b"abcdefgh-ijkl abcdefgh", swaps) == b"long short"


def test_a_very_long_secret_goes_too() -> None:
    secret = "x1" * 3000
    assert replaced(f"a {secret} b".encode(), [(secret, "mark")]) == b"a mark b"
