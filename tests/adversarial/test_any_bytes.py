"""Whatever bytes come: an answer or an end, never a 500, never a hang; and the gateway lives on."""

import contextlib
import socket
import time

from adversarial.probe import send
from e2e.running import HOST, Gateway
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

GOOD = (
    b"POST /echo?a=1 HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nX-Ca-Key: 203753385\r\n"
    b"X-Ca-Signature: AAAA\r\nContent-Length: 7\r\n\r\na=1&b=2"
)
SOUP = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b" ",
    b":",
    b"%",
    b"%2f",
    b"%ff",
    b"?",
    b"#",
    b";",
    b"..",
    b"\xff",
    b"\xe4\xb8\xad",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 0\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"X-Ca-Stage: \xff\r\n",
    b"HTTP/9.9",
    b"0\r\n\r\n",
]


def mutated() -> st.SearchStrategy[bytes]:
    """A good request with up to four pieces put in, cut out or written over."""
    change = st.tuples(
        st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from(SOUP) | st.binary(max_size=9)
    )

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        text = GOOD
        for at, cut, piece in changes:
            text = text[:at] + piece + text[at + cut :]
        return text

    return st.lists(change, min_size=1, max_size=4).map(apply)


def exchange(port: int, request: bytes) -> bytes:
    """All that comes back. When the first of it has come, or nothing for a moment (the request
    may be half of one), our side is closed, so that nobody waits for more."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        answer = b""
        try:
            link.sendall(request)
            link.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                answer = link.recv(65536)
            link.settimeout(10)
            link.shutdown(socket.SHUT_WR)
            while piece := link.recv(65536):
                answer += piece
        except OSError:
            pass
        return answer


def check(fort: Gateway, request: bytes) -> None:
    began = time.monotonic()
    answer = exchange(fort.port, request)
    assert time.monotonic() - began < 8, request
    assert answer == b"" or answer.startswith(b"HTTP/1.1 "), (request, answer)
    assert not answer.startswith((b"HTTP/1.1 500", b"HTTP/1.1 502")), (request, answer)
    assert b"mitmproxy" not in answer, (request, answer)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(request=mutated() | st.binary(max_size=200))
@example(request=b"")
@example(request=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
@example(request=b"\x16\x03\x01\x00\x05hello")
@example(request=GOOD + GOOD)
def test_any_bytes_get_an_answer_or_an_end(fort: Gateway, request: bytes) -> None:
    check(fort, request)


def test_the_gateway_serves_a_good_request_after_all_that(fort: Gateway) -> None:
    assert send(fort.port, GOOD).status == 200
