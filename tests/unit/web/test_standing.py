"""What `gateway.limits` and `gateway.status` tell."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy.exceptions import CommandError
from unit.build import OpenCounters, a_catalog, an_api, serve

from apigateway.model.worker import WorkerStatus
from apigateway.ports import Standing, Tally
from apigateway.web.standing import limit_lines, status_lines

STATUS = WorkerStatus(
    machine="here",
    process=7,
    number=0,
    version="1.2",
    started_ms=0,
    seen_ms=0,
    loaded_ms=60_000,
    load_ms=5.4,
    catalog="abc",
    changes=1,
    apis=2,
    apps=1,
    reloads=3,
    failed_reloads=1,
    failed_ms=0,
    problems="",
)
CATALOG = a_catalog(serve(an_api()))


class Used(OpenCounters):
    """Of every limit two were used, and none is charged."""

    async def take(self, limits: Any, now_ms: int) -> Tally:
        raise AssertionError("charged")

    async def look(self, limits: Any, now_ms: int) -> Tally:
        return Tally(tuple(Standing(limit, 2, now_ms + 90_000) for limit in limits))


def limits(api: str = "") -> list[str]:
    return list(asyncio.run(limit_lines(CATALOG, Used(), api)))


def test_each_limit_is_told_with_what_is_left_and_nothing_is_charged() -> None:
    found = limits()
    assert found
    group = next(line for line in found if "group weather" in line)
    assert group.startswith("weather/*")
    assert "  2 of 500 a second" in group
    assert group.endswith("498 left, resets in 1 min 30 s")
    assert limits("GetForecast") == limits("weather/GetForecast") == found


def test_a_name_that_is_not_released_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(CommandError, match='did you mean "GetForecast"'):
        limits("GetForcast")


def test_no_limits_are_told_as_that() -> None:
    assert asyncio.run(limit_lines(a_catalog(), Used(), "")) == ["nothing is limited"]


def lines(status: WorkerStatus = STATUS, **changes: Any) -> list[str]:
    known = {"store": "gateway.db", "under_way": 0, "flows": 9, "keep": 5000, **changes}
    return list(status_lines(status, CATALOG, **known))


def test_the_status_tells_what_is_served_since_when() -> None:
    assert lines() == [
        "mitm-apigateway 1.2, process 7, since 1970-01-01 00:00:00 UTC",
        "serves 2 APIs (TEST 0, PRE 0, RELEASE 1), apps: 1, as loaded "
        "1970-01-01 00:01:00 UTC in 5 ms",
        "reloads: 3, failed: 1",
        "store: gateway.db",
        "calls under way: 0",
        "flows in the list: 9, about 5000 are kept",
    ]


def test_the_status_tells_why_a_change_is_not_served() -> None:
    found = lines(replace(STATUS, problems="a.yaml:1:1: wrong"))
    assert found[-2:] == [
        "what was served before goes on until this is mended:",
        "a.yaml:1:1: wrong",
    ]


def test_where_there_is_no_list_nothing_is_told_of_it() -> None:
    assert lines(flows=-1)[-1] == "calls under way: 0"
    assert lines(keep=0)[-1] == "flows in the list: 9, all are kept"
