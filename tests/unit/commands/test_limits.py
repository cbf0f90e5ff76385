"""`apigateway limits`: what is shown of the counts, and that showing spends nothing."""

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from apigateway.cli import main
from apigateway.definition.compile import compile_catalog
from apigateway.definition.load import load_project
from apigateway.lifecycle.start import release_at_start
from apigateway.stages.throttling import limits_of
from apigateway.store.door import StoreDoor

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.usefixtures("one_day")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The samples, released, with a limit a day so that no window ends in a test."""
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, tmp_path / name)
    policy = tmp_path / "policies/throttling/forecast-standard.yaml"
    policy.write_text(policy.read_text().replace("unit: minute", "unit: day"))
    loaded = load_project(tmp_path / "definitions", tmp_path / "policies")
    door = StoreDoor()
    door.open(loaded.settings)
    release_at_start(door.releases, loaded, now_ms())
    door.close()
    return tmp_path


def spend(project: Path, calls: int) -> None:
    """Calls of the app demo on GetForecast."""
    loaded = load_project(project / "definitions", project / "policies")
    door = StoreDoor()
    door.open(loaded.settings)
    catalog = compile_catalog(loaded, door.releases.current())
    (served,) = (one for one in catalog.served if one.api.name == "GetForecast")
    (app,) = (one for one in catalog.apps.values() if one.name == "demo")
    for _ in range(calls):
        limits = tuple(limits_of(catalog.settings, served, app=app))
        asyncio.run(door.take(limits, now_ms()))
    door.close()


def run(project: Path, *words: str) -> Result:
    folder = str(project / "definitions")
    return CliRunner().invoke(main, ["limits", *words, "--definitions", folder], color=False)


def shown(project: Path, *words: str) -> dict[tuple[str, str], Any]:
    """What `--json` says, by dimension and subject."""
    done = run(project, "--json", *words)
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)
    return {(row["dimension"], row["subject"]): row for row in rows}


def test_what_calls_spent_is_shown_for_each_limit_that_counted_them(project: Path) -> None:
    spend(project, 3)
    rows = shown(project, "--api", "GetForecast")
    assert {key: (row["used"], row["remaining"]) for key, row in rows.items() if row["api"]} == {
        ("API", "all callers"): (3, 597),
        ("USER", "user 1234567890123456"): (3, 297),
        ("APP", "app demo"): (3, 117),
    }


def test_showing_spends_nothing(project: Path) -> None:
    spend(project, 1)
    for _ in range(3):
        assert shown(project, "--app", "demo")["APP", "app demo"]["used"] == 1


def test_an_address_has_its_own_limit(project: Path) -> None:
    rows = shown(project, "--api", "weather/GetForecast", "--ip", "127.0.0.1")
    assert rows["CLIENT IP", "127.0.0.1"]["limit"] == 100


def test_the_table_has_a_line_for_each_limit(project: Path) -> None:
    spend(project, 2)
    done = run(project, "--api", "GetForecast")
    assert done.exit_code == 0
    assert "2 of 120 a day" in done.output
    assert "118" in done.output
    assert done.output.rstrip().endswith("days and hours of UTC")


def test_an_environment_without_a_release_has_no_limits(project: Path) -> None:
    assert shown(project, "--env", "test") == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--app", "dmo"], 'no app "dmo"; did you mean "demo"?'),
        (["--api", "GetForcast"], 'no released API "GetForcast"; did you mean "GetForecast"?'),
        (["--ip", "300.0.0.1"], "--ip 300.0.0.1 is not an address"),
    ],
)
def test_a_name_that_is_not_there_is_told(project: Path, words: list[str], message: str) -> None:
    done = run(project, *words)
    assert done.exit_code == 2
    assert message in done.output


def test_a_store_that_cannot_be_opened_is_told(project: Path) -> None:
    settings = project / "definitions/gateway.yaml"
    settings.write_text('account: "1"\nregion: cn-hangzhou\nstore: redis://127.0.0.1:1/0\n')
    done = run(project)
    assert done.exit_code == 1
    assert "the store cannot be read: store redis://127.0.0.1:1/0" in done.output
