"""Answers on the wire, and the answer to a call that no stage decided."""

import json
import uuid

from apigateway.answers import render_answer
from apigateway.errors import Fault
from apigateway.exchange import Answer
from apigateway.model.settings import ErrorStyle
from apigateway.proxy.responses import denial, new_request_id, to_response


def test_a_request_id_is_a_random_uuid_in_upper_case() -> None:
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(str(uuid.UUID(text)).upper() == text for text in ids)
    assert {uuid.UUID(text).version for text in ids} == {4}
    assert {uuid.UUID(text).variant for text in ids} == {uuid.RFC_4122}


def test_a_denial_names_its_request_in_the_field_and_in_the_body() -> None:
    first, second = denial(Fault.BUSY, "GET", "A" * 36), denial(Fault.BUSY)
    assert first.headers.get_all("X-Ca-Request-Id") == ["A" * 36]
    assert json.loads(first.get_content() or b"")["requestId"] == "A" * 36
    assert second.headers["X-Ca-Request-Id"] != first.headers["X-Ca-Request-Id"]
    assert denial(Fault.BUSY, "HEAD").content == b""


def test_bytes_of_a_backends_field_reach_the_caller_as_they_came() -> None:
    wire = "中é".encode() + b"\xff"
    fields = (("X-City", wire.decode("utf-8", "surrogateescape")),)
    shown = render_answer(
        Answer(status=200, reason="", headers=fields, body=b"", elapsed_ms=1),
        "A" * 36,
        ErrorStyle.CODED,
        method="GET",
    )
    assert (b"X-City", wire) in to_response(shown).headers.fields
