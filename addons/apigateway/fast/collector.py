"""The garbage collector, told what a gateway is: a large catalog that stays, and calls whose
objects go away by reference counting.

What has been loaded is set apart for good (`gc.freeze`). So little is left that a look at all of
it takes a millisecond or two, and one comes whenever some hundred thousand objects have stayed,
which is every twenty thousand calls or so: circles that an add-on, a reload or a broken call
leaves are found before they add up. Looks at the young that came more often would cost more than
they find, since most of what they see is what calls under way hold.
"""

import gc

from apigateway.fast.known import Undo

THRESHOLDS = (10_000, 5, 2)
"""Objects until a look at the young, looks until one at those that stayed, and again."""


def tune_collector() -> Undo:
    """For a gateway that has loaded. `live/quiet.py` sets its own thresholds while it loads, and
    these again after it."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.collect()  # of nearly nothing: else a full look waits for a quarter of what is frozen
    gc.set_threshold(*THRESHOLDS)

    def undo() -> None:
        gc.set_threshold(*usual)
        gc.unfreeze()

    return undo
