"""The commands: what they are called, and what they refuse. tests/e2e/test_mitmweb.py uses them."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mitmproxy.exceptions import CommandError
from mitmproxy.test import taddons, tflow

from apigateway.proxy.flows import BACKEND_LEG
from apigateway.proxy.hooks import Desk
from apigateway.web.addon import Web

NOTHING_SERVED = SimpleNamespace(settings=SimpleNamespace(catalog=None))


@pytest.fixture
def commands() -> Iterator[Any]:
    """mitmproxy's own table of commands, with ours in it."""
    with taddons.context(loadcore=False) as context:
        context.master.addons.add(Web(cast(Desk, NOTHING_SERVED)))
        yield context.master.commands
        context.master._legacy_log_events.uninstall()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("explain", ["flows"]),
        ("replay", ["flows"]),
        ("release", ["name", "environment", "note", "accept_what_breaks"]),
        ("limits", ["api"]),
        ("status", []),
    ],
)
def test_each_command_is_there_with_its_parameters_and_a_help(
    commands: Any, name: str, parameters: list[str]
) -> None:
    found = commands.commands[f"gateway.{name}"]
    assert [parameter.name for parameter in found.parameters] == parameters
    assert found.help


@pytest.mark.parametrize("name", ["limits", "status"])
def test_before_something_is_served_a_command_says_so(commands: Any, name: str) -> None:
    with pytest.raises(CommandError, match="nothing is served at the moment"):
        commands.call(f"gateway.{name}")


@pytest.mark.parametrize("name", ["explain", "replay"])
def test_a_flow_that_is_no_callers_or_has_not_ended_is_refused(commands: Any, name: str) -> None:
    leg, live = tflow.tflow(), tflow.tflow()
    leg.metadata[BACKEND_LEG] = True
    live.live = True
    for flows in ([], [tflow.ttcpflow()], [leg]):
        with pytest.raises(CommandError, match="there is no caller's flow among these"):
            commands.call(f"gateway.{name}", flows)
    with pytest.raises(CommandError, match="the call is still under way"):
        commands.call(f"gateway.{name}", [live])


@pytest.mark.parametrize(
    ("environment", "note", "told"),
    [
        ("LIVE", "a change", "LIVE is no environment; it is one of TEST, PRE, RELEASE"),
        ("test", " ", "the note says nothing"),
        ("test", "x" * 181, "the note has 181 characters"),
        ("test", "a change", "nothing is served at the moment"),
    ],
)
def test_a_release_that_cannot_be_is_refused_at_once(
    commands: Any, environment: str, note: str, told: str
) -> None:
    with pytest.raises(CommandError, match=told):
        commands.call("gateway.release", "alpha", environment, note)
