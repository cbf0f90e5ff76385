"""The sample definitions as a gateway for tests, and captures of calls to it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from unit.build import NOW_MS

from apigateway.replay.call import CapturedCall
from apigateway.replay.captured import write_calls
from apigateway.testing.gateway import OfflineGateway
from apigateway.testing.loading import Loaded, load
from apigateway.testing.made import Signer, app_of, made_answer, made_request

ROOT = Path(__file__).resolve().parents[3]
HOST = "api.weather.localhost"


def samples() -> Loaded:
    return load(ROOT / "definitions", None)


def a_gateway(*folders: Path, **changes: Any) -> OfflineGateway:
    return OfflineGateway(changes.pop("loaded", samples()), captures=folders, now_ms=NOW_MS)


def captured(
    target: str = "/forecast/hangzhou?days=3", *, status: int = 200, after_ms: int = 0, **more: Any
) -> CapturedCall:
    """A signed call so long after the others, with the answer that its caller got."""
    signer = Signer(app=app_of(samples().apps, "demo"), now_ms=NOW_MS + after_ms)
    return CapturedCall(
        request=made_request(
            "GET", f"http://{HOST}{target}", client="127.0.0.1", signer=signer, **more
        ),
        received_ms=NOW_MS + after_ms,
        answer=made_answer(status, "sunny"),
    )


def save(path: Path, *calls: CapturedCall) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write_calls(calls))
    return path


def refused(call: CapturedCall, status: int, code: str, message: str) -> CapturedCall:
    headers = {"X-Ca-Error-Code": code, "X-Ca-Error-Message": message}
    return replace(call, answer=made_answer(status, "{}", headers=headers))


def copied(folder: Path, change: Callable[[Path], None] = lambda _: None) -> Path:
    """A copy of the samples with something changed; its folder `definitions`."""
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, folder / name)
    change(folder)
    return folder / "definitions"


def narrowed(folder: Path) -> None:
    """A forecast for at most seven days where fourteen were permitted."""
    path = folder / "definitions" / "weather" / "get-forecast.yaml"
    text = path.read_text()
    assert "maximum: 14" in text
    path.write_text(text.replace("maximum: 14", "maximum: 7"))
