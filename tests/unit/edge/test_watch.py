from apigateway.edge.watch import Census, Patience, Watch
from apigateway.model.settings import EdgeLimits


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_deadline_counts_from_when_it_is_set() -> None:
    clock = Clock()
    watch = Watch("a", 10, clock)
    assert watch.deadline == 110
    clock.now = 105
    watch.within(2)
    assert watch.deadline == 107
    watch.rest()
    assert watch.deadline == float("inf")


def test_a_client_that_fetches_something_still_reads() -> None:
    watch = Watch("a", 10, Clock())
    assert watch.still_reads(100)
    assert watch.still_reads(99)
    assert not watch.still_reads(99)
    assert not watch.still_reads(0)


def test_a_client_may_have_so_many_connections() -> None:
    census, limits = Census(), EdgeLimits(connections=3, connections_per_client=2)
    assert [census.enter("a", limits) for _ in range(2)] == ["", ""]
    assert "a has 2 connections" in census.enter("a", limits)
    assert census.enter("b", limits) == ""
    assert "there are 3 connections" in census.enter("c", limits)
    census.leave("a")
    assert census.enter("a", limits) == ""


def test_patience_comes_back_with_time() -> None:
    clock = Clock()
    patience = Patience(10, 1, clock)
    assert not patience.is_over(10)
    assert patience.is_over(1)
    clock.now += 6
    assert not patience.is_over(5)
    assert patience.is_over(1)
