"""id_tokens without what makes them tokens."""

import json

import pytest
from jwt.utils import base64url_decode
from unit.minted import CLAIMS, OTHER_KID, ed_key, mint, rsa_key
from unit.scrubbing.scrubs import CATALOG

from apigateway.replay.placeholders import TOKEN
from apigateway.scrubbing.tokens import JWT, TokenMarks

MARKS = TokenMarks(CATALOG)


def part(token: str, number: int) -> dict[str, object]:
    found = json.loads(base64url_decode(token.split(".")[number]))
    assert isinstance(found, dict)
    return found


def test_a_token_that_verifies_keeps_the_claims_that_decide() -> None:
    token = mint(iss="me", email="alice@example.com", jti="x")
    mark = MARKS.mark(token)
    assert mark.endswith(".scrubbed")
    assert TOKEN.fullmatch(mark)
    assert part(mark, 0) == part(token, 0)
    assert part(mark, 1) == {"iss": "me", **{n: CLAIMS[n] for n in ("aud", "exp", "iat")}}
    assert token.split(".")[2] not in mark


@pytest.mark.parametrize(
    "token",
    [
        mint(key=rsa_key(1)),
        mint(header={"kid": OTHER_KID}),
        mint(key=ed_key(), algorithm="EdDSA"),
        mint(header={"kid": None}),
        mint("no object"),
    ],
    ids=["another key", "a key nobody has", "another algorithm", "no key", "no claims"],
)
def test_one_that_does_not_verify_keeps_its_header_alone(token: str) -> None:
    mark = MARKS.mark(token)
    assert mark.endswith(".e30.scrubbed-unverified")
    assert part(mark, 0) == part(token, 0)


def test_one_that_cannot_be_read_cannot_be_read_after() -> None:
    assert MARKS.mark("not.a.token") == "scrubbed.scrubbed.scrubbed"
    assert MARKS.mark("not.a.token", 2) == "scrubbed-2.scrubbed.scrubbed"


def test_a_placeholder_stays_one() -> None:
    for token in (mint(), mint(key=rsa_key(1)), "a.b.c"):
        mark = MARKS.mark(token)
        assert MARKS.mark(mark) == mark
    assert MARKS.mark(mint(), 2).endswith(".scrubbed-2")


def test_chosen_claims_go_too() -> None:
    marks = TokenMarks(CATALOG, ["iss"])
    assert part(marks.mark(mint(iss="me")), 1)["iss"] == "scrubbed:iss"


def test_tokens_are_found_in_texts() -> None:
    token = mint()
    assert JWT.findall(f'{{"a": "{token}"}}, Bearer {token}.') == [token, f"{token}."]
    assert not JWT.findall("eyJ and no more")
