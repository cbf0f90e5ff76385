"""What `explain` and a replay say of a request, and what the live gateway does with it."""

import asyncio
import http.client
import json
import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner
from e2e.captures import Captures, catalog_of
from e2e.lab import Strange, make_project, now_ms
from e2e.odd_requests import Made, OddRequest, odd_requests
from e2e.running import PATIENCE_S, Backend, Gateway, gateway, until
from hypothesis import HealthCheck, given, settings

from apigateway.chain import Call
from apigateway.commands.explain import explain
from apigateway.errors import Fault
from apigateway.model.catalog import Catalog
from apigateway.model.record import CallRecord
from apigateway.replay.call import CapturedCall, in_order
from apigateway.replay.captured import read_calls, write_calls
from apigateway.replay.differences import Kind, differences
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import Ending, Outcome, captured_outcome, outcome_of
from apigateway.store.memory import MemoryStore
from apigateway.store.sqlite import SqliteStore
from apigateway.trail.trail import trail_of

EXAMPLES = int(os.environ.get("AGREEMENT_EXAMPLES", "200"))
"""Of a run by hand there may be thousands."""

TAP = Path(__file__).with_name("flow_tap.py")


class Judge:
    """The offline chain, with counters and nonces of its own that go on from call to call."""

    def __init__(self, catalog: Catalog) -> None:
        store = MemoryStore()
        self.style = catalog.settings.errors
        self._chain = OfflineChain(catalog, counters=store.counters, nonces=store.nonces)

    def judge(self, captured: CapturedCall) -> tuple[Outcome, dict[str, Any]]:
        call: Call = asyncio.run(self._chain.run(captured))
        return outcome_of(call, self.style), trail_of(call, self.style)


def picture(trail: Mapping[str, Any]) -> dict[str, Any]:
    """All that a trail tells but times, and the version: an offline release has one of its own."""
    stages = [
        (
            stage["stage"],
            stage["outcome"],
            {name: value for name, value in stage["decided"].items() if name not in OF_A_RUN},
        )
        for stage in trail["stages"]
    ]
    return {**trail, "stages": stages, "total_ms": 0}


OF_A_RUN = ("version", "backend_ms")


def decided(outcome: Outcome) -> tuple[int, str, str]:
    return outcome.status, outcome.code, outcome.message


# --- a thousand calls


@pytest.fixture(scope="module")
def judged(thousand: Captures) -> list[tuple[CapturedCall, Outcome, dict[str, Any]]]:
    judge = Judge(thousand.catalog)
    calls = in_order(read_calls(thousand.flows))
    assert len(calls) >= 1000
    return [(call, *judge.judge(call)) for call in calls]


Judged = list[tuple[CapturedCall, Outcome, dict[str, Any]]]


def test_explain_decides_of_each_of_a_thousand_calls_as_the_gateway_did(
    thousand: Captures, judged: Judged
) -> None:
    """By what the caller got, by the gateway's own record, and in every value of every stage."""
    records = records_of(thousand)
    stages: Counter[str] = Counter()
    for captured, outcome, trail in judged:
        seen, record = captured_outcome(captured), records[captured.request_id]
        assert seen is not None
        assert decided(outcome) == decided(seen), captured.request
        assert outcome.refused_by == record.refused_by == captured.refused_by
        assert (outcome.status, outcome.code) == (record.status, record.error_code)
        assert outcome.message[:1000] == record.error_message
        assert captured.trail is not None
        assert picture(trail) == picture(captured.trail)
        stages[record.refused_by or "served"] += 1
    assert stages["served"] > 400, stages
    for stage in ("Edge", "Routing", "Access", "Authentication", "Throttling", "Validation"):
        assert stages[stage] >= 2, stages


def records_of(captures: Captures) -> dict[str, CallRecord]:
    store = SqliteStore(captures.project / "state" / "gateway.db")
    store.open()
    try:
        return {record.request_id: record for record in store.calls.query(limit=100_000)}
    finally:
        store.close()


def test_the_command_explain_says_what_the_gateway_answered(
    thousand: Captures, tmp_path: Path
) -> None:
    """Of one call for each way to end."""
    kinds: dict[tuple[str, str, str], tuple[CapturedCall, Outcome]] = {}
    for captured in read_calls(thousand.flows):
        seen = captured_outcome(captured)
        assert seen is not None
        if not depends_on_others(captured, seen):
            kinds[seen.code, captured.refused_by, seen.message[:12]] = captured, seen
    assert len(kinds) > 12, kinds
    file = tmp_path / "kinds.mitm"
    file.write_bytes(write_calls(captured for captured, _ in kinds.values()))
    folders = [f"--{name}={thousand.project / name}" for name in ("definitions", "policies")]
    for number, (captured, seen) in enumerate(kinds.values(), 1):
        words = [str(file), "--number", str(number), "--json", *folders]
        told = CliRunner().invoke(explain, words)
        assert told.exit_code == (1 if captured.refused_by else 0), told.output
        verdict = json.loads(told.stdout)["verdict"]
        assert (verdict["status"], verdict["code"]) == (seen.status, seen.code)
        assert verdict["by"] == (captured.refused_by or verdict["by"])


