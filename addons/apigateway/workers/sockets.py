"""The port of several processes: one socket a worker, among which the system spreads connections.

A port is claimed by whoever opens the first socket on it. `SO_REUSEPORT` alone would let any
program of the same user join, and take a share of the connections.
"""

import errno
import socket
import sys
from collections.abc import Sequence

BACKLOG = 1024
"""Connections that may wait to be accepted: those of a worker that is being replaced wait for the
next one."""

Address = tuple[socket.AddressFamily, tuple[str, int]]


def why_not_spread() -> str:
    """Why this system does not spread the connections of one port, "" when it does.

    macOS and the BSDs know SO_REUSEPORT too, but there one process gets all connections.
    """
    if sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT"):
        return ""
    return (
        "several workers on one port need Linux: this system would give all connections to one "
        "of them"
    )


def addresses(host: str, port: int) -> list[Address]:
    """Where a server for this host listens; the empty host is every address of both families.

    Raises:
        OSError: the host has no address; a port is a number up to 65535.
    """
    if not 0 <= port < 65536:
        raise OSError(errno.EINVAL, "a port is a number up to 65535")
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    kinds = (socket.AF_INET, socket.AF_INET6)
    unique = {
        (family, (str(at[0]), port)): None for family, _, _, _, at in found if family in kinds
    }
    return list(unique)


def open_socket(address: Address, *, shared: bool) -> socket.socket:
    """A socket bound to this address, which does not listen yet; `shared` with SO_REUSEPORT.

    Raises:
        OSError: somebody else listens there, or may alone listen there.
    """
    family, at = address
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(at)
    except BaseException:
        opened.close()
        raise
    return opened


def open_all(host: str, port: int, *, shared: bool) -> list[socket.socket]:
    """Sockets of every address of the host. One that this machine does not have (IPv6 switched
    off) is left out as long as there is another.

    Raises:
        OSError: as `open_socket`.
    """
    opened: list[socket.socket] = []
    missing = OSError(errno.EADDRNOTAVAIL, "there is no such address")
    try:
        for address in addresses(host, port):
            try:
                opened.append(open_socket(address, shared=shared))
            except OSError as problem:
                if problem.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = problem
        if not opened:
            raise missing
    except BaseException:
        close_all(opened)
        raise
    return opened


def close_all(sockets: Sequence[socket.socket]) -> None:
    for one in sockets:
        one.close()


def why_not_free(host: str, port: int) -> str:
    """The reason why a port cannot be had for oneself, "" when it can."""
    probes: list[socket.socket] = []
    try:
        probes = open_all(host, port, shared=False)
        for probe in probes:
            probe.listen(1)
    except OSError as problem:
        return problem.strerror or str(problem)
    finally:
        close_all(probes)
    return ""


class Claim:
    """A port that this process alone gives sockets for, until `release`."""

    def __init__(self, host: str, port: int) -> None:
        """
        Raises:
            OSError: somebody listens on the port, with SO_REUSEPORT or without, or another
                claim is on it.
        """
        self.host, self.port = host, port or any_port(host)
        # A name in the network that the port is in; the system takes it back with the process.
        self._lock = socket.socket(socket.AF_UNIX)
        try:
            self._lock.bind(f"\0apigateway port {host} {self.port}")
            if reason := why_not_free(host, self.port):
                raise OSError(errno.EADDRINUSE, reason)
        except BaseException:
            self._lock.close()
            raise

    def open(self) -> list[socket.socket]:
        """New sockets for one worker, bound and not listening yet.

        Raises:
            OSError: somebody else took the port while nobody listened on it.
        """
        return open_all(self.host, self.port, shared=True)

    def release(self) -> None:
        self._lock.close()


def any_port(host: str) -> int:
    """A port that the system chose."""
    with open_socket(addresses(host, 0)[0], shared=False) as probe:
        port: int = probe.getsockname()[1]
        return port
