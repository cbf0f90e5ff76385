"""Whole trails of whole calls: served, answered, refused by every stage, and never begun."""

import json
import marshal
import re
import timeit
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy.io import tnetstring
from unit.build import (
    APP,
    DOMAIN,
    KEY,
    NOW_MS,
    REQUEST_ID,
    SECRET,
    SETTINGS,
    FixedResolver,
    a_catalog,
    a_pass,
    an_api,
    parameter,
    serve,
    signed_fields,
    whole_chain,
)
from unit.definition.sample import sample_project
from unit.minted import issuer, mint
from unit.trail.walked import an_answer, timeless, trail, walked

from apigateway.chain import Call
from apigateway.definition.compile import compile_catalog
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Admitted, Answer, Received, Signed
from apigateway.lifecycle.start import release_at_start
from apigateway.model.api import (
    Auth,
    AuthType,
    BackendParameter,
    Constant,
    Location,
    MockBackend,
    Mode,
    ParameterType,
    VpcBackend,
)
from apigateway.model.app import Secret
from apigateway.model.openid import TokenRules
from apigateway.model.policy import SignatureKey, ThrottlingPolicy
from apigateway.model.settings import ErrorStyle
from apigateway.model.windows import WindowUnit
from apigateway.store.memory import MemoryStore
from apigateway.trail.passed import STAGES
from apigateway.trail.trail import DISPATCH, secrets_of, trail_of

FOR_APPS = Auth(type=AuthType.APP)
POLICY = ThrottlingPolicy(id="p", name="slow", region="r", unit=WindowUnit.DAY, api=1)
BACKEND_KEY = SignatureKey(
    id="1", name="backend", region="r", key="backend-key", secret=Secret("a-backend-secret")
)
GONE = VpcBackend(access="gone", scheme="http", path="/")
SERVED: dict[str, Any] = {
    "served": True,
    "status": 200,
    "fault": "",
    "code": "",
    "message": "",
    "by": DISPATCH,
    "detail": "",
}


def passed(stage: str, **decided: Any) -> dict[str, Any]:
    return {"stage": stage, "outcome": "passed", "decided": decided}


def outcomes(found: dict[str, Any]) -> list[str]:
    assert [stage["stage"] for stage in found["stages"]] == [*STAGES, DISPATCH]
    return [stage["outcome"] for stage in found["stages"]]


def test_the_stages_are_those_of_the_chain() -> None:
    assert list(STAGES) == [step.name for step in whole_chain()]


