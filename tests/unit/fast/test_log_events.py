"""Lines of the log reach the add-ons that listen, and cost nothing where none does."""

import asyncio
import logging
import types
from typing import Any

import pytest
from mitmproxy import log
from mitmproxy.test import taddons

from apigateway.fast.dispatch import Dispatch
from apigateway.fast.known import Unknown
from apigateway.fast.log_events import skip_unheard_log_events

logger = logging.getLogger("a gateway")


def heard(*, ours: bool) -> list[str]:
    """What two listeners heard of three lines, the second of which comes when nobody listens."""
    seen: list[str] = []

    async def run() -> None:
        with taddons.context(loadcore=False) as context:
            master: Any = context.master
            dispatch = Dispatch(master.addons)
            undos = [dispatch.install()] if ours else []
            undos += [skip_unheard_log_events(master, dispatch)] if ours else []
            for number in range(3):
                logger.warning("line %d", number)
                await asyncio.sleep(0)
                if number == 0:
                    ear = types.SimpleNamespace(
                        name="ear", add_log=lambda entry: seen.append(f"{entry.level} {entry.msg}")
                    )
                    master.addons.add(ear)
                if number == 1:
                    master.addons.remove(ear)
            for undo in reversed(undos):
                undo()
            assert "emit" not in vars(master._legacy_log_events)
            master._legacy_log_events.uninstall()

    asyncio.run(run())
    return [line.partition("] ")[2] for line in seen if "line" in line]


def test_those_who_listen_hear_what_they_heard_before() -> None:
    assert heard(ours=True) == heard(ours=False) != []


def test_a_line_from_another_thread_goes_mitmproxys_own_way() -> None:
    """The tables of the dispatch belong to the thread of the event loop."""

    async def run() -> list[str]:
        asked: list[str] = []
        with taddons.context(loadcore=False) as context:
            master: Any = context.master
            dispatch = Dispatch(master.addons)

            def has(name: str) -> bool:
                asked.append(name)
                return False

            dispatch.has = has  # type: ignore[method-assign]
            skip_unheard_log_events(master, dispatch)
            await asyncio.to_thread(logger.warning, "from a thread")
            assert not asked
            logger.warning("from the loop")
            master._legacy_log_events.uninstall()
        return asked

    assert asyncio.run(run()) == ["add_log"]


def test_a_line_that_nobody_hears_is_not_formatted() -> None:
    class Told:
        times = 0

        def __str__(self) -> str:
            self.times += 1
            return "told"

    async def run() -> int:
        told = Told()
        with taddons.context(loadcore=False) as context:
            master: Any = context.master
            dispatch = Dispatch(master.addons)
            skip_unheard_log_events(master, dispatch)
            for handler in logging.getLogger().handlers:
                if isinstance(handler, log.LegacyLogEvents):
                    handler.handle(logger.makeRecord("a", 10, "f", 1, "%s", (told,), None))
            master._legacy_log_events.uninstall()
        return told.times

    assert asyncio.run(run()) == 0


def test_another_mitmproxy_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with taddons.context(loadcore=False) as context:
        dispatch = Dispatch(context.master.addons)
        with pytest.raises(Unknown, match="legacy"):
            skip_unheard_log_events(types.SimpleNamespace(), dispatch)
        monkeypatch.setattr(log.LegacyLogEvents, "emit", lambda events, record: None)
        with pytest.raises(Unknown, match="has another"):
            skip_unheard_log_events(context.master, dispatch)
