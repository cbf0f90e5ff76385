"""The edge leads whole requests itself only where that is mitmproxy's own way, and as it does."""

import asyncio
import types
from itertools import accumulate, pairwise
from typing import Any, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.test import taddons
from unit.fast.wired import Deed, played

from apigateway.edge.doorkeeper import Doorkeeper
from apigateway.fast import direct
from apigateway.fast.direct import SAME_WAY, DirectCalls, is_same_way
from apigateway.fast.known import Unknown

OTHERWISE: dict[str, Any] = {
    "body_size_limit": "1m",
    "keep_host_header": False,
    "rawtcp": True,
    "stream_large_bodies": "1m",
    "websocket": True,
}

GET = b"GET /status HTTP/1.1\r\nHost: api.weather.localhost\r\nX-A: 1\r\n\r\n"
POST = b"POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
SENT: dict[str, list[bytes]] = {
    "a request without a body": [GET],
    "two, one after the other": [GET, GET],
    "two at once": [GET + GET],
    "a body that came along": [POST + b"hello"],
    "a body that comes later": [POST, b"hel", b"lo", GET],
    "a body and the next request": [POST + b"hello" + GET],
    "chunks": [CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", GET],
    "chunks, then a body that looks like a request": [
        CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
        POST.replace(b": 5", b": %d" % len(GET)) + GET,
        GET,
    ],
    "a client that asks to be told to go on": [
        POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
        b"hello",
    ],
    "HEAD": [GET.replace(b"GET", b"HEAD"), GET],
    "the last of its connection": [GET.replace(b"X-A: 1", b"Connection: close"), GET],
    "HTTP/1.0": [GET.replace(b"HTTP/1.1", b"HTTP/1.0"), GET],
    "HTTP/1.0 that stays": [
        GET.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"X-A: 1", b"Connection: keep-alive"),
        GET,
    ],
    "CONNECT": [b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"],
    "the absolute form": [GET.replace(b"/status", b"http://elsewhere/status")],
}


def answer(status: int = 200, body: bytes = b"sunny", **fields: str) -> Deed:
    def deed(flow: http.HTTPFlow) -> None:
        flow.response = http.Response.make(status, body, {"X-Sky": "clear"})
        for name, value in fields.items():
            flow.response.headers[name.replace("_", "-")] = value
        if "transfer_encoding" in fields:
            del flow.response.headers["Content-Length"]

    return deed


def kill(flow: http.HTTPFlow) -> None:
    flow.kill()


def break_off(flow: http.HTTPFlow) -> None:
    raise ValueError("a bug")


async def later(flow: http.HTTPFlow) -> None:
    await asyncio.sleep(0)
    answer()(flow)


async def hold(flow: http.HTTPFlow) -> None:
    flow.intercept()
    asyncio.get_running_loop().call_soon(flow.resume)


def change(flow: http.HTTPFlow) -> None:
    assert flow.response is not None
    flow.response.text = "cloudy"


def as_http2(flow: http.HTTPFlow) -> None:
    answer()(flow)
    assert flow.response is not None
    flow.response.http_version, flow.response.reason = "HTTP/2.0", ""


def change_only_the_bytes(flow: http.HTTPFlow) -> None:
    assert flow.response is not None
    flow.response.raw_content = b"cloudy, with a little rain"


def take_the_body(flow: http.HTTPFlow) -> None:
    assert flow.response is not None
    flow.response.raw_content = None


DONE: dict[str, dict[str, Deed]] = {
    "answered": {"request": answer()},
    "answered after a while": {"request": later},
    "answered at its head": {"requestheaders": answer()},
    "answered without a body": {"request": answer(204, b"")},
    "answered in chunks": {"request": answer(transfer_encoding="chunked")},
    "answered for the last time": {"request": answer(connection="close")},
    "answered by nobody": {},
    "changed": {"request": answer(), "response": change},
    "answered in another version": {"request": as_http2},
    "its bytes changed": {"request": answer(), "response": change_only_the_bytes},
    "answered with an interim answer": {"request": answer(103, b"")},
    "its body taken": {"request": answer(), "response": take_the_body},
    "held back": {"requestheaders": hold, "request": answer(), "response": hold},
    "killed at its head": {"requestheaders": kill},
    "killed": {"request": kill},
    "killed after its answer": {"request": answer(), "responseheaders": kill},
    "killed at last": {"request": answer(), "response": kill},
    "broken by an add-on": {
        "requestheaders": break_off,
        "request": answer(),
        "response": break_off,
    },
}


PAIRS = [(sent, done) for sent in SENT for done in ("answered", "answered in chunks", "killed")]
PAIRS += [(sent, done) for sent in ("two at once", "a body and the next request") for done in DONE]


@pytest.mark.parametrize(("sent", "done"), dict.fromkeys(PAIRS))
def test_add_ons_and_clients_see_what_they_see_with_mitmproxys_own_way(
    sent: str, done: str
) -> None:
    stock = played(SENT[sent], DONE[done], direct=False)
    ours = played(SENT[sent], DONE[done], direct=True)
    assert ours == stock
    assert stock[0]


INNER = POST.replace(b": 5", b": %d" % len(GET)) + GET
ONE = [
    GET,
    GET.replace(b"GET", b"HEAD"),
    b"\r\n" + GET,
    GET.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"X-A: 1", b"Connection: keep-alive"),
    POST + b"hello",
    INNER,
    INNER.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n", 1),
    CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(GET), GET),
    CHUNKED + b"1\r\nx\r\n0\r\nX-Trailer: 1\r\n\r\n",
]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(ONE), min_size=2, max_size=5), st.data())
def test_what_one_request_leaves_behind_is_no_part_of_the_next(
    requests: list[bytes], data: st.DataObject
) -> None:
    """Any requests on one connection, cut anywhere or between them."""
    whole = b"".join(requests)
    ends = set(accumulate(map(len, requests)))
    cuts = data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=3))
    cuts |= data.draw(st.sets(st.sampled_from(sorted(ends))))
    edges = [0, *sorted(cuts | {len(whole)})]
    pieces = [whole[a:b] for a, b in pairwise(edges)]
    ours = played(pieces, DONE["answered"], direct=True)
    assert ours == played(pieces, DONE["answered"], direct=False)
    assert sum(line.startswith("request ") for line in ours[0]) == len(requests)


