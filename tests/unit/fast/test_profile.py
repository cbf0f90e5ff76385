"""The profile's options, and its pieces put in and taken out."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import exceptions, hooks, http, options
from mitmproxy.master import Master
from mitmproxy.test import taddons
from mitmproxy.tools.dump import DumpMaster

from apigateway.edge.doorkeeper import Doorkeeper
from apigateway.fast import checks, profile
from apigateway.fast.collector import THRESHOLDS
from apigateway.fast.known import Unknown
from apigateway.fast.profile import PIECES, FastProfile, chosen_pieces, is_fast, problem_of


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()


def test_all_pieces_are_in_but_those_left_out() -> None:
    assert chosen_pieces("") == set(PIECES)
    assert chosen_pieces("gc, checks") == set(PIECES) - {"gc", "checks"}
    assert chosen_pieces("dispatch") == set(PIECES) - {"dispatch", "idle", "looks", "log"}


def test_a_wrong_value_is_named_with_the_right_ones() -> None:
    assert problem_of("gateway_fast", "on") == problem_of("gateway_fast_without", "gc") == ""
    assert problem_of("gateway_fast", "yes") == "gateway_fast=yes: it is auto, on or off"
    assert "no piece speed, only dispatch, " in problem_of("gateway_fast_without", "speed,gc")


@pytest.mark.parametrize("given", ["gateway_fast=yes", "gateway_fast_without=speed"])
def test_started_with_a_wrong_value_the_process_ends(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with taddons.context(loadcore=False) as context:
        context.options.set(given, defer=True)
        with pytest.raises(SystemExit):
            context.master.addons.add(FastProfile())
        context.master._legacy_log_events.uninstall()
    assert capsys.readouterr().err.startswith("--set gateway_fast")


def test_the_profile_is_for_mitmdump_unless_one_says_otherwise() -> None:
    async def run() -> None:
        dump = DumpMaster(options.Options(), with_termlog=False, with_dumper=False)
        other = Master(options.Options())
        assert is_fast("auto", dump) and not is_fast("auto", other)
        assert is_fast("on", other)
        assert not is_fast("off", dump)
        dump._legacy_log_events.uninstall()
        other._legacy_log_events.uninstall()

    asyncio.run(run())


def is_stock(master: Any) -> bool:
    return (
        "trigger_event" not in vars(master.addons)
        and "emit" not in vars(master._legacy_log_events)
        and vars(http.MessageData)[checks.POST_INIT].__name__ == checks.POST_INIT
        and not master.addons.get(Doorkeeper.name).direct
        and gc.get_threshold() != THRESHOLDS
    )


def test_pieces_come_and_go_with_the_options_and_with_the_script() -> None:
    fast = FastProfile()
    with taddons.context(Doorkeeper(), fast, loadcore=False) as context:
        master: Any = context.master
        context.options.update(rawtcp=False, websocket=False)  # as the gateway does
        assert is_stock(master)  # auto, and this is no mitmdump
        context.configure(fast, gateway_fast="on")
        assert set(fast.inside) == set(PIECES)
        assert gc.get_threshold() != THRESHOLDS  # nothing is loaded yet
        master.addons.invoke_addon_sync(fast, hooks.RunningHook())
        assert gc.get_threshold() == THRESHOLDS
        assert master.addons.get(Doorkeeper.name).direct
        context.configure(fast, gateway_fast_without="dispatch, checks,gc")
        assert fast.inside == ["direct"]
        assert "trigger_event" not in vars(master.addons)
        context.configure(fast, gateway_fast="off")
        assert is_stock(master)
        context.configure(fast, gateway_fast="on", gateway_fast_without="")
        assert not is_stock(master)
        master.addons.remove(fast)
        assert is_stock(master)
        master._legacy_log_events.uninstall()


def test_a_wrong_piece_is_refused_and_the_others_stay() -> None:
    fast = FastProfile()
    with taddons.context(Doorkeeper(), fast, loadcore=False) as context:
        context.configure(fast, gateway_fast="on")
        with pytest.raises(exceptions.OptionsError, match="no piece speed"):
            context.configure(fast, gateway_fast_without="speed")
        assert set(fast.inside) == set(PIECES)
        fast.done()
        context.master._legacy_log_events.uninstall()


def test_a_piece_that_does_not_know_this_mitmproxy_stays_out_with_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown() -> None:
        raise Unknown("mitmproxy 99 has another MessageData")

    monkeypatch.setattr(profile, "skip_type_checks", unknown)
    fast = FastProfile()
    with taddons.context(Doorkeeper(), fast, loadcore=False) as context:
        context.configure(fast, gateway_fast="on")
        assert "checks" not in fast.inside and "dispatch" in fast.inside
        fast.done()
        context.master._legacy_log_events.uninstall()
    lines = [record.getMessage() for record in caplog.records if "fast profile" in record.msg]
    assert lines == ["fast profile without checks: mitmproxy 99 has another MessageData"]
