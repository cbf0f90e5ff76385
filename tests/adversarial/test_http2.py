"""Cases 19 to 26 over HTTP/2: refused on its stream, reset, or the connection ended."""

import time

import pytest
from adversarial.probe import Field, Http2, assert_our_refusal
from e2e.running import HOST, Backend, Gateway

BODY = 2 * 1024 * 1024

AMBIGUOUS: dict[str, tuple[list[Field], dict[str, str]]] = {
    "line break in a value": ([("x-a", b"b\r\nx-b: c")], {}),
    "line feed in a value": ([("x-a", b"b\nx-b: c")], {}),
    "NUL in a value": ([("x-a", b"b\0c")], {}),
    "line break in a name": ([(b"x-a: b\r\nx-b", b"c")], {}),
    "control character in a value": ([("x-a", b"b\x01c")], {}),
    "blank in a name": ([("x a", "b")], {}),
    "colon in a name": ([("x:a", "b")], {}),
    "capitals in a name": ([("X-A", "b")], {}),
    "connection": ([("connection", "close")], {}),
    "keep-alive": ([("keep-alive", "1")], {}),
    "proxy-connection": ([("proxy-connection", "close")], {}),
    "transfer-encoding": ([("transfer-encoding", "chunked")], {}),
    "upgrade": ([("upgrade", "websocket")], {}),
    "te": ([("te", "gzip")], {}),
    "another host": ([("host", "other.localhost")], {}),
    "two hosts": ([("host", HOST), ("host", HOST)], {}),
    "an unknown pseudo-field": ([], {"secret": "x"}),
    "a pseudo-field of answers": ([], {"status": "200"}),
    "extended connect": ([], {"protocol": "websocket"}),
    "a pseudo-field behind others": ([("x-a", "b"), (":path", "/echo")], {}),
    "two lengths": ([("content-length", "0"), ("content-length", "0")], {}),
    "length with a plus": ([("content-length", "+0")], {}),
    "a longer length than body": ([("content-length", "5")], {}),
    "an expectation nobody knows": ([("expect", "200-ok")], {}),
    "empty path": ([], {"path": ""}),
    "absolute path": ([], {"path": "http://api.weather.localhost/echo"}),
    "line break in the path": ([], {"path": "/echo\r\nx-a: b"}),
    "blank in the path": ([], {"path": "/echo HTTP/1.1"}),
    "asterisk": ([], {"path": "*"}),
    "blank in the method": ([], {"method": "GET /x HTTP/1.1"}),
    "line break in the method": ([], {"method": "GET\r\n"}),
    "line break in the authority": ([], {"authority": HOST + "\r\nx-a: b"}),
    "user in the authority": ([], {"authority": "a@" + HOST}),
    "empty authority": ([], {"authority": ""}),
    "another scheme": ([], {"scheme": "gopher"}),
}


@pytest.mark.parametrize(("more", "pseudo"), AMBIGUOUS.values(), ids=list(AMBIGUOUS))
def test_an_ambiguous_request_reaches_no_stage(
    http2: Http2, counted: Backend, more: list[Field], pseudo: dict[str, str]
) -> None:
    before = counted.hits
    fields: dict[str, str] = {"method": "GET", "path": "/echo", **pseudo}
    reply = http2.reply_to(http2.ask(http2.fields(*more, **fields)))
    if reply is None:
        assert http2.closed or http2.resets
    else:
        assert_our_refusal(reply, 400)
    assert counted.hits == before


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_a_method_that_is_not_served_is_refused(
    http2: Http2, counted: Backend, method: str
) -> None:
    before = counted.hits
    reply = http2.reply_to(http2.ask(http2.fields(method=method)))
    if reply is None:
        assert http2.closed or http2.resets
    else:
        assert_our_refusal(reply, 405, "I405UM")
    assert counted.hits == before


def test_a_refusal_leaves_the_other_streams_alone(http2: Http2, counted: Backend) -> None:
    before = counted.hits
    bad = http2.ask(http2.fields(path="/echo#x"))
    good = http2.reply_to(http2.ask(http2.fields()))
    refused = http2.reply_to(bad)
    assert refused is not None
    assert_our_refusal(refused, 400, "I400RU")
    assert good is not None
    assert good.status == 200
    assert counted.hits == before + 1


