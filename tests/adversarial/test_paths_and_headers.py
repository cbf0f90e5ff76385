"""Cases 19 to 22: one path for everybody, and fields that a client may not set."""

import json

import pytest
from adversarial.probe import HOST_LINE, Reply, send
from e2e.running import Backend, Gateway

END = b"\r\n\r\n"


def get(fort: Gateway, target: bytes, more: bytes = b"") -> Reply:
    return send(fort.port, b"GET " + target + b" HTTP/1.1\r\n" + HOST_LINE + more + b"\r\n")


def seen(reply: Reply) -> list[tuple[str, str]]:
    """The header fields that the backend got."""
    assert reply.status == 200, reply.raw[:500]
    return [(name.lower(), value) for name, value in json.loads(reply.body)["headers"]]


@pytest.mark.parametrize(
    "target",
    [b"//echo", b"/x/../echo", b"/./echo", b"/echo/.", b"/echo/..", b"/echo%2F", b"/%2e/echo"],
)
def test_another_way_to_write_a_path_is_not_another_api(
    fort: Gateway, counted: Backend, target: bytes
) -> None:
    before = counted.hits
    reply = get(fort, target)
    assert reply.status in (200, 400, 404)
    if reply.status == 200:
        assert json.loads(reply.body)["path"] == "/echo"
        assert counted.hits == before + 1
    else:
        assert counted.hits == before


@pytest.mark.parametrize(
    "target", [b"/echo%00", b"/echo%zz", b"/echo%", b"/%c0%afecho", b"/\\echo"]
)
def test_a_broken_path_is_refused(fort: Gateway, counted: Backend, target: bytes) -> None:
    before = counted.hits
    reply = get(fort, target)
    assert reply.status in (400, 404)
    assert reply.code
    assert counted.hits == before


def test_fields_of_the_connection_stay_at_the_edge(fort: Gateway) -> None:
    more = (
        b"Connection: keep-alive, X-Named\r\nX-Named: a\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
        b"Proxy-Authorization: a\r\nProxy-Connection: keep-alive\r\n"
        b"Transfer_Encoding: chunked\r\nContent_Length: 5\r\n"
    )
    names = {name for name, _ in seen(get(fort, b"/echo", more))}
    assert not names & {"x-named", "keep-alive", "te", "proxy-authorization", "proxy-connection"}
    assert not names & {"transfer_encoding", "content_length"}


def test_a_client_cannot_sign_for_the_gateway(fort: Gateway) -> None:
    fields = seen(get(fort, b"/echo", b"X-Ca-Proxy-Signature: forged\r\n"))
    assert ("x-ca-proxy-signature", "forged") not in fields
