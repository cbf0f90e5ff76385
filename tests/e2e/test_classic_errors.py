"""`errors: classic`, the product's older generation: a status and a text."""

import uuid
from collections.abc import Iterator

import pytest
from e2e.lab import Lab, Strange, make_project, preflight, with_value
from e2e.running import Backend, Reply, gateway


@pytest.fixture(scope="module")
def classic(
    tmp_path_factory: pytest.TempPathFactory, parts: tuple[Backend, Strange]
) -> Iterator[Lab]:
    echo, strange = parts
    folder = tmp_path_factory.mktemp("classic") / "p"
    project = make_project(folder, echo.port, strange.port, classic=True)
    with gateway(project) as running:
        yield Lab(running, echo, strange)


def classic_error(reply: Reply) -> tuple[int, str]:
    assert reply.body == b""
    assert reply.headers["content-length"] == "0"
    assert reply.headers["content-type"] == "text/plain;charset=UTF-8"
    assert "x-ca-error-code" not in reply.headers
    return reply.status, reply.headers["x-ca-error-message"]


def test_classic_refusals_are_a_status_and_a_message_alone(classic: Lab) -> None:
    lab = classic
    code = ("Authorization", "APPCODE x")
    with lab.no_backend_is_asked():
        for reply, expected in [
            (lab.send("GET", "/echo"), (400, "Header `X-Ca-Key` is Required")),
            (lab.call(change=with_value("X-Ca-Signature", "")), (404, "Empty Signature")),
            (lab.call(key="999"), (400, "Invalid AppKey")),
            (lab.call(timestamp_ms=1), (400, "Timestamp Expired")),
            (lab.call(change=with_value("X-Ca-Timestamp", "x")), (400, "Invalid Timestamp")),
            (
                lab.call("POST", body=b"{}", sent_body=b"[]", fields=[("Content-Type", "a/b")]),
                (400, "Invalid Content-MD5"),
            ),
            (lab.send("GET", "/by-code", [code]), (400, "Invalid AppCode `not exists`")),
            (lab.send("GET", "/nowhere"), (400, "Invalid Url")),
            (
                lab.send("GET", "/guarded", [("X-Forwarded-For", "203.0.113.9")]),
                (403, "Access denied by IP Control Policy"),
            ),
            (preflight(lab, "/nowhere"), (400, "Invalid Url")),
        ]:
            assert classic_error(reply) == expected


def test_a_classic_invalid_signature_shows_the_string(classic: Lab) -> None:
    status, message = classic_error(classic.call(secret="wrong"))
    assert status == 400
    assert message.startswith("Invalid Signature, Server StringToSign:`GET#####X-Ca-Key:203753385#")


def test_a_classic_nonce_that_was_used_is_400(classic: Lab) -> None:
    nonce = str(uuid.uuid4())
    assert classic.call(nonce=nonce).status == 200
    assert classic_error(classic.call(nonce=nonce)) == (400, "Nonce Used")


def test_classic_throttling_is_403(classic: Lab) -> None:
    replies = [classic.send("GET", "/limited") for _ in range(7)]
    assert [reply.status for reply in replies] == [200] * 6 + [403]
    assert classic_error(replies[-1]) == (403, "Throttled by API Flow Control")
    assert int(replies[-1].headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("status", "message"), [(200, "OK"), (404, "Not Found"), (503, "Service Unavailable")]
)
def test_a_classic_answer_of_a_backend_carries_its_reason(
    classic: Lab, status: int, message: str
) -> None:
    reply = classic.send("GET", f"/own/{status}")
    assert (reply.status, reply.body) == (status, b"from the backend")
    assert reply.headers["x-ca-error-message"] == message
    assert "x-ca-error-code" not in reply.headers
