"""scripts/bench/calls.py: the calls are what the gateway lets in."""

from collections.abc import Callable

import pytest

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, sign, string_to_sign
from scripts.bench import calls
from scripts.bench.calls import Blank


def parsed(request: bytes) -> tuple[str, str, Headers, bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    method, target, version = line.split(" ")
    assert version == "HTTP/1.1"
    return method, target, Headers([tuple(one.split(": ", 1)) for one in lines]), body  # type: ignore[misc]


@pytest.mark.parametrize("blanks", [calls.forecast, calls.report, calls.note, calls.profile])
def test_every_call_is_signed_over_what_is_sent(blanks: Callable[[], list[Blank]]) -> None:
    for request in calls.written(blanks(), 2):
        method, target, headers, body = parsed(request)
        path, _, query = target.partition("?")
        text = string_to_sign(SignableRequest(method, path, query, headers, body))
        assert headers.first("X-Ca-Signature") == sign(calls.SECRET, text)
        assert len(body) == int(headers.first("Content-Length") or 0)


def test_no_two_calls_have_the_same_nonce() -> None:
    nonces = [parsed(one)[2].first("X-Ca-Nonce") for one in calls.written(calls.forecast(), 50)]
    assert len(set(nonces)) == 50


def test_a_call_that_is_the_last_of_its_connection_says_so() -> None:
    (kept,) = calls.written(calls.mock(), 1)
    (last,) = calls.written(calls.mock(), 1, close=True)
    assert parsed(kept)[2].first("Connection") is None
    assert parsed(last)[2].first("Connection") == "close"
    assert parsed(kept)[2].first("X-Ca-Key") is None


def test_the_lookups_lead_to_many_apis_and_go_around() -> None:
    blanks = calls.lookups()
    assert len({(one.host, one.target) for one in blanks}) == len(blanks) > 500
    written = list(calls.written(blanks[:2], 3))
    assert [parsed(one)[1] for one in written] == [blanks[n].target for n in (0, 1, 0)]
