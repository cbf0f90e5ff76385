"""Captured calls through the gateway's chain, with nothing spent and nothing sent."""

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from unit.build import (
    NOW_MS,
    REQUEST_ID,
    SETTINGS,
    FixedResolver,
    a_catalog,
    an_api,
    parameter,
    serve,
)
from unit.replay.calls import (
    a_call,
    a_refusal,
    a_request,
    a_signed_request,
    an_answer,
    of_the_edge,
)

from apigateway.chain import Call
from apigateway.errors import Fault
from apigateway.exchange import Admitted, Permitted, Received, Signed
from apigateway.model.api import Auth, HttpBackend, MockBackend, ParameterType, VpcBackend
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.policy import ThrottlingPolicy, VpcAccess
from apigateway.model.settings import ErrorStyle
from apigateway.model.windows import WindowUnit
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.replay.differences import Kind, differences
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import Ending
from apigateway.replay.unspent import DISPLAY_ADDRESS, NoCounters, StandingCounters
from apigateway.signatures.caller import WINDOW_MS
from apigateway.store.memory import MemoryStore

SIGNED = serve(an_api(auth=Auth()))
TWO_A_MINUTE = ThrottlingPolicy(
    id="p", name="two", region="cn-hangzhou", unit=WindowUnit.MINUTE, api=2
)
LIMITED = serve(an_api(), throttling=TWO_A_MINUTE)


def at(host: str, **more: Any) -> ServedApi:
    backend = HttpBackend(scheme="http", host=host, port=9000, path="/v3/forecast")
    return serve(an_api(backend=backend), **more)


def a_chain(*served: ServedApi, catalog: Catalog | None = None, **ports: Any) -> OfflineChain:
    catalog = catalog or a_catalog(*(served or (serve(an_api()),)))
    return OfflineChain(catalog, **{"counters": NoCounters(), **ports})


def run(chain: OfflineChain, captured: CapturedCall, **more: Any) -> Call:
    return asyncio.run(chain.run(captured, **more))


def fault_of(call: Call) -> Fault | None:
    return call.refusal.fault if call.refusal is not None else None


def faults(chain: OfflineChain, *captured: CapturedCall) -> list[Fault | None]:
    return [fault_of(run(chain, call)) for call in captured]


# --- the ends of a call


def test_a_call_that_passes_gets_the_answer_that_was_captured() -> None:
    call = run(a_chain(), a_call(answer=an_answer(404, [("X-A", "1"), ("RateLimit", "x")])))
    assert call.refusal is None
    assert call.answer is not None
    assert (call.answer.status, call.answer.headers) == (404, (("X-A", "1"),))
    assert isinstance(call.state, Signed)
    assert call.state.dispatched.path == "/v3/forecast"
    assert set(call.took_ms) >= {"Routing", "Signing"}


def test_a_call_whose_answer_nobody_knows_is_ready_to_be_sent() -> None:
    call = run(a_chain(), a_call(answer=None))
    assert (call.ended, type(call.state)) == (False, Signed)
    refused = a_refusal(404, "I404NF", "API not found with `GET /forecast`")
    assert not run(a_chain(), a_call(answer=refused)).ended


def test_a_backend_that_failed_when_captured_fails() -> None:
    timeout = a_refusal(504, "D504TO", "Backend service request timeout")
    call = run(a_chain(), a_call(answer=timeout))
    assert (fault_of(call), call.refused_by) == (Fault.BACKEND_TIMEOUT, "Dispatch")


def test_another_backend_may_be_asked() -> None:
    given = {"/forecast": an_answer(201), "/other": None}
    chain = a_chain(backend=lambda captured: given[captured.request.target])
    answer = run(chain, a_call()).answer
    assert answer is not None
    assert answer.status == 201


def test_a_mock_answers_by_itself() -> None:
    served = serve(an_api(backend=MockBackend(status=418, headers=(("X-A", "1"),), body="tea")))
    call = run(a_chain(served), a_call())
    assert call.answer is not None
    assert (call.answer.status, call.answer.headers, call.answer.body) == (
        418,
        (("X-A", "1"),),
        b"tea",
    )


