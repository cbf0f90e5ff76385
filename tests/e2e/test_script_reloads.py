"""Saving the script of the gateway again and again costs no memory each time."""

import re
from pathlib import Path

from e2e.running import GATEWAY, Project, gateway, put, until

LOADS = 6

BEFORE = """\
import sys, weakref
loads = sys.__dict__.setdefault("loads_of_the_gateway", weakref.WeakSet())
print("loads alive:", len(loads), flush=True)
"""


def test_what_was_loaded_before_goes(tmp_path: Path) -> None:
    script = tmp_path / "watched.py"
    text = BEFORE + GATEWAY.read_text() + "\nloads.add(settings)\n"
    script.write_text(text)
    project = Project(tmp_path)
    with gateway(project, script=script) as running:

        def is_served(times: int) -> bool:
            return running.process.text.count("APIs served") == times

        for number in range(2, LOADS + 1):
            put(script, f"{text}# {number}\n")  # half of it would be a load more
            until(lambda number=number: is_served(number), "the script is loaded again")
        alive = [int(found) for found in re.findall(r"loads alive: (\d+)", running.process.text)]
    assert len(alive) == LOADS
    assert max(alive) <= 2, alive
