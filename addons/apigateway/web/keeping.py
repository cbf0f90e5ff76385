"""How many flows stay in the list of mitmweb: it would keep all, until memory is full."""

from typing import Any

from mitmproxy import flow

from apigateway.outcome import MARKERS
from apigateway.web.leg import MARKER as LEG_MARKER

_OURS = MARKERS | {"", LEG_MARKER}

_SLACK = 16
"""A sixteenth more than are kept is let in before the oldest go: to look at all flows for every
call would cost more than the call."""


class Keeper:
    """`view` is mitmproxy's own add-on, which holds the flows."""

    def __init__(self, view: Any) -> None:
        self._view = view
        self._left = 0

    def look(self, keep: int) -> int:
        """Remove the oldest flows beyond `keep` (0 for all), and return how many. Those that are
        still under way and those that somebody marked stay."""
        count = self._view.store_count()
        self._left = min(self._left, count)
        if not keep or count <= max(keep, self._left) + keep // _SLACK:
            return 0
        removed = 0
        for one in self._view.resolve("@all"):
            if removed == count - keep:
                break
            if may_go(one):
                self._view.remove([one])
                removed += 1
        self._left = count - removed
        return removed


def may_go(one: flow.Flow) -> bool:
    return not one.live and not one.intercepted and one.marked in _OURS
