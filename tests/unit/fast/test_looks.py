"""A look lets a hook be called for every flow for which it does anything."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import ctx
from mitmproxy.addons import disable_h2c, update_alt_svc
from mitmproxy.http import Headers, HTTPFlow
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow, tutils

from apigateway.fast import looks
from apigateway.fast.looks import LOOKS, Look, behind_looks, has_field, is_known, unknown_addons

ADDONS: dict[type, Any] = {kind: kind() for kind in LOOKS}

names = st.sampled_from(
    [b"upgrade", b"Upgrade", b"UPGRADE", b"alt-svc", b"Alt-Svc", b"connection", b"x"]
)
fields = st.lists(st.tuples(names, st.sampled_from([b"h2c", b'h2="a.test:1"', b""])), max_size=4)


@st.composite
def flows(draw: st.DrawFn) -> HTTPFlow:
    request = tutils.treq(
        method=draw(st.sampled_from([b"GET", b"PRI"])),
        path=draw(st.sampled_from([b"*", b"/a"])),
        http_version=draw(st.sampled_from([b"HTTP/1.1", b"HTTP/2.0"])),
        headers=tuple(draw(fields)),
    )
    made: HTTPFlow = tflow.tflow(
        req=request, resp=tutils.tresp(headers=tuple(draw(fields))), live=True
    )
    made.client_conn.proxy_mode = mode_specs.ProxyMode.parse("reverse:http://127.0.0.1:1")
    return made


@pytest.mark.parametrize("kind", LOOKS)
@given(flow=flows())
def test_a_hook_that_is_not_called_would_have_done_nothing(kind: type, flow: HTTPFlow) -> None:
    look, addon = LOOKS[kind], ADDONS[kind]
    before = flow.get_state()
    with pytest.MonkeyPatch.context() as patch, _Logged() as logged:
        patch.setattr(ctx, "options", SimpleNamespace(keep_alt_svc_header=False), raising=False)
        getattr(addon, look.hook)(flow)
    if flow.get_state() != before or logged.lines:
        flow.set_state(before)
        assert look.asks_for(flow)


class _Logged(logging.Handler):
    def __enter__(self) -> "_Logged":
        self.lines: list[str] = []
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_the_hook_is_called_for_the_flows_that_ask_for_it_alone() -> None:
    called: list[HTTPFlow] = []
    h2c = disable_h2c.DisableH2C()
    looked = behind_looks()(h2c, "request", called.append)
    plain, asking = tflow.tflow(), tflow.tflow()
    asking.request.headers["Upgrade"] = "h2c"
    looked(plain)
    looked(asking)
    assert called == [asking]


def test_an_answer_without_the_field_asks_for_nothing() -> None:
    called: list[HTTPFlow] = []
    looked = behind_looks()(update_alt_svc.UpdateAltSvc(), "responseheaders", called.append)
    without, within = tflow.tflow(resp=True), tflow.tflow(resp=True)
    assert within.response is not None
    within.response.headers["ALT-SVC"] = 'h2=":443"'
    looked(without)
    looked(within)
    assert called == [within]


def test_other_hooks_and_other_addons_stay_as_they_are() -> None:
    class Another(disable_h2c.DisableH2C):
        pass

    changed = disable_h2c.DisableH2C()
    changed.request = print  # type: ignore[method-assign]
    shortened = behind_looks()
    assert shortened(Another(), "request", len) is len
    assert shortened(disable_h2c.DisableH2C(), "response", len) is len
    assert shortened(changed, "request", len) is len


def test_an_addon_whose_text_is_another_is_always_called(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unknown_addons() == []
    assert all(map(is_known, LOOKS))
    kind = disable_h2c.DisableH2C
    other = Look(hook="request", asks_for=LOOKS[kind].asks_for, known="0" * 16)
    monkeypatch.setitem(looks.LOOKS, kind, other)
    assert unknown_addons() == ["DisableH2C"]
    assert behind_looks()(kind(), "request", len) is len


def test_a_field_is_found_in_any_case() -> None:
    headers = Headers([(b"x-a", b"1"), (b"Alt-SVC", b"2")])
    assert has_field(headers, b"alt-svc")
    assert not has_field(headers, b"alt-sv")
    assert not has_field(headers, b"alt_svc")
