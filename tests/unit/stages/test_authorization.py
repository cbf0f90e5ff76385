"""Grants: by app, API and environment."""

from unit.build import APP, a_pass, an_api, refusal_of, serve

from apigateway.errors import Fault
from apigateway.exchange import Identified
from apigateway.model.api import Auth, AuthType
from apigateway.model.openid import TokenRules
from apigateway.stages.authorization import Authorization


def test_an_app_with_a_grant_may_call() -> None:
    call = Authorization()(a_pass(Identified, app=APP))
    assert call.authorized_by == "grant to app phone"


def test_an_app_without_a_grant_is_unauthorized() -> None:
    for granted in (frozenset[str](), frozenset({APP.name, APP.key, "other"})):
        served = serve(an_api(), granted=granted)
        call = a_pass(Identified, served, app=APP)
        refusal = refusal_of(lambda call=call: Authorization()(call), Fault.UNAUTHORIZED)  # type: ignore[misc]
        assert refusal.detail == "app phone has no grant of GetForecast in RELEASE"


def test_an_anonymous_api_asks_for_no_grant() -> None:
    served = serve(an_api(), granted=frozenset())
    call = Authorization()(a_pass(Identified, served, app=None))
    assert call.authorized_by == "anonymous API"


def test_the_holder_of_a_token_needs_no_grant() -> None:
    auth = Auth(type=AuthType.OPENID, openid=TokenRules(parameter="t"))
    served = serve(an_api(auth=auth), granted=frozenset())
    call = Authorization()(a_pass(Identified, served, app=None, token="a.b.c"))
    assert call.authorized_by == "id_token"


def test_an_app_with_a_token_still_needs_its_grant() -> None:
    auth = Auth(type=AuthType.APP_OPENID, openid=TokenRules(parameter="t"))
    call = a_pass(Identified, serve(an_api(auth=auth)), app=APP, token="a.b.c")
    assert Authorization()(call).authorized_by == "grant to app phone"
    ungranted = serve(an_api(auth=auth), granted=frozenset())
    call = a_pass(Identified, ungranted, app=APP, token="a.b.c")
    refusal_of(lambda: Authorization()(call), Fault.UNAUTHORIZED)
