"""The gateway's own request as a flow."""

import json
from typing import Any

import pytest
from mitmproxy.addons.view import View
from mitmproxy.test import taddons
from unit.build import a_pass, an_api, outbound, serve
from unit.trail.walked import an_answer, walked
from unit.web.flows import ended

from apigateway.chain import Call
from apigateway.errors import Fault, Refusal
from apigateway.exchange import MockUpstream, Signed
from apigateway.model.settings import ErrorStyle
from apigateway.proxy.flows import BACKEND_LEG, TRAIL
from apigateway.web.leg import MARKER, backend_leg, request_of, show


def leg_of(call: Call) -> Any:
    return backend_leg(ended(call), call, ErrorStyle.CODED)


def test_it_is_what_the_backend_got_and_what_it_answered() -> None:
    call = walked(answered=an_answer(body=b"sunny"), query="days=3")
    caller = ended(call)
    leg = backend_leg(caller, call, ErrorStyle.CODED)
    assert leg is not None
    assert leg.request.pretty_url == "http://backend.test:9000/v3/forecast"
    assert leg.request.headers["Host"] == "backend.test:9000"
    assert leg.response is not None
    assert leg.response.raw_content == b"sunny"
    assert leg.comment.startswith("backend leg of weather/GetForecast, request ")
    assert leg.comment.endswith("answered 200 in 12.5 ms")
    assert leg.marked == MARKER
    assert leg.metadata == {BACKEND_LEG: {"request_id": call.request_id, "flow": caller.id}}
    assert leg.timestamp_created >= caller.timestamp_created
    assert not leg.live
    assert leg.server_conn.peername == ("127.0.0.1", 9000)


def test_secrets_are_masked_as_in_the_trail_with_and_without_one() -> None:
    sent = outbound(
        method="POST",
        headers=(("X-Ca-Proxy-Signature", "a-long-signature"), ("Authorization", "Bearer abcdef")),
        query="token=very-secret-text",
        body=b'{"password": "hunter22"}',
    )
    state = a_pass(Signed, dispatched=sent)
    call = Call("R", 1, state)
    call.answer = an_answer()
    caller = ended(call)
    for trail in (caller.metadata[TRAIL], None):
        caller.metadata[TRAIL] = trail
        leg = backend_leg(caller, call, ErrorStyle.CODED)
        assert leg is not None
        text = json.dumps([leg.request.pretty_url, list(leg.request.headers.items())])
        text += str(leg.request.raw_content)
        for secret in ("long-signature", "abcdef", "very-secret", "hunter22"):
            assert secret not in text
        assert leg.request.headers["Content-Length"] == str(len(sent.body))


def test_a_backend_that_failed_leaves_an_error() -> None:
    call = walked()
    call.refuse(Refusal(Fault.BACKEND_TIMEOUT, "after 5000 ms"), "Dispatch")
    leg = leg_of(call)
    assert leg.response is None
    assert leg.error.msg == "after 5000 ms"
    assert leg.comment.endswith(": after 5000 ms")


def test_a_call_that_asked_no_backend_has_none() -> None:
    mock = MockUpstream(status=200, headers=(), body=b"")
    answered = walked(answered=an_answer())
    assert leg_of(walked(path="/nowhere")) is None
    assert leg_of(walked()) is None
    answered.state = replace_upstream(answered, mock)
    assert leg_of(answered) is None
    unsendable = walked()
    unsendable.refuse(Refusal(Fault.INVALID_HEADER, name="a", reason="b"), "Dispatch")
    assert leg_of(unsendable) is None


def replace_upstream(call: Call, upstream: MockUpstream) -> Signed:
    assert isinstance(call.state, Signed)
    return Signed(**{**vars(call.state), "upstream": upstream})


@pytest.mark.parametrize(
    ("body", "encoding", "raw"), [("AP8=", "base64", b"\0\xff"), ("é", "text", "é".encode())]
)
def test_a_body_is_read_back_from_the_trail(body: str, encoding: str, raw: bytes) -> None:
    sent = {
        "method": "POST",
        "url": "https://backend.test/a?b=c",
        "headers": [["Host", "backend.test"], ["X-A", "1"], ["X-A", "2"]],
        "body": body,
        "body_encoding": encoding,
    }
    request = request_of(sent)
    assert request.raw_content == raw
    assert request.headers.get_all("X-A") == ["1", "2"]


def test_it_is_put_into_the_list_and_the_file_and_passes_no_hook() -> None:
    class Save:
        name = "save"

        def __init__(self) -> None:
            self.saved: list[Any] = []

        def save_flow(self, flow: Any) -> None:
            self.saved.append(flow)

    class Nosy:
        def requestheaders(self, flow: Any) -> None:
            raise AssertionError("a hook")

        request = response = requestheaders

    view, save = View(), Save()
    with taddons.context(view, save, Nosy()):
        leg = leg_of(walked(answered=an_answer()))
        show(leg)
        assert list(view) == [leg]
        assert save.saved == [leg]
    with taddons.context():
        show(leg)


def test_the_leg_of_another_api_names_it() -> None:
    api = serve(an_api(name="Other"))
    assert "backend leg of weather/Other" in leg_of(walked(api, answered=an_answer())).comment
