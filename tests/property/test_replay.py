"""A call that was captured ends offline as it ended: whatever it holds, through a file and back,
now and signed anew for another day.
"""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property.test_definitions import apis
from property.test_serving import calls, catalog_of, more_at_the_backend, received, variables
from unit.build import NOW_MS, REQUEST_ID, FreshNonces, OpenCounters, rooms

from apigateway.chain import Call, link, walk
from apigateway.exchange import Answer, Received, Signed
from apigateway.model.settings import ErrorStyle
from apigateway.outcome import answer_of
from apigateway.reception import CallerRequest
from apigateway.replay.call import CapturedCall
from apigateway.replay.captured import read_calls, write_calls
from apigateway.replay.differences import differences
from apigateway.replay.offline import Backend, OfflineChain
from apigateway.replay.outcome import captured_outcome, outcome_of
from apigateway.replay.signing import Resigner
from apigateway.replay.unspent import NoCounters

ROOMS = link(*rooms(FreshNonces(), OpenCounters()))
STYLES = st.sampled_from(ErrorStyle)
LATER_MS = NOW_MS + 400 * 86_400_000

answers = st.builds(
    Answer,
    status=st.sampled_from([200, 200, 204, 404, 500, 503]),
    reason=st.sampled_from(["", "OK", "Service Unavailable"]),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["X-A", "x-a", "Vary", "Set-Cookie", "Content-Type", "RateLimit"]),
            st.sampled_from(["", "1", "中", "\udcff", "text/plain;charset=UTF-8"]),
        ),
        max_size=3,
    ).map(tuple),
    body=st.sampled_from([b"", b"{}", b"\xff\0"]),
    elapsed_ms=st.just(5.0),
)


def on_the_wire(call: dict[str, Any]) -> dict[str, Any]:
    """A path ends at the first question mark."""
    path, _, query = target_of(call["path"], call["query"]).partition("?")
    return {**call, "path": path, "query": query}


def target_of(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def request_of(call: Received) -> CallerRequest:
    """As it was on the wire."""
    return CallerRequest(
        method=call.method,
        target=target_of(call.path, call.query),
        headers=call.headers,
        body=call.body,
        scheme=call.scheme,
        sni=call.sni,
        peer=call.peer,
    )


def answering(answer: Answer) -> Backend:
    return lambda _: answer


def through_a_file(captured: CapturedCall) -> CapturedCall:
    (read,) = read_calls(write_calls([captured]))
    return read


def test_a_captured_call_ends_offline_as_it_ended() -> None:
    ends: Counter[str] = Counter()

    @given(st.data(), apis(), st.sampled_from(["", "/v1"]), variables, STYLES)
    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def ends_as_it_did(
        data: st.DataObject,
        document: dict[str, Any],
        base_path: str,
        values: dict[str, str],
        style: ErrorStyle,
    ) -> None:
        document = data.draw(more_at_the_backend(document))
        catalog = catalog_of(document, base_path, values)
        if catalog is None:
            return
        catalog = replace(catalog, settings=replace(catalog.settings, errors=style))
        chain = OfflineChain(catalog, counters=NoCounters())
        resign = Resigner({key: app.secret for key, app in catalog.apps.items()})
        for drawn in data.draw(st.lists(calls(document, base_path), min_size=3, max_size=6)):
            came = received(catalog, on_the_wire(drawn), document)
            answer = data.draw(answers)
            live = asyncio.run(walk(Call(REQUEST_ID, NOW_MS, came), ROOMS))
            asked = OfflineChain(catalog, counters=NoCounters(), backend=answering(answer))
            first = asyncio.run(asked.run(CapturedCall(request=request_of(came)), now_ms=NOW_MS))
            if first.refused_by == "Edge":  # what no connection would have let through
                ends["Edge"] += 1
                continue
            assert_same_decision(live, first)
            first.request_id = REQUEST_ID
            seen = answer_of(first, style, method=came.method)
            captured = through_a_file(
                CapturedCall(request=request_of(came), received_ms=NOW_MS, answer=seen)
            )
            again = asyncio.run(chain.run(captured))
            outcome, told = outcome_of(again, style), captured_outcome(captured)
            assert told is not None
            assert differences(told, outcome) == ()
            assert again.refused_by == first.refused_by
            ends[outcome.ending if first.answer else first.refused_by] += 1

            later = asyncio.run(chain.outcome(resign(captured, LATER_MS)))
            if not later.fault.startswith("TOKEN_"):  # by then the token has expired
                ends["later"] += 1
                assert differences(outcome, later) == ()

    ends_as_it_did()
    assert ends["answered"] > 20, ends  # or the property says little
    assert ends["later"] > 40, ends
    assert sum(ends[one] > 3 for one in ("Routing", "Authentication", "Validation")) > 1, ends


def assert_same_decision(live: Call, offline: Call) -> None:
    """Of the stages; behind them the offline chain also answers."""
    if live.refusal is not None:
        assert offline.refusal is not None
        assert (offline.refusal.fault, offline.refusal.parts, offline.refused_by) == (
            live.refusal.fault,
            live.refusal.parts,
            live.refused_by,
        )
    elif live.answer is not None:
        assert offline.answer == live.answer
    else:
        assert isinstance(live.state, Signed)
        assert isinstance(offline.state, Signed)
        assert offline.state.upstream == live.state.upstream
