"""Requests that came in whole, led through their hooks in one go (`edge/direct.py`).

The edge knows the way; whether it is the same as mitmproxy's depends on mitmproxy, whose text is
compared, and on a few options, which are watched.
"""

from typing import Any

from mitmproxy.addonmanager import AddonManager
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http import HttpStream, _http1
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import ConnectionHandler

from apigateway.edge.doorkeeper import Doorkeeper
from apigateway.fast.known import Undo, Unknown, check_known

KNOWN: tuple[tuple[Any, str], ...] = (
    (HttpStream.state_wait_for_request_headers, "e5021cbe1b332d8e 6565f829663b2a3a"),
    (HttpStream.state_consume_request_body, "494554fefe0d8975"),
    (HttpStream.send_response, "3773ddaf22e060ba"),
    (HttpStream.flow_done, "aaa7646609dcd137"),
    (HttpStream.check_killed, "6ec9edc917be3e1d 879c9f9e93e921e9"),
    (HttpStream.check_invalid, "7686097c5c560d08 516d85838748f39b"),
    (_http1.Http1Server.send, "6af96a5891902bdb da936a15fe48c839"),
    (_http1.Http1Server.mark_done, "dd30112f18e779fd"),
    (_http1.Http1Connection.mark_done, "1d367f669a3c2e8d"),
    (_http1.Http1Connection.wait, "3f5681e7c42c1b52 cd2c22ba734339d5"),
    (ConnectionHandler.hook_task, "3b1a1629926a3f22"),
    (ConnectionHandler.server_event, "ab69214946ab19e5 6d7ebb2edef4cfab"),
    (ProxyConnectionHandler.handle_hook, "1444933f3c991d26"),
)
"""What the way of a call leaves out or relies on, in mitmproxy 11.0.2, 12.2.0 to 12.2.3 and
12.3.1."""

SAME_WAY: dict[str, Any] = {
    "body_size_limit": None,
    "keep_host_header": True,
    "proxy_debug": False,
    "rawtcp": False,
    "stream_large_bodies": None,
    "websocket": False,
}
"""Options under which a call takes no turn that only mitmproxy's own way knows."""


class DirectCalls:
    """Keeps the edge's `direct` as the options want it, for connections to come."""

    def __init__(self, addons: AddonManager, options: Options) -> None:
        self._addons = addons
        self._options = options
        self._keeper: Doorkeeper | None = None

    def install(self) -> Undo:
        """
        Raises:
            Unknown
        """
        check_known(KNOWN)
        keeper: Any = self._addons.get(Doorkeeper.name)
        if not isinstance(keeper, Doorkeeper):
            raise Unknown("the edge is not there")
        self._keeper = keeper
        self._options.changed.connect(self.on_option)
        self.on_option(set())
        return self._undo

    def on_option(self, updated: set[str]) -> None:
        if self._keeper is not None:
            self._keeper.direct = is_same_way(self._options)

    def _undo(self) -> None:
        self._options.changed.disconnect(self.on_option)
        if self._keeper is not None:
            self._keeper.direct = False


def is_same_way(options: Options) -> bool:
    return all(getattr(options, name, value) == value for name, value in SAME_WAY.items())
