"""The edge as an add-on: it admits connections, gives them its layer, and keeps their deadlines.

An add-on of mitmproxy itself, beside the guard, so that it outlives the script: without the
script the rules are those that were served last.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from mitmproxy import connection, ctx
from mitmproxy.addonmanager import AddonManager
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer, mode_specs
from mitmproxy.proxy.layers import ClientTLSLayer, modes

from apigateway.edge.direct import WholeCall
from apigateway.edge.http1 import Leaving, Overdue
from apigateway.edge.layer import ClosedLayer, EdgeHttpLayer
from apigateway.edge.rules import LINGER_SECONDS, Rules, leaving, rules_of
from apigateway.edge.watch import Census, Watch
from apigateway.model.settings import GatewaySettings
from apigateway.proxy.outliving import standing_before

logger = logging.getLogger(__name__)

Served = Callable[[], GatewaySettings | None]

SWEEP_SECONDS = 0.25


class Doorkeeper:
    """One a process. A connection is counted from its start until its last byte has left.

    `direct` says of new connections whether their requests are led through their hooks in one go.
    """

    name = "apigateway-edge"

    def __init__(self) -> None:
        self.direct = False
        self._served: Served = lambda: None
        self._settings: GatewaySettings | None = None
        self._rules = rules_of(None)
        self._leaving = False
        self._census = Census()
        self._watches: dict[str, Watch] = {}
        self._writers: dict[str, Any] = {}
        self._sweeper: asyncio.Task[None] | None = None

    @classmethod
    def install(cls, addons: AddonManager, served: Served) -> "Doorkeeper":
        """The edge of this process. It stands before mitmproxy's own choice of layers."""
        keeper = standing_before("nextlayer", cls, addons)
        keeper._served = served
        return keeper

    def rules(self) -> Rules:
        """Of the settings served now; of those served last when there are none."""
        settings = self._served()
        if settings is not None and settings is not self._settings:
            self._settings, self._rules = settings, rules_of(settings)
            if self._leaving:
                self._rules = leaving(self._rules)
        return self._rules

    @property
    def connections(self) -> int:
        return self._census.total

    async def leave(self) -> None:
        """No new connection comes: from now on each answer is the last of its connection, and
        one where nothing is under way is closed a moment later."""
        self._rules, self._leaving = leaving(self.rules()), True
        for key, handler in list(_handlers().items()):
            watch = self._watches.get(key)
            if watch is None or handler.client not in handler.transports:
                continue
            if watch.ready:
                await handler.server_event(Leaving())
            else:  # nothing came yet, or a handshake is not over
                watch.within(self._rules.limits.idle_seconds)

    def client_connected(self, client: connection.Client) -> None:
        address = str(client.peername[0])
        refused = self._census.enter(address, self.rules().limits)
        if refused:
            client.error = refused
            logger.warning("connection refused: %s", refused)
            return
        self._watches[client.id] = Watch(address, self.rules().limits.header_seconds)
        self._writers[client.id] = _writer(client)
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.create_task(self._sweep(), name="the edge's deadlines")

    def client_disconnected(self, client: connection.Client) -> None:
        """What was written to a client that does not read stays in memory, and so is counted."""
        watch = self._watches.get(client.id)
        if watch is None:
            return
        if _unsent(self._writers.get(client.id)):
            watch.ready = False
            watch.within(self.rules().limits.idle_seconds)
        else:
            self._leave(client.id)

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        context = nextlayer.context
        if nextlayer.layer is not None or not _is_new_client(context):
            return
        try:
            watch = self._watches[context.client.id]
            tls = starts_like_tls_record(nextlayer.data_client())
            top = ClientTLSLayer(context) if tls else None
            unsent = partial(_unsent, self._writers.get(context.client.id))
            edge = EdgeHttpLayer(context, self.rules, watch, direct=self.direct, unsent=unsent)
            if top is not None:
                top.child_layer = edge
            nextlayer.layer = top or edge
        except Exception:  # fail closed: no request is read by a layer that is not the edge's
            logger.exception("the edge does not fit this mitmproxy; the connection is closed")
            nextlayer.layer = ClosedLayer(context)

    async def apigateway_whole_call(self, call: WholeCall) -> None:
        await call.lead(ctx.master.addons)

    def done(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            late = [(key, watch) for key, watch in self._watches.items() if watch.deadline <= now]
            for key, watch in late:
                try:
                    await self._end(key, watch)
                except Exception:
                    logger.exception("a connection's deadline could not be kept")
                    self._leave(key)

    async def _end(self, key: str, watch: Watch) -> None:
        """Tell the connection's layer, or close what has none; drop what does not read."""
        handler = _handlers().get(key)
        writer: Any = self._writers.get(key)
        unsent = _unsent(writer)
        if unsent:
            watch.within(self.rules().limits.idle_seconds)
            if not watch.still_reads(unsent):
                writer.transport.abort()
                watch.within(LINGER_SECONDS)
        if handler is None or handler.client not in handler.transports:
            if not unsent:
                self._leave(key)
            return
        if unsent:
            return
        watch.within(LINGER_SECONDS)
        if watch.ready:
            await handler.server_event(Overdue())
        else:
            handler.close_connection(handler.client)

    def _leave(self, key: str) -> None:
        watch = self._watches.pop(key, None)
        self._writers.pop(key, None)
        if watch is not None:
            self._census.leave(watch.address)


def _is_new_client(context: Any) -> bool:
    """Whether this is the first choice for a client of the reverse proxy over TCP."""
    return (
        len(context.layers) == 1
        and isinstance(context.layers[0], modes.ReverseProxy)
        and isinstance(context.client.proxy_mode, mode_specs.ReverseMode)
        and context.client.transport_protocol == "tcp"
    )


def _handlers() -> dict[Any, Any]:
    proxyserver: Any = ctx.master.addons.get("proxyserver")
    handlers: dict[Any, Any] = proxyserver.connections
    return handlers


def _writer(client: connection.Client) -> Any:
    handler = _handlers().get(client.id)
    return None if handler is None else handler.transports[client].writer


def _unsent(writer: Any) -> int:
    """Bytes that were written and are not yet with the system; 0 once the connection is lost."""
    transport = getattr(writer, "transport", None)
    if transport is None:
        return 0
    size: int = transport.get_write_buffer_size()
    return size
