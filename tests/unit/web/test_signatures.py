"""Both strings of a signature that did not verify."""

import pytest
from unit.build import APP, a_catalog, an_api, serve
from unit.web.flows import a_served_flow, a_wrongly_signed_flow

from apigateway.model.api import Auth, AuthType
from apigateway.proxy.flows import TRAIL, caller_request
from apigateway.web.signatures import SMALL_BYTES, explained, is_small, is_unexplained


def test_the_clients_string_is_found_with_the_first_difference_and_the_cause() -> None:
    flow, catalog = a_wrongly_signed_flow()
    trail = flow.metadata[TRAIL]
    assert is_unexplained(trail)
    found = explained(trail, caller_request(flow), catalog)
    signature = found["signature"]
    assert signature["client_string"].endswith("\n/forecast")
    assert signature["server_string"].endswith("\n/forecast?days=3")
    assert signature["causes"] == ["the client did not sign the query"]
    assert signature["first_difference"] == len(signature["client_string"])
    assert not is_unexplained(found)
    assert trail["signature"]["client_string"] is None


def test_what_is_served_no_more_is_told_and_nothing_is_guessed() -> None:
    flow, _ = a_wrongly_signed_flow()
    trail, request = flow.metadata[TRAIL], caller_request(flow)
    signed = serve(an_api(auth=Auth(type=AuthType.APP)))
    other = serve(an_api(name="Other", auth=Auth(type=AuthType.APP)))
    for catalog, what in (
        (None, "app of this AppKey"),
        (a_catalog(signed, apps=()), "app of this AppKey"),
        (a_catalog(other, apps=(APP,)), "API"),
    ):
        signature = explained(trail, request, catalog)["signature"]
        assert signature["client_string"] is None
        (note,) = signature["notes"]
        assert note.startswith(f"the {what} is served no more")


@pytest.mark.parametrize(("size", "small"), [(0, True), (SMALL_BYTES, False)])
def test_a_large_request_is_not_explained_while_somebody_waits(size: int, small: bool) -> None:
    flow, _ = a_wrongly_signed_flow(b"x" * size)
    assert is_small(caller_request(flow)) is small


def test_a_call_whose_signature_is_right_has_nothing_to_explain() -> None:
    assert not is_unexplained(a_served_flow().metadata[TRAIL])
    assert not is_unexplained({})
