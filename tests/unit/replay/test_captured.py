"""Captures of every kind, read as calls by their content."""

import pytest
from unit.replay.calls import a_call, a_request, plain
from unit.replay.test_har import CHROME, har

from apigateway.captures.sent import CaptureError
from apigateway.replay.captured import read_calls, write_calls


def test_flows_are_read_back_as_they_were_written() -> None:
    calls = [a_call(a_request(f"/{n}"), flow_id=str(n)) for n in range(3)]
    assert [plain(call) for call in read_calls(write_calls(calls))] == [plain(c) for c in calls]


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n "])
def test_a_har_is_read_with_its_answers(before: bytes) -> None:
    (call,) = read_calls(before + har(CHROME))
    assert call.answer is not None


@pytest.mark.parametrize(
    "content",
    [
        b"curl https://h.test/a?b=1 -H 'X-A: 1'",
        b"GET /a?b=1 HTTP/1.1\r\nHost: h.test\r\nX-A: 1\r\n\r\n",
    ],
)
def test_a_curl_line_and_a_text_are_requests_without_an_answer(content: bytes) -> None:
    (call,) = read_calls(content)
    assert (call.request.target, call.request.host) == ("/a?b=1", "h.test")
    assert call.request.headers.first("X-A") == "1"
    assert (call.received_ms, call.answer, call.request.peer) == (None, None, "")


def test_only_a_url_names_a_host_and_a_scheme() -> None:
    (call,) = read_calls(b"curl https://h.test:81/")
    assert (call.request.headers.first("Host"), call.request.scheme) == ("h.test:81", "https")
    (call,) = read_calls(b"GET / HTTP/1.1\r\n\r\n")
    assert (call.request.host, call.request.scheme) == ("", "http")


def test_several_curl_lines_are_several_calls() -> None:
    calls = read_calls(b"curl http://h.test/a\ncurl http://h.test/b\n".replace(b"\n", b" ;\n"))
    assert [call.request.target for call in calls] == ["/a", "/b"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"12:abc", b"{", b"curl", b"\x00"])
def test_what_is_none_of_these_is_said(content: bytes) -> None:
    with pytest.raises(CaptureError):
        read_calls(content)
