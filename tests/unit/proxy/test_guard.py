"""The guard by itself: behind it stand further layers, which would hide that it does nothing."""

import json
import uuid
from types import SimpleNamespace
from typing import Any

from mitmproxy.test import tflow, tutils

from apigateway.errors import Fault
from apigateway.proxy.guard import Guard, denial, new_request_id


def a_flow() -> Any:
    return tflow.tflow(req=tutils.treq(method=b"GET", path=b"/x"))


def test_what_nobody_decided_is_answered_503() -> None:
    flow = a_flow()
    Guard().request(flow)
    assert flow.response.status_code == 503
    assert flow.response.headers["X-Ca-Error-Code"] == "X503BZ"
    assert flow.response.headers["Retry-After"] == "1"


def test_what_was_decided_stays() -> None:
    flow = a_flow()
    flow.response = decided = denial(Fault.UNAUTHORIZED)
    Guard().request(flow)
    assert flow.response is decided


def test_a_tunnel_is_refused() -> None:
    flow = a_flow()
    Guard().http_connect(flow)
    assert flow.response.status_code == 405
    assert flow.response.headers["X-Ca-Error-Code"] == "I405UM"


def test_every_connection_of_mitmproxys_own_is_broken() -> None:
    data: Any = SimpleNamespace(server=SimpleNamespace(error=None))
    Guard().server_connect(data)
    assert data.server.error


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