def test_the_same_call_is_answered_as_over_http1(http2: Http2) -> None:
    reply = http2.reply_to(http2.ask(http2.fields(path="/nowhere")))
    assert reply is not None
    assert_our_refusal(reply, 404, "I404NF")


def test_a_body_of_exactly_2_mib_passes(http2: Http2, counted: Backend) -> None:
    before = counted.hits
    reply = http2.reply_to(http2.ask(http2.fields(method="POST"), b"a" * BODY))
    assert reply is not None
    assert reply.status == 200
    assert counted.hits == before + 1


def test_one_byte_more_is_refused(http2: Http2, counted: Backend) -> None:
    before = counted.hits
    reply = http2.reply_to(http2.ask(http2.fields(method="POST"), b"a" * (BODY + 1), end=False))
    assert reply is not None
    assert_our_refusal(reply, 413, "I413RL")
    assert counted.hits == before


def test_one_byte_more_is_refused_by_its_length_alone(http2: Http2, counted: Backend) -> None:
    before = counted.hits
    fields = http2.fields(("content-length", str(BODY + 1)), method="POST")
    begin = time.monotonic()
    reply = http2.reply_to(http2.ask(fields, end=False))
    assert reply is not None
    assert_our_refusal(reply, 413, "I413RL")
    assert time.monotonic() - begin < 10  # no body comes: after 30 s it would be refused anyhow
    assert counted.hits == before


@pytest.mark.parametrize(
    ("more", "path", "status"),
    [
        ([("x-a", "a" * 125_000)], "/echo", 200),
        ([("x-a", "a" * 131_072)], "/echo", 431),
        ([], "/echo?" + "a" * 131_072, 413),
        ([("x-a", "b")] * 1001, "/echo", 431),
    ],
    ids=["passes", "fields", "path", "many fields"],
)
def test_a_head_has_a_limit(http2: Http2, more: list[Field], path: str, status: int) -> None:
    reply = http2.reply_to(http2.ask(http2.fields(*more, path=path)))
    assert reply is not None
    assert reply.status == status


def test_a_body_that_does_not_match_its_length_is_refused(http2: Http2, counted: Backend) -> None:
    before = counted.hits
    fields = http2.fields(("content-length", "2"), method="POST")
    assert http2.reply_to(http2.ask(fields, b"abc")) is None
    assert http2.closed or http2.resets
    assert counted.hits == before


def test_a_trailer_is_dropped(http2: Http2) -> None:
    stream = http2.ask(http2.fields(method="POST"), b"ab", end=False)
    http2.frames.send_headers(stream, [(b"x-ca-stage", b"TEST")], end_stream=True)
    http2.flush()
    reply = http2.reply_to(stream)
    assert reply is not None
    assert reply.status == 200
    assert b"TEST" not in reply.body


def test_more_streams_than_permitted_end_the_connection(hasty: Gateway) -> None:
    client = Http2(hasty.port)
    assert client.frames.remote_settings.max_concurrent_streams == 5
    client.frames.remote_settings.max_concurrent_streams = 100
    client.frames.remote_settings.acknowledge()
    for _ in range(10):
        client.ask(client.fields(method="POST"), b"a", end=False)
    client.read_until(lambda: len(client.resets) >= 5)
    assert client.closed or len(client.resets) >= 5
    client.close()


def test_a_flood_of_resets_ends_the_connection(http2: Http2) -> None:
    for _ in range(300):
        stream = http2.frames.get_next_available_stream_id()
        plain = [(str(name).encode(), str(value).encode()) for name, value in http2.fields()]
        http2.frames.send_headers(stream, plain)
        http2.frames.reset_stream(stream, 8)
    http2.flush()
    http2.read_until(lambda: False)
    assert http2.closed


def test_a_flood_of_pings_ends_the_connection(http2: Http2) -> None:
    for _ in range(3000):
        http2.frames.ping(b"01234567")
    http2.flush()
    http2.read_until(lambda: False)
    assert http2.closed
