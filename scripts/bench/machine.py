"""What a measurement was made on, as far as it explains the figures: no names and no places."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from scripts.bench.backend import backend_kind


def machine_class() -> str:
    """One line: processor, cores, versions."""
    return ", ".join(
        [
            processor(Path("/proc/cpuinfo").read_text()),
            f"{len(os.sched_getaffinity(0))} cores",
            f"Linux {'.'.join(platform.release().split('.')[:2])}",
            f"Python {platform.python_version()}",
            f"mitmproxy {version('mitmproxy')}",
            wrk_version(),
            f"backend: {backend_kind()}",
        ]
    )


def processor(cpuinfo: str) -> str:
    found = re.search(r"(?m)^model name\s*:\s*(.+)$", cpuinfo)
    return found[1].strip() if found else platform.machine()


def wrk_version() -> str:
    if shutil.which("wrk") is None:
        return "no wrk: load from Python"
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout
    found = re.search(r"wrk (?:debian/)?([\d.]+)", said)
    return f"wrk {found[1]}" if found else "wrk"
