"""What stays when everything else is gone: the add-on that lets nothing pass undecided.

mitmproxy forwards a request when a script crashed, was deleted or was saved with an error
(all of a script's add-ons leave together). The guard is an add-on of mitmproxy itself, outside
the script, so it stays: it answers what nobody decided, and breaks every connection that
mitmproxy would make to a server. Only `Backends` reaches a backend, and only dispatch calls it.
"""

import logging
import uuid
from typing import Any

from mitmproxy import http
from mitmproxy.addonmanager import AddonManager
from mitmproxy.net.http import status_codes
from mitmproxy.proxy import server_hooks

from apigateway.answers import render_refusal
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer
from apigateway.model.settings import ErrorStyle

logger = logging.getLogger(__name__)


def new_request_id() -> str:
    """An upper-case UUID, as the product's X-Ca-Request-Id."""
    return str(uuid.uuid4()).upper()


def to_response(answer: Answer) -> http.Response:
    """An answer as mitmproxy sends it. Header text goes out as UTF-8, a backend's as it came."""
    fields = tuple(
        (name.encode("ascii", "replace"), _field_bytes(value)) for name, value in answer.headers
    )
    return http.Response(
        b"HTTP/1.1",
        answer.status,
        answer.reason.encode("latin-1", "replace") or _reason(answer.status),
        fields,
        answer.body,
        None,
        0.0,
        0.0,
    )


def _field_bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


_REASONS = {421: "Misdirected Request"} | status_codes.RESPONSES  # mitmproxy 11 lacks some


def _reason(status: int) -> bytes:
    return _REASONS.get(status, "Unknown").encode("ascii")


def denial(fault: Fault, method: str = "GET") -> http.Response:
    """The answer to a call that no stage decided."""
    refusal = Refusal(fault, retry_after_s=1 if fault is Fault.BUSY else None)
    return to_response(render_refusal(refusal, new_request_id(), ErrorStyle.CODED, method=method))


class Guard:
    """The last of mitmproxy's own add-ons. `serving` once the gateway's port has been opened."""

    name = "apigateway-guard"

    def __init__(self) -> None:
        self.serving = False

    @classmethod
    def install(cls, addons: AddonManager) -> "Guard":
        """The guard of this process; the first call puts it at the end of the chain."""
        guard: Any = addons.get(cls.name)
        if guard is None:
            guard = cls()
            addons.add(guard)
        assert isinstance(guard, cls)
        return guard

    def http_connect(self, flow: http.HTTPFlow) -> None:
        flow.response = denial(Fault.UNSUPPORTED_CONNECT)

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.response is None:
            flow.response = denial(Fault.BUSY, flow.request.method)
            logger.error(
                "[%s] nobody decided %s %s: the gateway's script is missing or broken (see above)",
                flow.response.headers.get("X-Ca-Request-Id", ""),
                flow.request.method,
                flow.request.path.partition("?")[0],
            )

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        data.server.error = "the gateway calls backends itself; mitmproxy connects to none"
