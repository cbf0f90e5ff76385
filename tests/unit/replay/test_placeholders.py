"""What stands in a scrubbed capture, and what can be read of it."""

import pytest
from unit.build import KEY
from unit.replay.calls import a_request

from apigateway.replay.placeholders import (
    TOKEN,
    UNKNOWN_APP_CODE,
    UNVERIFIED_SIGNATURE,
    SignatureMark,
    app_code_mark,
    read_app_code,
    read_signature,
    signature_mark,
    was_scrubbed,
)


def test_a_signature_says_app_method_and_string() -> None:
    mark = signature_mark(KEY, "HmacSHA1", 3)
    assert mark == f"scrubbed:signature:{KEY}:HmacSHA1:3"
    assert read_signature(f" {mark} ") == SignatureMark(KEY, 3)


@pytest.mark.parametrize("text", ["", UNVERIFIED_SIGNATURE, "YWJj=", "scrubbed:signature:a:b:0"])
def test_what_is_none_says_nothing(text: str) -> None:
    assert read_signature(text) is None


def test_an_app_code_says_whose_it_is() -> None:
    assert read_app_code(app_code_mark(KEY)) == KEY
    assert read_app_code(UNKNOWN_APP_CODE) == ""
    assert read_app_code("a-real-code") == ""


def test_tokens() -> None:
    assert TOKEN.fullmatch("eyJh.eyJp.scrubbed")
    assert TOKEN.fullmatch("eyJh.e30.scrubbed-unverified-2")
    assert not TOKEN.search("eyJh.eyJp.scrubbedly and eyJh.eyJp.YWJj")


def test_a_request_tells_whether_it_was_scrubbed() -> None:
    assert not was_scrubbed(a_request("/a", [("X-A", "1")]))
    assert was_scrubbed(a_request("/a?pwd=scrubbed:pwd"))
    assert was_scrubbed(a_request("/a", [("Cookie", "a=scrubbed:a")]))
    assert was_scrubbed(a_request("/a", method="POST", body=b"pwd=scrubbed:pwd"))
