"""When trails are kept on flows, what is kept, and that a bug in one costs nothing."""

import json
import logging
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from mitmproxy.addons import savehar
from mitmproxy.exceptions import OptionsError
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import taddons, tflow
from unit.trail.walked import an_answer, walked

from apigateway.model.settings import ErrorStyle
from apigateway.proxy import live_trail as module
from apigateway.proxy.flows import HAR_FIELD, TRAIL
from apigateway.proxy.live_trail import (
    CHOICES,
    OPTION,
    LiveTrail,
    keep_in_har,
    problem_of,
    trail_on,
)


class View:
    """Stands for the list of flows of mitmweb and mitmproxy."""

    name = "view"


@pytest.fixture
def context() -> Iterator[Any]:
    with taddons.context(savehar.SaveHar()) as made:
        made.options.add_option(OPTION, str, "auto", "", choices=CHOICES)
        made.options.add_option("save_stream_file", str | None, None, "")
        yield made


def configured(context: Any, **options: Any) -> LiveTrail:
    context.options.update(**options)
    made = LiveTrail()
    made.configure({OPTION})
    return made


@pytest.mark.parametrize(
    ("options", "is_on"),
    [
        ({}, False),
        ({"save_stream_file": "flows.mitm"}, True),
        ({"hardump": "flows.har"}, True),
        ({OPTION: "on"}, True),
        ({OPTION: "off", "save_stream_file": "flows.mitm"}, False),
    ],
    ids=str,
)
def test_trails_are_on_where_they_are_saved_or_asked_for(
    context: Any, options: dict[str, Any], is_on: bool
) -> None:
    assert configured(context, **options).is_on == is_on


def test_trails_are_on_where_somebody_looks_at_flows(context: Any) -> None:
    context.master.addons.add(View())
    assert configured(context).is_on
    assert not configured(context, **{OPTION: "off"}).is_on


def test_the_option_and_saving_may_change_while_it_runs(context: Any) -> None:
    trail = configured(context)
    context.options.update(save_stream_file="flows.mitm")
    trail.configure({"save_stream_file"})
    assert trail.is_on
    context.options.update(**{OPTION: "off"})
    trail.configure({"mode"})
    assert trail.is_on, "nothing that concerns it has changed"
    trail.configure({OPTION})
    assert not trail.is_on


def test_a_value_that_is_none_is_refused_and_changes_nothing(context: Any) -> None:
    trail = configured(context, **{OPTION: "on"})
    context.options.update(**{OPTION: "yes"})
    with pytest.raises(OptionsError, match="gateway_trail=yes: it is auto, on or off"):
        trail.configure({OPTION})
    assert trail.is_on
    assert not any(map(problem_of, CHOICES))


def test_off_puts_nothing_on_a_flow() -> None:
    flow = tflow.tflow()
    LiveTrail().put_on(flow, walked(answered=an_answer()), ErrorStyle.CODED)
    assert trail_on(flow) is None


def a_flow_with_a_trail() -> Any:
    flow, trail = tflow.tflow(resp=True), LiveTrail()
    trail.is_on = True
    trail.put_on(flow, walked(answered=an_answer()), ErrorStyle.CODED)
    found = trail_on(flow)
    assert found is not None
    assert found["verdict"]["served"]
    return flow


def test_a_flow_that_was_saved_has_the_same_trail_when_it_is_read() -> None:
    flow, file = a_flow_with_a_trail(), BytesIO()
    FlowWriter(file).add(flow)
    (read,) = FlowReader(BytesIO(file.getvalue())).stream()
    assert read.metadata[TRAIL] == flow.metadata[TRAIL]


def test_a_har_has_the_trails_of_its_flows(context: Any) -> None:
    keep_in_har(context.master)
    keep_in_har(context.master)  # as at a reload
    saving = context.master.addons.get("savehar")
    with_one, without = a_flow_with_a_trail(), tflow.tflow(resp=True)
    first, second = saving.make_har([with_one, without])["log"]["entries"]
    assert json.loads(json.dumps(first[HAR_FIELD])) == with_one.metadata[TRAIL]
    assert HAR_FIELD not in second


def test_a_mitmproxy_that_saves_no_har_is_left_alone() -> None:
    with taddons.context() as context:
        keep_in_har(context.master)


def test_a_bug_in_a_trail_is_logged_once_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(module, "trail_of", crash)
    flow, trail, call = tflow.tflow(), LiveTrail(), walked(answered=an_answer())
    trail.is_on = True
    for _ in range(3):
        trail.put_on(flow, call, ErrorStyle.CODED)
    assert (trail_on(flow), call.refusal) == (None, None)
    assert call.answer is not None
    (logged,) = caplog.records
    assert (logged.levelno, logged.exc_info is not None) == (logging.ERROR, True)


def test_a_trail_is_made_when_its_flow_is_read_and_says_when_its_call_ended(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, call = configured(context, **{OPTION: "on"}), walked()
    call.answer = an_answer()
    made: list[float] = []

    def trail_of(*_: Any, ended: float) -> dict[str, Any]:
        made.append(ended)
        return {"total_ms": (ended - call.started) * 1000}

    monkeypatch.setattr(module, "trail_of", trail_of)
    flow = tflow.tflow()
    live.put_on(flow, call, ErrorStyle.CODED)
    after = time.perf_counter()
    assert TRAIL in flow.metadata
    assert made == []
    assert trail_on(flow) == {"total_ms": (made[0] - call.started) * 1000}
    assert call.started < made[0] < after


def test_where_flows_stay_in_a_list_it_is_made_at_once(context: Any) -> None:
    context.master.addons.add(View())
    live, call = configured(context), walked()
    call.answer = an_answer()
    flow = tflow.tflow()
    live.put_on(flow, call, ErrorStyle.CODED)
    assert type(flow.metadata) is dict
    assert flow.metadata[TRAIL]["request_id"] == call.request_id
