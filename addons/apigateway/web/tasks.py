"""Work that a command starts: done at once where nothing has to be waited for, else beside calls.

mitmproxy's commands cannot wait. What takes long answers into the event log.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from mitmproxy.exceptions import CommandError

T = TypeVar("T")

logger = logging.getLogger(__name__)


class HasToWait(Exception):
    """The coroutine is not done with its first step."""


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for.

    Raises:
        HasToWait: it has; it was closed.
    """
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise HasToWait


class Background:
    """What was started and is not done yet."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, str]) -> None:
        """Needs the running event loop. The text that comes of it goes to the event log."""
        task = asyncio.get_running_loop().create_task(_tell(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        for task in self._tasks.copy():
            task.cancel()


async def _tell(name: str, work: Coroutine[Any, Any, str]) -> None:
    try:
        text = await work
    except CommandError as problem:
        logger.error("%s: %s", name, problem)
    except Exception:  # nobody waits for it
        logger.exception("%s: a bug", name)
    else:
        if text:
            logger.info("%s: %s", name, text)
