"""A Redis server that answers as a test tells it to, in the test's own event loop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType

Answer = Callable[[list[bytes]], bytes | Awaitable[bytes | None] | None]

OK = b"+OK\r\n"


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


class FakeRedis:
    """`answer` gets a command as its words; what it returns goes to the client as it is. None
    closes the connection. `asked` are the commands, `links` how many connections there were."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[list[bytes]] = []
        self.links = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def scripts(self) -> list[list[bytes]]:
        return [words for words in self.asked if words[0].startswith(b"EVAL")]

    async def __aenter__(self) -> "FakeRedis":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while line := await reader.readline():
                words = []
                for _ in range(int(line[1:])):
                    length = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                self.asked.append(words)
                said = OK if words[0] == b"CLIENT" else self.answer(words)
                if isinstance(said, Awaitable):
                    said = await said
                if said is None:
                    break
                writer.write(said)
                await writer.drain()
        writer.close()
        self._tasks.discard(task)