def test_a_stage_refuses_as_on_the_wire() -> None:
    call = run(a_chain(), a_call(a_request("/nothing")))
    assert (fault_of(call), call.refused_by) == (Fault.API_NOT_FOUND, "Routing")
    assert type(call.state) is Received


def test_reception_refuses_as_on_the_wire() -> None:
    request = CallerRequest(method="GET", target="/", http_version="HTTP/1.0", headers=Headers([]))
    call = run(a_chain(), a_call(request))
    assert (fault_of(call), call.refused_by) == (Fault.HEADER_REQUIRED, "Reception")


def test_what_the_edge_refused_is_not_judged_again() -> None:
    call = run(a_chain(), a_call(edge=of_the_edge()))
    assert (fault_of(call), call.refused_by, call.state) == (Fault.INVALID_REQUEST, "Edge", None)
    assert call.refusal is not None
    assert call.refusal.detail == "a bare CR"


def test_the_edge_judges_what_comes_from_elsewhere() -> None:
    call = run(a_chain(), a_call(a_request("/forecast", [("A b", "1")])))
    assert (fault_of(call), call.refused_by) == (Fault.INVALID_REQUEST, "Edge")


def test_bytes_that_cannot_be_sent_are_not() -> None:
    call = run(a_chain(), a_call(a_request(fields=[("User-Agent", "\udcff")])))
    assert (fault_of(call), call.refused_by) == (Fault.INVALID_HEADER, "Dispatch")


# --- the time


def test_the_time_is_the_calls_own_unless_told() -> None:
    call = a_call(a_signed_request())
    chain = a_chain(SIGNED)
    assert run(chain, call).received_ms == NOW_MS
    assert faults(chain, call) == [None]
    later = run(chain, call, now_ms=NOW_MS + WINDOW_MS + 1)
    assert (later.received_ms, fault_of(later)) == (NOW_MS + WINDOW_MS + 1, Fault.TIMESTAMP_EXPIRED)


def test_a_call_without_a_time_needs_one() -> None:
    call = a_call(received_ms=None)
    with pytest.raises(ValueError, match="does not tell when the call came"):
        run(a_chain(), call)
    assert run(a_chain(), call, now_ms=5).received_ms == 5


def test_the_request_id_is_the_captured_one() -> None:
    assert run(a_chain(), a_call()).request_id == REQUEST_ID
    fresh = {run(a_chain(), a_call(answer=None)).request_id for _ in range(2)}
    assert len(fresh) == 2
    assert all(len(found) == 36 and found == found.upper() for found in fresh)


# --- the ports


def test_a_nonce_is_new_unless_nonces_are_given() -> None:
    call = a_call(a_signed_request())
    assert faults(a_chain(SIGNED), call, call) == [None, None]
    strict = a_chain(SIGNED, nonces=MemoryStore().nonces)
    assert faults(strict, call, call) == [None, Fault.NONCE_USED]


def test_fresh_counters_count_the_calls_that_are_run_at_their_times() -> None:
    calls = [a_call(received_ms=NOW_MS + n * 15_000) for n in range(5)]
    full = Fault.THROTTLED_BY_API
    chain = a_chain(LIMITED, counters=MemoryStore().counters)
    assert faults(chain, *calls) == [None, None, full, None, None]  # NOW_MS is 20 s in its minute
    assert faults(a_chain(LIMITED), *calls) == [None] * 5


def test_standing_counters_are_looked_at() -> None:
    live = MemoryStore().counters
    charged = a_chain(LIMITED, counters=live)
    looking = a_chain(LIMITED, counters=StandingCounters(live))
    assert faults(looking, *[a_call()] * 3) == [None] * 3
    assert faults(charged, *[a_call()] * 2) == [None] * 2
    assert faults(looking, a_call()) == [Fault.THROTTLED_BY_API]


