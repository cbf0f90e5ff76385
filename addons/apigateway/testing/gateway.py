"""The fixture `apigateway`: definitions that judge calls, offline. Nothing is ever sent."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from apigateway.captures.sent import CaptureError
from apigateway.chain import Call
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer
from apigateway.model.settings import ErrorStyle
from apigateway.outcome import answer_of
from apigateway.ports import Counters
from apigateway.replay.call import CapturedCall, in_order
from apigateway.replay.captured import read_calls
from apigateway.replay.differences import differences
from apigateway.replay.offline import OfflineChain
from apigateway.replay.outcome import captured_outcome, outcome_of
from apigateway.replay.unspent import NoCounters
from apigateway.store.memory import MemoryStore
from apigateway.testing.judged import JudgedCall
from apigateway.testing.loading import Loaded
from apigateway.testing.made import (
    Fields,
    Signer,
    app_of,
    backend_failure,
    host_of,
    made_answer,
    made_request,
)
from apigateway.testing.replayed import ChangedCall, Replayed, request_line
from apigateway.trail.trail import trail_of

__tracebackhide__ = True  # in pytest's tracebacks: what a test did wrong stands in the test

T = TypeVar("T")

Limits = Literal["fresh", "off"]


def finished(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns, also for a test that is one itself."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def _behind(answer: object) -> Answer | Refusal:
    """What the backend does.

    Raises:
        TypeError: no answer; ValueError: a fault that no backend causes.
    """
    if answer is None:
        return made_answer()
    if isinstance(answer, Fault):
        return backend_failure(answer)
    if isinstance(answer, Answer):
        return answer
    raise TypeError(f"answer={answer!r}: it is apigateway.answer(STATUS, BODY), or a Fault")


class OfflineGateway:
    """One test's gateway. `now_ms` is its time: the start of this minute, and it stands still
    until `pass_time`, so that limits do not depend on when the test is run."""

    def __init__(self, loaded: Loaded, *, captures: Sequence[Path], now_ms: int) -> None:
        """`captures` are the folders that a capture is looked for in, the first first."""
        self.now_ms = now_ms
        self._loaded = loaded
        self._captures = captures
        self._store = MemoryStore()

    def __repr__(self) -> str:
        return f"<the gateway of {self._loaded.definitions}>"

    @property
    def _style(self) -> ErrorStyle:
        return self._loaded.catalog.settings.errors

    # --- captures

    def replay(self, capture: str | Path, *, limits: Limits = "fresh") -> Replayed:
        """Take the calls of a capture (mitmproxy flows or a HAR) through every stage again, in the
        order and at the time in which they came, and compare what their callers would get.

        Backends answer as they did. Limits count from zero at the first call; "off" refuses
        nothing. Nonces are new at the first call.

        Raises:
            FileNotFoundError: it is neither beside the test nor in pytest's root folder.
            CaptureError: it cannot be read, or holds no call with an answer to compare with.
            ValueError: other limits.
        """
        if limits not in get_args(Limits):
            raise ValueError(f'limits={limits!r}: it is "fresh" or "off"')
        content = self._found(capture).read_bytes()
        try:
            calls = in_order(map(self._timed, read_calls(content)))
        except CaptureError as problem:
            raise CaptureError(f"{capture}: {problem}") from None
        if all(call.lacks or call.answer is None for call in calls):
            raise CaptureError(f"{capture} holds no call with an answer to compare with")
        store = MemoryStore()
        counters: Counters = store.counters if limits == "fresh" else NoCounters()
        chain = OfflineChain(self._loaded.catalog, counters=counters, nonces=store.nonces)
        return finished(self._replayed(str(capture), calls, chain))

    def _found(self, capture: str | Path) -> Path:
        places = [folder / capture for folder in self._captures]
        for place in places:
            if place.is_file():
                return place
        looked = " nor ".join(dict.fromkeys(map(str, places)))
        raise FileNotFoundError(f"there is no capture {looked}; mitmdump -w FILE makes one")

    def _timed(self, call: CapturedCall) -> CapturedCall:
        """A call whose capture tells no time comes now."""
        return call if call.received_ms is not None else replace(call, received_ms=self.now_ms)

    async def _replayed(
        self, name: str, calls: Iterable[CapturedCall], chain: OfflineChain
    ) -> Replayed:
        changed, not_compared, number = [], [], 0
        for number, captured in enumerate(calls, 1):
            call = await chain.run(captured)
            before = captured_outcome(captured)
            if before is None or captured.lacks:
                why = captured.lacks or "the capture has no answer"
                not_compared.append((number, why))
                continue
            found = differences(before, outcome_of(call, self._style))
            if found:
                changed.append(
                    ChangedCall(
                        number=number,
                        request=request_line(captured, call),
                        differences=found,
                        trail=trail_of(call, self._style),
                    )
                )
        return Replayed(
            name=name, calls=number, changed=tuple(changed), not_compared=tuple(not_compared)
        )

    # --- calls of a test's own

    def call(
        self,
        method: str,
        target: str,
        *,
        app: str | None = None,
        secret: str | None = None,
        host: str | None = None,
        stage: str = "",
        headers: Fields = (),
        body: bytes | str = b"",
        form: Fields | None = None,
        json: Any = None,
        client: str = "127.0.0.1",
        answer: Answer | Fault | None = None,
    ) -> JudgedCall:
        """Judge a call as the gateway would. `target` is a path with its query, or a whole URL.

        `app` signs it as that app of the definitions, with `secret` instead of the app's own to
        sign it wrongly. `host` is where it is called, for a path that several groups have or none;
        `stage` becomes X-Ca-Stage; `client` is the caller's address. The backend answers `answer`:
        200 without a body unless given, or fails by the fault.

        Raises:
            ValueError: an app, host, body or fault that there is not.
            TypeError: an answer that is none.
        """
        catalog = self._loaded.catalog
        behind = _behind(answer)
        if "://" not in target:
            host = host or host_of(catalog, method, target, stage)
            target = f"http://{host}{target}"
        signer = None
        if app is not None:
            signer = Signer(app=app_of(self._loaded.apps, app), now_ms=self.now_ms, secret=secret)
        request = made_request(
            method,
            target,
            headers=headers,
            body=body,
            form=form,
            document=json,
            stage=stage,
            client=client,
            signer=signer,
        )
        chain = OfflineChain(
            catalog,
            counters=self._store.counters,
            nonces=self._store.nonces,
            backend=lambda _: behind,
        )
        captured = CapturedCall(request=request, received_ms=self.now_ms)
        return self._judged(finished(chain.run(captured)), method)

    def _judged(self, call: Call, method: str) -> JudgedCall:
        return JudgedCall(
            answer=answer_of(call, self._style, method=method),
            outcome=outcome_of(call, self._style),
            trail=trail_of(call, self._style),
        )

    def answer(
        self,
        status: int = 200,
        body: bytes | str = b"",
        *,
        headers: Fields = (),
        json: Any = None,
    ) -> Answer:
        """What a fake backend answers, for `call`."""
        return made_answer(status, body, headers=headers, document=json)

    def pass_time(self, seconds: float) -> None:
        """Make the calls that follow come so much later."""
        self.now_ms += round(seconds * 1000)
