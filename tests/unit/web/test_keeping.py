"""How many flows stay in the list."""

from collections.abc import Sequence

import pytest
from mitmproxy import flow, http
from mitmproxy.addons.view import View
from mitmproxy.test import taddons
from unit.web.flows import a_flow, a_served_flow

from apigateway.web.keeping import Keeper


class Counting(View):
    """mitmproxy's own list, that counts how often it is looked through."""

    looks = 0

    def resolve(self, flow_spec: str) -> Sequence[flow.Flow]:
        self.looks += 1
        found: Sequence[flow.Flow] = super().resolve(flow_spec)
        return found


def shown(view: View) -> list[flow.Flow]:
    return list(view.resolve("@all"))


def added(view: View, count: int, marked: str = "") -> list[http.HTTPFlow]:
    flows = []
    for _ in range(count):
        one = a_flow()
        one.marked = marked
        view.add([one])
        flows.append(one)
    return flows


def test_the_oldest_go_when_there_are_a_sixteenth_too_many() -> None:
    view = Counting()
    with taddons.context(view):
        keeper = Keeper(view)
        flows = added(view, 170)
        assert keeper.look(160) == 0
        flows += added(view, 1)
        assert keeper.look(160) == 11
        assert shown(view) == flows[-160:]


@pytest.mark.parametrize("count", [0, 5])
def test_zero_keeps_all(count: int) -> None:
    view = Counting()
    with taddons.context(view):
        added(view, count)
        assert Keeper(view).look(0) == 0
        assert len(shown(view)) == count


def test_those_marked_by_hand_and_those_under_way_stay() -> None:
    view = Counting()
    with taddons.context(view):
        mine = added(view, 2, marked=":star:")
        (live,) = added(view, 1)
        live.live = True
        (held,) = added(view, 1)
        held.intercepted = True
        ours = a_served_flow()
        view.add([ours])
        added(view, 5)
        Keeper(view).look(4)
        assert shown(view)[:4] == [*mine, live, held]
        assert ours not in shown(view)


def test_flows_that_may_not_go_are_not_looked_through_for_every_call() -> None:
    view = Counting()
    with taddons.context(view):
        keeper = Keeper(view)
        added(view, 200, marked=":star:")
        for _ in range(100):
            added(view, 1, marked=":star:")
            assert keeper.look(160) == 0
        assert view.looks <= 12


def test_a_thousand_calls_cost_a_look_now_and_then() -> None:
    view = Counting()
    with taddons.context(view):
        keeper = Keeper(view)
        for _ in range(1_000):
            added(view, 1)
            keeper.look(160)
        assert view.looks <= 85
        assert 160 <= len(shown(view)) <= 170
