"""Grants: by app, API and environment."""

import asyncio

import pytest
from unit.build import APP, NOW_MS, FreshNonces, a_pass, an_api, refusal_of, serve

from apigateway.errors import Fault
from apigateway.exchange import Authorized, Identified
from apigateway.model.api import Auth, AuthType
from apigateway.model.openid import TokenRules
from apigateway.ports import NonceClaim, Nonces, StoreUnavailable
from apigateway.stages.authorization import Authorization
from apigateway.store.memory import MemoryStore

CLAIM = NonceClaim("a-key", "a-nonce", 900_001)
NOBODY = frozenset[str]()


def authorize(call: Identified, nonces: Nonces | None = None) -> Authorized:
    return asyncio.run(Authorization(nonces or FreshNonces())(call))


def test_an_app_with_a_grant_may_call() -> None:
    call = authorize(a_pass(Identified, app=APP))
    assert call.authorized_by == "grant to app phone"


def test_an_app_without_a_grant_is_unauthorized() -> None:
    for granted in (frozenset[str](), frozenset({APP.name, APP.key, "other"})):
        served = serve(an_api(), granted=granted)
        call = a_pass(Identified, served, app=APP)
        refusal = refusal_of(lambda call=call: authorize(call), Fault.UNAUTHORIZED)  # type: ignore[misc]
        assert refusal.detail == "app phone has no grant of GetForecast in RELEASE"


def test_an_anonymous_api_asks_for_no_grant() -> None:
    served = serve(an_api(), granted=frozenset())
    call = authorize(a_pass(Identified, served, app=None))
    assert call.authorized_by == "anonymous API"


def test_the_holder_of_a_token_needs_no_grant() -> None:
    auth = Auth(type=AuthType.OPENID, openid=TokenRules(parameter="t"))
    served = serve(an_api(auth=auth), granted=frozenset())
    call = authorize(a_pass(Identified, served, app=None, token="a.b.c"))
    assert call.authorized_by == "id_token"


def test_an_app_with_a_token_still_needs_its_grant() -> None:
    auth = Auth(type=AuthType.APP_OPENID, openid=TokenRules(parameter="t"))
    call = a_pass(Identified, serve(an_api(auth=auth)), app=APP, token="a.b.c")
    assert authorize(call).authorized_by == "grant to app phone"
    ungranted = serve(an_api(auth=auth), granted=frozenset())
    call = a_pass(Identified, ungranted, app=APP, token="a.b.c")
    refusal_of(lambda: authorize(call), Fault.UNAUTHORIZED)


def test_a_call_that_is_let_through_keeps_its_nonce() -> None:
    nonces = FreshNonces()
    call = authorize(a_pass(Identified, app=APP, nonce=CLAIM), nonces)
    assert (call.nonce, nonces.claimed) == (CLAIM, [])


def test_a_call_that_is_refused_spends_its_nonce_and_a_used_one_is_told_first() -> None:
    nonces = MemoryStore().nonces
    call = a_pass(Identified, serve(an_api(), granted=NOBODY), app=APP, nonce=CLAIM)
    refusal_of(lambda: authorize(call, nonces), Fault.UNAUTHORIZED)
    again = refusal_of(lambda: authorize(call, nonces), Fault.NONCE_USED)
    assert (again.stage, again.detail) == ("Authentication", "app phone within 15 minutes")


def test_the_nonce_of_a_refused_call_lives_as_long_as_was_found() -> None:
    nonces = FreshNonces()
    call = a_pass(Identified, serve(an_api(), granted=NOBODY), app=APP, nonce=CLAIM)
    refusal_of(lambda: authorize(call, nonces), Fault.UNAUTHORIZED)
    assert nonces.claimed == [("a-key", "a-nonce", NOW_MS, 900_001)]


def test_a_store_that_fails_tells_nobody_that_they_lack_a_grant() -> None:
    store = MemoryStore()
    store.close()
    call = a_pass(Identified, serve(an_api(), granted=NOBODY), app=APP, nonce=CLAIM)
    with pytest.raises(StoreUnavailable):
        authorize(call, store.nonces)
