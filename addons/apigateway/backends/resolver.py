"""Names of backends to addresses."""

import asyncio
import socket
import time
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address


class SystemResolver:
    """Names to addresses by the machine's own resolver, off the event loop, kept a short while.

    `keep_s` is how long an answer is used again; `patience_s` bounds one lookup.
    """

    def __init__(self, *, keep_s: float = 10.0, patience_s: float = 5.0) -> None:
        self._keep_s = keep_s
        self._patience_s = patience_s
        self._known: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """IPv4 before IPv6, each once; empty when the name has none or the lookup fails.

        A literal address is its own answer; a name under `.localhost` is the loopback
        (RFC 6761), since not every resolver knows it.
        """
        if (address := _own_address(host)) is not None:
            return (address,)
        now = time.monotonic()
        known = self._known.get((host, port))
        if known is not None and known[0] > now:
            return known[1]
        addresses = await self._look_up(host, port)
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[host, port] = (now + self._keep_s, addresses)
        return addresses

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience_s):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            return ()
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        return tuple(sorted(addresses, key=lambda address: ":" in address))


@lru_cache(maxsize=4096)
def _own_address(host: str) -> str | None:
    """The address that a name is without asking anybody; None for a name that is to be resolved."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        ip_address(host)
    except ValueError:
        return None
    return host
