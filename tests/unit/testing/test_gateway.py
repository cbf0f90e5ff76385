"""A gateway that judges the calls of a test and sends none."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.build import NOW_MS
from unit.testing.samples import ROOT, a_gateway, captured, copied, refused, save

from apigateway.captures.sent import CaptureError
from apigateway.errors import Fault
from apigateway.model.group import Environment
from apigateway.testing.gateway import OfflineGateway
from apigateway.testing.loading import load

FORECAST = "/forecast/hangzhou"


def limited(folder: Path) -> None:
    path = folder / "policies" / "throttling" / "forecast-standard.yaml"
    path.write_text("name: forecast-standard\nunit: minute\napi: 2\n")


# --- captures


def test_a_capture_of_calls_that_end_as_they_did_is_as_before(tmp_path: Path) -> None:
    late = refused(
        captured(f"{FORECAST}?days=15", after_ms=5),
        400,
        "I400IP",
        "Invalid parameter days is greater than 14",
    )
    save(tmp_path / "c.mitm", captured(), late)
    found = a_gateway(tmp_path).replay("c.mitm")
    assert found.as_before
    assert (found.calls, found.changed, found.not_compared) == (2, (), ())
    assert found.report == "c.mitm: all of 2 calls end as they did"


def test_a_capture_is_looked_for_beside_the_test_first(tmp_path: Path) -> None:
    save(tmp_path / "near" / "c.mitm", captured())
    save(tmp_path / "far" / "c.mitm", captured(), captured(after_ms=1))
    save(tmp_path / "far" / "d.mitm", captured())
    gateway = a_gateway(tmp_path / "near", tmp_path / "far")
    assert gateway.replay("c.mitm").calls == 1
    assert gateway.replay("d.mitm").as_before
    assert gateway.replay(tmp_path / "far" / "c.mitm").calls == 2


def test_a_capture_that_is_not_there_is_said_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no capture .*near/c\.mitm nor .*far/c\.mitm"):
        a_gateway(tmp_path / "near", tmp_path / "far").replay("c.mitm")


def test_a_capture_with_nothing_to_compare_is_no_test(tmp_path: Path) -> None:
    save(tmp_path / "c.mitm", replace(captured(), answer=None))
    (tmp_path / "none.mitm").write_bytes(b"what")
    with pytest.raises(CaptureError, match=r"c\.mitm holds no call with an answer"):
        a_gateway(tmp_path).replay("c.mitm")
    with pytest.raises(CaptureError, match=r"^none\.mitm: neither a curl line"):
        a_gateway(tmp_path).replay("none.mitm")


def test_limits_and_nonces_begin_with_the_capture(tmp_path: Path) -> None:
    once = captured()
    used = refused(replace(once, received_ms=NOW_MS + 1), 403, "S403NU", "Nonce Used")
    save(tmp_path / "c.mitm", once, used)
    gateway = a_gateway(tmp_path)
    assert gateway.replay("c.mitm").as_before
    assert gateway.replay("c.mitm").as_before


def test_other_limits_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "c.mitm", captured())
    other: Any = "none"
    with pytest.raises(ValueError, match='it is "fresh" or "off"'):
        a_gateway(tmp_path).replay("c.mitm", limits=other)


def test_limits_may_be_off(tmp_path: Path) -> None:
    save(tmp_path / "c.mitm", *(captured(after_ms=at) for at in range(3)))
    gateway = a_gateway(tmp_path, loaded=load(copied(tmp_path / "p", limited), None))
    (third,) = gateway.replay("c.mitm").changed
    assert third.number == 3
    assert third.trail["verdict"]["by"] == "Throttling"
    assert gateway.replay("c.mitm", limits="off").as_before


def test_a_call_whose_time_is_not_known_comes_now(tmp_path: Path) -> None:
    text = f"GET {FORECAST} HTTP/1.1\nHost: api.weather.localhost\n\n"
    (tmp_path / "c.txt").write_text(text)
    save(tmp_path / "c.mitm", replace(captured(), received_ms=None))
    assert a_gateway(tmp_path).replay("c.mitm").as_before
    with pytest.raises(CaptureError, match="no call with an answer"):
        a_gateway(tmp_path).replay("c.txt")


# --- calls


def test_a_backend_answers_what_the_test_says_and_else_nothing() -> None:
    gateway = a_gateway()
    assert gateway.call("GET", FORECAST, app="demo").answer.body == b""
    judged = gateway.call("GET", FORECAST, app="demo", answer=gateway.answer(503, b"busy"))
    assert (judged.served, judged.status, judged.answer.body) == (True, 503, b"busy")


def test_a_backend_answers_nothing_but_an_answer() -> None:
    status: Any = 404
    with pytest.raises(TypeError, match=r"answer=404: it is apigateway\.answer\(STATUS"):
        a_gateway().call("GET", FORECAST, app="demo", answer=status)


def test_a_backend_may_fail() -> None:
    judged = a_gateway().call("GET", FORECAST, app="demo", answer=Fault.BACKEND_TIMEOUT)
    assert (judged.status, judged.code, judged.refused_by) == (504, "D504TO", "Dispatch")


def test_a_call_without_an_app_is_not_signed() -> None:
    gateway = a_gateway()
    assert gateway.call("GET", "/status").json() == {"status": "ok"}
    assert gateway.call("GET", FORECAST).message == "Header `X-Ca-Key` is Required"


def test_a_wrong_secret_is_refused() -> None:
    judged = a_gateway().call("GET", FORECAST, app="demo", secret="wrong")
    assert (judged.status, judged.code) == (403, "A403IS")


def test_a_call_may_go_to_another_host_and_stage_and_come_from_another_address() -> None:
    gateway = a_gateway(loaded=load(ROOT / "definitions", None, (Environment.TEST,)))
    assert gateway.call("GET", FORECAST, app="demo", host="api.weather.localhost").status == 404
    judged = gateway.call("GET", FORECAST, app="demo", stage="TEST", client="203.0.113.7")
    assert judged.outcome.environment == "TEST"
    sent = judged.backend_request
    assert sent is not None
    assert ["X-Client-Ip", "203.0.113.7"] in sent["headers"]
    assert gateway.call("GET", "http://elsewhere.test/x").code == "I404DO"


def test_a_form_and_a_document_are_what_the_api_takes() -> None:
    gateway = a_gateway()
    form = gateway.call("POST", "/reports", app="demo", form={"city": "hz", "temperature": "2.5"})
    assert form.served, form.report
    note = gateway.call("POST", "/notes", app="demo", json={"title": "Fog", "text": "gone"})
    assert note.served, note.report
    wrong = gateway.call("POST", "/notes", app="demo", json={"title": 1})
    assert wrong.code == "I400BD"


def test_calls_count_in_a_test_until_time_passes(tmp_path: Path) -> None:
    gateway = a_gateway(loaded=load(copied(tmp_path, limited), None))
    codes = [gateway.call("GET", FORECAST, app="demo").status for _ in range(3)]
    assert codes == [200, 200, 429]
    gateway.pass_time(60)
    assert gateway.now_ms == NOW_MS + 60_000
    assert gateway.call("GET", FORECAST, app="demo").status == 200


def test_a_test_that_is_a_coroutine_may_ask_too() -> None:
    async def ask(gateway: OfflineGateway) -> int:
        return gateway.call("GET", "/status").status

    assert asyncio.run(ask(a_gateway())) == 200


def test_it_is_shown_by_its_folder() -> None:
    assert repr(a_gateway()) == f"<the gateway of {ROOT / 'definitions'}>"
