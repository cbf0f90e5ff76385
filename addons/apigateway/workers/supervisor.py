"""Starts the workers, restarts one that dies, replaces all at a reload, and stops them.

The first worker leads a start: it checks everything, as a gateway without workers does, and
releases what is due. Only when it is ready do the others start, so every problem is said once. A
reload is the same, one worker after the other.

The sockets belong to the supervisor, and a worker's successor gets the same ones: connections
that wait to be accepted are not lost when a worker is replaced. Those of a worker that died are
closed, since nobody can say how soon it is back; new ones then go to the others.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from apigateway.workers.log import Log
from apigateway.workers.sockets import Claim
from apigateway.workers.worker import Command, Slot, Worker


@dataclass(frozen=True)
class Timing:
    """Seconds. A worker that dies is replaced at once; when it was not ready for `healthy_s`, its
    successor after `pause_s`, and then after twice as long each time. Until all were ready for
    `healthy_s`, `most_failures` end everything."""

    healthy_s: float = 10.0
    pause_s: float = 0.5
    longest_pause_s: float = 30.0
    most_failures: int = 5
    ready_within_s: float = 120.0
    stop_within_s: float = 45.0


class Supervisor:
    """`run` it once, in the main thread. With `quiet` it only says what is wrong."""

    def __init__(
        self,
        count: int,
        command: Command,
        log: Log,
        *,
        quiet: bool = False,
        timing: Timing | None = None,
    ) -> None:
        self._command = command
        self._log = log
        self._quiet = quiet
        self._timing = timing or Timing()
        self._slots = [Slot(number) for number in range(1, count + 1)]
        self._claims: dict[tuple[str, int], Claim] = {}
        self._living: set[Worker] = set()
        self._stopping = asyncio.Event()
        self._at_once = asyncio.Event()
        self._reload_asked = asyncio.Event()
        self._exit_code = 0
        self._early_failures: int | None = 0
        self._calm: asyncio.TimerHandle | None = None
        self._announced = False

    async def run(self) -> int:
        """Serve until a signal; returns the exit code."""
        loop = asyncio.get_running_loop()
        self._log.on_broken = lambda: loop.call_soon_threadsafe(self._stop, 1)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_stop_signal, number)
        terminal = Terminal()
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup, terminal)
        tasks = []
        try:
            leader = await self._started(self._slots[0], leads=True)
            await self._unless_stopped(leader.settled.wait())
            if leader.is_ready:
                self._slots[0].worker = leader
                self._look_whether_all_serve()
                tasks = [asyncio.create_task(self._keep(slot)) for slot in self._slots]
                tasks.append(asyncio.create_task(self._reload_when_asked()))
                # None of them ends but by a mistake of ours, which is to be seen.
                await self._unless_stopped(asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED))
                for task in tasks:
                    if task.done():
                        task.result()
            elif not self._stopping.is_set():
                self._exit_code = leader.exit_code or 1
        except OSError as problem:
            self._log.say(f"no worker can be started: {problem}")
            self._exit_code = 1
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end_all()
        return self._exit_code

    # --- one worker

    async def _started(self, slot: Slot, *, leads: bool = False) -> Worker:
        """Raises OSError."""
        worker = Worker(slot, leads=leads)
        await worker.start(self._command, self._log, self._hear)
        assert worker.ended is not None
        self._living.add(worker)
        worker.ended.add_done_callback(lambda _: self._living.discard(worker))
        return worker

    def _hear(self, worker: Worker, message: Mapping[str, Any]) -> None:
        if "hello" in message:
            worker.answer({"leads": worker.leads, "number": worker.slot.number})
        elif "listen" in message:
            self._give_sockets(worker, *message["listen"])
        elif "ready" in message:
            worker.ready_at = asyncio.get_running_loop().time()
            worker.settled.set()
            if self._announced and worker.slot.worker is worker:
                self._say(f"{worker} serves")
            asyncio.get_running_loop().call_soon(self._look_whether_all_serve)

    def _give_sockets(self, worker: Worker, host: str, port: int) -> None:
        at, slot = (host, port), worker.slot
        try:
            if at not in self._claims:
                self._claims[at] = Claim(host, port)
            if at not in slot.sockets:
                slot.sockets[at] = self._claims[at].open()
        except OSError as problem:
            worker.answer({"problem": problem.strerror or str(problem)})
        else:
            worker.answer({"problem": ""}, slot.sockets[at])

    async def _keep(self, slot: Slot) -> None:
        """See to it that there always is a worker of this number."""
        while True:
            async with slot.changing:
                if slot.worker is None:
                    try:
                        slot.worker = await self._started(slot)
                    except OSError as problem:
                        self._log.say(f"worker {slot.number} cannot be started: {problem}")
                worker = slot.worker
            if worker is None:
                await asyncio.sleep(self._timing.longest_pause_s)
                continue
            assert worker.ended is not None
            await asyncio.shield(worker.ended)
            async with slot.changing:
                if slot.worker is not worker:  # it was replaced
                    continue
                slot.worker = None
                slot.close_sockets()
            await asyncio.sleep(self._pause_after(worker))

    def _pause_after(self, worker: Worker) -> float:
        """Count and report a worker that ended by itself; returns how long to wait."""
        timing, slot = self._timing, worker.slot
        now = asyncio.get_running_loop().time()
        if worker.ready_at is not None and now - worker.ready_at >= timing.healthy_s:
            slot.failures = 0
        slot.failures += 1
        pause = 0.0
        if slot.failures > 1:
            pause = min(timing.pause_s * 2 ** (slot.failures - 2), timing.longest_pause_s)
        when = f"in {pause:g} s" if pause else "now"
        self._log.say(f"{worker} {worker.how_it_ended()}; another is started {when}")
        if self._calm is not None:
            self._calm.cancel()
            self._calm = None
        if self._early_failures is not None:
            self._early_failures += 1
            if self._early_failures >= timing.most_failures:
                self._log.say(
                    f"given up: workers ended {timing.most_failures} times before all had served "
                    f"for {timing.healthy_s:g} s"
                )
                self._stop(1)
        return pause

    def _look_whether_all_serve(self) -> None:
        if not all(slot.worker is not None and slot.worker.is_ready for slot in self._slots):
            return
        if not self._announced:
            self._announced = True
            places = " and ".join(_place(claim) for claim in self._claims.values())
            self._say(
                f"{len(self._slots)} workers serve on {places}; `kill -HUP {os.getpid()}` "
                "reloads the definitions"
            )
        if self._early_failures is not None and self._calm is None:
            loop = asyncio.get_running_loop()
            self._calm = loop.call_later(self._timing.healthy_s, self._calm_down)

    def _calm_down(self) -> None:
        self._early_failures = None

    # --- all of them

    async def _reload_when_asked(self) -> None:
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()
            await self._reload()

    async def _reload(self) -> None:
        self._say("reload: each worker is replaced by one that reads the definitions anew")
        for slot in self._slots:
            async with slot.changing:
                before = slot.worker
                try:
                    worker = await self._started(slot, leads=slot is self._slots[0])
                except OSError as problem:
                    self._log.say(f"reload: worker {slot.number} cannot be started: {problem}")
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._timing.ready_within_s):
                        await worker.settled.wait()
                if not worker.is_ready:
                    self._report_failed_reload(worker)
                    return
                slot.worker, slot.failures = worker, 0
                self._look_whether_all_serve()
            if before is not None:
                before.signal(signal.SIGTERM)
                loop = asyncio.get_running_loop()
                loop.call_later(self._timing.stop_within_s, before.signal, signal.SIGKILL)
        self._say("reload: done")

    def _report_failed_reload(self, worker: Worker) -> None:
        if worker.ended is not None and worker.ended.done():
            why = f"the new {worker} {worker.how_it_ended()}, see above"
        else:
            why = f"the new {worker} is not ready after {self._timing.ready_within_s:g} s"
            worker.signal(signal.SIGKILL)
        if worker.leads:
            self._log.say(f"reload: {why}; nothing has changed")
        else:
            self._log.say(
                f"reload: {why}; from worker {worker.slot.number} on the old definitions are "
                "served: mend it and reload once more"
            )

    async def _end_all(self) -> None:
        for slot in self._slots:
            slot.close_sockets()
        for claim in self._claims.values():
            claim.release()
        workers = list(self._living)
        for worker in workers:
            worker.signal(signal.SIGTERM)
        ends = {worker.ended for worker in workers if worker.ended is not None}
        if not ends:
            return
        impatient = asyncio.create_task(self._at_once.wait())
        deadline = asyncio.get_running_loop().time() + self._timing.stop_within_s
        while ends and not impatient.done():
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            done, _ = await asyncio.wait(
                {*ends, impatient}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            ends -= {task for task in ends if task in done}
        impatient.cancel()
        if ends:
            self._log.say(f"{len(ends)} of the workers did not end by themselves: killed")
            self._exit_code = self._exit_code or 1
            for worker in workers:
                worker.signal(signal.SIGKILL)
            await asyncio.wait(ends)

    # --- signals

    def _on_stop_signal(self, number: int) -> None:
        if self._stopping.is_set():
            self._exit_code = 128 + number
            self._at_once.set()
        else:
            self._stop(0)

    def _on_hangup(self, terminal: "Terminal") -> None:
        if terminal.is_gone():
            self._stop(0)
        else:
            self._reload_asked.set()

    def _stop(self, exit_code: int) -> None:
        if not self._stopping.is_set():
            self._exit_code = exit_code
            self._stopping.set()

    async def _unless_stopped(self, waiting: Awaitable[Any]) -> None:
        """Wait, but no longer than until everything is to stop."""
        first = asyncio.ensure_future(waiting)
        other = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({first, other}, return_when=asyncio.FIRST_COMPLETED)
        first.cancel()
        other.cancel()

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._log.say(text)


class Terminal:
    """SIGHUP asks for a reload, but also says that the terminal was closed, and then means an end
    (unless `nohup` started us)."""

    def __init__(self) -> None:
        self._is_ours = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and _has_terminal()

    def is_gone(self) -> bool:
        return self._is_ours and not _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _place(claim: Claim) -> str:
    host = claim.host or "*"
    return f"[{host}]:{claim.port}" if ":" in host else f"{host}:{claim.port}"
