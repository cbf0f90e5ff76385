"""An add-on is idle only while its hooks do nothing, and comes back with its option."""

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import options
from mitmproxy.addons import anticache, dumper, onboarding, stickycookie
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons, tflow, tutils

from apigateway.fast import idle
from apigateway.fast.idle import IDLE, Idle, idle_under, unknown_addons

ASKING: dict[str, Any] = {
    "anticache": True,
    "anticomp": True,
    "block_list": ["|~u forecast|403"],
    "flow_detail": 1,
    "map_local": ["|forecast|page"],
    "map_remote": ["|forecast|elsewhere"],
    "modify_body": ["|forecast|weather"],
    "modify_headers": ["|x-added|yes"],
    "onboarding": True,
    "proxyauth": "any",
    "save_stream_file": "flows",
    "hardump": "flows.har",
    "stickyauth": ".",
    "stickycookie": ".",
    "upstream_auth": "user:password",
}
NOTHING: dict[str, Any] = {"flow_detail": 0, "onboarding": False}
"""Where the option's default already asks for something."""

HOOKS = [(kind, hook) for kind, entry in IDLE.items() for hook in entry.hooks]


def flow_at(hook: str) -> HTTPFlow:
    """A flow that every one of these add-ons would touch, were it asked to."""
    fields = (
        (b"host", b"mitm.it"),
        (b"if-none-match", b"abc"),
        (b"accept-encoding", b"gzip"),
        (b"authorization", b"Basic dTpw"),
    )
    request = tutils.treq(
        host="mitm.it", path=b"/forecast", authority=b"", headers=fields, content=b"a forecast"
    )
    made: HTTPFlow = tflow.tflow(req=request, resp=hook in ("response", "responseheaders"))
    if made.response is not None:
        made.response.headers["set-cookie"] = "a=b; path=/"
        made.response.text = "a forecast"
    made.client_conn.proxy_mode = mode_specs.ProxyMode.parse("reverse:http://127.0.0.1:1")
    if hook == "error":
        made.error = tflow.terr()
    return made


def inside_of(addon: Any) -> str:
    stream = getattr(addon, "stream", None)
    return f"{vars(addon)} {stream and stream.fo.tell()}"


def effect(addon: object, hook: str, out: Any) -> bool:
    """Whether the hook left a trace in the flow, in the add-on, or in what was printed."""
    flow = flow_at(hook)
    before, inside = flow.get_state(), inside_of(addon)
    out.readouterr()

    async def call() -> None:
        result = getattr(addon, hook)(flow)
        if inspect.isawaitable(result):
            await result

    asyncio.run(call())
    printed = out.readouterr()
    changed = flow.get_state() != before or inside_of(addon) != inside
    return changed or bool(printed.out) or bool(printed.err)


def named(pair: Any) -> str:
    return pair.__name__ if isinstance(pair, type) else str(pair)


@pytest.mark.parametrize(("kind", "hook"), HOOKS, ids=named)
def test_a_hook_that_is_left_out_does_nothing_and_one_that_is_asked_for_is_called(
    kind: type, hook: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page").write_text("local")
    asked = IDLE[kind].unless
    addon = kind()
    with taddons.context(addon, loadcore=False) as context:
        is_idle = idle_under(context.options)
        context.configure(addon, **({asked: NOTHING[asked]} if asked in NOTHING else {}))
        assert is_idle(addon, hook)
        assert not effect(addon, hook, capsys)
        context.configure(addon, **{asked: ASKING[asked]})
        assert not is_idle(addon, hook)
        if (kind, hook) == (stickycookie.StickyCookie, "request"):
            addon.response(flow_at("response"))  # a cookie to put back
        assert effect(addon, hook, capsys)
        context.master._legacy_log_events.uninstall()


def test_hooks_that_the_table_does_not_name_are_always_called() -> None:
    with taddons.context(anticache.AntiCache(), loadcore=False) as context:
        is_idle = idle_under(context.options)
        assert not is_idle(anticache.AntiCache(), "response")
        assert not is_idle(object(), "request")


def test_an_add_on_that_only_looks_like_mitmproxys_is_always_called() -> None:
    class Mine(anticache.AntiCache):
        pass

    with taddons.context(anticache.AntiCache(), loadcore=False) as context:
        is_idle, patched = idle_under(context.options), anticache.AntiCache()
        assert not is_idle(Mine(), "request")
        assert is_idle(patched, "request")
        vars(patched)["request"] = lambda flow: None
        assert not is_idle(patched, "request")


def test_without_its_option_an_add_on_is_called() -> None:
    assert not idle_under(options.Options())(dumper.Dumper(), "response")


def test_an_add_on_whose_text_changed_is_called_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = IDLE[onboarding.Onboarding]
    other = Idle(
        hooks=entry.hooks, unless=entry.unless, because=entry.because, known="0000000000000000"
    )
    monkeypatch.setattr(idle, "IDLE", {**IDLE, onboarding.Onboarding: other})
    with taddons.context(onboarding.Onboarding(), loadcore=False) as context:
        context.options.update(onboarding=False)
        assert not idle_under(context.options)(onboarding.Onboarding(), "request")
    assert unknown_addons() == ["Onboarding"]


def test_all_these_add_ons_are_known_here() -> None:
    assert unknown_addons() == []
