"""What a real gateway served and refused, saved by mitmproxy itself, ends offline as it ended."""

import asyncio
import base64
import json
from collections import Counter

import pytest
from e2e.captures import Captures, capture
from e2e.lab import Strange
from e2e.running import Backend

from apigateway.chain import Call
from apigateway.exchange import Answer, Signed
from apigateway.model.catalog import Catalog
from apigateway.protocol.wire import Pairs
from apigateway.replay.call import CapturedCall, in_order
from apigateway.replay.captured import read_calls, write_calls
from apigateway.replay.differences import differences
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import captured_outcome, outcome_of
from apigateway.replay.unspent import NoCounters
from apigateway.store.memory import MemoryStore


@pytest.fixture(scope="module", params=["coded", "classic"])
def captures(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    parts: tuple[Backend, Strange],
    thousand: Captures,
) -> Captures:
    if request.param == "coded":
        return thousand
    return capture(tmp_path_factory.mktemp("replay"), *parts, rounds=2, classic=True)


def replayed(catalog: Catalog, calls: list[CapturedCall]) -> list[tuple[CapturedCall, Call]]:
    """In the order in which they came, with counters and nonces that were fresh at the start."""
    store = MemoryStore()
    chain = OfflineChain(catalog, counters=store.counters, nonces=store.nonces)

    async def run_all() -> list[tuple[CapturedCall, Call]]:
        return [(call, await chain.run(call)) for call in in_order(calls)]

    return asyncio.run(run_all())


def assert_same_ends(captures: Captures, content: bytes) -> list[tuple[CapturedCall, Call]]:
    catalog, calls = captures.catalog, read_calls(content)
    style = catalog.settings.errors
    assert len(calls) >= captures.sent
    found = replayed(catalog, calls)
    for captured, call in found:
        seen = captured_outcome(captured)
        assert seen is not None
        told = differences(seen, outcome_of(call, style))
        assert not told, (captured.request.method, captured.request.target, *map(str, told))
    return found


def test_every_call_of_mitmproxys_flows_ends_as_it_ended(captures: Captures) -> None:
    found = assert_same_ends(captures, captures.flows)
    ends = Counter(call.refused_by or "answered" for _, call in found)
    for room in ("Edge", "Routing", "Access", "Authentication", "Throttling", "Validation"):
        assert ends[room] >= 2, ends
    assert ends["answered"] >= 40, ends
    for captured, call in found:
        assert captured.refused_by == call.refused_by


def test_every_call_of_a_har_ends_as_it_ended(captures: Captures) -> None:
    if captures.catalog.settings.errors == "classic":
        pytest.skip("the classic text does not tell the edge's refusals from the stages'")
    assert_same_ends(captures, captures.har)


def test_a_capture_that_was_written_again_ends_as_it_ended(captures: Captures) -> None:
    assert_same_ends(captures, write_calls(read_calls(captures.flows)))


def test_what_would_be_sent_is_what_the_backend_got(captures: Captures) -> None:
    """To the byte, the gateway's signature included: the demo backend answers with what it
    received. The time of a flow is that of its last byte, a moment before the gateway's own, or
    seconds before it on a busy machine."""
    chain = OfflineChain(captures.catalog, counters=NoCounters())
    compared = 0
    for captured in read_calls(captures.flows):
        assert captured.answer is not None
        assert captured.received_ms is not None
        if b'"backend_signature"' not in captured.answer.body:
            continue
        moments = [captured.received_ms + after_ms for after_ms in AFTER_MS]
        got = what_was_got(captured.answer)
        assert any(sent_at(chain, captured, now_ms) == got for now_ms in moments)
        compared += 1
    assert compared >= 20


AFTER_MS = (0, 50, 500, *range(999, 30_000, 500))

Request = tuple[str, str, Pairs, bytes]


def sent_at(chain: OfflineChain, captured: CapturedCall, now_ms: int) -> Request:
    state = asyncio.run(chain.run(captured, now_ms=now_ms)).state
    assert isinstance(state, Signed)
    sent = state.dispatched
    return sent.method, sent.path, sent.headers, sent.body


def what_was_got(answer: Answer) -> Request:
    got = json.loads(answer.body)
    body = got["body"].encode()
    if got["body_encoding"] == "base64":
        body = base64.b64decode(body)
    of_the_leg = {"Host", "Content-Length"}
    headers = tuple((name, value) for name, value in got["headers"] if name not in of_the_leg)
    return got["method"], got["path"], headers, body
