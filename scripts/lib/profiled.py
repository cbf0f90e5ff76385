"""Runs a program of Python's in Python's own profiler, between two signals.

    python scripts/lib/profiled.py FILE PROGRAM ARGUMENTS...

BEGIN begins, END ends and writes FILE: so a start is no part of it. (mitmproxy has its own use for
SIGUSR1 and SIGUSR2.)
"""

from __future__ import annotations

import cProfile
import os
import runpy
import signal
import sys

BEGIN, END = signal.SIGRTMIN, signal.SIGRTMIN + 1

profile = cProfile.Profile()
kept = sys.argv[1]


def begin(*_: object) -> None:
    profile.enable()


def end(*_: object) -> None:
    profile.disable()
    profile.dump_stats(f"{kept}.new")
    os.replace(f"{kept}.new", kept)


if __name__ == "__main__":
    signal.signal(BEGIN, begin)
    signal.signal(END, end)
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
