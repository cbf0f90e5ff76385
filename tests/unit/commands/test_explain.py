"""`apigateway explain`: would this request pass, and if not, why not."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from unit.commands.captured import HOST, flow, save
from unit.commands.released import Released, now_ms

from apigateway.chain import Call
from apigateway.commands.exits import REFUSED
from apigateway.errors import Fault, Refusal
from apigateway.model.record import CallRecord
from apigateway.model.settings import ErrorStyle
from apigateway.trail.trail import trail_of

FILE = "definitions/weather/get-forecast.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def rows(project: Released) -> int:
    """What was counted, claimed or recorded in the store."""
    with closing(sqlite3.connect(project.folder / "state/gateway.db")) as database:
        tables = ("counters", "nonces", "calls")
        return sum(
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
        )


def test_a_request_that_would_pass_is_told_stage_by_stage_and_spends_nothing(
    project: Released,
) -> None:
    capture = save(project.folder / "calls.mitm", flow("/forecast/hangzhou?days=3"))
    trail = project.json("explain", str(capture), by=None)
    assert trail["verdict"]["by"] == ""
    assert [stage["outcome"] for stage in trail["stages"][:10]] == ["passed"] * 10
    assert trail["backend_request"]["url"].endswith("/v3/cities/hangzhou/forecast?d=3")
    assert "MySuperAppSecret-42" not in str(trail)
    assert rows(project) == 0
    done = project.run("explain", str(capture), by=None)
    assert done.exit_code == 0
    assert done.output.startswith("every stage lets it pass; it was not sent")


def test_a_request_that_would_be_refused_is_told_where_and_why(project: Released) -> None:
    capture = save(project.folder / "calls.mitm", flow("/forecast/hangzhou?days=15"))
    done = project.run("explain", str(capture), by=None)
    assert done.exit_code == REFUSED
    assert "refused by Validation: 400 I400IP" in done.output
    assert "days (Int in query) is greater than 14" in done.output


def test_the_draft_or_a_version_of_the_history_can_be_asked(project: Released) -> None:
    first = project.served()["GetForecast", "RELEASE"].version
    project.edit(FILE, "maximum: 14", "maximum: 7")
    capture = str(save(project.folder / "calls.mitm", flow("/forecast/hangzhou?days=9")))
    assert project.run("explain", capture, by=None).exit_code == 0
    assert project.run("explain", capture, "--draft", by=None).exit_code == REFUSED
    project.release("GetForecast")
    assert project.run("explain", capture, by=None).exit_code == REFUSED
    assert project.run("explain", capture, "--release", first, by=None).exit_code == 0
    done = project.run("explain", capture, "--release", "20200101000000000", by=None)
    assert "no API has a version 20200101000000000" in done.output


def test_a_signature_that_does_not_verify_is_told_with_both_strings(project: Released) -> None:
    capture = save(project.folder / "calls.mitm", flow("/forecast/a", secret="wrong"))
    trail = project.json("explain", str(capture), by=None, exit_code=REFUSED)
    assert trail["verdict"]["code"] == "A403IS"
    assert trail["signature"]["server_string"].startswith("GET\n")
    assert trail["signature"]["causes"]


def test_a_curl_line_comes_now(project: Released) -> None:
    line = f"curl -H 'Host: {HOST}' http://127.0.0.1:8080/status"
    done = project.run("explain", line, by=None)
    assert done.exit_code == 0, done.output
    assert "GET /status is GetStatus" in done.output


def test_one_of_several_is_chosen_by_its_number(project: Released) -> None:
    capture = str(
        save(project.folder / "calls.mitm", flow("/nowhere", secret=None), flow("/status"))
    )
    assert project.run("explain", capture, by=None).exit_code == 0
    done = project.run("explain", capture, "--number", "1", by=None)
    assert "I404NF" in done.output
    done = project.run("explain", capture, "--number", "3", by=None)
    assert "there is no request 3, only 2" in done.output


def test_a_request_id_tells_what_the_record_says(project: Released) -> None:
    request_id = "5A438EA1-C7CB-4C67-AB16-FAE01751B80F"
    door = project.open()
    door.append(
        CallRecord(
            request_id=request_id,
            received_ms=now_ms(),
            method="GET",
            scheme="http",
            domain=HOST,
            path="/forecast/hangzhou",
            client_ip="127.0.0.1",
            status=400,
            error_code="I400MH",
            error_message="Header `X-Ca-Key` is Required",
            refused_by="Authentication",
            detail="no key",
        )
    )
    door.close()
    done = project.run("explain", request_id.lower(), by=None)
    assert done.exit_code == REFUSED
    assert "refused by Authentication: 400 I400MH" in done.output
    assert project.json("explain", request_id, by=None, exit_code=REFUSED)["detail"] == "no key"
    other = project.run("explain", request_id.replace("5A", "6B"), by=None)
    assert "no call record has the request id" in other.output


def test_a_request_id_tells_the_trail_where_one_was_kept(project: Released) -> None:
    request_id = "5A438EA1-C7CB-4C67-AB16-FAE01751B80F"
    call = Call(request_id, now_ms())
    call.refuse(Refusal(Fault.BUSY, "the gateway is not loaded", retry_after_s=1), "Reception")
    trail = trail_of(call, ErrorStyle.CODED)
    door = project.open()
    door.append(
        CallRecord(
            request_id=request_id,
            received_ms=call.received_ms,
            method="GET",
            scheme="http",
            domain=HOST,
            path="/forecast/hangzhou",
            client_ip="127.0.0.1",
            status=503,
            error_code="X503BZ",
            trail=trail,
        )
    )
    door.close()
    done = project.run("explain", request_id, by=None)
    assert done.exit_code == REFUSED
    assert f"GET http://{HOST}/forecast/hangzhou from 127.0.0.1\n" in done.output
    assert "refused by Reception: 503 X503BZ Service Busy\n" in done.output
    assert f"request {request_id} of " in done.output
    told = project.json("explain", request_id, by=None, exit_code=REFUSED)
    assert (told["trail"], told["status"]) == (trail, 503)


def test_a_request_id_tells_where_more_is_told_of_a_signature(project: Released) -> None:
    request_id = "5A438EA1-C7CB-4C67-AB16-FAE01751B80F"
    call = Call(request_id, now_ms())
    call.refuse(
        Refusal(Fault.INVALID_SIGNATURE, "app demo", string_to_sign="GET"),
        "Authentication",
    )
    door = project.open()
    door.append(
        CallRecord(
            request_id=request_id,
            received_ms=call.received_ms,
            method="GET",
            scheme="http",
            domain=HOST,
            path="/forecast/hangzhou",
            client_ip="127.0.0.1",
            status=403,
            error_code="A403IS",
            trail=trail_of(call, ErrorStyle.CODED),
        )
    )
    door.close()
    done = project.run("explain", request_id, by=None)
    assert "for the reason explain a capture of the call" in done.output


def test_what_is_no_capture_is_an_error(project: Released) -> None:
    (project.folder / "x").write_text("hello")
    done = project.run("explain", str(project.folder / "x"), by=None)
    assert done.exit_code == 1
    assert "neither a curl line" in done.output
