"""The parameter that holds the token is an argument like any other, wherever the token stood."""

from typing import Any

import pytest
from unit.build import a_pass, an_api, parameter, refusal_of, serve

from apigateway.errors import Fault
from apigateway.exchange import Throttled, Validated
from apigateway.model.api import Auth, AuthType, Location, Mode
from apigateway.model.openid import TokenRules
from apigateway.stages.validation import Validation

TOKEN = "aaa.bbb.ccc"  # verified two rooms before
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def validate(
    location: Location = Location.QUERY, mode: Mode = Mode.MAPPING, **changes: Any
) -> Validated:
    rules: dict[str, Any] = changes.pop("rules", {})
    auth = Auth(type=AuthType.OPENID, openid=TokenRules(parameter="t"))
    declared = (parameter("t", location, **rules), parameter("other"))
    request = {"parameters": declared, "mode": mode}
    served = serve(an_api(method="ANY", auth=auth, request=request))
    return Validation()(a_pass(Throttled, served, token=TOKEN, **changes))


@pytest.mark.parametrize("mode", [Mode.MAPPING, Mode.MAPPING_PASSTHROUGH])
@pytest.mark.parametrize("location", [Location.QUERY, Location.HEADER, Location.BODY])
@pytest.mark.parametrize("rules", [{}, {"required": True}, {"default": "x"}])
def test_a_bearer_token_fills_the_declared_parameter(
    location: Location, mode: Mode, rules: dict[str, Any]
) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}")]
    call = validate(location, mode, rules=rules, headers=headers)
    assert call.arguments == {"t": TOKEN}


@pytest.mark.parametrize("query", ["t", "t=", "t=&t=aaa.bbb.ccc", "other&t="])
def test_an_empty_parameter_is_filled_too_since_it_was_no_token(query: str) -> None:
    assert validate(query=query).arguments["t"] == TOKEN
    empty = [("t", ""), ("Authorization", f"Bearer {TOKEN}")]
    assert validate(Location.HEADER, headers=empty).arguments["t"] == TOKEN


def test_a_token_in_its_own_place_is_taken_as_it_was_given() -> None:
    assert validate(query=f"t={TOKEN}").arguments["t"] == TOKEN
    assert validate(query=f"t=Bearer+{TOKEN}").arguments["t"] == f"Bearer {TOKEN}"
    body = f"t={TOKEN}".encode()
    assert validate(Location.BODY, headers=[FORM], body=body).arguments["t"] == TOKEN


def test_other_parameters_are_not_filled() -> None:
    assert "other" not in validate().arguments


def test_rules_of_the_parameter_hold_for_a_bearer_token() -> None:
    refusal = refusal_of(lambda: validate(rules={"max_length": 3}), Fault.INVALID_PARAMETER)
    assert refusal.parts["name"] == "t"
    assert TOKEN not in repr(refusal.parts) + refusal.detail


def test_passthrough_fills_nothing() -> None:
    assert validate(mode=Mode.PASSTHROUGH).arguments == {}