def test_a_served_call_is_told_whole() -> None:
    api = an_api(
        path="/forecast/[city]",
        backend_path="/v3/[city]",
        auth=FOR_APPS,
        request={
            "parameters": (
                parameter("city", Location.PATH, required=True),
                parameter("days", type=ParameterType.INT),
            )
        },
        backend_parameters=(BackendParameter(source="days", name="d", location=Location.QUERY),),
        constants=(Constant(name="X-Source", location=Location.HEADER, value="gateway"),),
    )
    path, query = "/forecast/hangzhou", "days=3"
    found = trail(
        serve(api, throttling=POLICY, signature_key=BACKEND_KEY),
        path=path,
        query=query,
        headers=signed_fields(path=path, query=query, headers=[("Accept", "*/*")]),
        counters=MemoryStore().counters,
    )
    signature = found["backend_request"]["headers"][-1][1]
    second = {"used": 1, "unit": "second", "resets_in_ms": 1_000}
    assert found == {
        "request_id": REQUEST_ID,
        "received_ms": NOW_MS,
        "verdict": SERVED,
        "stages": [
            passed(
                "Routing",
                host=DOMAIN,
                domain="independent",
                group="weather",
                environment="RELEASE",
                environment_from="default",
                method="GET",
                path=path,
                api="GetForecast",
                pattern="GET /forecast/[city]",
                version="20231114221320000",
                path_values={"city": "hangzhou"},
            ),
            passed(
                "Access",
                protocol="http",
                client_ip="192.0.2.7",
                client_ip_from="connection",
                ip_control=None,
                url_bytes=24,
                head_bytes=found["stages"][1]["decided"]["head_bytes"],
                body_bytes=0,
            ),
            passed(
                "Authentication",
                asks_for="app",
                proof="HmacSHA256, string 1",
                app="phone",
                app_key=KEY,
                method="HmacSHA256",
                candidate=1,
                timestamp_age_ms=0,
                nonce="a-nonce",
            ),
            passed("Authorization", authorized_by="grant to app phone"),
            passed(
                "Throttling",
                policy="slow",
                limits=[
                    {
                        "dimension": "CLIENT IP",
                        "used": 1,
                        "ceiling": 100,
                        "remaining": 99,
                        **second,
                    },
                    {"dimension": "GROUP", "used": 1, "ceiling": 500, "remaining": 499, **second},
                    {
                        "dimension": "API",
                        "used": 1,
                        "ceiling": 1,
                        "unit": "day",
                        "remaining": 0,
                        "resets_in_ms": 6_400_000,
                    },
                ],
                waited_ms=0,
            ),
            passed(
                "Validation",
                arguments=[
                    {"name": "city", "in": "path", "type": "String", "value": "hangzhou"},
                    {"name": "days", "in": "query", "type": "Int", "value": "3"},
                ],
            ),
            passed(
                "Mapping",
                mode="mapping",
                mapped=[
                    {"from": "days", "from_in": "query", "to": "d", "in": "query"},
                    {"from": "city", "from_in": "path", "to": "city", "in": "path"},
                ],
                constants=[{"name": "X-Source", "in": "header"}],
            ),
            passed(
                "Resolution",
                backend="http",
                address="http://backend.test:9000",
                timeout_ms=10_000,
            ),
            passed(
                "VpcAllowList",
                pinned="127.0.0.1",
                host="backend.test",
                port=9000,
                allowed_by="any network",
            ),
            passed(
                "Signing",
                key="backend",
                key_id="backend-key",
                signed_headers=["X-Ca-Proxy-Signature-Secret-Key", "X-Source"],
            ),
            {
                "stage": "Dispatch",
                "outcome": "answered",
                "decided": {
                    "address": "127.0.0.1:9000",
                    "timeout_ms": 10_000,
                    "status": 200,
                    "backend_ms": 12.5,
                    "answer_bytes": 5,
                },
            },
        ],
        "backend_request": {
            "method": "GET",
            "url": "http://backend.test:9000/v3/hangzhou?d=3",
            "address": "127.0.0.1:9000",
            "headers": [
                ["Host", "backend.test:9000"],
                ["Accept", "*/*"],
                ["X-Source", "gateway"],
                ["X-Ca-Request-Id", REQUEST_ID],
                ["X-Forwarded-For", "192.0.2.7"],
                ["X-Ca-Proxy-Signature-Secret-Key", "backend-key"],
                ["X-Ca-Proxy-Signature-Headers", "X-Ca-Proxy-Signature-Secret-Key,X-Source"],
                ["X-Ca-Proxy-Signature", signature],
                ["X-Ca-Signature", signature],
            ],
            "body": "",
            "body_encoding": "text",
            "truncated": False,
            "body_bytes": 0,
        },
        "signature": None,
    }


REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], str, str, str]] = {
    "Routing": (
        lambda: trail(path="/none"),
        "I404NF",
        "API not found with `GET /none`",
        "group weather has no such API released to RELEASE",
    ),
    "Access": (
        lambda: trail(serve(an_api(request={"protocols": frozenset({"https"})}))),
        "I403PT",
        "Invalid protocol HTTP unsupported",
        "GetForecast serves https",
    ),
    "Authentication": (
        lambda: trail(serve(an_api(auth=FOR_APPS))),
        "I400MH",
        "Header `X-Ca-Key` is Required",
        "no AppKey",
    ),
    "Authorization": (
        lambda: trail(serve(an_api(auth=FOR_APPS), granted=frozenset()), headers=signed_fields()),
        "I403AA",
        "Unauthorized",
        "app phone has no grant of GetForecast in RELEASE",
    ),
    "Throttling": (
        lambda: trail(
            serve(an_api(), throttling=replace(POLICY, api=0)), counters=MemoryStore().counters
        ),
        "T429PA",
        "Throttled by API Flow Control",
        f"api:{'a' * 32}:RELEASE:day: 0 of 0 a day",
    ),
    "Validation": (
        lambda: trail(serve(an_api(request={"parameters": (parameter("a", required=True),)}))),
        "I400MP",
        "Parameter a is required",
        "in query",
    ),
    "Mapping": (
        lambda: trail(
            serve(
                an_api(
                    request={"parameters": (parameter("X-A", Location.HEADER),)},
                    backend_path="/[X-A]",
                    backend_parameters=(
                        BackendParameter(source="X-A", name="X-A", location=Location.PATH),
                    ),
                )
            ),
            headers=[("X-A", "..")],
        ),
        "I400IP",
        "Invalid parameter X-A cannot be a path segment",
        "it goes to a segment of the backend's path",
    ),
    "Resolution": (
        lambda: trail(serve(replace(an_api(), backend=GONE))),
        "X504VE",
        "Backend service vpc mapped failed",
        "no VPC authorization named 'gone'",
    ),
    "VpcAllowList": (
        lambda: trail(resolver=FixedResolver()),
        "D504IL",
        "Backend service invalid address",
        "backend.test has no address",
    ),
}


