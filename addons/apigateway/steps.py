"""Long work in a thread beside an event loop: it goes in small steps and rests between them.

Two threads of Python share one interpreter. However often it changes hands, a thread that always
wants it makes each call take twice as long, and calls that come in meanwhile wait for each other.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

WORK_S = 0.0005
REST_S = 0.001


class _Pace(threading.local):
    rest_at: float | None = None


_pace = _Pace()


@contextlib.contextmanager
def in_steps() -> Iterator[None]:
    """Within this block, in this thread, each `step` may be the end of one."""
    before, _pace.rest_at = _pace.rest_at, time.perf_counter() + WORK_S
    try:
        yield
    finally:
        _pace.rest_at = before


def step() -> None:
    """A good moment for a rest, if one is due. For loops over many APIs; does nothing in a thread
    that has no reason to rest."""
    rest_at = _pace.rest_at
    if rest_at is not None and time.perf_counter() > rest_at:
        time.sleep(REST_S)
        _pace.rest_at = time.perf_counter() + WORK_S
