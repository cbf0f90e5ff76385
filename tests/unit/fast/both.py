"""The same add-ons under mitmproxy's own dispatch and under ours."""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from mitmproxy import hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook, HttpResponseHook
from mitmproxy.test import taddons, tflow, tutils

from apigateway.fast.dispatch import Dispatch, IsIdle

Seen = list[str]


def flow() -> HTTPFlow:
    made: HTTPFlow = tflow.tflow(req=tutils.treq(path=b"/forecast"))
    return made


@contextlib.contextmanager
def manager(*, ours: bool, is_idle: IsIdle = lambda addon, name: False) -> Iterator[AddonManager]:
    with taddons.context(loadcore=False) as context:
        addons = context.master.addons
        undo = Dispatch(addons, is_idle).install() if ours else lambda: None
        try:
            yield addons
        finally:
            undo()
            context.master._legacy_log_events.uninstall()


class Lines(logging.Handler):
    """What the add-on manager logs: the text, and the functions in the traceback."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        frames = []
        if record.exc_info and record.exc_info[2]:
            frames = [frame.name for frame in traceback.extract_tb(record.exc_info[2])]
        self._seen.append(f"{record.name} {record.levelname} {record.getMessage()} {frames}")


def outcome(
    build: Callable[[Seen], list[object]],
    drive: Callable[[AddonManager, Seen], Awaitable[None]],
    *,
    ours: bool,
) -> Seen:
    """What add-ons saw, what was logged and what was raised, in order."""
    seen: Seen = []

    async def run() -> None:
        logger = logging.getLogger("mitmproxy.addonmanager")
        lines = Lines(seen)
        logger.addHandler(lines)
        try:
            with manager(ours=ours) as addons:
                addons.add(*build(seen))
                try:
                    await drive(addons, seen)
                except BaseException as error:
                    seen.append(f"raised {type(error).__name__}: {error}")
        finally:
            logger.removeHandler(lines)

    asyncio.run(run())
    return seen


def both(
    build: Callable[[Seen], list[object]],
    drive: Callable[[AddonManager, Seen], Awaitable[None]],
) -> tuple[Seen, Seen]:
    return outcome(build, drive, ours=False), outcome(build, drive, ours=True)


def request(message: Any) -> hooks.Hook:
    made: hooks.Hook = HttpRequestHook(message)
    return made


def response(message: Any) -> hooks.Hook:
    made: hooks.Hook = HttpResponseHook(message)
    return made
