"""The gateway's chain for calls that were captured: every stage decides as it does on the wire, and
nothing is spent, waited for, looked up or sent.

The time is the call's own unless told otherwise: what a signature, a token and a limit depend on is
as it was.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace

from apigateway.backends.sending import mock_answer, refuse_unsendable
from apigateway.chain import Call, advance, link
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer, HttpUpstream, MockUpstream, Resolved, Signed
from apigateway.ledgers import SeparateLedger
from apigateway.model.catalog import Catalog
from apigateway.ports import Counters, Nonces, Resolver
from apigateway.protocol.client_address import normal_address
from apigateway.reception import received_of
from apigateway.replay.call import CapturedCall
from apigateway.replay.edge import refuse_at_the_edge
from apigateway.replay.outcome import Outcome, outcome_of
from apigateway.replay.remade import with_own_keys
from apigateway.replay.restoring import Restorer
from apigateway.replay.seen import backend_answer, unresolved
from apigateway.replay.unspent import AnyNonce, DisplayResolver, no_sleep
from apigateway.stages.access import Access
from apigateway.stages.authentication import Authentication
from apigateway.stages.authorization import Authorization
from apigateway.stages.mapping import Mapping
from apigateway.stages.resolution import Resolution
from apigateway.stages.routing import Routing
from apigateway.stages.signing import Signing
from apigateway.stages.throttling import Throttling
from apigateway.stages.validation import Validation
from apigateway.stages.vpc_allow_list import VpcAllowList

UNKNOWN_PEER = "127.0.0.1"
"""Whose call it is where the capture does not tell."""

Backend = Callable[[CapturedCall], Answer | Refusal | None]
"""What comes from behind the gateway for a call; None where nobody knows."""


class OfflineChain:
    """`catalog` is what the calls are judged against; its secrets are put back where a capture
    was scrubbed.

    `counters` are those of a replay (fresh ones count the calls that are run, in their order), or
    what a store has standing, or none; see `unspent`. `nonces` are always new unless given: fresh
    ones refuse what is repeated among the calls that are run. Without a `resolver` no name is
    looked up; one that had no address when it was captured still has none. `peer` is the address of
    a call whose capture tells none.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        counters: Counters,
        nonces: Nonces | None = None,
        resolver: Resolver | None = None,
        backend: Backend = backend_answer,
        peer: str = UNKNOWN_PEER,
    ) -> None:
        self._catalog = with_own_keys(catalog)
        self._restored = Restorer.of(catalog, tokens=True)
        self._backend = backend
        self._peer = peer
        self._looks_up = resolver is not None
        networks = catalog.settings.backend_networks
        nonces = nonces or AnyNonce()
        self._steps = link(
            Routing(),
            Access(),
            Authentication(),
            Authorization(nonces=nonces),
            Throttling(ledger=SeparateLedger(counters, nonces), sleep=no_sleep),
            Validation(),
            Mapping(),
            Resolution(),
            VpcAllowList(resolver=resolver or DisplayResolver(networks)),
            Signing(),
        )

    async def run(self, captured: CapturedCall, *, now_ms: int | None = None) -> Call:
        """The call as it ends: refused, answered, or (with neither, `state` being Signed) ready to
        be sent to a backend that nobody knows the answer of.

        `now_ms` is the time of the call instead of its own.

        Raises:
            ValueError: the capture tells no time, and none is given.
        """
        if now_ms is None:
            now_ms = captured.received_ms
        if now_ms is None:
            raise ValueError("the capture does not tell when the call came: give a time")
        captured = self._restored(captured)
        call = Call(captured.request_id or str(uuid.uuid4()).upper(), now_ms)
        self._receive(call, captured)
        for step in self._steps:
            if step.enters is Resolved and not self._looks_up:
                _refuse_without_address(call, captured)
            await advance(call, step)
        if not call.ended and isinstance(call.state, Signed):
            self._dispatch(call, call.state, captured)
        return call

    async def outcome(self, captured: CapturedCall, *, now_ms: int | None = None) -> Outcome:
        """How the call ends, without what is of this run alone; as `run`."""
        call = await self.run(captured, now_ms=now_ms)
        return outcome_of(call, self._catalog.settings.errors)

    def _receive(self, call: Call, captured: CapturedCall) -> None:
        request, catalog = captured.request, self._catalog
        if not request.peer:
            request = replace(request, peer=self._peer)
        if captured.edge is not None:
            call.refuse(captured.edge.again(), "Edge")
            return
        try:
            refuse_at_the_edge(request, catalog.settings.limits)
        except Refusal as refusal:
            call.refuse(refusal, "Edge")
            return
        try:
            call.state = received_of(
                request, catalog, request_id=call.request_id, received_ms=call.received_ms
            )
        except Refusal as refusal:
            call.refuse(refusal, "Reception")

    def _dispatch(self, call: Call, signed: Signed, captured: CapturedCall) -> None:
        upstream = signed.upstream
        if isinstance(upstream, MockUpstream):
            call.answer = mock_answer(upstream)
            return
        try:
            refuse_unsendable(signed.dispatched.headers)
        except Refusal as refusal:
            call.refuse(refusal, "Dispatch")
            return
        found = self._backend(captured)
        if isinstance(found, Refusal):
            call.refuse(found, "Dispatch")
        else:
            call.answer = found


def _refuse_without_address(call: Call, captured: CapturedCall) -> None:
    """What the room that comes next would do if the name were looked up."""
    upstream = call.state.upstream if isinstance(call.state, Resolved) else None
    if not isinstance(upstream, HttpUpstream) or normal_address(upstream.host) is not None:
        return
    if unresolved(captured):
        fault = Fault.VPC_ACCESS_DENIED if upstream.vpc_access else Fault.BACKEND_ADDRESS
        call.refuse(Refusal(fault, f"{upstream.host} has no address"), VpcAllowList.__name__)
