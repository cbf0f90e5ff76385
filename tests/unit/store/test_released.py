"""What was read once is not read again."""

import threading
from collections.abc import Mapping, Sequence

from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.store.released import Shelf


def release(number: int) -> Release:
    return Release(
        api_id=f"id-{number}",
        group="weather",
        api=f"Api{number:05}",
        environment=Environment.RELEASE,
        version="1",
        note="",
        released_by="",
        released_ms=0,
        document={},
    )


class Reading:
    """Releases 0 to 9,999, but those of `lost`; and what was read of them."""

    def __init__(self, lost: Sequence[int] = ()) -> None:
        self.lost = lost
        self.asked: list[Sequence[int]] = []
        self.shelf = Shelf(self.read)

    def read(self, ids: Sequence[int]) -> Mapping[int, Release]:
        self.asked.append(ids)
        return {number: release(number) for number in ids if number not in self.lost}

    def show(self, *numbers: int) -> list[int]:
        shown = [int(one.api[3:]) for one in self.shelf.show(numbers)]
        return shown


def test_releases_come_by_name_and_are_read_once() -> None:
    reading = Reading()
    assert reading.show(3, 1, 2) == [1, 2, 3]
    assert reading.show(2, 3, 1) == [1, 2, 3]
    assert reading.asked == [[3, 1, 2]]


def test_only_what_is_new_is_read() -> None:
    reading = Reading()
    reading.show(1, 2)
    assert reading.show(2, 3) == [2, 3]
    assert reading.asked == [[1, 2], [3]]


def test_what_is_not_served_any_more_is_let_go() -> None:
    reading = Reading()
    reading.show(1, 2)
    assert reading.show() == []
    assert reading.show(1) == [1]
    assert reading.asked == [[1, 2], [1]]


def test_many_are_read_a_few_hundred_at_a_time() -> None:
    reading = Reading()
    assert reading.show(*range(1_201)) == list(range(1_201))
    assert [len(ids) for ids in reading.asked] == [500, 500, 201]


def test_what_is_lost_is_left_out_and_looked_for_again() -> None:
    reading = Reading(lost=[2])
    assert reading.show(1, 2) == [1]
    reading.lost = []
    assert reading.show(1, 2) == [1, 2]
    assert reading.asked == [[1, 2], [2]]


def test_what_was_shown_cannot_be_spoiled() -> None:
    assert isinstance(Reading().shelf.show([1]), tuple)


def test_threads_that_look_for_different_ones_each_see_their_own() -> None:
    reading = Reading()
    wrong = []

    def look(first: int) -> None:
        for start in range(first, first + 200):
            wanted = list(range(start, start + 20))
            if reading.show(*wanted) != wanted:
                wrong.append(start)

    threads = [threading.Thread(target=look, args=(first,)) for first in (0, 50, 5_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
