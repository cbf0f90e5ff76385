"""`apigateway status` and `metrics`."""

import os
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from unit.commands.released import Released, now_ms
from unit.live.test_metrics import WELL

from apigateway.commands.exits import REFUSED
from apigateway.model.worker import WorkerStatus


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def report(project: Released, **other: object) -> None:
    """As a process that runs (this one) does."""
    here = replace(WELL, machine=socket.gethostname(), process=os.getpid(), seen_ms=now_ms())
    door = project.open()
    door.workers.report(replace(here, **other))  # type: ignore[arg-type]
    door.close()


def test_a_gateway_that_is_well(project: Released) -> None:
    report(project)
    document = project.json("status", by=None)
    assert document["healthy"] is True
    assert document["environments"]["RELEASE"] == len(project.project.apis)
    assert document["problems"] == []
    assert [worker["process"] for worker in document["workers"]] == [os.getpid()]


def test_nobody_runs(project: Released) -> None:
    done = project.run("status", by=None)
    assert done.exit_code == REFUSED
    assert "no gateway of this store runs on this machine" in done.output


def test_a_file_that_cannot_be_served_is_told_with_its_place(project: Released) -> None:
    report(project, problems="definitions/x.yaml:3:1: wrong; mend it", failed_reloads=1)
    project.edit("definitions/weather/get-forecast.yaml", "timeout_ms: 5000", "timeout_ms: 50000")
    done = project.run("status", by=None)
    assert done.exit_code == REFUSED
    assert "definitions/x.yaml:3:1: wrong; mend it" in done.output
    assert "backend.timeout_ms is 50000, more than 30000" in done.output
    document = project.json("status", by=None, exit_code=REFUSED)
    assert document["healthy"] is False
    assert any("50000" in problem for problem in document["problems"])
    assert document["workers"][0]["failed_reloads"] == 1


def test_without_the_settings_only_their_problems_can_be_told(project: Released) -> None:
    report(project)
    project.edit("definitions/gateway.yaml", "region: cn-hangzhou", "regoin: cn-hangzhou")
    done = project.run("status", by=None)
    assert done.exit_code == REFUSED
    assert 'unknown key "regoin"' in done.output
    assert "nobody can be asked" in done.output
    assert "no gateway of this store runs" not in done.output


def test_drafts_that_are_not_served_are_told(project: Released) -> None:
    report(project)
    project.edit("definitions/weather/get-forecast.yaml", "default: 3", "default: 4")
    done = project.run("status", by=None)
    assert done.exit_code == 0
    assert "weather/GetForecast: the draft differs" in done.output


def test_processes_that_serve_different_definitions_are_told(project: Released) -> None:
    report(project)
    other = os.getppid()
    report(project, process=other, number=2, catalog="def")
    document = project.json("status", by=None, exit_code=REFUSED)
    assert document["healthy"] is False
    assert "different definitions" in project.run("status", by=None).output


def test_the_metrics_are_printed(project: Released) -> None:
    report(project)
    done = project.run("metrics", by=None)
    assert done.exit_code == 0
    assert "apigateway_workers 1.0" in done.output
    assert isinstance(WELL, WorkerStatus)


def test_the_metrics_are_printed_while_a_file_is_broken(project: Released) -> None:
    report(project, problems="definitions/x.yaml:3:1: wrong; mend it", failed_reloads=1)
    project.edit("definitions/weather/get-forecast.yaml", "timeout_ms: 5000", "timeout_ms: 50000")
    done = project.run("metrics", by=None)
    assert done.exit_code == 0
    assert re.search(r"(?m)^apigateway_definitions_valid\{.*\} 0.0$", done.output)
    project.edit("definitions/gateway.yaml", "region: cn-hangzhou", "regoin: cn-hangzhou")
    done = project.run("metrics", by=None)
    assert done.exit_code == REFUSED
    assert 'unknown key "regoin"' in done.output
