"""The collector is tuned, not turned off, and left as it was."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from apigateway.fast import collector
from apigateway.fast.collector import THRESHOLDS, tune_collector
from apigateway.live.quiet import quietly


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "LOOK_EVERY_S", 0.01)


class Circle:
    def __init__(self) -> None:
        self.own = self


def test_what_was_loaded_is_set_apart_and_everything_is_as_before_when_taken_out() -> None:
    async def run() -> None:
        usual, frozen = gc.get_threshold(), gc.get_freeze_count()
        undo = tune_collector(asyncio.get_running_loop())
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > frozen
        undo()
        assert gc.get_threshold() == usual
        assert gc.get_freeze_count() == 0

    asyncio.run(run())


def test_circles_among_the_young_are_still_found_by_themselves() -> None:
    async def run() -> None:
        undo = tune_collector(asyncio.get_running_loop())
        try:
            seen = weakref.ref(Circle())
            kept = [[number] for number in range(2 * THRESHOLDS[0])]
            assert kept and seen() is None
        finally:
            undo()

    asyncio.run(run())


@pytest.mark.usefixtures("often")
def test_a_circle_of_old_objects_is_found_after_a_while_though_nothing_is_made() -> None:
    async def run() -> None:
        undo = tune_collector(asyncio.get_running_loop())
        try:
            old = Circle()
            seen = weakref.ref(old)
            gc.collect()
            gc.collect()
            del old
            for _ in range(3):  # once is chance, and looks go on
                async with asyncio.timeout(60):
                    while seen() is not None:
                        await asyncio.sleep(0.01)
                old = Circle()
                seen = weakref.ref(old)
                gc.collect()
                del old
        finally:
            undo()

    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()


@pytest.mark.usefixtures("often")
def test_nobody_looks_at_everything_while_much_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    async def run() -> None:
        undo = tune_collector(asyncio.get_running_loop())
        monkeypatch.setattr(gc, "collect", lambda: looks.append(1))
        try:
            with quietly():
                assert gc.get_threshold() != THRESHOLDS
                await asyncio.sleep(0.1)
                assert not looks
            assert gc.get_threshold() == THRESHOLDS
            await asyncio.sleep(0.1)
            assert looks
        finally:
            undo()

    asyncio.run(run())


@pytest.mark.usefixtures("often")
def test_taken_out_it_looks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    async def run() -> None:
        undo = tune_collector(asyncio.get_running_loop())
        undo()
        monkeypatch.setattr(gc, "collect", lambda: looks.append(1))
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert not looks
