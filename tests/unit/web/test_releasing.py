"""A release from within mitmweb, on the sample definitions."""

import shutil
from pathlib import Path

import pytest
from mitmproxy.exceptions import CommandError

from apigateway.model.group import Environment
from apigateway.ports import StoreUnavailable
from apigateway.store.memory import MemoryStore
from apigateway.web.releasing import release

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def edit(project: Path, old: str, new: str) -> None:
    path = project / "definitions" / "weather" / "get-forecast.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def asked(
    project: Path, store: MemoryStore, name: str = "GetForecast", accept: bool = False
) -> str:
    return release(
        project / "definitions",
        project / "policies",
        store.releases,
        name=name,
        environment=Environment.RELEASE,
        note="a try",
        accept=accept,
        now_ms=1_700_000_000_000,
    )


def test_a_draft_is_released_and_told_with_the_version_before(project: Path) -> None:
    store = MemoryStore()
    first = asked(project, store)
    assert first.startswith("weather/GetForecast in RELEASE: version ")
    assert first.endswith("(before: none)")
    assert asked(project, store).startswith("nothing to do")
    edit(project, "maximum: 14", "maximum: 21")
    (version,) = [one.version for one in store.releases.current()]
    assert asked(project, store).endswith(f"(before: {version})")
    assert len(asked(project, store, "weather").splitlines()) == 5


def test_what_breaks_callers_is_refused_unless_it_is_accepted(project: Path) -> None:
    store = MemoryStore()
    asked(project, store)
    edit(project, "maximum: 14", "maximum: 7")
    with pytest.raises(CommandError, match="give true as the last argument") as refused:
        asked(project, store)
    assert "weather/GetForecast: " in str(refused.value)
    assert len(store.releases.history(store.releases.current()[0].api_id)) == 1
    assert "version" in asked(project, store, accept=True)


def test_a_wrong_name_and_a_wrong_file_are_told_with_what_to_do(project: Path) -> None:
    store = MemoryStore()
    with pytest.raises(CommandError, match='did you mean "GetForecast"'):
        asked(project, store, "GetForcast")
    edit(project, "timeout_ms: 5000", "timeout_ms: 50000")
    with pytest.raises(CommandError, match="write 1 to 30000"):
        asked(project, store)
    assert not store.releases.current()


def test_a_store_that_is_gone_is_told(project: Path) -> None:
    class Gone:
        def current(self) -> None:
            raise StoreUnavailable("not open")

    store = MemoryStore()
    store.releases = Gone()  # type: ignore[assignment]
    with pytest.raises(CommandError, match="the store cannot be used: not open"):
        asked(project, store)
