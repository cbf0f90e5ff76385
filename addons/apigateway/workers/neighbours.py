"""Who else listens on a port, for a worker that opens it by itself.

With SO_REUSEPORT the system lets every program of the same user in, and a stranger would get a
share of the calls. Seen here in Linux's /proc, which hides what other users or containers do; but
other users the system itself keeps away.
"""

import os
import socket
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from apigateway.workers.sockets import Address

PROC = Path("/proc")

_LISTENING = "0A"
_EVERYWHERE = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}


def strangers(wanted: Iterable[Address], store: Path) -> list[str]:
    """The programs that listen on one of these addresses and do not have the file `store` open,
    as the workers of one gateway do. One that cannot be looked into counts as no stranger."""
    inodes = {inode for address in wanted for inode in _listeners(address)}
    found = []
    for holders in _holders(inodes).values():
        if not any(_has_open(process, store) for process in holders):
            found += [f"{_name(process)} (process {process})" for process in holders]
    return sorted(set(found))


def _listeners(address: Address) -> set[str]:
    """The inodes of the sockets that listen where a socket of this address would."""
    family, (host, port) = address
    table = PROC / "net" / ("tcp6" if family == socket.AF_INET6 else "tcp")
    try:
        _, *lines = table.read_text().splitlines()
    except (OSError, ValueError):
        return set()
    found = set()
    for fields in map(str.split, lines):
        at, _, its_port = fields[1].partition(":")
        if fields[3] == _LISTENING and int(its_port, 16) == port:
            its_host = _host(family, at)
            if its_host == host or _EVERYWHERE[family] in (its_host, host):
                found.add(fields[9])
    return found


def _host(family: socket.AddressFamily, text: str) -> str:
    """An address as the kernel prints it: words of four bytes, each in this machine's order."""
    packed = bytes.fromhex(text)
    if sys.byteorder == "little":
        words = (packed[start : start + 4] for start in range(0, len(packed), 4))
        packed = b"".join(word[::-1] for word in words)
    return socket.inet_ntop(family, packed)


def _holders(inodes: Collection[str]) -> Mapping[str, list[int]]:
    """The processes that have each socket open, as far as they can be seen."""
    found: dict[str, list[int]] = defaultdict(list)
    if not inodes:
        return found
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            process = int(folder.name)
            for target in _open_files(process):
                inode = target.removeprefix("socket:[").removesuffix("]")
                if inode in inodes:
                    found[inode].append(process)
    return found


def _open_files(process: int) -> set[str]:
    try:
        links = list(os.scandir(PROC / str(process) / "fd"))
    except OSError:
        return set()
    found = set()
    for link in links:
        try:
            found.add(os.readlink(link.path))
        except OSError:  # closed meanwhile
            continue
    return found


def _has_open(process: int, store: Path) -> bool:
    return str(store.resolve()) in _open_files(process)


def _name(process: int) -> str:
    try:
        return (PROC / str(process) / "comm").read_text().strip()
    except OSError:
        return "a program"
