"""For mitmdump: each flow as a file of its own in the folder `--set tap=FOLDER`, by number."""

from pathlib import Path
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.io import FlowWriter


class Tap:
    def __init__(self) -> None:
        self._count = 0

    def load(self, loader: Any) -> None:
        loader.add_option("tap", str, "", "Where flows are written to.")

    def response(self, flow: http.HTTPFlow) -> None:
        whole = Path(ctx.options.tap) / f"{self._count}.mitm"
        part = whole.with_suffix(".part")
        with part.open("wb") as file:
            FlowWriter(file).add(flow)
        part.rename(whole)
        self._count += 1


addons = [Tap()]
