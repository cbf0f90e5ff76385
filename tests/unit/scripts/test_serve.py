"""scripts/serve: what it starts. tests/e2e starts what it starts."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "lib" / "serve.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scripts_serve", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


serve = load_script()


def command(*words: str) -> list[str]:
    found: list[str] = serve.read_arguments(words).gateway_command
    return found


def test_one_worker_is_mitmdump() -> None:
    words = command("--port", "80", "-q")
    assert words[0].endswith("mitmdump")
    assert words[1:] == [
        *("-s", str(ROOT / "addons" / "gateway.py")),
        *("--listen-host", "127.0.0.1", "--listen-port", "80"),
        *("--set", "server=false", "-q"),
    ]
    assert command("--workers", "1", "--port", "80", "-q") == words
    assert command("--web")[0].endswith("mitmweb")


def test_several_are_the_commands_matter() -> None:
    words = command("--workers", "4", "--listen-host", "::", "-w", "x")
    assert words[:4] == [sys.executable, "-m", "apigateway.cli", "serve"]
    assert words[words.index("--workers") + 1] == "4"
    assert words[words.index("--definitions") + 1] == str(ROOT / "definitions")
    listen = ["--listen-host", "::", "--listen-port", "8080"]
    assert words[words.index("--") + 1 :] == [*listen, "-w", "x"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--workers", "2", "--web"), "--web shows the calls of its own process only"),
        (("--workers", "0"), "--workers must be 1 or more"),
        (("--workers", "two"), "invalid int value"),
    ],
)
def test_what_cannot_be_is_refused(
    words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        serve.read_arguments(words)
    assert ended.value.code == 2
    assert why in capsys.readouterr().err


def test_other_systems_get_one_worker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert command()
    with pytest.raises(SystemExit):
        serve.read_arguments(["--workers", "2"])
    assert "need Linux" in capsys.readouterr().err


def test_help_needs_no_package() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert "--workers N" in done.stdout
