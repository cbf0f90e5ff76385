"""Real processes on one port, seen in /proc."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.workers.ipv6 import needs_ipv6

from apigateway.workers import neighbours
from apigateway.workers.neighbours import strangers
from apigateway.workers.sockets import addresses

LISTEN = """
import socket, sys
host, port, *files = sys.argv[1:]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
server = socket.socket(family)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
if family == socket.AF_INET6:
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
server.bind((host, int(port)))
server.listen()
opened = [open(name, "a") for name in files]
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


class Others:
    def __init__(self) -> None:
        self._children: list[subprocess.Popen[str]] = []

    def listen(self, host: str, port: int, *files: Path) -> tuple[int, int]:
        """The port and the process of another program that listens."""
        words = [sys.executable, "-c", LISTEN, host, str(port), *map(str, files)]
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._children.append(child)
        assert child.stdout is not None
        return int(child.stdout.readline()), child.pid

    def end(self) -> None:
        for child in self._children:
            child.communicate()


@pytest.fixture
def others() -> Iterator[Others]:
    others = Others()
    yield others
    others.end()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


def test_who_has_the_store_open_is_no_stranger(others: Others, store: Path) -> None:
    port, _ = others.listen("127.0.0.1", 0, store)
    others.listen("127.0.0.1", port, store)
    assert strangers(addresses("127.0.0.1", port), store) == []


def test_who_has_not_is_one_and_is_named(others: Others, store: Path, tmp_path: Path) -> None:
    port, _ = others.listen("127.0.0.1", 0, store)
    _, process = others.listen("127.0.0.1", port, tmp_path / "another.db")
    (found,) = strangers(addresses("127.0.0.1", port), store)
    assert found.endswith(f"(process {process})")
    assert found.startswith("python")


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        ("0.0.0.0", "127.0.0.1", 1),
        ("127.0.0.1", "", 1),
        ("127.0.0.2", "127.0.0.1", 0),
        pytest.param("::1", "127.0.0.1", 0, marks=needs_ipv6),
        pytest.param("::1", "::1", 1, marks=needs_ipv6),
        pytest.param("::", "::1", 1, marks=needs_ipv6),
        pytest.param("::1", "", 1, marks=needs_ipv6),
    ],
)
def test_only_who_listens_on_the_same_address_counts(
    others: Others, store: Path, theirs: str, ours: str, found: int
) -> None:
    port, _ = others.listen(theirs, 0)
    assert len(strangers(addresses(ours, port), store)) == found


def test_a_socket_counts_once_for_all_who_hold_it(others: Others, store: Path) -> None:
    """A supervisor holds its workers' sockets, and has no store."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as server, store.open("w"):
        held = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        child = subprocess.Popen(held, stdin=subprocess.PIPE, pass_fds=[server.fileno()])
        assert strangers(addresses("127.0.0.1", server.getsockname()[1]), store) == []
        child.communicate()


def test_without_a_proc_nobody_is_seen(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "PROC", tmp_path / "proc")
    assert strangers(addresses("127.0.0.1", 80), store) == []
