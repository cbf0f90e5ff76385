"""One file changes in one step, also when whoever changes it is killed hard."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.editing import killing

from apigateway.editing.files import ChangedMeanwhile, Edit, NotEdited, carry_out, content_at

TESTS = Path(__file__).resolve().parents[2]


def put(path: Path, after: bytes | None, **more: Any) -> None:
    carry_out(Edit(path=path, before=content_at(path), after=after, **more))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_made_changed_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.yaml"
    put(path, b"one\n")
    assert path.read_bytes() == b"one\n"
    put(path, b"two\n")
    assert path.read_bytes() == b"two\n"
    put(path, None)
    assert list(path.parent.iterdir()) == []


def test_permissions_stay_and_links_are_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_bytes(b"one\n")
    real.chmod(0o640)
    link.symlink_to(real)
    put(link, b"two\n")
    assert (link.is_symlink(), real.read_bytes(), mode(real)) == (True, b"two\n", 0o640)


def test_a_new_file_has_the_permissions_that_the_user_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        put(tmp_path / "a.yaml", b"one\n")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a.yaml") == 0o640


def test_what_is_private_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.secret"
    put(path, b"one\n", private=True)
    assert mode(path) == 0o600
    path.chmod(0o644)
    put(path, b"two\n", private=True)
    assert mode(path) == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_a_file_keeps_its_owner_and_group(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"one\n")
    os.chown(path, 1234, 2345)
    put(path, b"two\n")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_whoever_may_not_give_files_away_still_changes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "fchown", forbidden)
    path = tmp_path / "a.yaml"
    path.write_bytes(b"one\n")
    put(path, b"two\n")
    assert path.read_bytes() == b"two\n"


@pytest.mark.parametrize("now", [b"theirs\n", None])
@pytest.mark.parametrize("after", [b"ours\n", None])
def test_a_file_that_somebody_changed_meanwhile_is_left_alone(
    tmp_path: Path, now: bytes | None, after: bytes | None
) -> None:
    path = tmp_path / "a.yaml"
    if now is not None:
        path.write_bytes(now)
    with pytest.raises(ChangedMeanwhile, match=r"a\.yaml was changed by somebody else meanwhile"):
        carry_out(Edit(path=path, before=b"one\n", after=after))
    assert content_at(path) == now
    assert len(list(tmp_path.iterdir())) == (now is not None)


def test_a_new_file_replaces_none_that_came_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"theirs\n")
    with pytest.raises(ChangedMeanwhile):
        carry_out(Edit(path=path, before=None, after=b"ours\n"))
    assert path.read_bytes() == b"theirs\n"


def test_a_disk_that_is_full_leaves_the_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.yaml"
    path.write_bytes(b"one\n")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NotEdited, match=r"a\.yaml cannot be written: No space left"):
        put(path, b"two\n")
    assert path.read_bytes() == b"one\n"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("write", "fsync", "replace"):
        real = getattr(os, name)

        def call(*arguments: Any, name: str = name, real: Any = real) -> Any:
            calls.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, call)
    put(tmp_path / "a.yaml", b"one\n")
    assert calls == ["write", "fsync", "replace", "fsync"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotEdited, match="cannot be read: Is a directory"):
        content_at(tmp_path)


def killed_at_each_step(verb: str, folder: Path) -> list[dict[str, Any]]:
    """What the process of `killing` says of each of its children."""
    done = subprocess.run(
        [sys.executable, killing.__file__, verb, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["lived"] for row in rows] == [False] * (len(rows) - 1) + [True]
    return rows


def leftovers(found: dict[str, Any]) -> list[str]:
    return [name for name in found["files"] if name.endswith((".part", ".next"))]


OLD_APP, NEW_APP = ["203753385", "OldAppSecret-1", None], ["999999999", "NewAppSecret-2", "c0de"]


@pytest.mark.parametrize(
    ("verb", "of", "old", "new"),
    [
        ("grant", lambda found: found["granted"], ["GetForecast"], ["GetForecast", "GetStatus"]),
        ("reset", lambda found: found["apps"]["demo"], OLD_APP, NEW_APP),
        (
            "replace-key",
            lambda found: found["signature_key"],
            ["OldKey1", "OldSecret-1"],
            ["NewKey2", "NewSecret-2"],
        ),
        ("create", lambda found: "phone" in found["apps"], False, True),
    ],
)
def test_whoever_is_killed_leaves_the_old_or_the_new(
    tmp_path: Path, verb: str, of: Any, old: Any, new: Any
) -> None:
    rows = killed_at_each_step(verb, tmp_path)
    assert not [row["left"]["problems"] for row in rows if row["left"]["problems"]]
    states = [of(row["left"]) for row in rows]
    change = states.index(new)
    assert 3 < change < len(rows)
    assert states == [old] * change + [new] * (len(rows) - change)


@pytest.mark.parametrize("verb", ["grant", "reset", "replace-key"])
def test_whoever_tries_again_finishes_it_and_tidies_up(tmp_path: Path, verb: str) -> None:
    rows = killed_at_each_step(verb, tmp_path)
    assert any(leftovers(row["left"]) for row in rows)
    assert {row["refused"] for row in rows} == {""}
    ends = [row["again"] for row in rows]
    assert not [leftovers(end) for end in ends if leftovers(end)]
    of = {"grant": "granted", "reset": "apps", "replace-key": "signature_key"}[verb]
    assert all(end[of] == ends[-1][of] for end in ends)


def test_an_api_goes_after_what_names_it_whenever_its_removal_is_killed(tmp_path: Path) -> None:
    rows = killed_at_each_step("delete", tmp_path)
    assert not [row["left"]["problems"] for row in rows if row["left"]["problems"]]
    apis = [row["left"]["apis"] for row in rows]
    assert apis[0] == ["GetForecast", "GetStatus"]
    assert apis[-1] == ["GetStatus"]
    assert all(row["again"]["apis"] == ["GetStatus"] for row in rows)
