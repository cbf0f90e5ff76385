"""When a gateway looks, what it does with what it finds, and what it says."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from unit.live.reading import BROKEN, NOW_MS, SAMPLE, Written, edited

from apigateway.definition.problems import Problem
from apigateway.lifecycle.start import publishing
from apigateway.live.loading import Loaded
from apigateway.live.reloader import MOST_LOOKS, SETTLE_S, Reloader
from apigateway.model.group import Environment
from apigateway.ports import StoreUnavailable
from apigateway.store.memory import MemoryStore

PATIENCE_S = 60


class Served:
    """What `on_loaded` was called with."""

    def __init__(self) -> None:
        self.loads: list[Loaded] = []

    def __call__(self, loaded: Loaded, before: Loaded | None) -> None:
        assert before is (self.loads[-1] if self.loads else None)
        self.loads.append(loaded)


def reloader(reader: Written, store: MemoryStore, served: Served, *folders: Path) -> Reloader:
    made = Reloader(reader=reader, store=store, folders=folders, on_loaded=served)
    made.first(reader.read())
    return made


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def test_what_changed_is_served_by_one_call() -> None:
    async def run() -> None:
        reader, served = Written(), Served()
        made = reloader(reader, MemoryStore(), served)
        reader.project = replace(SAMPLE, grants=())
        assert await made.look()
        assert [len(one.project.grants) for one in served.loads] == [len(SAMPLE.grants), 0]
        assert made.serving is served.loads[-1]
        assert (made.tally.reloads, made.tally.failed) == (1, 0)

    asyncio.run(run())


def test_nothing_new_changes_nothing() -> None:
    async def run() -> None:
        served = Served()
        made = reloader(Written(), MemoryStore(), served)
        assert not await made.look()
        assert len(served.loads) == 1
        assert made.tally.reloads == 0

    asyncio.run(run())


def test_what_is_broken_keeps_what_was_served_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        reader, served, told = Written(), Served(), []
        made = reloader(reader, MemoryStore(), served)
        made.on_told = lambda: told.append(made.tally.problems)
        reader.broken = BROKEN
        for _ in range(3):
            assert not await made.look()
        assert len(served.loads) == 1
        assert made.tally.problems == ("definitions/gateway.yaml:3:1: wrong; mend it",)
        assert made.tally.failed == 1
        assert [line for line in caplog.messages if "nothing has changed" in line] == [
            "reload: nothing has changed, what was served before goes on:\n"
            "definitions/gateway.yaml:3:1: wrong; mend it"
        ]
        assert told[0] == made.tally.problems
        reader.broken = None
        assert not await made.look()
        assert not made.tally.problems
        assert told[-1] == ()
        assert "the problems are mended" in caplog.text

    with caplog.at_level(logging.INFO):
        asyncio.run(run())


def test_a_file_that_is_seen_half_written_is_not_told() -> None:
    class Writing(Written):
        def read(self):  # type: ignore[no-untyped-def]
            self.broken = BROKEN if self.reads == 1 else None
            return super().read()

    async def run() -> None:
        reader = Writing()
        made = reloader(reader, MemoryStore(), Served())
        await made.look()
        assert reader.reads == 3
        assert made.tally.failed == 0

    asyncio.run(run())


def test_what_is_gone_for_a_moment_is_served_on() -> None:
    """An editor renames the old file away before it writes the new one."""

    class Replaced(Written):
        def read(self):  # type: ignore[no-untyped-def]
            self.project = replace(SAMPLE, bindings=()) if self.reads == 1 else SAMPLE
            return super().read()

    async def run() -> None:
        reader, served = Replaced(), Served()
        made = reloader(reader, MemoryStore(), served)
        assert not await made.look()
        assert len(served.loads) == 1

    asyncio.run(run())


def test_files_that_are_another_each_time_are_believed_at_last() -> None:
    class Restless(Written):
        def read(self):  # type: ignore[no-untyped-def]
            if self.reads:
                self.project = replace(SAMPLE, grants=SAMPLE.grants[: self.reads])
            return super().read()

    async def run() -> None:
        reader, served = Restless(), Served()
        made = reloader(reader, MemoryStore(), served)
        assert await made.look()
        assert reader.reads == 1 + MOST_LOOKS
        assert served.loads[-1].project.grants == SAMPLE.grants[:MOST_LOOKS]

    asyncio.run(run())


def test_the_store_is_followed_while_a_file_is_broken(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        reader, store, served = Written(), MemoryStore(), Served()
        made = reloader(reader, store, served)
        reader.broken = BROKEN
        await made.look()
        api = next(api for api in SAMPLE.apis if api.name == "GetStatus")
        store.releases.apply([publishing(api, Environment.TEST)], note="", by="me", now_ms=NOW_MS)
        assert await made.look()
        assert (api.id, Environment.TEST) in {
            (one.api.id, one.environment) for one in served.loads[-1].catalog.served
        }
        assert made.tally.problems == ("definitions/gateway.yaml:3:1: wrong; mend it",)
        assert (made.tally.reloads, made.tally.failed) == (1, 1)

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert "mended" not in caplog.text


def test_a_look_that_finds_nothing_has_nothing_to_tell() -> None:
    async def run() -> None:
        reader, told = Written(), []
        made = reloader(reader, MemoryStore(), Served())
        made.on_told = lambda: told.append(made.tally.problems)
        await made.look()
        assert not told
        reader.broken = BROKEN
        await made.look()
        await made.look()
        assert len(told) == 1
        reader.broken, reader.project = None, replace(SAMPLE, grants=())
        await made.look()
        assert told[-1] == ()

    asyncio.run(run())


def test_a_wait_for_files_to_settle_is_not_on_the_bill_of_a_look() -> None:
    async def run() -> None:
        reader = Written(broken=None)
        made = reloader(reader, MemoryStore(), Served())
        reader.broken = BROKEN
        began = time.monotonic()
        await made.look()
        assert made.cost_s < time.monotonic() - began - SETTLE_S

    asyncio.run(run())


def test_a_store_that_does_not_answer_is_told_and_changes_nothing() -> None:
    class Gone(MemoryStore):
        broken = False

        @property
        def releases(self):  # type: ignore[no-untyped-def]
            if self.broken:
                raise StoreUnavailable("gone")
            return self._releases

        @releases.setter
        def releases(self, releases) -> None:  # type: ignore[no-untyped-def]
            self._releases = releases

    async def run() -> None:
        store, served = Gone(), Served()
        made = reloader(Written(), store, served)
        store.broken = True
        assert not await made.look()
        assert made.tally.problems == ("the store cannot be read: gone",)
        assert len(served.loads) == 1

    asyncio.run(run())


def test_a_reload_says_what_is_new(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        reader, store = Written(), MemoryStore()
        made = reloader(reader, store, Served())
        reader.project = edited()
        await made.look()
        api = next(api for api in SAMPLE.apis if api.name == "GetStatus")
        store.releases.apply([publishing(api, Environment.TEST)], note="", by="me", now_ms=NOW_MS)
        await made.look()

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    lines = [line for line in caplog.messages if line.startswith("reload:")]
    assert lines[0].startswith("reload: draft changed: weather/GetForecast (")
    assert lines[1].startswith("reload: weather/GetStatus TEST is version 2023")


@pytest.mark.parametrize("leads", [True, False])
def test_a_warning_that_comes_with_time_is_told_once_and_by_one_process(
    caplog: pytest.LogCaptureFixture, leads: bool
) -> None:
    old = Problem("a.yaml", 3, 1, "said at the start", "mend it")
    new = Problem("b.yaml", 7, 1, "the certificate expired", "renew it")

    async def run() -> None:
        reader = Written()
        reader.project = replace(SAMPLE, warnings=(old,))
        made = reloader(reader, MemoryStore(), Served())
        made.leads = leads
        for warnings in ((old, new), (replace(old, line=9), new), (new,)):
            reader.project = replace(SAMPLE, warnings=warnings)
            await made.look()
            assert made.tally.problems == ()

    asyncio.run(run())
    told = [line for line in caplog.messages if line.startswith("reload: ")]
    assert told == (["reload: b.yaml:7:1: the certificate expired; renew it"] if leads else [])


def test_a_started_reloader_follows_files_and_store(tmp_path: Path) -> None:
    async def run() -> None:
        reader, store, served = Written(), MemoryStore(), Served()
        (tmp_path / "definitions").mkdir()
        made = reloader(reader, store, served, tmp_path / "definitions")
        made.start()
        try:
            reader.project = replace(SAMPLE, grants=())
            (tmp_path / "definitions" / "x.yaml").write_text("x")
            await until(lambda: len(served.loads) == 2)
            api = next(api for api in SAMPLE.apis if api.name == "GetStatus")
            store.releases.apply(
                [publishing(api, Environment.TEST)], note="", by="me", now_ms=NOW_MS
            )
            await until(lambda: len(served.loads) == 3)
        finally:
            made.stop()

    asyncio.run(run())


def test_files_are_looked_at_now_and_then_without_any_event() -> None:
    async def run() -> None:
        reader, served = Written(), Served()
        made = reloader(reader, MemoryStore(), served)
        made.start()
        try:
            reader.project = replace(SAMPLE, grants=())
            await until(lambda: len(served.loads) == 2)
        finally:
            made.stop()

    asyncio.run(run())


def test_a_bug_in_a_load_does_not_end_the_reloader(caplog: pytest.LogCaptureFixture) -> None:
    class Buggy(Written):
        def read(self):  # type: ignore[no-untyped-def]
            if self.reads == 1:
                self.reads += 1
                raise ZeroDivisionError
            return super().read()

    async def run() -> None:
        reader, served = Buggy(), Served()
        made = reloader(reader, MemoryStore(), served)
        made.start()
        try:
            reader.project = replace(SAMPLE, grants=())
            await until(lambda: len(served.loads) == 2)
        finally:
            made.stop()

    asyncio.run(run())
    assert "reload: a bug" in caplog.text


def test_a_stopped_reloader_looks_no_more() -> None:
    async def run() -> None:
        reader = Written()
        made = reloader(reader, MemoryStore(), Served())
        made.start()
        made.stop()
        reads = reader.reads
        await asyncio.sleep(0.05)
        assert reader.reads == reads
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    asyncio.run(run())


@pytest.mark.parametrize("leads", [True, False])
def test_what_was_read_is_kept_once_by_who_leads(
    leads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apigateway.live.reloader.KEEP_AFTER_S", 0.01)

    async def run() -> None:
        reader = Written()
        made = reloader(reader, MemoryStore(), Served())
        made.leads = leads
        made.start()
        try:
            await until(lambda: reader.kept or not leads)
            await asyncio.sleep(0.1)
            assert reader.kept == int(leads)
            reader.project = replace(SAMPLE, grants=())
            await until(lambda: made.tally.reloads)
            await until(lambda: reader.kept > 1 or not leads)
            await asyncio.sleep(0.1)
            assert reader.kept == 2 * int(leads)
        finally:
            made.stop()

    asyncio.run(run())


def test_of_many_releases_a_few_are_named_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apigateway.live.reloader.MOST_TOLD", 2)

    async def run() -> None:
        reloader(Written(), MemoryStore(), Served())

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    lines = [line for line in caplog.messages if line.startswith("released")]
    assert len(lines) == 3
    assert lines[2] == f"released {len(SAMPLE.apis) - 2} more"


def test_what_is_served_no_more_goes_away_later_in_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apigateway.live.reloader.MANY", 0)
    monkeypatch.setattr("apigateway.live.reloader.LET_GO_AFTER_S", 0.05)

    async def run() -> None:
        reader, served = Written(), Served()
        made = reloader(reader, MemoryStore(), served)
        reader.project = replace(SAMPLE, grants=())
        await made.look()
        replaced = served.loads[-1].replaced
        assert replaced
        await until(lambda: not replaced)
        made.stop()

    asyncio.run(run())


def test_after_a_long_look_the_rest_is_not_long() -> None:
    async def run() -> None:
        made = reloader(Written(), MemoryStore(), Served())
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            raise asyncio.CancelledError

        made.cost_s = 0.0
        made._due.set()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(made.__class__, "look", costly)
            patched.setattr("apigateway.live.reloader.asyncio.sleep", sleep)
            with pytest.raises(asyncio.CancelledError):
                await made._look_when_due()
        assert slept == [2.0]

    async def costly(made: Reloader) -> bool:
        made.cost_s = 100.0
        return False

    asyncio.run(run())
