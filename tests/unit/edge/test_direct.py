"""A whole request is led through the hooks that mitmproxy has, and its answer is one piece."""

import asyncio
from collections.abc import Callable

import pytest
from mitmproxy import connection, flow, hooks, http
from mitmproxy.test import tflow

from apigateway.edge.direct import WholeCall, answer_on_the_wire, has_wrong_length

HOOKS = ["requestheaders", "request", "responseheaders", "response"]


class Told:
    """Add-ons that do what a test says, by hook; the names of the hooks in `order`."""

    def __init__(self, **does: Callable[[http.HTTPFlow], None]) -> None:
        self.order: list[str] = []
        self._does = does

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        self.order.append(event.name)
        if event.name in self._does:
            self._does[event.name](*event.args())


def a_flow() -> http.HTTPFlow:
    made = tflow.tflow(live=True)
    made.request.timestamp_end = None
    return made


def answer(one: http.HTTPFlow) -> None:
    one.response = http.Response.make(200, b"hello")


def led(call: WholeCall, told: Told) -> list[str]:
    asyncio.run(call.lead(told))
    return told.order


def test_the_hooks_of_a_call_come_in_mitmproxys_order() -> None:
    call = WholeCall(a_flow())
    assert led(call, Told(request=answer)) == HOOKS
    assert call.is_answered
    assert not call.flow.live
    response = call.flow.response
    assert response is not None
    assert response.timestamp_start and response.timestamp_end
    assert call.flow.request.timestamp_end


@pytest.mark.parametrize("hook", HOOKS)
def test_a_killed_call_has_no_answer_and_no_further_hook_but_its_error(hook: str) -> None:
    def kill(one: http.HTTPFlow) -> None:
        answer(one)
        one.kill()

    call = WholeCall(a_flow())
    does = {"request": answer, hook: kill}
    order = led(call, Told(**does))
    so_far = HOOKS[: HOOKS.index(hook) + 1]
    assert order == (so_far if hook == "response" else [*so_far, "error"])
    assert not call.is_answered


@pytest.mark.parametrize("hook", HOOKS[:3])
def test_a_client_that_left_is_told_as_an_error(hook: str) -> None:
    call = WholeCall(a_flow())

    def leave(one: http.HTTPFlow) -> None:
        answer(one)
        call.gone = "Client disconnected."

    order = led(call, Told(**{"request": answer, hook: leave}))
    assert order == [*HOOKS[: HOOKS.index(hook) + 1], "error"]
    assert call.flow.error is not None
    assert call.flow.error.msg == "Client disconnected."
    assert not call.is_answered


def test_a_call_that_nobody_answered_is_refused() -> None:
    call = WholeCall(a_flow())
    assert led(call, Told()) == HOOKS
    assert call.flow.response is not None
    assert call.flow.response.status_code == 503
    assert call.is_answered


def test_a_held_flow_waits_until_it_is_let_go() -> None:
    call = WholeCall(a_flow())

    def hold(one: http.HTTPFlow) -> None:
        answer(one)
        one.intercept()

    async def run() -> list[str]:
        told = Told(request=hold)
        leading = asyncio.create_task(call.lead(told))
        for _ in range(5):
            await asyncio.sleep(0)
        assert told.order == HOOKS[:2]
        call.flow.resume()
        await leading
        return told.order

    assert asyncio.run(run()) == HOOKS


def test_a_call_is_not_answered_before_its_last_hook() -> None:
    call = WholeCall(a_flow())
    answer(call.flow)
    assert not call.is_answered


# --- on the wire


def response(
    *fields: tuple[bytes, bytes], status: int = 200, body: bytes = b"hello"
) -> http.Response:
    made = http.Response(b"HTTP/1.1", status, b"OK", http.Headers(fields), body, None, 0, 0)
    return made


LENGTH = (b"Content-Length", b"5")


@pytest.mark.parametrize(
    ("made", "method", "ends"),
    [
        (response(LENGTH), b"GET", False),
        (response(LENGTH, (b"Connection", b"close")), b"GET", True),
        (response(LENGTH, (b"connection", b"x, Close")), b"GET", True),
        (response(), b"GET", True),
        (response(body=b""), b"HEAD", False),
        (response(status=204, body=b""), b"GET", False),
        (response(LENGTH, status=101, body=b""), b"GET", True),
    ],
)
def test_an_answer_says_whether_it_is_the_last(
    made: http.Response, method: bytes, ends: bool
) -> None:
    raw, is_last = answer_on_the_wire(method, made)
    assert is_last is ends
    assert raw.startswith(b"HTTP/1.1 %d OK\r\n" % made.status_code)
    assert raw.endswith(b"\r\n\r\n" + (made.raw_content or b""))


def test_an_answer_in_chunks_is_sent_as_one_chunk() -> None:
    raw, ends = answer_on_the_wire(b"GET", response((b"Transfer-Encoding", b"chunked")))
    assert raw.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    assert not ends


CHUNKED = (b"Transfer-Encoding", b"chunked")


@pytest.mark.parametrize("field", [LENGTH, CHUNKED])
@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_nothing_comes_behind_an_answer_that_ends_with_its_head(
    method: bytes, status: int, field: tuple[bytes, bytes]
) -> None:
    raw, ends = answer_on_the_wire(method, response(field, status=status))
    assert raw.endswith(b"%s: %s\r\n\r\n" % field)
    assert not ends


def test_an_answer_of_another_version_is_written_as_http_1_1() -> None:
    made = response(LENGTH)
    made.http_version, made.reason = "HTTP/2.0", ""
    raw, ends = answer_on_the_wire(b"GET", made)
    assert raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not ends
    assert made.http_version == "HTTP/2.0"


def test_a_length_that_is_not_the_contents_is_seen() -> None:
    assert not has_wrong_length(response(LENGTH))
    assert not has_wrong_length(response())
    assert has_wrong_length(response(LENGTH, body=b"hello again"))
    assert has_wrong_length(response((b"content-length", b"5"), body=b""))
    assert has_wrong_length(response(LENGTH, (b"Content-Length", b"6")))


def test_the_error_of_a_killed_flow_is_mitmproxys_own() -> None:
    one = a_flow()
    one.kill()
    assert one.error is not None
    assert one.error.msg == flow.Error.KILLED_MESSAGE
    assert isinstance(one.client_conn, connection.Client)
