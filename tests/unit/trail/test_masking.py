"""Which names tell of secrets, and how much of a value is shown."""

import re

import pytest

from apigateway.trail import masking
from apigateway.trail.masking import (
    first_texts,
    is_secret,
    mask,
    may_hold_secrets,
    more,
    shown,
)

SECRETS = re.findall(
    r"\S+",
    """password Password passwd user_password PWD pwd2 X-Secret client_secret clientSecret
    token access_token accessToken X-Auth-Token refreshtoken id_token key apiKey api_key API-KEY
    apikey accessKeyId x-api-key private.key Authorization Proxy-Authorization Cookie Set-Cookie
    AppCode app_code APPCODE credential awsCredentials X-Ca-Signature X-Ca-Proxy-Signature
    X-Ca-Proxy-Signature-String-To-Sign signature sign sig jwt X-JWT pass_phrase""",
)
OPEN = re.findall(
    r"\S+",
    """name city days keyword monkeys tokyo X-Ca-Key X-Ca-Nonce X-Ca-Timestamp x-ca-key
    X-Ca-Signature-Headers X-Ca-Signature-Method X-Ca-Proxy-Signature-Headers
    X-Ca-Proxy-Signature-Secret-Key Content-MD5 X-Forwarded-For User-Agent design signal compass
    passenger author""",
)


@pytest.mark.parametrize("name", SECRETS)
def test_names_of_secrets_tell_in_any_spelling(name: str) -> None:
    assert is_secret(name)
    assert is_secret(name), "and the second time too"
    assert may_hold_secrets(f"a=b&{name}=c")


def test_one_of_a_few_letters_is_in_every_part_that_tells() -> None:
    assert all(masking._LETTERS & {*fragment} for fragment in masking._FRAGMENTS)


@pytest.mark.parametrize("name", OPEN)
def test_names_that_only_look_so_do_not(name: str) -> None:
    assert not is_secret(name)


def test_what_is_kept_of_names_is_bounded() -> None:
    judged = masking._Judged()
    for number in range(masking._MOST_JUDGED + 10):
        assert judged[f"name-{number}"] is False
    assert len(judged) <= masking._MOST_JUDGED
    judged.clear()
    assert judged["token" * 100] is True
    assert not judged


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("", ""),
        ("x", "…"),
        ("fifteen-letters", "…"),
        ("sixteen--letters", "sixt…"),
        ("Bearer 0123456789abcdef", "Bearer 0123…"),
        ("appcode  0123456789abcdef ", "appcode 0123…"),
        ("Basic dXNl", "Basic …"),
        ("correct horse battery staple", "corr…"),
        ("\udcff\udcffabcdefghijklmnop", "\\udcff\\udcffab…"),
    ],
)
def test_four_characters_of_a_long_secret_are_shown(value: str, masked: str) -> None:
    assert mask(value) == masked


def test_a_text_is_shown_as_it_is_unless_it_is_long_or_cannot_be_written() -> None:
    assert shown("a中b") == "a中b"
    assert shown("abc\udcff") == "abc\\udcff"
    assert shown("a" * 1_000) == "a" * 1_000
    assert shown("a" * 1_003) == "a" * 1_000 + "… (3 more)"
    assert shown("abcdef", 4) == "abcd… (2 more)"


def test_a_long_list_ends_with_a_mark() -> None:
    assert first_texts(["a", "\udcff"]) == ["a", "\\udcff"]
    cut = first_texts([str(number) for number in range(103)])
    assert (len(cut), cut[99], cut[100]) == (101, "99", "… (3 more)")
    assert more(3) == cut[100]


def test_a_name_of_great_length_is_taken_for_one_that_tells() -> None:
    assert not is_secret("n" * 100)
    assert is_secret("n" * 101)
