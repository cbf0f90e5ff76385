"""How a call ended, without what is of one run alone."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from unit.build import (
    NOW_MS,
    REQUEST_ID,
    SETTINGS,
    a_catalog,
    an_api,
    parameter,
    serve,
)
from unit.replay.calls import a_call, a_refusal, a_request, an_answer, of_the_edge

from apigateway.chain import Call
from apigateway.errors import Fault
from apigateway.model.api import BackendParameter, Body, BodyFormat, Location, MockBackend, Mode
from apigateway.model.app import Secret
from apigateway.model.catalog import ServedApi
from apigateway.model.policy import SignatureKey
from apigateway.model.settings import ErrorStyle
from apigateway.replay.call import CapturedCall
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import Ending, Outcome, captured_outcome, content_of, outcome_of
from apigateway.replay.unspent import NoCounters

FORM = ("Content-Type", "application/x-www-form-urlencoded")
KEY = SignatureKey(id="k", name="key", region="r", key="a-key", secret=Secret("a-secret"))
HELLO = content_of(b"hello")


def system(source: str, name: str, location: Location) -> BackendParameter:
    return BackendParameter(source=source, name=name, location=location)


def ended(served: ServedApi, captured: CapturedCall, **more: Any) -> Call:
    chain = OfflineChain(a_catalog(served), counters=NoCounters())
    return asyncio.run(chain.run(captured, **more))


def outcome(
    served: ServedApi | None = None, captured: CapturedCall | None = None, **more: Any
) -> Outcome:
    call = ended(served or serve(an_api()), captured or a_call(), **more)
    return outcome_of(call, ErrorStyle.CODED)


def with_parameters(*names: str, **more: Any) -> ServedApi:
    listed = tuple(parameter(name, required=True) for name in names)
    return serve(an_api(request={"parameters": listed}), **more)


# --- the answer


def test_an_answered_call_has_its_status_fields_and_body() -> None:
    fields = [("X-B", "2"), ("x-a", "1"), ("X-B", "1"), ("Date", "now"), ("RateLimit", "x")]
    found = outcome(captured=a_call(answer=an_answer(404, fields)))
    assert (found.ending, found.status, found.code) == (Ending.ANSWERED, 404, "")
    assert found.headers == (("x-a", "1"), ("x-b", "1"), ("x-b", "2"))
    assert (found.body, str(found.body)) == (HELLO, f"5 bytes, sha256 {HELLO.digest[:12]}")
    assert (found.api, found.environment, found.version) == (
        "weather/GetForecast",
        "RELEASE",
        "20231114221320000",
    )
    assert (found.fault, found.refused_by, str(found)) == ("", "", "404")


def test_a_refused_call_has_its_fault_and_what_it_is_about() -> None:
    found = outcome(with_parameters("day", "city"))
    assert (found.ending, found.status, found.code) == (Ending.REFUSED, 400, "I400MP")
    assert (found.fault, found.subject, found.refused_by) == (
        "PARAMETER_REQUIRED",
        "day",
        "Validation",
    )
    assert (found.message, found.detail) == ("Parameter day is required", "in query")
    assert (found.body, found.backend) == (None, None)
    assert found.headers == (("content-type", "application/json; charset=utf-8"),)
    assert str(found) == "400 I400MP Parameter day is required"


def test_a_call_whose_answer_nobody_knows_would_be_sent() -> None:
    found = outcome(captured=a_call(answer=None))
    assert (found.ending, found.status, found.headers, found.body) == (Ending.SENT, 0, (), None)
    assert found.backend is not None
    assert str(found) == "would be sent"


def test_a_call_that_was_refused_before_it_was_routed_is_of_no_api() -> None:
    found = outcome(captured=a_call(edge=of_the_edge(Fault.INVALID_URI, reason="is not a path")))
    assert (found.api, found.environment, found.fault) == ("", "", "INVALID_URI")
    assert found.message == "Invalid Request Uri `is not a path`"


def test_a_call_that_nobody_decided_is_refused() -> None:
    found = outcome_of(Call(REQUEST_ID, NOW_MS), ErrorStyle.CLASSIC)
    assert (found.ending, found.status, found.message) == (Ending.REFUSED, 500, "Internal Error")


def test_the_classic_style_says_a_message_with_every_answer_but_only_refusals_have_one() -> None:
    call = ended(serve(an_api()), a_call())
    assert outcome_of(call, ErrorStyle.CLASSIC).message == ""


# --- as the caller saw it


def test_what_a_caller_saw_is_the_outcome_without_its_inside() -> None:
    assert captured_outcome(a_call(answer=None)) is None
    for served, captured in (
        (serve(an_api()), a_call(answer=an_answer(500, [("X-A", "1")]))),
        (with_parameters("a"), a_call(answer=a_refusal(400, "I400MP", "Parameter a is required"))),
    ):
        seen, found = captured_outcome(captured), outcome(served, captured)
        assert seen is not None
        assert not seen.inside
        assert found.inside
        for name in ("run", "ending", "status", "code", "message", "body"):
            assert getattr(seen, name) == getattr(found, name), name
        assert (seen.api, seen.fault, seen.backend) == ("", "", None)


# --- the backend's request


def test_the_request_at_the_backend_is_told_in_its_parts() -> None:
    served = serve(
        an_api(
            method="POST",
            request={"mode": Mode.MAPPING_PASSTHROUGH},
            constants=(),
        )
    )
    request = a_request(
        "/forecast?b=2&a=%E4%B8%AD&b=1", [FORM, ("X-B", "1")], method="POST", body=b"c=+&d"
    )
    found = outcome(served, a_call(request)).backend
    assert found is not None
    assert (found.method, found.address) == ("POST", "http://backend.test:9000")
    assert found.path == "/v3/forecast"
    assert found.query == (("b", "2"), ("a", "中"), ("b", "1"))
    assert found.form == (("c", " "), ("d", ""))
    assert (found.body, found.signature) == (None, "")
    names = [name for name, _ in found.headers]
    assert names == sorted(names)
    assert dict(found.headers)["x-b"] == "1"
    assert dict(found.headers)["x-forwarded-for"] == "192.0.2.7"
    assert "x-ca-request-id" not in names


def test_a_body_that_is_no_form_is_told_by_its_digest() -> None:
    served = serve(an_api(method="POST", request={"body": Body(format=BodyFormat.STREAM)}))
    request = a_request(method="POST", body=b"hello")
    found = outcome(served, a_call(request)).backend
    assert found is not None
    assert (found.body, found.form) == (HELLO, ())
    not_a_form = a_request(method="POST", body=b"\xff", fields=[FORM])
    found = outcome(served, a_call(not_a_form)).backend
    assert found is not None
    assert found.body == content_of(b"\xff")


def test_a_mock_has_no_backend() -> None:
    assert outcome(serve(an_api(backend=MockBackend()))).backend is None


def test_a_backend_that_could_not_be_looked_up_got_nothing() -> None:
    refused = a_refusal(504, "D504IL", "Backend service invalid address")
    assert outcome(captured=a_call(answer=refused)).backend is None
    failed = a_refusal(504, "D504TO", "Backend service request timeout")
    assert outcome(captured=a_call(answer=failed)).backend is not None


@pytest.mark.parametrize(
    "location", [Location.QUERY, Location.HEADER, Location.BODY, Location.PATH]
)
@pytest.mark.parametrize("body", [b"", b"a=1"])
def test_what_is_of_one_run_stands_as_a_mark(location: Location, body: bytes) -> None:
    """The request id and the time of the call, wherever the definition sends them."""
    parameters = (
        system("CaRequestId", "Id", location),
        system("CaRequestHandleTime", "Time", location),
    )
    path = "/v3/[Id]/[Time]" if location is Location.PATH else "/v3"
    api = an_api(
        method="POST",
        backend_path=path,
        system_parameters=parameters,
        request={"mode": Mode.MAPPING_PASSTHROUGH},
    )
    served = serve(api, signature_key=KEY)
    fields = [FORM] if body else []
    request = a_request(method="POST", body=body, fields=fields)
    one = outcome(served, a_call(request))
    other = outcome(served, a_call(request, answer=None), now_ms=NOW_MS + 5_000)
    assert one.backend is not None
    assert other.backend is not None
    assert one.run != other.run
    assert one.backend.signature != other.backend.signature
    assert replace(one.backend, signature="") == replace(other.backend, signature="")
    assert "<CaRequestId>" in str(one.backend)
    assert "<CaRequestHandleTime>" in str(one.backend)


def test_parts_that_are_made_of_the_request_id_are_the_same_in_every_run() -> None:
    own = BackendParameter(source="a", name="b", location=Location.BODY)
    listed = (parameter("a"),)
    body = Body(format=BodyFormat.MULTIPART)
    api = an_api(
        method="POST", request={"parameters": listed, "body": body}, backend_parameters=(own,)
    )
    served, request = serve(api, signature_key=KEY), a_request("/forecast?a=1", method="POST")
    one = outcome(served, a_call(request)).backend
    other = outcome(served, a_call(request, answer=None)).backend
    assert one is not None
    assert other is not None
    assert one.body is not None
    assert one.body.size > 0
    assert "content-md5" not in dict(one.headers)
    assert replace(one, signature="") == replace(other, signature="")


def test_the_signature_of_one_run_is_the_same_when_it_is_repeated() -> None:
    served = serve(an_api(), signature_key=KEY)
    one, other = outcome(served), outcome(served)
    assert one == other
    assert one.backend is not None
    assert one.backend.signature
    changed = replace(KEY, secret=Secret("another"))
    another = outcome(serve(an_api(), signature_key=changed)).backend
    assert another is not None
    assert another != one.backend


def test_settings_are_not_part_of_an_outcome() -> None:
    chain = OfflineChain(
        a_catalog(serve(an_api()), settings=replace(SETTINGS, instance_id="other")),
        counters=NoCounters(),
    )
    assert asyncio.run(chain.outcome(a_call())) == outcome()
