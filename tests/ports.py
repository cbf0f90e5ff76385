"""Ports for servers that are told theirs before they start."""

import random
import socket
from collections import deque
from pathlib import Path

_GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _HIGHEST = 10_000, 32_768
_KEPT = 64
_kept: deque[socket.socket] = deque()


def free_port() -> int:
    """A port that nobody else takes before a server opens it: no outgoing connection gets it, and
    no test process while its UDP namesake is held here, which no server needs."""
    given = int(_GIVEN.read_text().split()[0]) if _GIVEN.exists() else _HIGHEST
    while True:
        port = random.randrange(_LOWEST, max(given, 2 * _LOWEST))
        mark = socket.socket(type=socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        _kept.append(mark)
        if len(_kept) > _KEPT:
            _kept.popleft().close()
        return port
