"""Reading beside commands that edit."""

import shutil
import threading
from functools import partial
from pathlib import Path

import pytest

from apigateway.definition.problems import DefinitionError
from apigateway.definition.reader import ProjectReader
from apigateway.editing.lock import lock_of, no_editor, only_editor
from apigateway.editing.reading import UndisturbedReader

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60


@pytest.fixture
def reader(tmp_path: Path) -> UndisturbedReader:
    for name in ("definitions", "policies"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return UndisturbedReader(ProjectReader(tmp_path / "definitions", tmp_path / "policies"))


def test_a_reader_waits_for_the_end_of_an_edit(
    reader: UndisturbedReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = partial(no_editor, patience_s=PATIENCE_S)
    monkeypatch.setattr("apigateway.editing.reading.no_editor", patient)
    project = reader.read()
    moved = "maps.example.test"
    from_group = tmp_path / "definitions/weather/group.yaml"
    to_group = tmp_path / "definitions/accounts/group.yaml"
    from_group.write_text(from_group.read_text().replace("api.weather.localhost", moved))
    before = reader.read()
    half_way, seen = threading.Event(), []

    def edit() -> None:
        with only_editor(lock_of(project.settings), "me"):
            from_group.write_text(from_group.read_text().replace(f"  - {moved}", "  []"))
            half_way.set()
            assert not done.wait(0.1)
            to_group.write_text(f"{to_group.read_text()}\n")

    done = threading.Event()
    editor = threading.Thread(target=edit)
    editor.start()
    assert half_way.wait(PATIENCE_S)
    seen.append(reader.read())
    done.set()
    editor.join()
    assert before is not seen[0]
    assert to_group.read_text().endswith("\n\n")
    assert seen[0] is reader.read()


def test_a_reader_does_not_wait_for_ever(tmp_path: Path) -> None:
    with only_editor(tmp_path / "editing.lock", "me"):
        with no_editor(tmp_path / "editing.lock", patience_s=0.05):
            pass


def test_several_readers_do_not_wait_for_each_other(tmp_path: Path) -> None:
    lock = tmp_path / "editing.lock"
    lock.touch()
    with no_editor(lock, patience_s=60), no_editor(lock, patience_s=60):
        pass


def test_an_editor_waits_for_a_reader(tmp_path: Path) -> None:
    lock = tmp_path / "editing.lock"
    lock.touch()
    order: list[str] = []

    def edit() -> None:
        with only_editor(lock, "me"):
            order.append("edited")

    with no_editor(lock):
        editor = threading.Thread(target=edit)
        editor.start()
        editor.join(0.1)
        order.append("read")
    editor.join()
    assert order == ["read", "edited"]


def test_without_a_lock_there_is_nobody_to_wait_for(tmp_path: Path) -> None:
    with no_editor(tmp_path / "nowhere" / "editing.lock"):
        pass


def test_what_is_read_is_what_the_reader_reads(reader: UndisturbedReader, tmp_path: Path) -> None:
    assert reader.read() is reader.read()
    assert reader.folders == (tmp_path / "definitions", tmp_path / "policies")
    assert tmp_path / "definitions/gateway.yaml" in reader.files
    (tmp_path / "definitions/gateway.yaml").write_text("account: [")
    with pytest.raises(DefinitionError):
        reader.read()
