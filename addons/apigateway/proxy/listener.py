"""How this process comes to its port, and how it leaves it.

By itself a gateway opens its port alone, as mitmproxy does. With `gateway_reuse_port` it shares
the port with other workers, and with `gateway_supervisor` it gets its sockets from the process
that started it (`workers`). Both of these finish the calls under way when they are told to end;
mitmproxy breaks them off.

An add-on of mitmproxy itself, like the guard: the port stays when the script is loaded anew.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import AddonManager
from mitmproxy.proxy import mode_servers, mode_specs

from apigateway.edge.doorkeeper import Doorkeeper
from apigateway.workers.line import READY_MARK, LineBroken, WorkerEnd
from apigateway.workers.neighbours import strangers
from apigateway.workers.sockets import (
    BACKLOG,
    addresses,
    close_all,
    open_all,
    why_not_free,
    why_not_spread,
)

LEAVE_WITHIN_S = 40.0
"""A call takes at most 30 s at its backend, and some time before and after."""

_TURNS_TO_BE_COUNTED = 10
"""So many turns of the event loop at most lie between asyncio's accept and mitmproxy's list of
connections; three were seen."""


class StartError(Exception):
    """The gateway cannot start; the text says why and how to mend it."""


class Listener:
    """One a process. `leads` unless a supervisor says that another worker does; `number` is the
    worker's, 0 where nobody supervises."""

    name = "apigateway-listener"

    def __init__(self) -> None:
        self.leads = True
        self.number = 0
        self._line: WorkerEnd | None = None
        self._sockets: dict[tuple[str, int], list[socket.socket]] = {}
        self._leaving: asyncio.Task[None] | None = None
        self._keeper: Doorkeeper | None = None

    @classmethod
    def install(cls, addons: AddonManager, keeper: Doorkeeper) -> "Listener":
        """The one of this process; the first call adds it."""
        listener: Any = addons.get(cls.name)
        if listener is None:
            listener = cls()
            addons.add(listener)
        assert isinstance(listener, cls)
        listener._keeper = keeper
        return listener

    def prepare(self) -> None:
        """Find out whether the port can be had; those who share it open their sockets, on which
        nobody listens yet.

        Raises:
            StartError
        """
        supervisor, shared = ctx.options.gateway_supervisor, ctx.options.gateway_reuse_port
        if supervisor:
            self._call(supervisor)
        elif shared and (reason := why_not_spread()):
            raise StartError(f"--set gateway_reuse_port: {reason}")
        for host, port in _places():
            if self._line is not None:
                self._open(host, port, self._line.listen)
            elif shared:
                self._open(host, port, lambda host, port: open_all(host, port, shared=True))
            elif port and (reason := why_not_free(host, port)):
                raise StartError(_busy(host, port, reason))
        if self._sockets:
            _listen_on(self._sockets)

    def look_around(self, store: Path) -> None:
        """
        Raises:
            StartError: a program that does not use this store shares the port.
        """
        if self._line is not None:
            return
        for host, port in self._sockets:
            if others := strangers(addresses(host, port), store):
                whose = f"programs that do not use {store} listen there: {', '.join(others)}"
                raise StartError(_busy(host, port, whose))

    async def open(self) -> bool:
        """Wait until the port is open; False when it cannot be."""
        proxyserver: Any = ctx.master.addons.get("proxyserver")
        ctx.options.update(server=True)
        await proxyserver.setup_servers()
        if any(not server.is_running for server in proxyserver.servers):
            return False
        if self._sockets:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.leave)
        if self._line is not None:
            for stream in (sys.stdout, sys.stderr):
                print(READY_MARK, file=stream, flush=True)
            self._line.ready()
        return True

    def leave(self) -> None:
        """Take no more connections, finish the calls under way and end; asked twice, at once."""
        if self._leaving is not None:
            ctx.master.shutdown()
            return
        close_servers()
        for sockets in self._sockets.values():
            close_all(sockets)
        self._leaving = asyncio.create_task(self._leave(), name="finish the last calls")

    async def _leave(self) -> None:
        proxyserver: Any = ctx.master.addons.get("proxyserver")
        for _ in range(_TURNS_TO_BE_COUNTED):
            await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN_S):
                if self._keeper is not None:
                    await self._keeper.leave()
                while proxyserver.connections or (self._keeper and self._keeper.connections):
                    await asyncio.sleep(0.05)
        ctx.master.shutdown()

    def _call(self, descriptor: int) -> None:
        if self._line is not None:
            return
        try:
            self._line = WorkerEnd(descriptor)
            self.leads, self.number = self._line.hello()
        except LineBroken as problem:
            raise StartError(
                f"--set gateway_supervisor: {problem}; it is for `apigateway serve --workers N`"
            ) from None
        for stream in (sys.stdout, sys.stderr):
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(line_buffering=True)  # a pipe would be buffered, and a kill lose it
        asyncio.get_running_loop().add_reader(self._line.fileno(), self._on_line)

    def _on_line(self) -> None:
        if self._line is not None and self._line.is_over():
            asyncio.get_running_loop().remove_reader(self._line.fileno())
            if self._leaving is None:
                self.leave()

    def _open(self, host: str, port: int, give: Callable[[str, int], list[socket.socket]]) -> None:
        try:
            self._sockets[host, port] = give(host, port)
        except LineBroken as problem:
            raise StartError(str(problem)) from None
        except OSError as problem:
            raise StartError(_busy(host, port, problem.strerror or str(problem))) from None


def _places() -> Sequence[tuple[str, int]]:
    modes = map(mode_specs.ProxyMode.parse, ctx.options.mode)
    host, port = ctx.options.listen_host, ctx.options.listen_port
    return [(mode.listen_host(host), mode.listen_port(port) or 0) for mode in modes]


def _busy(host: str, port: int, reason: str) -> str:
    return f"cannot listen on {host}:{port}: {reason}; choose another port: --listen-port N"


def close_servers() -> None:
    """Close what mitmproxy listens on; connections that were accepted stay."""
    proxyserver: Any = ctx.master.addons.get("proxyserver")
    for instance in getattr(proxyserver, "servers", ()):
        for server in getattr(instance, "_servers", ()):
            server.close()


def _listen_on(sockets: dict[tuple[str, int], list[socket.socket]]) -> None:
    """Let mitmproxy listen on these sockets instead of opening its own.

    Raises:
        StartError: this mitmproxy opens its ports in another way.
    """
    servers: Any = mode_servers.AsyncioServerInstance
    if not hasattr(servers, "listen"):
        raise StartError("this mitmproxy cannot be given sockets: start one worker")

    async def listen(instance: Any, host: str, port: int) -> list[asyncio.Server]:
        return [
            await asyncio.start_server(instance.handle_stream, sock=one.dup(), backlog=BACKLOG)
            for one in sockets[host, port]
        ]

    servers.listen = listen
