"""One API's file: what it comes to, how long that holds, and what is left of it for later."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.definition.test_openid import JWK_TEXT, key, login
from unit.definition.written import api

from apigateway.definition.api_file import (
    ApiFile,
    KeptApi,
    home_of,
    read_api_file,
    restored,
    with_id,
    with_same_api,
)
from apigateway.definition.places import Place
from apigateway.definition.problems import Report
from apigateway.definition.sources import Source, Sources
from apigateway.model.group import Certificate, Domain, DomainKind, Environment, Group
from apigateway.model.secret import Secret

GROUP = Group(id="1", name="weather", region="cn-hangzhou", subdomain="weather.test")
SET = {Environment.TEST: {"host": "a.test"}, Environment.RELEASE: {"host": "b.test"}}
LATER = 10**19
WITH_WARNING = api(parameters="name: days, in: query, type: Int, example: x")
WITH_VARIABLE = api(backend="type: http, address: 'http://#host#', path: /b")


def source_of(folder: Path, text: str) -> Source:
    path = folder / "api.yaml"
    path.write_text(text.replace("§", ""))
    return Sources().at(Place("definitions/weather/api.yaml", path), LATER)


def read(folder: Path, text: str, group: Group = GROUP) -> ApiFile:
    return read_api_file(source_of(folder, text), group, home_of(group), "1001", LATER)


def test_an_api_is_read_and_checked(tmp_path: Path) -> None:
    file = read(tmp_path, WITH_WARNING)
    assert file.api is not None
    assert file.api.name == "TestApi"
    assert [warning.line for warning in file.warnings] == [6]
    assert (file.errors, file.failed) == ((), False)


@pytest.mark.parametrize(
    ("text", "errors", "is_there"),
    [
        (WITH_WARNING.replace("example", "default"), 1, True),
        (WITH_WARNING.replace("path: /a", "path: a"), 1, True),
        (WITH_WARNING.replace("name: TestApi", "nam: TestApi"), 2, False),
        (f"name: Again\n{WITH_WARNING}", 0, False),
        ("name: TestApi\nrequest: {method: GET, path: a}\n", 1, False),
        (api(parameters="name: days, in: query, minimum: x").replace("/a", "a"), 2, False),
    ],
)
def test_what_is_wrong_is_kept_with_it(
    tmp_path: Path, text: str, errors: int, is_there: bool
) -> None:
    file = read(tmp_path, text)
    assert file.failed
    assert (len(file.errors), file.api is not None) == (errors, is_there)


def test_it_holds_for_the_same_source_and_what_it_takes_from_its_group(tmp_path: Path) -> None:
    file = read(tmp_path, WITH_WARNING)
    assert file.holds(file.source, home_of(GROUP))
    assert not file.holds(source_of(tmp_path, WITH_WARNING), home_of(GROUP))
    assert not file.holds(file.source, home_of(replace(GROUP, name="climate")))


@pytest.mark.parametrize(
    "change",
    [{"name": "climate"}, {"base_path": "/v1"}, {"variables": SET}, {"description": "x"}],
)
def test_groups_that_give_their_apis_something_else_are_told_apart(change: Any) -> None:
    assert home_of(replace(GROUP, **change)) != home_of(GROUP)


def test_an_id_a_region_and_domains_are_no_matter_of_an_api() -> None:
    certificate = Certificate(name="c", chain="", key=Secret("k"), chain_file=Path("c"))
    domain = Domain(name="x.test", kind=DomainKind.INDEPENDENT, certificate=certificate)
    other = replace(GROUP, id="2", region="r", subdomain="s", subdomain_certificate=certificate)
    assert home_of(replace(other, domains=(domain,))) == home_of(GROUP)


def test_it_holds_as_long_as_the_files_that_it_names_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(JWK_TEXT)
    file = read(tmp_path, login(key('"file:key.json"')))
    assert set(file.beside) == {tmp_path / "key.json"}
    assert file.holds(file.source, file.home)
    (tmp_path / "key.json").write_text(JWK_TEXT + "\n")
    assert not file.holds(file.source, file.home)


def test_it_does_not_hold_while_a_file_that_it_names_is_missing_or_unsettled(
    tmp_path: Path,
) -> None:
    text = login(key('"file:key.json"'))
    missing = read(tmp_path, text)
    assert len(missing.errors) == 1
    assert not missing.holds(missing.source, missing.home)
    (tmp_path / "key.json").write_text(JWK_TEXT)
    fresh = replace(read(tmp_path, text), read_ns=(tmp_path / "key.json").stat().st_mtime_ns)
    assert not fresh.holds(fresh.source, fresh.home)


def test_its_id_follows_the_account_and_the_region(tmp_path: Path) -> None:
    file = read(tmp_path, WITH_WARNING)
    assert with_id(file, GROUP, "1001") is file
    for group, account in ((GROUP, "1002"), (replace(GROUP, region="cn-beijing"), "1001")):
        moved = with_id(file, group, account).api
        anew = read_api_file(file.source, group, file.home, account, LATER).api
        assert moved == anew != file.api


def test_a_declared_id_stays(tmp_path: Path) -> None:
    file = read(tmp_path, WITH_WARNING + f"id: {'a' * 32}\n")
    assert with_id(file, GROUP, "1002").api is file.api


def test_an_edited_comment_leaves_the_very_api_at_its_new_lines(tmp_path: Path) -> None:
    before = read(tmp_path, WITH_WARNING)
    after = with_same_api(read(tmp_path, "# new\n" + WITH_WARNING), before)
    assert after.api is before.api
    assert [warning.line for warning in after.warnings] == [7]
    assert after.placed is not None
    assert after.placed.report.document.mark("name")[0] == 2


def test_a_mended_fault_leaves_the_very_api(tmp_path: Path) -> None:
    before = read(tmp_path, WITH_WARNING)
    broken = WITH_WARNING.replace("path: /a", "path: a")
    twice = with_same_api(read(tmp_path, broken), with_same_api(read(tmp_path, broken), before))
    assert twice.api is not before.api
    assert with_same_api(read(tmp_path, WITH_WARNING), twice).api is before.api


@pytest.mark.parametrize(
    ("old", "new"), [("example: x", "example: y"), ("example: x", "minimum: 1, maximum: 5")]
)
def test_an_edited_api_is_another(tmp_path: Path, old: str, new: str) -> None:
    before = read(tmp_path, WITH_WARNING)
    edited = read(tmp_path, WITH_WARNING.replace(old, new))
    assert with_same_api(edited, before) is edited


def test_what_python_takes_for_equal_is_another_document(tmp_path: Path) -> None:
    texts = [api(more=f"result: {{example: {{ok: {value}}}}}\n") for value in ("1", "1.0", "true")]
    files = [read(tmp_path, text) for text in texts]
    assert files[0].api == files[1].api == files[2].api
    assert with_same_api(files[1], files[0]) is files[1]
    assert with_same_api(files[2], files[0]) is files[2]


def test_what_is_found_later_goes_to_the_report_that_was_named(tmp_path: Path) -> None:
    group = replace(GROUP, variables=SET)
    file, report = read(tmp_path, WITH_VARIABLE, group), Report()
    file.report_to(report)
    assert file.placed is not None
    for one in (file.placed, *file.resolved):
        one.report.error("taken", "change it", "name")
    assert len(report.errors) == 3
    assert file.errors == ()


def test_an_api_with_variables_is_checked_in_each_environment_that_sets_them(
    tmp_path: Path,
) -> None:
    file = read(tmp_path, WITH_VARIABLE, replace(GROUP, variables=SET))
    hosts = [getattr(one.object.backend, "host", "") for one in file.resolved]
    assert hosts == ["a.test", "b.test"]
    bad = {Environment.RELEASE: {"host": "@"}}
    assert read(tmp_path, WITH_VARIABLE, replace(GROUP, variables=bad)).failed


def kept(file: ApiFile) -> KeptApi:
    return KeptApi(
        source=file.source,
        home=file.home,
        read_ns=file.read_ns,
        beside=file.beside,
        warnings=file.warnings,
    )


def test_what_was_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    group = replace(GROUP, variables=SET)
    for text in (WITH_WARNING, WITH_VARIABLE):
        file = read(tmp_path, text, group)
        back = restored(kept(file), group, "1001")
        assert (back.api, back.warnings, back.failed) == (file.api, file.warnings, False)
        assert [one.object for one in back.resolved] == [one.object for one in file.resolved]
        assert back.holds(file.source, file.home)


def test_what_was_kept_does_not_hold_when_a_file_that_it_names_has_changed(
    tmp_path: Path,
) -> None:
    (tmp_path / "key.json").write_text(JWK_TEXT)
    file = read(tmp_path, login(key('"file:key.json"')))
    back = restored(kept(file), GROUP, "1001")
    assert back.api == file.api
    assert back.holds(file.source, file.home)
    (tmp_path / "key.json").unlink()
    assert not restored(kept(file), GROUP, "1001").holds(file.source, file.home)


def test_a_file_that_an_api_with_a_misfit_names_counts_too(tmp_path: Path) -> None:
    text = login(key('"file:key.json"')) + "visibility: hidden\n"
    file = read(tmp_path, text)
    assert len(file.errors) == 2
    assert set(file.beside) == {tmp_path / "key.json"}
