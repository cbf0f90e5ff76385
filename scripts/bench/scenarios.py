"""What is measured: calls of one kind, how they are made, and who answers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.bench import calls
from scripts.bench.load import Way
from scripts.bench.peer import peers
from scripts.bench.project import TLS_NAME, Project
from scripts.bench.sides import Side, gateway, stock

KEPT_ALIVE = Way(connections=32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the command line says of the gateway: mitmproxy's options as `name=value`, processes,
    and a folder of programs that is looked in before PATH."""

    options: Sequence[str] = ()
    workers: int = 1
    peer_path: str | None = None

    def gateway(self, name: str = "gateway", *more: str, workers: int | None = None) -> Side:
        return gateway(name, options=[*self.options, *more], workers=workers or self.workers)


def _stock_and_gateway(choice: Choice) -> list[Side]:
    return [stock(), choice.gateway()]


def _trail(choice: Choice) -> list[Side]:
    return [
        choice.gateway("trail off", "gateway_trail=off"),
        choice.gateway("trail on", "gateway_trail=on"),
    ]


def _workers(choice: Choice) -> list[Side]:
    return [choice.gateway("1 worker", workers=1), choice.gateway("2 workers", workers=2)]


def _peers(choice: Choice) -> list[Side]:
    return [stock(), choice.gateway(), *peers(choice.peer_path)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`refused`: the gateway refuses every call, where others serve it. `usual` ones are measured
    unless others are named. `shared_cores`: nobody is pinned, all share all cores."""

    name: str
    what: str
    blanks: calls.Blanks = calls.forecast
    way: Way = KEPT_ALIVE
    project: Project = Project.OPEN
    sides: Callable[[Choice], list[Side]] = _stock_and_gateway
    refused: bool = False
    usual: bool = True
    shared_cores: bool = False


SCENARIOS = (
    Scenario(name="mock", what="anonymous GET, answered by the gateway", blanks=calls.mock),
    Scenario(name="signed", what="signed GET through all stages"),
    Scenario(name="alone", what="signed GET on one connection", way=Way(connections=1)),
    Scenario(name="form", what="signed POST of a form", blanks=calls.report),
    Scenario(name="json", what="signed POST of JSON with a schema", blanks=calls.note),
    Scenario(name="openid", what="signed GET with an id_token", blanks=calls.profile),
    Scenario(
        name="refused", what="signed GET beyond its limit", project=Project.FULL, refused=True
    ),
    Scenario(name="tls", what="signed GET over TLS", way=Way(tls=TLS_NAME)),
    Scenario(
        name="http2",
        what="signed GET over HTTP/2",
        way=Way(connections=4, streams=8, tls=TLS_NAME),
    ),
    Scenario(name="close", what="signed GET, a connection for each", way=Way(close=True)),
    Scenario(
        name="large",
        what="signed GET, 10,000 APIs",
        blanks=calls.lookups,
        project=Project.MANY,
        usual=False,
    ),
    Scenario(name="trail", what="signed GET, the trail on and off", sides=_trail, usual=False),
    Scenario(
        name="workers",
        what="signed GET, two workers and one",
        way=Way(connections=64),
        sides=_workers,
        usual=False,
        shared_cores=True,
    ),
    Scenario(name="peers", what="signed GET, other proxies", sides=_peers, usual=False),
)


def chosen(names: Sequence[str]) -> list[Scenario]:
    """The scenarios of these names in their order; the usual ones for none, all for `all`.

    Raises:
        KeyError: a name that does not exist.
    """
    if "all" in names:
        return list(SCENARIOS)
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if unknown := [name for name in names if name not in known]:
        raise KeyError(unknown[0])
    if not names:
        return [scenario for scenario in SCENARIOS if scenario.usual]
    return [scenario for scenario in SCENARIOS if scenario.name in names]
