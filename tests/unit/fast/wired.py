"""One client connection through mitmproxy's own handler and the edge, without a socket."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.test import taddons

from apigateway.edge.doorkeeper import Doorkeeper
from apigateway.fast.direct import SAME_WAY, DirectCalls
from apigateway.proxy.guard import Guard

HOOKS = ("requestheaders", "request", "responseheaders", "response", "error")
TURNS = 40
"""Turns of the event loop in which everything that can happen has happened."""

UNSTEADY = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|\d{10}\.\d+")
"""Ids and times."""

Deed = Callable[[http.HTTPFlow], Awaitable[None] | None]


class Writer:
    """Where the answers go."""

    def __init__(self) -> None:
        self.sent = b""
        self.pieces = 0
        self.closed = False
        self.transport = self

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 5000), "sockname": ("127.0.0.1", 80)}.get(name, default)

    def write(self, data: bytes) -> None:
        self.sent += data
        self.pieces += 1

    async def drain(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def write_eof(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True


class Recorder:
    """Notes each hook with the whole flow as it was then, and does what it was told to do."""

    def __init__(self, deeds: dict[str, Deed]) -> None:
        self.seen: list[str] = []
        for hook in HOOKS:
            setattr(self, hook, self._hook(hook, deeds.get(hook)))

    def _hook(self, name: str, deed: Deed | None) -> Callable[[http.HTTPFlow], Awaitable[None]]:
        async def call(flow: http.HTTPFlow) -> None:
            self.seen.append(f"{name} live={flow.live} {steady(flow)}")
            done = deed(flow) if deed else None
            if done is not None:
                await done

        return call


def steady(flow: http.HTTPFlow) -> str:
    """A flow without its ids and times; the body of a request is None until it is there."""
    state = flow.get_state()
    for part in ("client_conn", "server_conn"):
        state[part] = {k: v for k, v in state[part].items() if "timestamp" not in k}
    for part in ("request", "response"):
        if state[part]:
            times = ("timestamp_start", "timestamp_end")
            state[part] = {k: bool(v) if k in times else v for k, v in state[part].items()}
    return UNSTEADY.sub("*", str(state))


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


def played(
    pieces: list[bytes], deeds: dict[str, Deed], *, direct: bool, leaves: bool = False
) -> tuple[list[str], str, bool]:
    """What add-ons saw, what was sent, and whether the connection was closed, for these pieces of
    a client that waits, or leaves, after the last."""

    async def run() -> tuple[list[str], str, bool]:
        recorder = Recorder(deeds)
        with taddons.context(Proxyserver(), recorder, Doorkeeper(), Guard()) as context:
            master, options = context.master, context.options
            options.update(**{k: v for k, v in SAME_WAY.items() if k in options})
            options.update(connection_strategy="lazy")
            if direct:
                DirectCalls(master.addons, options).install()
            server: Any = master.addons.get("proxyserver")
            reader, writer = asyncio.StreamReader(), Writer()
            mode = mode_specs.ProxyMode.parse("reverse:http://127.0.0.1:1")
            handler = ProxyConnectionHandler(master, reader, writer, options, mode)
            handler.layer = modes.ReverseProxy(handler.layer.context)
            client = handler.client
            with server.register_connection(client.id, handler):
                task = asyncio.create_task(handler.handle_client())
                for piece in pieces:
                    reader.feed_data(piece)
                    await turns()
                if leaves:
                    reader.feed_eof()
                    await turns()
                closed = writer.closed
                reader.feed_eof()
                await turns()
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            master.addons.get(Doorkeeper.name).done()
            master._legacy_log_events.uninstall()
            return recorder.seen, UNSTEADY.sub("*", writer.sent.decode("latin-1")), closed

    return asyncio.run(run())
