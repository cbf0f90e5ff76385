"""What the stream of all workers holds."""

import io
import os
import random
import re
import threading

from apigateway.workers.line import READY_MARK
from apigateway.workers.log import Log

MARK = READY_MARK.encode() + b"\n"


class Broken(io.BytesIO):
    def write(self, _: object) -> int:
        raise BrokenPipeError


def followed(*pieces: bytes, hold: bool = False) -> bytes:
    """What is written of a worker 2 that prints these pieces and ends."""
    out = io.BytesIO()
    log = Log(out, io.BytesIO())
    read, write = os.pipe()
    follower = log.follow(read, out, "2", hold=hold)
    for piece in pieces:
        os.write(write, piece)
    os.close(write)
    follower.join(60)
    return out.getvalue()


def test_each_line_has_its_workers_number() -> None:
    assert followed(b"one\ntwo\n\nthree\n") == b"[2] one\n[2] two\n[2] \n[2] three\n"


def test_lines_are_whole_however_they_come() -> None:
    assert followed(b"on", b"e\ntw", b"o", b"\n") == b"[2] one\n[2] two\n"


def test_a_last_line_without_an_end_gets_one() -> None:
    assert followed(b"one\ntwo") == b"[2] one\n[2] two\n"


def test_the_mark_is_never_shown() -> None:
    assert followed(b"one\n" + MARK + b"two\n") == b"[2] one\n[2] two\n"


def test_what_was_held_back_is_dropped_at_the_mark() -> None:
    assert followed(b"one\n", b"two\n" + MARK + b"three\n", hold=True) == b"[2] three\n"


def test_what_was_held_back_is_shown_when_there_is_no_mark() -> None:
    assert followed(b"one\n", b"two", hold=True) == b"[2] one\n[2] two\n"


def test_lines_of_many_workers_do_not_mix() -> None:
    out = io.BytesIO()
    log = Log(out, io.BytesIO())
    followers, writers = [], []
    for number in range(8):
        read, write = os.pipe()
        followers.append(log.follow(read, out, str(number), hold=False))

        chance = random.Random(number)

        def work(
            write: int = write, letter: bytes = b"%d" % number, chance: random.Random = chance
        ) -> None:
            for _ in range(300):
                text = letter * chance.randint(1, 300) + b"\n"
                cut = chance.randrange(len(text))
                os.write(write, text[:cut])
                os.write(write, text[cut:])
            os.close(write)

        writers.append(threading.Thread(target=work))
    for writer in writers:
        writer.start()
    for thread in [*writers, *followers]:
        thread.join(60)
    lines = out.getvalue().splitlines()
    assert len(lines) == 8 * 300
    for line in lines:
        label, _, text = line.partition(b"] ")
        assert set(text) == set(label[1:])


def test_what_the_supervisor_says_has_a_time_and_no_number() -> None:
    out = io.BytesIO()
    Log(out, io.BytesIO()).say("one")
    assert re.fullmatch(rb"\[serve\] \[\d\d:\d\d:\d\d\.\d{3}\] one\n", out.getvalue())


def test_the_end_of_the_reader_is_noticed() -> None:
    log = Log(Broken(), io.BytesIO())
    noticed = []
    log.on_broken = lambda: noticed.append(True)
    log.say("one")
    assert noticed == [True]