@pytest.mark.parametrize("stage", REFUSED)
def test_a_refused_call_is_told_up_to_the_stage_that_refused(stage: str) -> None:
    make, code, message, detail = REFUSED[stage]
    found, at = make(), STAGES.index(stage)
    assert outcomes(found) == ["passed"] * at + ["refused"] + ["not reached"] * (10 - at)
    fault = Fault[found["stages"][at]["decided"]["fault"]]
    assert found["verdict"] == {
        "served": False,
        "status": fault.value.status,
        "fault": fault.name,
        "code": code,
        "message": message,
        "by": stage,
        "detail": detail,
    }
    assert all(one["decided"] == {} for one in found["stages"][at + 1 :])
    assert found["backend_request"] is None
    assert found["signature"] is None


@pytest.mark.parametrize("at", range(10), ids=STAGES)
def test_a_stage_that_crashes_is_told_and_never_crashes_the_trail(at: int) -> None:
    rungs = [step.enters for step in whole_chain()]
    served = serve(an_api(auth=FOR_APPS), signature_key=BACKEND_KEY)
    call = Call(REQUEST_ID, NOW_MS, a_pass(rungs[at], served, app=APP, proof="AppCode"))
    call.refuse(Refusal(Fault.INTERNAL, "KeyError: 'x'"), STAGES[at])
    found = timeless(trail_of(call, ErrorStyle.CODED))
    assert outcomes(found) == ["passed"] * at + ["refused"] + ["not reached"] * (10 - at)
    assert found["stages"][at]["decided"]["fault"] == "INTERNAL"
    assert "rule" not in found["stages"][at]["decided"]
    assert (found["verdict"]["status"], found["verdict"]["detail"]) == (500, "KeyError: 'x'")


def test_a_stage_that_was_left_out_is_told_by_the_one_that_noticed() -> None:
    call = Call(REQUEST_ID, NOW_MS, a_pass(Received))
    call.refuse(Refusal(Fault.INTERNAL, "ChainError: Access takes Routed"), "Access")
    found = timeless(trail_of(call, ErrorStyle.CODED))
    assert outcomes(found) == ["not reached", "refused", *["not reached"] * 9]
    assert found["stages"][1]["decided"] == {"fault": "INTERNAL"}


def test_a_preflight_is_answered_by_routing() -> None:
    fields = [("Origin", "https://app.test"), ("Access-Control-Request-Method", "GET")]
    found = trail(method="OPTIONS", headers=fields)
    assert outcomes(found) == ["answered", *["not reached"] * 10]
    assert found["verdict"] == {**SERVED, "by": "Routing"}


def test_a_mock_is_answered_without_a_request() -> None:
    found = trail(serve(an_api(backend=MockBackend(status=201))), answered=an_answer(201))
    assert outcomes(found) == ["passed"] * 10 + ["answered"]
    assert found["verdict"] == {**SERVED, "status": 201}
    assert found["backend_request"] is None


def test_a_call_that_was_never_received_is_told() -> None:
    call = Call(REQUEST_ID, NOW_MS)
    call.refuse(Refusal(Fault.HEADER_REQUIRED, "no host", name="Host"), "Reception")
    found = timeless(trail_of(call, ErrorStyle.CODED))
    assert outcomes(found) == ["not reached"] * 11
    assert (found["verdict"]["by"], found["verdict"]["message"]) == (
        "Reception",
        "Header `Host` is Required",
    )