def depends_on_others(captured: CapturedCall, seen: Outcome) -> bool:
    """The command takes nonces to be new, and asks limits as they stand now."""
    return captured.request.path == "/limited" or seen.code == Fault.NONCE_USED.value.code


def test_a_narrower_parameter_breaks_exactly_the_calls_that_use_what_is_gone(
    thousand: Captures, judged: Judged, tmp_path: Path
) -> None:
    narrowed = narrowed_catalog(thousand, tmp_path)
    judge = Judge(narrowed)
    found: dict[Kind, list[int]] = {}
    for number, (captured, before, _) in enumerate(judged):
        told = differences(before, judge.judge(captured)[0])
        for kind in {one.kind for one in told}:
            found.setdefault(kind, []).append(number)
    served = [
        number
        for number, (call, outcome, _) in enumerate(judged)
        if uses_what_is_gone(call, outcome)
    ]
    assert len(served) >= 5
    assert found[Kind.NOW_REFUSED] == served
    refused = found.get(Kind.REWORDED, [])  # what was beyond the old limit too
    assert set(found) <= {Kind.NOW_REFUSED, Kind.REWORDED}, found
    assert all(judged[number][1].fault == "INVALID_PARAMETER" for number in refused)


def narrowed_catalog(captures: Captures, folder: Path) -> Catalog:
    for name in ("definitions", "policies"):
        shutil.copytree(captures.project / name, folder / name)
    forecast = folder / "definitions" / "weather" / "get-forecast.yaml"
    text = forecast.read_text()
    assert "maximum: 14" in text
    forecast.write_text(text.replace("maximum: 14", "maximum: 7"))
    return catalog_of(folder)


def uses_what_is_gone(call: CapturedCall, outcome: Outcome) -> bool:
    days = parse_qs(call.request.query).get("days", ["0"])[0]
    is_forecast = call.request.path.startswith("/forecast/")
    return is_forecast and outcome.ending is Ending.ANSWERED and 8 <= int(days) <= 14


# --- requests that hypothesis makes


@dataclass
class Live:
    """A gateway whose flows are read as soon as they are answered; `judges` have seen them all."""

    gateway: Gateway
    tap: Path
    judges: tuple[Judge, Judge]
    read: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    def arrived(self) -> Iterator[CapturedCall]:
        """The flows since the last time."""
        while (file := self.tap / f"{self.read}.mitm").exists():
            self.read += 1
            yield from read_calls(file.read_bytes())

    def send(self, made: Made) -> CapturedCall:
        """The call as mitmproxy has it, once the caller has its answer."""
        address = ("127.0.0.1", self.gateway.port)
        with socket.create_connection(address, timeout=PATIENCE_S) as link:
            link.sendall(made.wire)
            response = http.client.HTTPResponse(link, method=made.method)
            response.begin()
            response.read()
        request_id = response.headers["X-Ca-Request-Id"]
        assert request_id, (response.status, response.headers.items())
        found: list[CapturedCall] = []

        def there() -> bool:
            found.extend(self.arrived())
            return any(call.request_id == request_id for call in found)

        until(there, "the flow is there")
        (call,) = found
        assert call.answer is not None
        assert call.answer.status == response.status
        return call


@pytest.fixture(scope="module")
def live(
    tmp_path_factory: pytest.TempPathFactory, parts: tuple[Backend, Strange]
) -> Iterator[Live]:
    echo, strange = parts
    folder = tmp_path_factory.mktemp("live")
    project = make_project(folder / "p", echo.port, strange.port)
    project.edit(
        "definitions/gateway.yaml",
        "errors: coded",
        "errors: coded\nlimits: {client_ip_per_second: 9999}",
    )
    tap = folder / "tap"
    tap.mkdir()
    behind: list[str | Path] = ["-s", TAP, "--set", f"tap={tap}", "--set", "gateway_trail=on"]
    with gateway(project, *behind) as running:
        catalog = catalog_of(project.folder)
        found = Live(running, tap, (Judge(catalog), Judge(catalog)))
        for call in found.arrived():  # those that asked whether it answers
            for judge in found.judges:
                judge.judge(call)
        yield found


def test_requests_of_every_kind_are_explained_as_the_gateway_decides_them(live: Live) -> None:
    """As they were captured, and as the values that were sent."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(odd=odd_requests())
    def agree(odd: OddRequest) -> None:
        made = odd.made(now_ms())
        captured = live.send(made)
        seen = captured_outcome(captured)
        assert seen is not None
        values = replace(captured, request=made.request, edge=None, lacks="")
        for judge, call in zip(live.judges, (captured, values), strict=True):
            outcome, trail = judge.judge(call)
            assert decided(outcome) == decided(seen)
            assert outcome.refused_by == captured.refused_by
            assert captured.trail is not None
            assert picture(trail) == picture(captured.trail)
        live.ends[captured.refused_by or "served"] += 1

    agree()
    assert live.ends["served"] >= EXAMPLES // 20, live.ends  # or the property says little
    for stage in ("Edge", "Routing", "Authentication"):
        assert live.ends[stage] >= EXAMPLES // 100, live.ends
