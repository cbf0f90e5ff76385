"""What may be said to the gateway with `--set`, and what it makes of mitmproxy's own options."""

from pathlib import Path
from typing import Any

import pytest
from mitmproxy import options
from mitmproxy.addonmanager import Loader
from mitmproxy.test import taddons

from apigateway.proxy.listener import StartError
from apigateway.proxy.options import OPTIONS, add_options, check_given_options, closed_modes


def given(context: Any, *specs: str) -> None:
    context.options.set(*specs, defer=True)
    check_given_options()


@pytest.fixture
def context() -> Any:
    with taddons.context(options=options.Options()) as made:
        yield made


def test_every_option_that_is_added_may_be_given(context: Any) -> None:
    before = set(context.options.keys())
    add_options(Loader(context.master), Path("/project"))
    added = set(context.options.keys()) - before
    assert {"gateway_trail"} <= added <= set(OPTIONS)
    assert context.options.gateway_definitions == "/project/definitions"


@pytest.mark.parametrize(
    ("specs", "problem"),
    [
        (["gateway_nothing=1"], "--set gateway_nothing: there is no such option, only"),
        (["gateway_trail=on", "gateway_trail=off"], "--set gateway_trail stands 2 times"),
        (["gateway_trail=maybe"], "--set gateway_trail=maybe: it is auto, on or off"),
        (["gateway_trail"], "--set gateway_trail=: it is auto, on or off"),
        (["gateway_reuse_port=maybe"], "--set gateway_reuse_port=maybe: it is true or false"),
        (["gateway_supervisor=x"], "--set gateway_supervisor=x: it is a number"),
    ],
    ids=str,
)
def test_what_cannot_be_given_is_refused_with_a_reason(
    context: Any, specs: list[str], problem: str
) -> None:
    with pytest.raises(StartError) as refused:
        given(context, *specs)
    assert problem in str(refused.value)


def test_what_can_be_given_is_and_options_of_others_are_none_of_our_business(context: Any) -> None:
    given(context, "gateway_trail=off", "gateway_definitions=x", "somebodys_own=1")
    given(context, "gateway_reuse_port", "gateway_supervisor=3")


def test_every_mode_leads_to_the_dead_target() -> None:
    dead = "reverse:http://127.0.0.1:1"
    assert closed_modes(["regular", "reverse:https://example.org@8081"]) == [dead, f"{dead}@8081"]
    for mode in ("socks5", "nothing"):
        with pytest.raises(StartError, match=f"--mode {mode}"):
            closed_modes([mode])
