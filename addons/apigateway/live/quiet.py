"""Loading beside the event loop without being felt there."""

import contextlib
import gc
import sys
import threading
from collections.abc import Iterator
from typing import Any

from apigateway.steps import in_steps, step

SWITCH_S = 0.0002
"""How long the loading thread may keep the interpreter when the event loop wants it. A call gives
it away at each of its many system calls, and would wait Python's usual 5 ms at each to get it back.
"""

YOUNG = 500
"""How many new objects make the collector look at them: a look takes a fraction of a millisecond.
Were it off, the first look behind a load would be one at everything that was made."""

NEVER = 1_000_000_000
MANY_BLOCKS = 50_000
"""Memory blocks of some hundred APIs."""

_lock = threading.Lock()


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """For a thread that makes many objects. The collector looks at young ones only, and what a
    large load leaves is set apart for good: with ten thousand APIs a look at everything takes ten
    times as long as a call may wait, and finds nothing, since a catalog has no circles."""
    with _lock:
        usual_s, usual = sys.getswitchinterval(), gc.get_threshold()
        blocks = sys.getallocatedblocks()
        sys.setswitchinterval(SWITCH_S)
        gc.set_threshold(YOUNG, 10, NEVER)
        try:
            with in_steps() if _is_beside_others() else contextlib.nullcontext():
                yield
        finally:
            if sys.getallocatedblocks() - blocks > MANY_BLOCKS:
                gc.freeze()
            gc.set_threshold(*usual)
            sys.setswitchinterval(usual_s)


def _is_beside_others() -> bool:
    """At a start, in the thread of the event loop, no call waits for what a rest gives away."""
    return threading.current_thread() is not threading.main_thread()


def let_go(parts: list[Any]) -> None:
    """Empty `parts`, one at a time. What is the last of a large project goes away in one step
    otherwise, and whoever takes that step stands still for a tenth of a second."""
    while parts:
        step()
        parts.pop()