def test_no_name_is_looked_up() -> None:
    state = run(a_chain(at("backend.test")), a_call()).state
    assert isinstance(state, Permitted)
    assert state.pinned == DISPLAY_ADDRESS


def test_a_name_is_taken_to_lead_where_backends_may_be() -> None:
    settings = replace(SETTINGS, backend_networks=(ip_network("10.0.0.0/8"),))
    catalog = a_catalog(at("backend.test"), settings=settings)
    assert faults(a_chain(catalog=catalog), a_call()) == [None]
    catalog = a_catalog(at("11.0.0.1"), settings=settings)
    assert faults(a_chain(catalog=catalog), a_call()) == [Fault.BACKEND_ADDRESS]


NO_ADDRESS = a_refusal(504, "D504IL", "Backend service invalid address")


def test_a_name_that_had_no_address_has_none_unless_it_is_looked_up() -> None:
    captured = a_call(answer=NO_ADDRESS)
    call = run(a_chain(at("backend.test")), captured)
    assert (fault_of(call), call.refused_by) == (Fault.BACKEND_ADDRESS, "VpcAllowList")
    assert call.refusal is not None
    assert call.refusal.detail == "backend.test has no address"
    looked_up = a_chain(at("backend.test"), resolver=FixedResolver("192.0.2.9"))
    assert not run(looked_up, captured).ended
    assert not run(a_chain(at("127.0.0.1")), captured).ended


def test_an_instance_that_had_no_address_is_no_instance() -> None:
    access = VpcAccess(
        name="notes", region="r", vpc_id="v", instance_id="i", port=9000, host="i.test"
    )
    served = serve(replace(an_api(), backend=VpcBackend(access="notes", scheme="http", path="/v3")))
    chain = a_chain(catalog=a_catalog(served, vpc_accesses=[access]))
    refused = a_refusal(504, "X504VE", "Backend service vpc mapped failed")
    assert faults(chain, a_call(answer=refused)) == [Fault.VPC_ACCESS_DENIED]


def test_a_caller_whom_the_capture_does_not_tell_is_told() -> None:
    call = a_call(a_request(peer=""))
    for chain, peer in ((a_chain(), "127.0.0.1"), (a_chain(peer="192.0.2.77"), "192.0.2.77")):
        state = run(chain, call).state
        assert isinstance(state, Admitted)
        assert state.client_ip == peer


# --- outcomes


def test_an_outcome_is_told_in_the_style_of_the_settings() -> None:
    settings = replace(SETTINGS, errors=ErrorStyle.CLASSIC)
    chain = a_chain(catalog=a_catalog(serve(an_api()), settings=settings))
    refused = a_call(edge=of_the_edge())
    outcome = asyncio.run(chain.outcome(refused))
    assert (outcome.ending, outcome.code, outcome.message) == (Ending.REFUSED, "", "Invalid Url")
    assert asyncio.run(a_chain().outcome(refused)).code == "I400HD"
    later = asyncio.run(chain.outcome(a_call(), now_ms=NOW_MS + 5))
    assert later.run == (REQUEST_ID, NOW_MS + 5)


def test_a_parameter_that_is_narrowed_makes_a_difference_to_the_calls_it_breaks_alone() -> None:
    def of(maximum: int) -> OfflineChain:
        days = parameter("days", type=ParameterType.INT, maximum=maximum)
        return a_chain(serve(an_api(request={"parameters": (days,)})))

    calls = [a_call(a_request(f"/forecast?days={days}")) for days in range(1, 17)]
    live, candidate = of(14), of(7)
    causes = []
    for call in calls:
        outcomes = asyncio.run(live.outcome(call)), asyncio.run(candidate.outcome(call))
        causes.append([found.cause for found in differences(*outcomes)])
    about = ("weather/GetForecast", "INVALID_PARAMETER days")
    broken, reworded = (
        (about[0], kind.value, about[1]) for kind in (Kind.NOW_REFUSED, Kind.REWORDED)
    )
    assert causes == [[]] * 7 + [[broken]] * 7 + [[reworded]] * 2
