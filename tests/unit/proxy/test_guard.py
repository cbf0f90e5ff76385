"""The guard by itself: behind it stand further layers, which would hide that it does nothing."""

from types import SimpleNamespace
from typing import Any

from mitmproxy.test import tflow, tutils

from apigateway.errors import Fault
from apigateway.proxy.guard import Guard
from apigateway.proxy.responses import denial


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
