"""Secrets that are known by value are found wherever they stand."""

import json
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import pytest
from unit.minted import mint

from apigateway.trail.known import (
    bytes_hold_a_secret,
    holds_a_secret,
    text_without_secrets,
    without_secrets,
)

SECRET = 'A/b+c=d e&fg"h\\i-jklmnop'


def clean(text: str, *secrets: str) -> str:
    return text_without_secrets(text, secrets)


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET).replace("%20", "+").replace("/", "%2F"),
        json.dumps(SECRET)[1:-1],
    ],
)
def test_a_secret_is_found_in_every_usual_spelling(spelled: str) -> None:
    text = f"before {spelled} between {spelled}{spelled} after"
    assert holds_a_secret(text, [SECRET])
    cleaned = clean(text, SECRET)
    assert spelled[:16] not in cleaned
    assert cleaned == f"before {spelled[:4]}… between {spelled[:4]}…{spelled[:4]}… after"


def test_a_secret_that_was_cut_is_found_by_its_start() -> None:
    secret = "0123456789abcdefghij"
    assert clean(f"x {secret[:18]}", secret) == "x 0123…"
    assert clean(f"x {secret[:17]}, y", secret) == "x 0123…, y"
    assert clean(f"x {secret}tail", secret) == "x 0123…tail"
    assert not holds_a_secret(f"x {secret[:15]}", [secret])


def test_a_short_secret_is_not_looked_for() -> None:
    assert clean("abcdefg abcdefgh", "abcdefg") == "abcdefg abcdefgh"
    assert clean("abcdefg abcdefgh", "abcdefgh") == "abcdefg …"
    assert not holds_a_secret("abcdefg", ["abcdefg"])


def test_any_token_is_found() -> None:
    token = mint()
    assert holds_a_secret(f"a {token} b", [])
    assert clean(f"a {token} b {token}.") == "a eyJh… b eyJh…"
    assert clean("eyJ and eyJh…") == "eyJ and eyJh…"
    assert clean(f"{mint(sub='bob')} {token}", token) == "eyJh… eyJh…"
    assert bytes_hold_a_secret(b"\xff\x00" + token.encode(), [])
    assert not bytes_hold_a_secret(b"\xff\x00eyJ", [])


def test_a_trail_is_itself_when_it_holds_none_and_else_a_clean_copy() -> None:
    trail: dict[str, Any] = {"a": [1, 2.5, None, True, {"b": "x"}], "c": "an-app-secret"}
    assert without_secrets(trail, ["another-secret"]) is trail
    cleaned = without_secrets(trail, ["an-app-secret"])
    assert cleaned == {"a": [1, 2.5, None, True, {"b": "x"}], "c": "…"}
    assert trail["c"] == "an-app-secret"
    assert without_secrets({"an-app-secret": ["an-app-secret"]}, ["an-app-secret"]) == {"…": ["…"]}


def test_a_text_of_a_class_of_its_own_hides_nothing() -> None:
    class Odd(StrEnum):
        ONE = "an-app-secret"

    assert without_secrets({"a": Odd.ONE, "b": "an-app-secret"}, ["an-app-secret"]) == {
        "a": "…",
        "b": "…",
    }


def test_what_cannot_be_written_as_utf8_is_written_as_escapes() -> None:
    assert clean("\udcff an-app-secret", "an-app-secret") == "\\udcff …"
