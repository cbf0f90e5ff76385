"""The garbage collector, told what a gateway is: a large catalog that stays, and calls whose
objects go away by reference counting.

What has been loaded is set apart for good (`gc.freeze`), and young objects are looked at less
often: most of what such a look sees belongs to calls still under way. So little is left that a look
at all of it takes a millisecond or two, and one comes every ten seconds. Circles that an add-on, a
reload or a broken call leaves are found before they add up; left to the thresholds they would not
be, since each load of definitions begins the count anew.
"""

import asyncio
import gc

from apigateway.fast.known import Undo

THRESHOLDS = (20_000, 10, 20)
"""Objects until a look at the young, looks until one at those that stayed, and again."""

LOOK_EVERY_S = 10.0


def tune_collector(loop: asyncio.AbstractEventLoop) -> Undo:
    """For a gateway that has loaded. `live/quiet.py` sets its own thresholds while it loads, and
    these again after it; meanwhile nobody looks at all that a load makes."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        if gc.get_threshold() == THRESHOLDS:
            gc.collect()
        timer = loop.call_later(LOOK_EVERY_S, look)

    def undo() -> None:
        timer.cancel()
        gc.set_threshold(*usual)
        gc.unfreeze()

    timer = loop.call_later(LOOK_EVERY_S, look)
    return undo
