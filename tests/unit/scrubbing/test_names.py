"""Which names tell of a secret."""

import pytest

from apigateway.scrubbing.names import Names


@pytest.mark.parametrize("name", ["password", "X-Api-Key", "id_token", "Authorization", " pwd "])
def test_names_of_secrets_tell(name: str) -> None:
    assert Names().tell(name)


@pytest.mark.parametrize(
    "name", ["X-Ca-Key", "X-Ca-Signature-Headers", "X-Ca-Timestamp", "token_type", "city", ""]
)
def test_other_names_do_not(name: str) -> None:
    assert not Names().tell(name)


def test_the_user_keeps_and_adds_names_in_any_case() -> None:
    names = Names.chosen(keep=["Password"], scrub=["Phone"])
    assert not names.tell("PASSWORD")
    assert names.keeps("password")
    assert names.tell("phone")
    assert names.is_chosen("PHONE")
    assert not names.is_chosen("pin")


def test_what_proves_who_calls_is_never_kept() -> None:
    names = Names.chosen(keep=["Authorization", "X-Ca-Signature", "AppCode"], scrub=[])
    for name in ("Authorization", "X-Ca-Signature", "appcode"):
        assert names.tell(name)


def test_what_a_definition_shows_tells_as_it_is_spelled() -> None:
    names = Names(declared=frozenset({"ticket"}))
    assert names.tell("ticket")
    assert not names.tell("Ticket")
