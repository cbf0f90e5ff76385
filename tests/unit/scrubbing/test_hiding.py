"""The placeholders of one call."""

import base64

import pytest
from unit.build import APP, KEY, SECRET
from unit.minted import mint
from unit.scrubbing.scrubs import CATALOG, hiding

from apigateway.scrubbing.hiding import alike, known_of

CODE = APP.code.reveal() if APP.code is not None else ""


def test_the_secrets_of_the_definitions_are_known() -> None:
    known = {one.secret: (one.mark, one.kind) for one in known_of(CATALOG)}
    assert known[SECRET] == (f"scrubbed:appsecret:{KEY}", "AppSecret")
    assert known[CODE] == (f"scrubbed:appcode:{KEY}", "AppCode")


def test_an_app_code_says_whose_it_is() -> None:
    hide = hiding()
    assert hide.value("Authorization", f"APPCODE {CODE}") == f"APPCODE scrubbed:appcode:{KEY}"
    assert hide.value("AppCode", CODE) == f"scrubbed:appcode:{KEY}"
    assert hide.value("appcode", "of-nobody") == "scrubbed:appcode"
    assert hide.counts == {"AppCode": 2}


def test_a_signature_is_what_it_was_found_to_be() -> None:
    mark = f"scrubbed:signature:{KEY}:HmacSHA256:1"
    assert hiding(signature=mark).value("x-ca-signature", "YWJj=") == mark
    assert hiding().value("X-Ca-Signature", "YWJj=") == "scrubbed:signature"
    assert hiding().value("X-Ca-Signature", mark) == mark


def test_a_scheme_stays_and_basic_tells_its_password() -> None:
    hide = hiding()
    text = base64.b64encode(b"alice:opensesame").decode()
    assert hide.value("Authorization", f"Basic {text}") == "Basic scrubbed:authorization"
    assert dict(hide.swaps()) == {
        text: "scrubbed:authorization",
        "opensesame": "scrubbed:password",
    }
    assert hide.value("Authorization", "Bearer opaque-123") == "Bearer scrubbed:authorization-2"


def test_one_value_is_one_placeholder_and_two_are_two() -> None:
    hide = hiding()
    first = hide.value("password", "one-value")
    assert hide.value("password", "one-value") == first == "scrubbed:password"
    assert hide.value("Password", "another-value") == "scrubbed:password-2"
    assert hide.value("pin", "one-value") == first
    assert hide.counts == {"password": 2}


def test_tokens_that_would_be_one_are_told_apart() -> None:
    hide = hiding()
    one, other = hide.token(mint(jti="1")), hide.token(mint(jti="2"))
    assert other == f"{one}-2"
    assert hide.token(mint(jti="1")) == one
    assert hide.counts == {"token": 2}
    assert hide.token("a.b.c") != hide.token("d.e.f")


@pytest.mark.parametrize("value", ["", "  ", KEY, "scrubbed:password", "scrubbed:password-3"])
def test_what_is_no_secret_stays(value: str) -> None:
    hide = hiding()
    assert hide.value("password", value) == value
    assert not hide.counts


def test_what_only_begins_like_a_placeholder_goes() -> None:
    assert hiding().value("password", "scrubbed:Hunter 2!") == "scrubbed:password"


def test_only_long_values_are_looked_for_elsewhere() -> None:
    hide = hiding()
    hide.value("pin", "1234567")
    hide.value("pin", "12345678")
    assert [secret for secret, _ in hide.swaps()] == ["12345678"]


def test_numbers_stay_numbers() -> None:
    assert hiding().number("pin", "1234") == "0"
    assert hiding(alike=True).number("pin", "-12.5e3") == "-11.1e1"


@pytest.mark.parametrize(
    ("text", "shape"), [("aB3-x@y.z", "xX1-x@x.x"), ("中é", "xx"), ("!?-", "xxx"), ("", "")]
)
def test_a_value_of_the_same_shape(text: str, shape: str) -> None:
    assert alike(text) == shape
    assert alike(shape) == shape


def test_in_their_shape_where_that_is_asked() -> None:
    assert hiding(alike=True).value("password", "Hunter-22") == "Xxxxxx-11"


def test_a_name_that_is_no_word_gives_a_placeholder_that_is() -> None:
    assert hiding().value("my pass/word", "12345678") == "scrubbed:my-pass-word"
    assert len(hiding().value("password" * 20, "12345678")) < 60


def test_a_placeholder_of_a_token_stays_beside_its_token() -> None:
    hide = hiding()
    mark = hide.token(mint())
    assert hide.token(mark) == mark
