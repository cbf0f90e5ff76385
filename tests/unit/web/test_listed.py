"""How flows stand in the list."""

import asyncio
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons
from unit.build import DOMAIN
from unit.web.flows import a_flow, a_served_flow

from apigateway.web.listed import as_called, open_as_saved


@pytest.mark.parametrize(("tls", "scheme"), [(False, "http"), (True, "https")])
def test_a_call_stands_under_the_port_and_scheme_that_were_called(tls: bool, scheme: str) -> None:
    flow = a_flow()
    flow.request.data.host, flow.request.data.port = "127.0.0.1", 1
    flow.client_conn.sockname = ("127.0.0.1", 8080)
    flow.client_conn.tls = tls
    as_called(flow)
    request = flow.request
    assert (request.scheme, request.pretty_host, request.port) == (scheme, DOMAIN, 8080)
    assert flow.request.headers["Host"] == DOMAIN
    assert flow.request.host == "127.0.0.1"


def test_a_call_of_an_unknown_listener_stays_as_it_is() -> None:
    flow = a_flow()
    flow.request.data.port = 1
    flow.client_conn.sockname = None  # type: ignore[assignment]
    as_called(flow)
    assert flow.request.port == 1


def test_a_saved_flow_is_opened_with_the_host_that_was_called() -> None:
    class Seen:
        def __init__(self) -> None:
            self.hosts: list[str] = []

        def response(self, flow: http.HTTPFlow) -> None:
            self.hosts.append(flow.request.headers["Host"])

    async def run() -> list[str]:
        seen = Seen()
        with taddons.context(seen) as context:
            master: Any = context.master
            master.options.update(mode=["reverse:http://127.0.0.1:1"])
            open_as_saved(master)
            await master.load_flow(flow)
            return seen.hosts

    flow = a_served_flow()
    assert asyncio.run(run()) == [DOMAIN]
    assert flow.request.headers["Host"] == DOMAIN