def test_a_call_that_nobody_decided_is_told_as_an_internal_error() -> None:
    for state in (None, a_pass(Received), a_pass(Admitted)):
        found = timeless(trail_of(Call(REQUEST_ID, NOW_MS, state), ErrorStyle.CODED))
        assert (found["verdict"]["fault"], found["verdict"]["by"]) == ("INTERNAL", "nobody")


def test_a_call_that_was_not_sent_is_told_with_what_would_be_sent() -> None:
    found = timeless(trail_of(walked(), ErrorStyle.CODED))
    assert outcomes(found) == ["passed"] * 10 + ["not reached"]
    assert found["verdict"] == {**SERVED, "served": False, "status": 0, "by": ""}
    assert found["stages"][10]["decided"] == {"address": "127.0.0.1:9000", "timeout_ms": 10_000}
    assert found["backend_request"]["url"] == "http://backend.test:9000/v3/forecast"


def test_the_style_of_the_errors_is_that_of_the_gateway() -> None:
    call = walked(
        serve(an_api(), throttling=replace(POLICY, api=0)), counters=MemoryStore().counters
    )
    assert trail_of(call, ErrorStyle.CODED)["verdict"]["status"] == 429
    assert trail_of(call, ErrorStyle.CLASSIC)["verdict"]["status"] == 403


def test_times_are_told_in_milliseconds() -> None:
    call = Call(REQUEST_ID, NOW_MS, a_pass(Signed), took_ms={"Routing": 1.23456, "Access": 0.5})
    call.answer = Answer(status=200, reason="", headers=(), body=b"", elapsed_ms=2.34567)
    call.started -= 1
    found = trail_of(call, ErrorStyle.CODED)
    assert [stage["ms"] for stage in found["stages"]] == [1.234, 0.5, *[0.0] * 8, 2.345]
    assert 1_000 <= found["total_ms"] < 10_000
    call.answer = None
    call.refuse(Refusal(Fault.BACKEND_TIMEOUT, "after 1000 ms"), "Dispatch")
    found = trail_of(call, ErrorStyle.CODED)
    assert found["stages"][10]["ms"] == pytest.approx(found["total_ms"] - 1.73456, abs=0.01)


# --- plain, bounded, without secrets


def hostile(mode: Mode) -> dict[str, Any]:
    """As much as a caller can send, in as odd characters as there are."""
    declared = (parameter("q"), parameter("b", Location.BODY))
    served = serve(
        an_api(
            method="POST",
            path="/f/*",
            backend_path="/b/*",
            request={"mode": mode, "parameters": declared},
        )
    )
    odd = "\udcff\x7f\u4e2d\U0001f600"
    headers = [("X-" + "h" * 500 + str(number), odd * 50) for number in range(150)]
    headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    limits = replace(SETTINGS.limits, head_bytes=10**9)
    return trail(
        served,
        catalog=a_catalog(served, settings=replace(SETTINGS, limits=limits)),
        method="POST",
        path="/f" + "/%E4%B8%AD" * 2_000,
        query="q=" + "%FF" * 20_000 + "&x=1" * 20_000,
        headers=headers,
        body=b"b=" + b"x" * 200_000 + b"&y=2" * 100_000,
    )


@pytest.mark.parametrize("mode", Mode)
def test_a_trail_is_plain_and_bounded_whatever_was_sent(mode: Mode) -> None:
    found = hostile(mode)
    assert found["verdict"]["served"], found["verdict"]
    assert json.loads(json.dumps(found)) == found
    assert tnetstring.loads(tnetstring.dumps(found)) == found
    assert len(json.dumps(found)) < 400_000


def test_the_samples_leave_plain_trails() -> None:
    """Made of YAML: what a reader of files makes of a text may be more than a text."""
    store, project = MemoryStore(), sample_project()
    release_at_start(store.releases, project, NOW_MS)
    catalog = compile_catalog(project, store.releases.current())
    apps = {app.name: app for app in project.apps}
    ended = set()
    for served in catalog.served:
        request = served.api.request
        path = served.group.base_path + re.sub(r"\[\w+\]|\*", "abc", request.path)
        method = "GET" if request.method == "ANY" else request.method
        signer: dict[str, Any] = {"key": apps["demo"].key, "secret": apps["demo"].secret.reveal()}
        found = trail(
            catalog=catalog,
            scheme=sorted(request.protocols)[0],
            host=served.group.subdomain,
            sni=served.group.subdomain,
            method=method,
            path=path,
            headers=signed_fields(method=method, path=path, **signer),
        )
        assert found["stages"][0]["decided"]["api"] == served.api.name
        assert marshal.dumps(found), "nothing but str, int, float, bool, None, list and dict"
        ended.add(found["verdict"]["by"])
    assert {DISPATCH, "Authentication", "Validation"} <= ended


