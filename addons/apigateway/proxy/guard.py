"""What stays when everything else is gone: the add-on that lets nothing pass undecided.

mitmproxy forwards a request when a script crashed, was deleted or was saved with an error
(all of a script's add-ons leave together). The guard is an add-on of mitmproxy itself, outside
the script, so it stays: it answers what nobody decided, and breaks every connection that
mitmproxy would make to a server. Only `Backends` reaches a backend, and only dispatch calls it.
"""

import logging
from typing import Any

from mitmproxy import http
from mitmproxy.addonmanager import AddonManager
from mitmproxy.proxy import server_hooks

from apigateway.errors import Fault
from apigateway.proxy.responses import denial

logger = logging.getLogger(__name__)


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
