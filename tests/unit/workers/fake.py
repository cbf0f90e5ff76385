"""A worker without a gateway: `python fake.py FOLDER PORT NUMBER STARTED_BEFORE LINE`.

It answers each connection with its number and its process, after it has read a line. What it does
besides is said by files in FOLDER, which it looks at when it starts:

broken        it ends with 3 before it is ready
broken-N      so does worker N
dying         it ends with 4 as soon as it is ready
stubborn      SIGTERM does nothing
slow          an answer takes a second, and its beginning is printed
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from apigateway.workers.line import READY_MARK, WorkerEnd


async def main(folder: Path, port: int, number: int, started_before: int, line: int) -> int:
    def is_said(name: str) -> bool:
        return (folder / name).exists()

    supervisor = WorkerEnd(line)
    leads = supervisor.hello().leads
    print(f"hello, started {started_before} times before, leads: {leads}", flush=True)
    try:
        sockets = supervisor.listen("127.0.0.1", port)
    except OSError as problem:
        print(f"cannot listen: {problem}", file=sys.stderr)
        return 1
    if is_said("broken") or is_said(f"broken-{number}"):
        print("the definitions are wrong", file=sys.stderr)
        return 3
    ended = asyncio.Event()
    under_way = 0
    wait_s = 1.0 if is_said("slow") else 0.0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way
        under_way += 1
        await reader.readline()
        if wait_s:
            print("asked", flush=True)
        await asyncio.sleep(wait_s)
        writer.write(f"{number} {os.getpid()}\n".encode())
        await writer.drain()
        writer.close()
        under_way -= 1

    servers = [await asyncio.start_server(answer, sock=one.dup()) for one in sockets]

    def leave() -> None:
        if not is_said("stubborn"):
            for server in servers:
                server.close()
            for one in sockets:
                one.close()
            ended.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, leave)
    loop.add_reader(supervisor.fileno(), lambda: supervisor.is_over() and os._exit(5))
    for stream in (sys.stdout, sys.stderr):
        print(READY_MARK, file=stream, flush=True)
    supervisor.ready()
    print("serving", flush=True)
    if is_said("dying"):
        return 4
    await ended.wait()
    for _ in range(10):  # what asyncio accepted last is counted by then
        await asyncio.sleep(0)
    while under_way:
        await asyncio.sleep(0.01)
    print("bye", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