def test_a_claim_of_any_kind_leaves_a_trail_plain() -> None:
    auth = Auth(type=AuthType.OPENID, openid=TokenRules(parameter="t", required_claims=()))
    served = serve(an_api(auth=auth, request={"parameters": (parameter("t"),)}))
    claims = {
        "iss": {"a": [1, None]},
        "exp": 10**300,
        "\u4e2d": 1,
        **{f"c{n}": n for n in range(200)},
    }
    token = mint(json.dumps(claims))
    found = trail(catalog=a_catalog(served, issuers=[issuer()]), query=f"t={token}")
    assert json.loads(json.dumps(found)) == found
    told = found["stages"][2]["decided"]["token"]
    assert told["issuer"] == "{'a': [1, None]}"
    assert "expires_in_s" not in told
    assert (len(told["claims"]), told["claims"][-1]) == (101, "… (103 more)")


def test_the_secrets_that_are_known_of_a_call_are_those_that_it_could_hold() -> None:
    assert secrets_of(None) == []
    assert secrets_of(a_pass(Received)) == []
    by_key = a_pass(Received, headers=[("X-Ca-Key", KEY)])
    assert secrets_of(by_key) == [SECRET, "an-app-code"]
    served = serve(an_api(), signature_key=BACKEND_KEY)
    call = a_pass(Signed, served, app=APP, token="a.b.c")
    assert secrets_of(call) == [SECRET, "an-app-code", "a-backend-secret", "a.b.c"]
    openid = Auth(type=AuthType.OPENID, openid=TokenRules(parameter="t"))
    waiting = serve(an_api(auth=openid, request={"parameters": (parameter("t"),)}))
    assert secrets_of(a_pass(Admitted, waiting, query="t=x.y.z")) == ["x.y.z"]


@pytest.mark.parametrize(
    "changes",
    [
        {"query": f"other={SECRET}"},
        {"query": f"q={SECRET}"},
        {"path": f"/f/{SECRET}/x"},
        {"path": f"/f/x/{SECRET}"},
        {"headers": [("X-Note", SECRET)]},
        {"nonce": SECRET},
        {"body": f"my {SECRET}".encode()},
        {"body": f"\0{SECRET}".encode()},
    ],
    ids=str,
)
def test_a_known_secret_is_found_in_each_place_alone(changes: dict[str, Any]) -> None:
    declared = (parameter("q"), parameter("city", Location.PATH))
    served = serve(
        an_api(
            method="POST",
            path="/f/[city]/*",
            backend_path="/b/[city]/*",
            auth=FOR_APPS,
            request={"mode": Mode.PASSTHROUGH, "parameters": declared},
        )
    )
    call = {"method": "POST", "path": "/f/x/y", **changes}
    headers = signed_fields(**call)
    call.pop("nonce", None)
    found = trail(served, **{**call, "headers": headers})
    assert found["verdict"]["served"], found["verdict"]
    assert SECRET not in str(found)


def test_a_call_that_passes_is_looked_through_once_and_quickly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = serve(an_api(auth=FOR_APPS))
    call = walked(served, headers=signed_fields(), answered=an_answer())
    looked: list[object] = []

    def dumps(value: object) -> bytes:
        looked.append(value)
        return b""

    monkeypatch.setattr("apigateway.trail.known.marshal.dumps", dumps)
    trail_of(call, ErrorStyle.CODED)
    assert looked == []
    trail_of(walked(path="/none"), ErrorStyle.CODED)
    assert len(looked) == 1


def test_a_trail_costs_microseconds() -> None:
    """A guard against a slip of the order of magnitude; the figure itself is of the bench."""
    call = walked(
        serve(
            an_api(auth=FOR_APPS), throttling=replace(POLICY, api=100), signature_key=BACKEND_KEY
        ),
        headers=signed_fields(),
        counters=MemoryStore().counters,
        answered=an_answer(),
    )
    assert call.refusal is None
    best = min(timeit.repeat(lambda: trail_of(call, ErrorStyle.CODED), number=100, repeat=30))
    assert best / 100 < 200e-6
