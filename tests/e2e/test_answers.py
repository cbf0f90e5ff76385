"""What every answer has, served or refused, and where a caller stands with its limits."""

import contextlib
import http.client
import json
import re

import pytest
from e2e.lab import Lab, error_of
from e2e.running import HOST, PATIENCE_S


def test_debug_mode_says_how_long_it_took(lab: Lab) -> None:
    shape = r'\{"ServiceLatency":\d+,"TotalLatency":\d+\}'
    for mode in ("debug", "DEBUG"):
        text = lab.call(fields=[("X-Ca-Request-Mode", mode)]).headers["x-ca-debug-info"]
        assert re.fullmatch(shape, text)
        times = json.loads(text)
        assert 0 <= times["ServiceLatency"] <= times["TotalLatency"]
    reply = lab.call(fields=[("X-Ca-Request-Mode", "debug")], secret="wrong")
    assert json.loads(reply.headers["x-ca-debug-info"])["ServiceLatency"] == 0
    for other in ([], [("X-Ca-Request-Mode", "release")]):
        assert "x-ca-debug-info" not in lab.call(fields=other).headers


def test_a_refused_signature_in_debug_mode_shows_the_servers_string(lab: Lab) -> None:
    fields = [("X-Ca-Request-Mode", "debug"), ("X-Ca-Note", "中")]
    reply = lab.call(target="/echo?b=%E4%B8%AD&a", fields=fields, secret="wrong")
    message = reply.json["message"]
    assert "#X-Ca-Note:中#X-Ca-Request-Mode:debug#" in message
    assert message.endswith("#/echo?a&b=中`")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_none(lab: Lab, status: int) -> None:
    reply = lab.send("GET", f"/own/{status}")
    assert (reply.status, reply.body) == (status, b"")
    assert "transfer-encoding" not in reply.headers
    if status == 204:
        assert "content-length" not in reply.headers


def test_a_head_has_the_fields_of_a_get_and_no_body(lab: Lab) -> None:
    reply = lab.send("HEAD", "/own/200")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == str(len(b"from the backend"))
    assert lab.strange.asked[-1] == "HEAD"
    refused = lab.send("HEAD", "/nowhere")
    assert (refused.status, refused.code, refused.body) == (404, "I404NF", b"")


def test_a_connection_can_be_used_again_after_answers_without_a_body(lab: Lab) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", lab.gateway.port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        for method, target, status in [
            ("HEAD", "/own/200", 200),
            ("GET", "/own/204", 204),
            ("GET", "/own/304", 304),
            ("HEAD", "/nowhere", 404),
            ("GET", "/own/200", 200),
        ]:
            connection.request(method, target, headers={"Host": HOST})
            response = connection.getresponse()
            response.read()
            assert response.status == status


@pytest.mark.parametrize("status", [200, 403, 404, 429, 500, 503])
def test_a_backends_status_never_looks_like_the_gateways_own(lab: Lab, status: int) -> None:
    reply = lab.send("GET", f"/own/{status}")
    assert (reply.status, reply.body) == (status, b"from the backend")
    assert "x-ca-error-code" not in reply.headers
    assert "x-ca-error-message" not in reply.headers
    assert reply.headers["x-own"] == "kept"


def test_a_limit_counts_down_to_none_and_then_says_when_to_come_back(lab: Lab) -> None:
    before = lab.echo.hits
    replies = [lab.send("GET", "/limited") for _ in range(8)]
    assert [reply.status for reply in replies] == [200] * 6 + [429] * 2
    assert lab.echo.hits == before + 6
    for reply, left in zip(replies, (5, 4, 3, 2, 1, 0, 0, 0), strict=True):
        assert reply.headers["ratelimit-policy"] == '"api";q=6;w=86400'
        found = re.fullmatch(r'"api";r=(\d+);t=(\d+)', reply.headers["ratelimit"])
        assert found is not None
        assert int(found[1]) == left
        assert 1 <= int(found[2]) <= 86400
        assert ("retry-after" in reply.headers) is (reply.status == 429)
    assert error_of(replies[-1]) == (429, "T429PA", "Throttled by API Flow Control")
    last = replies[-1].headers
    assert last["ratelimit"].endswith(f";t={last['retry-after']}")
