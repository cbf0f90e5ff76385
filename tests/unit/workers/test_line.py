"""Both ends of a line, in one process."""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from apigateway.workers.line import LineBroken, SupervisorEnd, WorkerEnd, pair

Answer = Callable[[SupervisorEnd, Mapping[str, Any]], object]


@pytest.fixture
def line() -> Iterator[tuple[SupervisorEnd, WorkerEnd]]:
    ours, theirs = pair()
    worker = WorkerEnd(theirs.detach())
    yield ours, worker
    ours.close()
    worker.close()


def answering(ours: SupervisorEnd, answer: Answer) -> threading.Thread:
    """A supervisor that waits for one message and answers it."""

    def run() -> None:
        while True:
            for message in ours.messages():
                answer(ours, message)
                return

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("leads", [True, False])
def test_a_worker_says_who_it_is_and_learns_whether_it_leads(
    line: tuple[SupervisorEnd, WorkerEnd], leads: bool
) -> None:
    ours, worker = line
    heard = []

    def answer(end: SupervisorEnd, message: Mapping[str, Any]) -> None:
        heard.append(message)
        end.answer({"leads": leads, "number": 2})

    thread = answering(ours, answer)
    assert worker.hello() == (leads, 2)
    thread.join()
    assert heard == [{"hello": os.getpid()}]


def test_sockets_come_with_the_answer(line: tuple[SupervisorEnd, WorkerEnd]) -> None:
    ours, worker = line
    address = ("127.0.0.1", 0)
    with socket.create_server(address) as one, socket.create_server(address) as other:
        thread = answering(ours, lambda end, _: end.answer({"problem": ""}, [one, other]))
        got = worker.listen("localhost", 8080)
        thread.join()
        assert [sock.getsockname() for sock in got] == [one.getsockname(), other.getsockname()]
        assert not any(sock.get_inheritable() for sock in got)
        for sock in got:
            sock.close()


def test_a_refused_port_is_an_error_with_its_reason(
    line: tuple[SupervisorEnd, WorkerEnd],
) -> None:
    ours, worker = line
    thread = answering(ours, lambda end, _: end.answer({"problem": "Address already in use"}))
    with pytest.raises(OSError, match="Address already in use"):
        worker.listen("127.0.0.1", 8080)
    thread.join()


def test_messages_are_put_together_again(line: tuple[SupervisorEnd, WorkerEnd]) -> None:
    ours, worker = line
    assert list(ours.messages()) == []
    worker.ready()
    worker.ready()
    assert list(ours.messages()) == [{"ready": True}, {"ready": True}]


def test_the_end_of_the_supervisor_is_seen_by_the_worker(
    line: tuple[SupervisorEnd, WorkerEnd],
) -> None:
    ours, worker = line
    ours.answer({"leads": True})
    assert not worker.is_over()
    ours.close()
    assert worker.is_over()
    with pytest.raises(LineBroken, match="gone"):
        worker.hello()


def test_the_end_of_the_worker_is_seen_by_the_supervisor(
    line: tuple[SupervisorEnd, WorkerEnd],
) -> None:
    ours, worker = line
    worker.close()
    with pytest.raises(LineBroken):
        list(ours.messages())
    ours.answer({"leads": True})  # to nobody: that is no error


@pytest.mark.parametrize("said", [b"hello\n", b"[]\n", b"\xff\n"])
def test_who_says_something_else_is_no_worker(said: bytes) -> None:
    ours, theirs = pair()
    theirs.sendall(said)
    with pytest.raises(LineBroken, match="not understood"):
        list(ours.messages())
    ours.close()
    theirs.close()


def test_only_a_line_is_taken_for_one() -> None:
    with pytest.raises(LineBroken, match="descriptor 9999"):
        WorkerEnd(9999)
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(LineBroken, match="is no line"):
            WorkerEnd(server.fileno())
        assert server.getsockname()  # and it is left alone
