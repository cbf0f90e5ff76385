"""Ports for servers that are told theirs before they start."""

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def free_port() -> int:
    """One that is free and, where there are such, that the system gives to nobody by itself: no
    connection takes it before the server does."""
    given = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 0
    tries = [random.randrange(_LOWEST, given) for _ in range(100)] if given > 2 * _LOWEST else []
    for port in (*tries, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise AssertionError("no port is free")