@pytest.mark.parametrize("hook", ["requestheaders", "request", "responseheaders", "response"])
def test_a_client_that_leaves_meanwhile_is_no_longer_answered(hook: str) -> None:
    async def linger(flow: http.HTTPFlow) -> None:
        for _ in range(60):
            await asyncio.sleep(0)

    deeds: dict[str, Deed] = {"request": answer(), hook: linger}
    if hook == "request":
        deeds["requestheaders"] = answer()
    stock = played([GET], deeds, direct=False, leaves=True)
    ours = played([GET], deeds, direct=True, leaves=True)
    assert ours == stock
    called = [line.partition(" ")[0] for line in stock[0]]
    assert called[-2:] == [hook, "error"] or (hook == "response" and called[-1] == hook)
    assert stock[1] == ""


@pytest.fixture
def context() -> Any:
    with taddons.context(Doorkeeper()) as context:
        for name, value in SAME_WAY.items():
            kind: Any = bool if isinstance(value, bool) else Optional[str]  # noqa: UP045
            if name not in context.options:
                context.options.add_option(name, kind, value, "")
        context.options.update(**{n: v for n, v in SAME_WAY.items() if n in context.options})
        yield context
        context.master._legacy_log_events.uninstall()


@pytest.mark.parametrize("name", OTHERWISE)
def test_an_option_with_a_way_of_its_own_brings_mitmproxys_back(context: Any, name: str) -> None:
    keeper = context.master.addons.get(Doorkeeper.name)
    undo = DirectCalls(context.master.addons, context.options).install()
    assert keeper.direct
    context.options.update(**{name: OTHERWISE[name]})
    assert not keeper.direct
    context.options.update(**{name: SAME_WAY[name]})
    assert keeper.direct
    undo()
    assert not keeper.direct
    context.options.update(**{name: SAME_WAY[name]})
    assert not keeper.direct


def test_an_option_that_a_mitmproxy_lacks_does_not_matter() -> None:
    options: Any = types.SimpleNamespace(websocket=False)
    assert is_same_way(options)
    options.proxy_debug = True
    assert not is_same_way(options)


def test_without_the_edge_or_with_another_mitmproxy_nothing_is_changed(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = context.master.addons.get(Doorkeeper.name)
    monkeypatch.setattr(direct, "KNOWN", ((Doorkeeper.done, "0000000000000000"),))
    with pytest.raises(Unknown, match=r"another .*Doorkeeper\.done"):
        DirectCalls(context.master.addons, context.options).install()
    assert not keeper.direct
    monkeypatch.undo()
    context.master.addons.remove(keeper)
    with pytest.raises(Unknown, match="the edge is not there"):
        DirectCalls(context.master.addons, context.options).install()
