"""Tokens of a scrubbed capture, signed again for the offline chain."""

import pytest
from unit.build import NOW_MS
from unit.minted import KID, issuer, mint, public
from unit.scrubbing.scrubs import CATALOG

from apigateway.errors import Fault, Refusal
from apigateway.id_tokens.verification import KeyRing, verified_claims
from apigateway.model.group import Environment
from apigateway.model.openid import TokenRules
from apigateway.replay.remade import ReplayRing, tokens_made_again, with_own_keys
from apigateway.scrubbing.tokens import TokenMarks

RULES = TokenRules(parameter="t", required_claims=("exp",))
MARK = TokenMarks(CATALOG).mark(mint(iss="me"))


def fault_of(token: str, ring: KeyRing) -> Fault | None:
    try:
        verified_claims(token, ring, RULES, NOW_MS)
    except Refusal as refusal:
        return refusal.fault
    return None


def test_a_token_that_was_made_again_verifies_offline_alone() -> None:
    token = tokens_made_again(f"Bearer {MARK}").removeprefix("Bearer ")
    ring = with_own_keys(CATALOG).key_rings[Environment.RELEASE]
    assert verified_claims(token, ring, RULES, NOW_MS)["iss"] == "me"
    assert fault_of(token, CATALOG.key_rings[Environment.RELEASE]) is Fault.TOKEN_INVALID
    assert fault_of(MARK, ring) is Fault.TOKEN_INVALID


def test_it_is_refused_where_its_key_is_not_released() -> None:
    token = tokens_made_again(MARK)
    assert fault_of(token, ReplayRing(KeyRing())) is Fault.TOKEN_INVALID
    other = ReplayRing(KeyRing([issuer(name="somebody else")]))
    assert fault_of(token, other) is Fault.TOKEN_INVALID


def test_a_ring_still_has_its_own_keys() -> None:
    ring = ReplayRing(KeyRing([issuer(public())]))
    assert len(ring) == 1
    assert fault_of(mint(), ring) is None
    assert [key.algorithm for key in ring.find(KID)] == ["RS256", "EdDSA"]


@pytest.mark.parametrize("text", ["", "plain", "eyJh.e30.scrubbed-unverified", mint()])
def test_other_texts_stay(text: str) -> None:
    assert tokens_made_again(text) == text


def test_the_same_placeholder_is_the_same_token() -> None:
    assert tokens_made_again(MARK) == tokens_made_again(MARK)
