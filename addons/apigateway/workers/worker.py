"""One worker as its supervisor sees it: a process, its line, its output."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apigateway.workers.line import LineBroken, SupervisorEnd, pair
from apigateway.workers.log import Log
from apigateway.workers.sockets import close_all

Hear = Callable[["Worker", Mapping[str, Any]], None]
Command = Callable[[int, int, int], Sequence[str]]
"""A worker's command, from its number, how many had that number before, and its descriptor."""

_OUTPUT_ENDS_WITHIN_S = 1.0


class Slot:
    """A number from 1 on, with the sockets that belong to it and the worker that has it now.

    `failures` are those in a row. Whoever changes the worker holds `changing`.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.sockets: dict[tuple[str, int], list[socket.socket]] = {}
        self.worker: Worker | None = None
        self.starts = 0
        self.failures = 0
        self.changing = asyncio.Lock()

    def close_sockets(self) -> None:
        for sockets in self.sockets.values():
            close_all(sockets)
        self.sockets.clear()


class Worker:
    """`settled` is set when it is ready, and when it ended. `ended` is done when all that it
    printed has been written, too."""

    def __init__(self, slot: Slot, *, leads: bool) -> None:
        self.slot = slot
        self.leads = leads
        self.ready_at: float | None = None
        self.settled = asyncio.Event()
        self.ended: asyncio.Task[None] | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._line: SupervisorEnd | None = None

    def __str__(self) -> str:
        return f"worker {self.slot.number} (process {self._child.pid if self._child else '-'})"

    @property
    def is_ready(self) -> bool:
        return self.ready_at is not None and not (self.ended and self.ended.done())

    async def start(self, command: Command, log: Log, hear: Hear) -> None:
        """
        Raises:
            OSError: the system does not let it.
        """
        line, theirs = pair()
        read_out, write_out = os.pipe()
        read_errors, write_errors = os.pipe()
        try:
            self._child = await asyncio.create_subprocess_exec(
                *command(self.slot.number, self.slot.starts, theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_out,
                stderr=write_errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C and a closed terminal are the supervisor's
            )
        except BaseException:
            line.close()
            for descriptor in (read_out, read_errors):
                os.close(descriptor)
            raise
        finally:
            theirs.close()
            for descriptor in (write_out, write_errors):
                os.close(descriptor)
        self.slot.starts += 1
        self._line = line
        asyncio.get_running_loop().add_reader(line.fileno(), self._listen, hear)
        followers = [
            log.follow(descriptor, stream, str(self.slot.number), hold=not self.leads)
            for descriptor, stream in ((read_out, log.out), (read_errors, log.errors))
        ]
        self.ended = asyncio.create_task(self._end(followers), name=f"the end of {self}")

    def answer(self, message: Mapping[str, Any], sockets: Sequence[socket.socket] = ()) -> None:
        if self._line is not None:
            self._line.answer(message, sockets)

    def signal(self, number: int) -> None:
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)

    @property
    def exit_code(self) -> int:
        """As a shell says it: 128 and the number of the signal that ended it."""
        code = self._child.returncode if self._child else None
        return 0 if code is None else 128 - code if code < 0 else code

    def how_it_ended(self) -> str:
        code = self._child.returncode if self._child else None
        if code is None or code >= 0:
            return f"ended with exit code {code or 0}"
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"

    def _listen(self, hear: Hear) -> None:
        assert self._line is not None
        try:
            for message in self._line.messages():
                hear(self, message)
        except LineBroken:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._line is not None:
            asyncio.get_running_loop().remove_reader(self._line.fileno())
            self._line.close()
            self._line = None

    async def _end(self, followers: Sequence[Any]) -> None:
        assert self._child is not None
        await self._child.wait()
        for follower in followers:
            await asyncio.to_thread(follower.join, _OUTPUT_ENDS_WITHIN_S)
        self._hang_up()
        self.settled.set()
