"""Calls and their differences without the secrets that are in them."""

import asyncio
from dataclasses import replace

import pytest
from unit.build import a_catalog, an_api, parameter, serve
from unit.replay.calls import a_call, a_request, a_signed_request

from apigateway.model.api import Api, Auth, BackendParameter, Location
from apigateway.model.settings import ErrorStyle
from apigateway.reception import CallerRequest
from apigateway.rehearsal.showing import Side, caller_line, shown_differences
from apigateway.replay.differences import Difference, Kind
from apigateway.replay.offline import OfflineChain
from apigateway.replay.unspent import NoCounters
from apigateway.trail.trail import trail_of

SECRET = "correct-horse-battery"
CODE = "an-app-code"


def a_side(request: CallerRequest, api: Api) -> Side:
    chain = OfflineChain(a_catalog(serve(api)), counters=NoCounters())
    call = asyncio.run(chain.run(a_call(request)))
    return Side(call, trail_of(call, ErrorStyle.CODED))


def line(target: str, api: Api | None = None) -> str:
    request = a_request(target)
    side = a_side(request, api or an_api())
    return caller_line(request, side, side)


def mapped(location: Location = Location.HEADER) -> Api:
    """A password goes to the backend under a name that tells nothing."""
    move = BackendParameter(source="password", name="x", location=location)
    request = {"parameters": (parameter("password"),)}
    return an_api(request=request, backend_parameters=(move,))


def differing(kind: Kind, what: str, before: str) -> Difference:
    return Difference(api="weather/A", kind=kind, what=what, before=before, after="other")


def test_a_line_tells_the_method_and_what_was_asked_for() -> None:
    assert line("/forecast?days=3") == "GET /forecast?days=3"
    assert line("/nothing") == "GET /nothing"


def test_a_line_hides_what_tells_of_secrets() -> None:
    assert SECRET not in line(f"/forecast?password={SECRET}&days=3")
    in_the_path = an_api(
        path="/of/[token]",
        backend_path="/v3",
        request={"parameters": (parameter("token", Location.PATH, required=True),)},
    )
    assert SECRET not in line(f"/of/{SECRET}", in_the_path)
    request = a_signed_request(f"/forecast?a={CODE}")
    side = a_side(request, an_api(auth=Auth()))
    assert CODE not in caller_line(request, side, side)


@pytest.mark.parametrize(
    ("kind", "what", "location"),
    [
        (Kind.BACKEND_HEADER, "x", Location.HEADER),
        (Kind.BACKEND_QUERY, "x", Location.QUERY),
        (Kind.BACKEND_FORM, "x", Location.BODY),
    ],
)
def test_a_difference_hides_what_the_definition_maps_from_a_secret(
    kind: Kind, what: str, location: Location
) -> None:
    side = a_side(a_request("/forecast?password=x"), mapped(location))
    assert side.declared is not None
    (found,) = shown_differences([differing(kind, what, SECRET)], side, side)
    assert SECRET not in found.before
    (found,) = shown_differences([differing(kind, "y", "plain")], side, side)
    assert found.before == "plain"


def test_a_path_at_the_backend_hides_the_segments_of_secrets() -> None:
    api = an_api(
        path="/of/[token]",
        backend_path="/v3/[token]",
        request={"parameters": (parameter("token", Location.PATH, required=True),)},
    )
    side = a_side(a_request(f"/of/{SECRET}"), api)
    assert side.declared is not None
    (found,) = shown_differences([differing(Kind.BACKEND_PATH, "", f"/v3/{SECRET}")], side, side)
    assert found.before.startswith("/v3/")
    assert SECRET not in found.before


def test_a_difference_hides_secrets_that_are_known_by_their_value() -> None:
    side = a_side(a_signed_request(), an_api(auth=Auth()))
    (found,) = shown_differences([differing(Kind.BACKEND_QUERY, "a", f"x {CODE}")], side, side)
    assert CODE not in found.before
    token = f"eyJhbGciOiJIUzI1NiJ9.{'a' * 40}"
    (found,) = shown_differences([differing(Kind.ANSWER_HEADER, "a", token)], side, side)
    assert token not in found.before


def test_a_refusal_is_told_as_its_trail_tells_it() -> None:
    served = a_side(a_request("/forecast"), an_api())
    request = a_signed_request(f"/forecast?password={SECRET}", secret="another")
    refused = a_side(request, an_api(auth=Auth()))
    told = replace(differing(Kind.NOW_REFUSED, "", "200"), after=f"403 {SECRET}")
    (found,) = shown_differences([told], served, refused)
    assert found.before == "200"
    assert found.after.startswith("403 A403IS Invalid Signature")
    assert SECRET not in found.after
