"""The folder says the kind; a file without a kind says where it belongs."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.definition.written import API, GATEWAY, GROUP, Written

from apigateway.definition.places import GroupPlaces, Known, find_files, policies_beside
from apigateway.definition.problems import Report

NOTHING_HERE = "a file of no kind: nothing is read here"
IN_POLICIES = (
    "write grants into grants.yaml, bindings into bindings.yaml, "
    "and policies into throttling, signature-keys, vpc-access, ip-control, backend-tls"
)


def test_every_kind_of_file_is_found(written: Written) -> None:
    report = Report()
    places = find_files(written.root / "definitions", written.root / "policies", report)
    assert report.errors == []
    assert places.gateway is not None
    assert places.gateway.shown == GATEWAY
    group = places.groups[0].group
    assert group is not None
    assert group.shown == GROUP
    assert [place.shown for place in places.groups[0].apis] == [API]
    assert len(places.apps) == 1
    assert {kind: len(files) for kind, files in places.policies.items()} == {
        "throttling": 1,
        "signature-key": 1,
        "vpc-access": 1,
        "ip-control": 1,
        "backend-tls": 0,
    }
    assert places.grants is not None
    assert places.bindings is not None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "definitions/stray.yaml",
            f"{NOTHING_HERE}; "
            "move it to definitions/<group>/ (an API) or definitions/apps/ (an app)",
        ),
        (
            "definitions/weather/v1/get.yaml",
            f"{NOTHING_HERE}; move it to definitions/weather/",
        ),
        ("definitions/apps/old/x.yaml", f"{NOTHING_HERE}; move it to definitions/apps/"),
        ("policies/throttling.yaml", f"{NOTHING_HERE}; {IN_POLICIES}"),
        ("policies/throttle/a/b.yaml", f"{NOTHING_HERE}; {IN_POLICIES}"),
        ("policies/throttling/a/b.yaml", f"{NOTHING_HERE}; move it to policies/throttling/"),
        (
            "definitions/weather/get.yml",
            "definitions end in .yaml, not .yml; rename it to get.yaml",
        ),
        (
            "policies/grants.YAML",
            "definitions end in .yaml, not .YAML; rename it to grants.yaml",
        ),
    ],
)
def test_a_file_without_a_kind_says_where_it_belongs(
    written: Written, path: str, message: str
) -> None:
    assert written.write(path, "§x: 1\n").problems() == written.expected(message)


def test_a_group_that_is_not_declared_is_told_once(written: Written) -> None:
    written.remove(GROUP)
    problems = written.problems()
    assert problems[0] == (
        f"{GROUP}:1:1: the group of this folder is not declared; write the file, with name: weather"
    )
    assert len(problems) == 1


def test_a_project_without_settings_is_told_what_to_write(written: Written) -> None:
    assert written.remove(GATEWAY).problems() == [
        f"{GATEWAY}:1:1: the file is missing; write it, with account and region"
    ]


def test_a_folder_of_definitions_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    report = Report()
    find_files(tmp_path / "definitions", tmp_path / "policies", report)
    assert [str(problem) for problem in report.errors] == [
        "definitions:1:1: the folder of definitions does not exist; make it, or name another"
    ]


def test_other_files_empty_folders_and_hidden_ones_are_none_of_ours(written: Written) -> None:
    for path in ("definitions/README.md", "definitions/apps/x.secret", "definitions/.x.yaml"):
        written.write(path, "x")
    written.write("policies/.git/x.yaml", "x")
    (written.root / "definitions/empty").mkdir()
    assert written.problems() == []


def test_a_pipe_or_a_broken_link_is_told_and_not_waited_for(written: Written) -> None:
    os.mkfifo(written.root / "definitions/apps/pipe.yaml")
    os.symlink("nowhere", written.root / "definitions/apps/link.yaml")
    os.symlink("loop.yaml", written.root / "definitions/apps/loop.yaml")
    assert written.problems() == [
        f"definitions/apps/{name}.yaml:1:1: the file cannot be read (not a file); "
        "check what it is and its permissions"
        for name in ("link", "loop", "pipe")
    ]


@pytest.mark.parametrize("name", [API, "policies/bindings.yaml"])
def test_a_folder_in_the_place_of_a_file_is_no_deletion(written: Written, name: str) -> None:
    (written.root / name).unlink()
    (written.root / name).mkdir()
    assert f"{name}:1:1: a folder, where a file would be read; put the file back, or rename it" in (
        written.problems()
    )


def test_policies_that_lead_nowhere_are_not_none(written: Written) -> None:
    policies = written.root / "policies"
    policies.rename(policies.with_name("other"))
    assert written.problems() == []
    for target, reason in (
        ("nowhere", "No such file or directory"),
        ("policies", "Too many levels of symbolic links"),
    ):
        policies.symlink_to(target)
        assert written.problems() == [
            f"policies:1:1: the folder cannot be read ({reason}); "
            "check its permissions, and where it leads"
        ]
        policies.unlink()
    policies.write_text("")
    assert written.problems() == ["policies:1:1: it is not a folder; make it one, or remove it"]


@pytest.mark.parametrize("name", ["definitions", "policies"])
def test_a_folder_where_nobody_may_look_is_a_problem(
    written: Written, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    look = os.stat

    def forbidden(path: object, *rest: object, **options: object) -> os.stat_result:
        if path == written.root / name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return look(path, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", forbidden)
    report = Report()
    find_files(written.root / "definitions", written.root / "policies", report)
    assert [str(problem) for problem in report.errors] == [
        f"{name}:1:1: the folder cannot be read (Permission denied); "
        "check its permissions, and where it leads"
    ]


def test_policies_are_beside_the_definitions_as_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "first" / "definitions").mkdir(parents=True)
    (tmp_path / "current").symlink_to("first")
    assert policies_beside(tmp_path / "first" / "definitions") == tmp_path / "first" / "policies"
    named = tmp_path / "current" / "definitions"
    assert policies_beside(named) == tmp_path / "current" / "policies"


def test_policies_of_definitions_that_are_a_link_may_be_beside_its_end(tmp_path: Path) -> None:
    (tmp_path / "first" / "definitions").mkdir(parents=True)
    (tmp_path / "definitions").symlink_to("first/definitions")
    assert policies_beside(tmp_path / "definitions") == tmp_path / "first" / "policies"
    (tmp_path / "policies").mkdir()
    assert policies_beside(tmp_path / "definitions") == tmp_path / "policies"


def test_a_link_back_to_its_own_folder_ends(written: Written) -> None:
    (written.root / "policies/other").mkdir()
    os.symlink(".", written.root / "policies/other/loop")
    assert written.problems() == []


LATER = 10**19


def found_again(written: Written, known: Known) -> GroupPlaces:
    folders = (written.root / "definitions", written.root / "policies")
    return find_files(*folders, Report(), known, now_ns=LATER).groups[0]


def test_the_folder_of_a_group_that_is_as_it_was_is_not_listed_again(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Known()
    first = found_again(written, known)
    listed: list[str] = []
    scandir = os.scandir

    def listing(path: Path) -> Iterator[os.DirEntry[str]]:
        listed.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", listing)
    assert found_again(written, known) is first
    assert "weather" not in listed
    written.write("definitions/weather/new.yaml", "name: New\n")
    assert len(found_again(written, known).apis) == 2
    assert "weather" in listed


def test_a_folder_that_is_listed_again_with_the_same_files_is_the_very_same(
    written: Written,
) -> None:
    known = Known()
    first = found_again(written, known)
    new = written.root / "definitions/weather/get-forecast.yaml.new"
    new.write_text("name: Other\n")
    new.replace(written.root / API)
    assert found_again(written, known) is first


def test_a_folder_that_has_not_settled_or_holds_a_link_is_listed_each_time(
    written: Written,
) -> None:
    folders, known = (written.root / "definitions", written.root / "policies"), Known()
    find_files(*folders, Report(), known, now_ns=0)
    assert [stamp for stamp, *_ in known.groups.values()] == [None]
    find_files(*folders, Report(), known, now_ns=LATER)
    assert [stamp for stamp, *_ in known.groups.values()] != [None]
    (written.root / "definitions/weather/link.yaml").symlink_to("get-forecast.yaml")
    find_files(*folders, Report(), known, now_ns=LATER)
    assert [stamp for stamp, *_ in known.groups.values()] == [None]


def test_what_is_wrong_in_a_folder_is_told_again_though_it_is_not_listed(written: Written) -> None:
    folders, known = (written.root / "definitions", written.root / "policies"), Known()
    written.remove(GROUP).write("definitions/weather/odd.yml", "a: 1\n")
    told = []
    for _ in range(3):
        report = Report()
        find_files(*folders, report, known, now_ns=LATER)
        told.append(report.errors)
    assert told[0] == told[1] == told[2]
    assert len(told[0]) == 2


def test_what_is_gone_is_forgotten(written: Written) -> None:
    known = Known()
    found_again(written, known)
    known.forget_others({written.root / GATEWAY})
    assert list(known.places) == [str(written.root / GATEWAY)]
    assert known.groups == {}
