"""Who is measured: stock mitmdump, the gateway in one form or another, other proxies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.processes import Command
from scripts.bench.project import project_options


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a side is started: its port and that of the backend, a folder of its own, the folder of
    the project, the cores it may use (() any)."""

    port: int
    backend_port: int
    folder: Path
    project: Path
    cores: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """`repeats`: one and the same call may be made twice; a gateway refuses a nonce it knows."""

    name: str
    command: Callable[[Place], Command]
    repeats: bool = True
    workers: int = 1
    missing: str = ""
    """Why it cannot be measured here; "" when it can."""


def stock() -> Side:
    return Side(name="stock mitmdump", command=_stock)


def _stock(place: Place) -> Command:
    words = [str(Path(sys.executable).with_name("mitmdump")), "-q"]
    words += ["--listen-host", "127.0.0.1", "--listen-port", str(place.port)]
    words += ["--mode", f"reverse:http://127.0.0.1:{place.backend_port}"]
    words += ["--set", f"confdir={place.folder / 'confdir'}"]
    words += ["--set", "connection_strategy=lazy"]
    return Command(name="stock mitmdump", words=words, port=place.port, cores=place.cores)


def gateway(name: str = "gateway", *, options: Sequence[str] = (), workers: int = 1) -> Side:
    """`options` are mitmproxy's, as `name=value`."""

    def command(place: Place) -> Command:
        words = [sys.executable, "-m", "apigateway.cli", "serve", "--workers", str(workers), "-q"]
        words += ["--listen-port", str(place.port), *project_options(place.project)]
        for option in options:
            words += ["--set", option]
        return Command(
            name=name,
            words=words,
            port=place.port,
            cores=place.cores if workers == 1 else (),
            processes=1 if workers == 1 else 1 + workers,
        )

    return Side(name=name, command=command, repeats=False, workers=workers)
