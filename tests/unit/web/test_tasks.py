"""Work that a command starts."""

import asyncio
import logging

import pytest
from mitmproxy.exceptions import CommandError

from apigateway.web.tasks import Background, HasToWait, at_once


async def a_text(text: str = "done", *, waits: bool = False) -> str:
    if waits:
        await asyncio.sleep(0)
    return text


def test_what_need_not_wait_is_done_at_once() -> None:
    assert at_once(a_text()) == "done"


def test_what_has_to_wait_is_closed_and_told() -> None:
    with pytest.raises(HasToWait):
        at_once(a_text(waits=True))


def test_what_is_raised_comes_through() -> None:
    async def fails() -> str:
        raise CommandError("mend it")

    with pytest.raises(CommandError, match="mend it"):
        at_once(fails())


@pytest.mark.parametrize(
    ("problem", "told"),
    [(CommandError("mend it"), "name: mend it"), (KeyError("x"), "name: a bug")],
)
def test_the_log_tells_what_came_of_it(
    problem: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> str:
        raise problem

    async def run() -> None:
        background = Background()
        background.start("name", a_text("all is well", waits=True))
        background.start("name", fails())
        background.start("name", a_text(""))
        for _ in range(5):
            await asyncio.sleep(0)

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert sorted(caplog.messages) == sorted([told, "name: all is well"])


def test_what_was_started_ends_with_the_gateway(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        background = Background()

        async def for_ever() -> str:
            await asyncio.Event().wait()
            return "never"

        background.start("name", for_ever())
        await asyncio.sleep(0)
        background.stop()
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
    assert not caplog.messages
