"""The add-on that shows calls: what its options may be."""

import logging
from typing import Any, cast

import pytest
from mitmproxy.exceptions import OptionsError
from mitmproxy.test import taddons

from apigateway.proxy.hooks import Desk
from apigateway.web.addon import Web, problem_of


def a_web() -> Web:
    return Web(cast(Desk, None))  # it asks its desk when a call comes


@pytest.mark.parametrize("text", ["", "true", "false", "toggle"])
def test_a_backend_leg_is_shown_or_not(text: str) -> None:
    assert problem_of("gateway_backend_leg", text) == ""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("gateway_backend_leg=maybe", "it is true or false"),
        ("gateway_keep_flows=many", "it is how many flows are kept; 0 keeps all"),
        ("gateway_keep_flows=-1", "it is how many flows are kept; 0 keeps all"),
    ],
)
def test_started_with_a_wrong_value_the_process_ends(
    given: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with taddons.context(loadcore=False) as context:
        context.options.set(given, defer=True)
        with pytest.raises(SystemExit):
            context.master.addons.add(a_web())
        context.master._legacy_log_events.uninstall()
    assert capsys.readouterr().err == f"--set {given}: {told}\n"


def test_a_wrong_value_while_it_runs_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    web: Any = a_web()
    with taddons.context(loadcore=False) as context:
        context.options.set("gateway_keep_flows=7", defer=True)
        context.master.addons.add(web)
        assert context.options.gateway_keep_flows == 7
        with pytest.raises(OptionsError, match="0 keeps all"):
            context.options.gateway_keep_flows = -1
