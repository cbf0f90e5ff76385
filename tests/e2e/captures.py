"""Captures of mixed calls, made once with real clients against a real gateway."""

import fcntl
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from e2e.lab import Lab, Strange, make_project
from e2e.mixed import iot_calls, refused_calls, served_calls, throttled_calls
from e2e.running import Backend, gateway

from apigateway.definition.compile import compile_catalog
from apigateway.definition.load import load_project
from apigateway.lifecycle.start import release_at_start
from apigateway.model.catalog import Catalog
from apigateway.store.memory import MemoryStore

_SENT, _FLOWS, _HAR, _PROJECT = "sent.json", "capture.mitm", "capture.har", "p"


@dataclass(frozen=True)
class Captures:
    """Of one run with the definitions of `folder`: `sent` calls, as flows and as a HAR."""

    folder: Path
    sent: int

    @property
    def project(self) -> Path:
        return self.folder / _PROJECT

    @property
    def flow_file(self) -> Path:
        return self.folder / _FLOWS

    @cached_property
    def flows(self) -> bytes:
        return self.flow_file.read_bytes()

    @cached_property
    def har(self) -> bytes:
        return (self.folder / _HAR).read_bytes()

    @cached_property
    def catalog(self) -> Catalog:
        return catalog_of(self.project)


def catalog_of(folder: Path) -> Catalog:
    """What a gateway that starts with the definitions of a folder serves."""
    project = load_project(folder / "definitions", folder / "policies")
    store = MemoryStore()
    release_at_start(store.releases, project, 1)
    return compile_catalog(project, store.releases.current())


def capture(
    folder: Path, echo: Backend, strange: Strange, *, rounds: int, classic: bool = False
) -> Captures:
    """So many rounds of calls of every kind, saved by mitmproxy."""
    project = make_project(folder / _PROJECT, echo.port, strange.port, classic=classic)
    project.edit("definitions/weather/group.yaml", "domains:\n", "domains:\n  - localhost\n")
    flows, har = folder / _FLOWS, folder / _HAR
    with gateway(project, "-w", flows, "--set", f"hardump={har}") as running:
        lab = Lab(running, echo, strange)
        sent = throttled_calls(lab)
        for number in range(rounds):
            sent += served_calls(lab, number) + refused_calls(lab, number)
            sent += iot_calls(lab, number)
    return Captures(folder, sent)


def capture_once(
    factory: pytest.TempPathFactory, echo: Backend, strange: Strange, *, rounds: int
) -> Captures:
    """The same, made by one of pytest's processes for all of them."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / f"mixed-{rounds}"
    folder.mkdir(exist_ok=True)
    with (root / f"mixed-{rounds}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sent = folder / _SENT
        if sent.exists():
            return Captures(folder, json.loads(sent.read_text()))
        made = capture(folder, echo, strange, rounds=rounds)
        sent.write_text(json.dumps(made.sent))
        return made
