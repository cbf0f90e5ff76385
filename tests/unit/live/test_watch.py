"""A watch tells of every change that matters, by whatever way files are changed."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from apigateway.live.watch import FileWatch, places_of

PATIENCE_S = 60.0


class Watched:
    """A project's folders, and a watch whose calls can be waited for."""

    def __init__(self, root: Path) -> None:
        self.definitions = root / "definitions"
        self.policies = root / "policies"
        self.beside = root / "secrets" / "app.secret"
        for folder in (self.definitions / "weather", self.policies, self.beside.parent):
            folder.mkdir(parents=True)
        self.beside.write_text("one")
        self.file = self.definitions / "weather" / "group.yaml"
        self.file.write_text("name: weather\n")
        self.seen = threading.Event()
        self.watch = FileWatch(self.seen.set)
        self.watch.follow([self.definitions, self.policies], [self.file, self.beside])
        self.settle()

    def settle(self) -> None:
        """Until the watch is up: it says so of a file that is written for that."""
        calm(self.seen, self.definitions)

    def follow_again(self) -> None:
        self.watch.follow([self.definitions, self.policies], [self.file, self.beside])
        self.settle()

    def told(self) -> bool:
        return self.seen.wait(PATIENCE_S)

    def is_told(self, file: Path) -> bool:
        """Whether each of several writes is told. One that is not is enough: what is told may have
        been written before."""
        for turn in range(10):
            self.seen.clear()
            file.write_text(f"{turn}\n")
            if not self.seen.wait(0.5):
                return False
        return True


def calm(seen: threading.Event, folder: Path) -> None:
    """Until a watch of `folder` tells what is written there, and then nothing more."""
    while seen.wait(1.0):  # it tells once when it is up
        seen.clear()
    for turn in range(1200):
        (folder / "probe").write_text(str(turn))
        if seen.wait(0.05):
            break
    else:
        raise AssertionError("the watch never came up")
    while seen.wait(0.3):
        seen.clear()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    found = Watched(tmp_path)
    yield found
    found.watch.stop()


def test_a_file_that_is_written_is_told(watched: Watched) -> None:
    watched.file.write_text("name: other\n")
    assert watched.told()


def test_a_file_that_is_replaced_by_a_rename_is_told(watched: Watched) -> None:
    new = watched.file.with_suffix(".new")
    new.write_text("name: other\n")
    os.replace(new, watched.file)
    assert watched.told()


def test_a_file_that_goes_is_told(watched: Watched) -> None:
    watched.file.unlink()
    assert watched.told()


def test_a_new_folder_and_its_files_are_told(watched: Watched) -> None:
    (watched.definitions / "maps").mkdir()
    assert watched.told()
    for turn in range(200):  # what comes before the folder is watched itself is not told
        watched.seen.clear()
        (watched.definitions / "maps" / "group.yaml").write_text(f"name: maps{turn}\n")
        if watched.seen.wait(0.5):
            break
    else:
        raise AssertionError("its files are never told")


def test_a_secret_elsewhere_is_told(watched: Watched) -> None:
    watched.beside.write_text("two")
    assert watched.told()


def test_another_file_beside_a_secret_is_not_told(watched: Watched) -> None:
    assert not watched.is_told(watched.beside.parent / "gateway.log")


def test_a_folder_of_definitions_that_is_replaced_is_told(watched: Watched) -> None:
    old = watched.policies.with_name("policies.old")
    watched.policies.rename(old)
    assert watched.told()


def test_a_file_in_a_folder_that_took_the_place_of_another_is_told(watched: Watched) -> None:
    watched.definitions.rename(watched.definitions.with_name("definitions.old"))
    (watched.definitions / "weather").mkdir(parents=True)
    watched.follow_again()
    watched.file.write_text("name: weather\n")
    assert watched.told()


def test_a_secret_that_is_named_from_a_folder_of_definitions_is_told(watched: Watched) -> None:
    """As `file:../../secrets/app.secret` in a group is."""
    named = watched.definitions / "weather" / ".." / ".." / "secrets" / "app.secret"
    watched.watch.follow([watched.definitions, watched.policies], [watched.file, named])
    watched.settle()
    watched.beside.write_text("two")
    assert watched.told()


def test_a_link_on_the_way_that_leads_elsewhere_is_told(tmp_path: Path) -> None:
    """As git-sync does it: the folders are those of another checkout."""
    for name in ("first", "second"):
        (tmp_path / "checkouts" / name / "definitions").mkdir(parents=True)
    current = tmp_path / "current"
    current.symlink_to("checkouts/first")
    seen = threading.Event()
    watch = FileWatch(seen.set)
    watch.follow([current / "definitions"], [current / "definitions" / "gateway.yaml"])
    calm(seen, current / "definitions")

    new = tmp_path / "new"
    new.symlink_to("checkouts/second")
    new.replace(current)
    assert seen.wait(PATIENCE_S)
    watch.follow([current / "definitions"], [current / "definitions" / "gateway.yaml"])
    calm(seen, current / "definitions")
    (tmp_path / "checkouts" / "second" / "definitions" / "gateway.yaml").write_text("x")
    assert seen.wait(PATIENCE_S)
    watch.stop()


def test_what_changed_while_a_watch_came_up_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "definitions").mkdir()
    seen = threading.Event()
    watch = FileWatch(seen.set)
    watch.follow([tmp_path / "definitions"], [])
    assert seen.wait(PATIENCE_S)
    watch.stop()


def test_folders_are_watched_whole_and_other_files_by_name(tmp_path: Path) -> None:
    definitions, secrets = tmp_path / "definitions", tmp_path / "secrets"
    for folder in (definitions / "weather", secrets):
        folder.mkdir(parents=True)
    files = [definitions / "weather" / "group.yaml", definitions / ".." / "secrets" / "a.secret"]
    places = places_of([definitions, tmp_path / "policies"], files)
    assert places.trees == {str(definitions)}
    assert places.holders == {str(tmp_path), str(secrets)}
    assert places.names == {"definitions", "policies", "group.yaml", "a.secret"}


def test_a_watch_that_was_stopped_says_nothing(watched: Watched) -> None:
    watched.watch.stop()
    assert not watched.is_told(watched.file)


def test_following_the_same_again_keeps_the_watch(watched: Watched) -> None:
    before = set(threading.enumerate())
    watched.follow_again()
    assert set(threading.enumerate()) <= before  # those of other tests may end
    watched.file.write_text("name: other\n")
    assert watched.told()


def test_a_folder_that_does_not_exist_yet_is_told_when_it_comes(tmp_path: Path) -> None:
    seen = threading.Event()
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    watch = FileWatch(seen.set)
    watch.follow([definitions, tmp_path / "policies"], [])
    calm(seen, definitions)
    (tmp_path / "policies").mkdir()
    assert seen.wait(PATIENCE_S)
    watch.stop()
