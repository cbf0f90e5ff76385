"""`apigateway capture`: a capture without secrets."""

import stat
from pathlib import Path

import pytest
from unit.commands.captured import SECRET, flow, save
from unit.commands.released import Released

from apigateway.commands.exits import DIFFERENT, USAGE


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


@pytest.fixture
def raw(project: Released) -> str:
    flows = [
        flow("/forecast/hangzhou?days=1", answer=200),
        flow(f"/forecast/hangzhou?days=2&note={SECRET}", answer=200),
        flow("/forecast/hangzhou?days=99", secret="wrong", answer=403),
        flow("/status", secret=None, answer=200),
    ]
    return str(save(project.folder / "raw.mitm", *flows))


def test_no_secret_is_in_the_file_and_it_is_its_owners(project: Released, raw: str) -> None:
    out = project.folder / "out.mitm"
    done = project.run("capture", raw, str(out), by=None)
    assert done.exit_code == 0, done.output
    assert "4 calls, 3 of them with secrets" in done.output
    assert SECRET.encode() not in out.read_bytes()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert not list(project.folder.glob(".out.mitm.*"))


def test_what_was_found_is_counted(project: Released, raw: str) -> None:
    out = str(project.folder / "out.mitm")
    document = project.json("capture", raw, out, by=None)
    assert (document["calls"], document["with_secrets"], document["written"]) == (4, 3, out)
    kinds = {one["kind"]: (one["values"], one["calls"]) for one in document["secrets"]}
    assert kinds == {"signature": (3, 3), "AppSecret": (1, 1)}
    assert document["not_whole"] == []


def test_a_scrubbed_capture_replays_as_the_raw_one(project: Released, raw: str) -> None:
    out = str(project.folder / "out.mitm")
    project.run("capture", raw, out, by=None)
    whole = project.run("replay", raw, "--json", by=None)
    scrubbed = project.run("replay", out, "--json", by=None)
    assert scrubbed.exit_code == whole.exit_code
    assert scrubbed.output == whole.output


def test_check_says_whether_secrets_are_there(project: Released, raw: str) -> None:
    out = str(project.folder / "out.mitm")
    project.run("capture", raw, out, by=None)
    assert project.run("capture", raw, "--check", by=None).exit_code == DIFFERENT
    assert project.run("capture", out, "--check", by=None).exit_code == 0


def test_names_are_kept_and_added(project: Released, raw: str) -> None:
    out = project.folder / "out.mitm"
    project.run("capture", raw, str(out), "--scrub", "Note", by=None)
    assert b"note=scrubbed:" in out.read_bytes()
    both = project.run("capture", raw, "x", "--scrub", "a", "--keep", "A", by=None)
    assert (both.exit_code, "name the same: a" in both.output) == (USAGE, True)


def test_a_file_that_is_there_is_not_lost(project: Released, raw: str) -> None:
    done = project.run("capture", raw, raw, by=None)
    assert (done.exit_code, "--force replaces it" in done.output) == (USAGE, True)
    assert project.run("capture", raw, raw, "--force", by=None).exit_code == 0
    assert SECRET.encode() not in Path(raw).read_bytes()


def test_a_file_or_check(project: Released, raw: str) -> None:
    for words in ([], ["x", "--check"]):
        assert project.run("capture", raw, *words, by=None).exit_code == USAGE


def test_a_folder_that_is_not_there(project: Released, raw: str) -> None:
    done = project.run("capture", raw, str(project.folder / "no/out"), by=None)
    assert done.exit_code == 1
    assert f"there is no folder {project.folder}/no: make it (mkdir -p " in done.output


def test_flows_are_not_named_as_another_kind(project: Released, raw: str) -> None:
    done = project.run("capture", raw, str(project.folder / "out.har"), by=None)
    assert done.exit_code == USAGE
    assert "flows are written, not a HAR: name it .mitm" in done.output


@pytest.mark.parametrize("option", ["--scrub", "--keep"])
def test_a_name_is_not_empty(project: Released, raw: str, option: str) -> None:
    assert project.run("capture", raw, "--check", option, " ", by=None).exit_code == USAGE
