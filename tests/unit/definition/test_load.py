"""A whole project: what is loaded, and every problem of a run at once."""

import shutil
from pathlib import Path

import pytest
from unit.definition.written import API, APP, GATEWAY, GRANTS, GROUP, Written

from apigateway.definition.load import load_project
from apigateway.definition.problems import DefinitionError, Problem

HERE = Path(__file__).resolve().parents[3]


def test_the_samples_load_without_a_problem_or_a_warning() -> None:
    project = load_project(HERE / "definitions", HERE / "policies", {})
    assert project.warnings == ()
    assert {group.name for group in project.groups} == {"weather", "accounts"}
    assert {api.name for api in project.apis} >= {"GetForecast", "GetProfile", "GetInvoice"}
    assert project.apps[0].secret.reveal() == "MySuperAppSecret-42"
    assert project.signature_keys[0].secret.reveal() == "WeatherBackendSecret-1"


def test_every_sample_names_its_schema_for_editors() -> None:
    for folder in ("definitions", "policies"):
        for file in (HERE / folder).rglob("*.yaml"):
            first = file.read_text("utf-8").splitlines()[0]
            start, _, schema = first.partition("$schema=")
            assert start == "# yaml-language-server: ", file
            assert (file.parent / schema).is_file(), file


def test_a_project_needs_settings_only(tmp_path: Path) -> None:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions/gateway.yaml").write_text('account: "1"\nregion: cn-hangzhou\n')
    project = load_project(tmp_path / "definitions", tmp_path / "policies", {})
    assert (project.groups, project.apis, project.bindings) == ((), (), ())


def test_relative_paths_start_from_the_project_wherever_one_stands(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(written.root / "definitions")
    project = load_project(Path("."), Path("../policies"), written.environ)
    assert project.settings.store == written.root / "state/gateway.db"


def test_the_environment_of_the_process_is_used_when_none_is_given(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_SECRET", "of-the-process")
    monkeypatch.setenv("BACKEND_SECRET", "of-the-process")
    project = load_project(written.root / "definitions", written.root / "policies")
    assert project.apps[0].secret.reveal() == "of-the-process"


def listed(written: Written) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as raised:
        written.load()
    return raised.value.problems


def test_every_problem_of_a_run_is_listed_in_the_order_of_the_files(written: Written) -> None:
    written.write(GRANTS, "- {app: §nobody, group: weather, apis: [§None]}\n")
    written.write(APP, 'name: demo\nkey: "1"\n§key: "2"\nsecret: §env:MISSING\n')
    written.write(GATEWAY, "account: §1001\nregion: cn-hangzhou\nstore: §[]\n")
    written.write(GROUP, "name: weather\n§nam: x\n")
    written.write(API, "name: GetForecast\nrequest: {method: §X, path: a}\nbackend: {type: §y}\n")
    written.write("definitions/weather/broken.yaml", "a: [1\n§")
    problems = written.problems()
    places = [problem.split(": ")[0] for problem in problems]
    unresolved = f"{APP}:4:9"  # of a document with another fault
    assert set(written.marks) - {unresolved} <= set(places)
    order = [(p.file, p.line, p.column) for p in listed(written)]
    assert order == sorted(order)


def test_an_api_of_a_broken_group_is_checked_all_the_same(written: Written) -> None:
    written.write(GROUP, "name: weather\ntraffic_limit: §0\n")
    written.write(
        API, "name: GetForecast\nrequest: {method: GET, path: §a}\nbackend: {type: mock}\n"
    )
    assert [problem.split(": ")[0] for problem in written.problems()] == sorted(written.marks)


def test_problems_are_the_text_of_the_error(written: Written) -> None:
    written.write(GATEWAY, "{}")
    with pytest.raises(DefinitionError) as raised:
        written.load()
    assert str(raised.value).splitlines() == [str(p) for p in listed(written)]


def test_a_value_out_of_range_does_not_hide_what_else_is_wrong(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    for name in ("definitions", "policies"):
        shutil.copytree(root / name, tmp_path / name)
    path = tmp_path / "definitions" / "weather" / "get-forecast.yaml"
    text = path.read_text().replace("timeout_ms: 5000", "timeout_ms: 50000")
    path.write_text(text.replace("from: days, name: d", "from: day, name: d"))
    with pytest.raises(DefinitionError) as caught:
        load_project(tmp_path / "definitions", tmp_path / "policies")
    assert [(problem.line, problem.what) for problem in caught.value.problems] == [
        (20, "backend.timeout_ms is 50000, more than 30000"),
        (23, 'the request has no parameter "day"'),
    ]
