"""What a gateway does beside its calls."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace

import aiohttp
import pytest
from ports import free_port
from unit.live.reading import BROKEN, SAMPLE, Written

from apigateway.definition.project import Project
from apigateway.live.loading import Loaded
from apigateway.live.reloader import Reloader
from apigateway.live.upkeep import Upkeep
from apigateway.model.settings import DomainProof, DomainSettings
from apigateway.store.memory import MemoryStore

PATIENCE_S = 60


class Running:
    """A gateway's upkeep on a reader and a store of the test."""

    def __init__(self, project: Project = SAMPLE, *, number: int = 0) -> None:
        self.reader, self.store = Written(project), MemoryStore()
        self.reloader = Reloader(
            reader=self.reader, store=self.store, folders=(), on_loaded=self._serve
        )
        self.upkeep: Upkeep | None = None
        self.reloader.first(project)
        self.upkeep = Upkeep(self.reloader, self.store, number=number)
        self.upkeep.start()

    def _serve(self, loaded: Loaded, before: Loaded | None) -> None:
        if self.upkeep is not None and before is not None:
            self.upkeep.changed(before.project, loaded)

    async def stop(self) -> None:
        assert self.upkeep is not None
        self.upkeep.stop()
        await self.upkeep.closed()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_process_tells_how_it_is_until_it_ends() -> None:
    async def run() -> None:
        running = Running(number=2)
        await until(running.store.workers.statuses)
        (status,) = running.store.workers.statuses()
        assert (status.process, status.number, status.apis) == (os.getpid(), 2, len(SAMPLE.apis))
        await running.stop()
        assert running.store.workers.statuses() == []

    asyncio.run(run())


def test_a_failed_reload_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apigateway.live.upkeep.REPORT_EVERY_S", 10 * PATIENCE_S)

    async def run() -> None:
        running = Running()
        await until(running.store.workers.statuses)
        running.reader.broken = BROKEN
        await until(lambda: running.store.workers.statuses()[0].problems)
        running.reader.broken = None
        await until(lambda: not running.store.workers.statuses()[0].problems)
        await running.stop()

    asyncio.run(run())


@pytest.mark.parametrize(("number", "entries"), [(0, 1), (1, 1), (2, 0)])
def test_what_files_changed_is_put_into_the_audit_log_once(number: int, entries: int) -> None:
    async def run() -> None:
        running = Running(number=number)
        running.reader.project = replace(SAMPLE, grants=SAMPLE.grants[1:])
        await until(lambda: running.reloader.tally.reloads)
        await until(lambda: running.store.audit.entries(action="reload") or not entries)
        await asyncio.sleep(0.05)
        found = running.store.audit.entries(action="reload")
        assert len(found) == entries
        if found:
            assert list(found[0].after) == ["grant"]
            assert found[0].subject == "definitions"
        await running.stop()

    asyncio.run(run())


def test_a_change_of_the_store_alone_is_no_change_of_files() -> None:
    async def run() -> None:
        running = Running()
        running.store.releases.announce()
        await until(lambda: running.reloader.tally.reloads)
        await asyncio.sleep(0.05)
        assert running.store.audit.entries(action="reload") == []
        await running.stop()

    asyncio.run(run())


@pytest.mark.parametrize(("number", "looks"), [(1, True), (2, False)])
def test_one_process_looks_after_the_domains(number: int, looks: bool) -> None:
    proof = DomainSettings(verify=DomainProof.CNAME, resolvers=(("127.0.0.1", 1),))
    project = replace(SAMPLE, settings=replace(SAMPLE.settings, domains=proof))

    async def run() -> None:
        running = Running(project, number=number)
        if looks:
            await until(running.store.domain_bindings.all)
            names = {binding.domain for binding in running.store.domain_bindings.all()}
            assert "api.weather.localhost" in names
        else:
            await until(running.store.workers.statuses)
            assert running.store.domain_bindings.all() == []
        await running.stop()

    asyncio.run(run())


def test_metrics_are_served_where_the_settings_say() -> None:
    port = free_port()
    settings = replace(SAMPLE.settings, metrics=("127.0.0.1", port))

    async def run() -> None:
        running = Running(replace(SAMPLE, settings=settings), number=1)
        await until(running.store.workers.statuses)
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    try:
                        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                            text = await answer.text()
                        break
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.01)
        assert f'apigateway_definitions_valid{{process="{os.getpid()}",worker="1"}} 1.0' in text
        await running.stop()

    asyncio.run(run())


def test_an_address_that_is_taken_is_told_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    import socket

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            settings = replace(SAMPLE.settings, metrics=("127.0.0.1", port))
            running = Running(replace(SAMPLE, settings=settings))
            await until(lambda: "metrics cannot be served" in caplog.text)
            await until(running.store.workers.statuses)
            await running.stop()

    asyncio.run(run())
