"""What is released, as a project of its own."""

import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from unit.editing.project import BINDINGS, GRANTS, make_project, text_at

from apigateway.definition.load import load_project
from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project
from apigateway.editing.editor import Editor
from apigateway.editing.export import (
    Export,
    make_export,
    prove,
    releases_to_export,
    write_export,
)
from apigateway.editing.files import NotEdited
from apigateway.model.group import Environment
from apigateway.model.release import Release

TEST, PRE, RELEASE = Environment


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return make_project(tmp_path / "project")


def project_of(editor: Editor) -> Project:
    return load_project(editor.definitions, editor.policies, {})


def released(editor: Editor, *names: str, environment: Environment = RELEASE) -> list[Release]:
    """The drafts of these names, as releases."""
    project = project_of(editor)
    return [
        Release(
            api_id=api.id,
            group=api.group,
            api=api.name,
            environment=environment,
            version="20231114221320000",
            note="",
            released_by="someone",
            released_ms=0,
            document=api.document,
        )
        for api in project.apis
        if api.name in names
    ]


def exported(
    editor: Editor, releases: Sequence[Release], environment: Environment = RELEASE
) -> Export:
    made = make_export(editor, project_of(editor), releases, environment)
    prove(made, releases, {})
    return made


def test_everything_released_is_the_same_project_to_the_byte(editor: Editor) -> None:
    made = exported(editor, released(editor, "GetForecast", "GetStatus"))
    root = editor.definitions.parent
    for place, content in {**made.files, **made.secret}.items():
        assert (root / place).read_bytes() == content
    missing = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
    assert missing == {*made.files, *made.secret}
    assert {str(place) for place in made.secret} == {
        "definitions/apps/demo.secret",
        "policies/signature-keys/backend.secret",
    }
    assert made.notices == []


def test_what_is_not_released_is_left_out_and_named_no_more(editor: Editor) -> None:
    made = exported(editor, released(editor, "GetStatus"))
    assert Path("definitions/weather/get-forecast.yaml") not in made.files
    assert made.files[Path(GRANTS)] == b"# who may call what\n[]\n"
    assert made.files[Path(BINDINGS)].decode() == text_at(
        editor.definitions.parent, BINDINGS
    ).replace("[GetForecast, GetStatus]", "[GetStatus]")


def test_a_group_without_a_release_is_left_out(editor: Editor, tmp_path: Path) -> None:
    folder = tmp_path / "project/definitions/accounts"
    folder.mkdir()
    (folder / "group.yaml").write_text("name: accounts\n")
    (tmp_path / "project" / GRANTS).write_text(
        '- {app: demo, group: accounts, apis: "*"}\n- {app: demo, group: weather, apis: "*"}\n'
    )
    made = exported(editor, released(editor, "GetStatus"))
    assert Path("definitions/accounts/group.yaml") not in made.files
    assert made.files[Path(GRANTS)] == b'- {app: demo, group: weather, apis: "*"}\n'


def test_the_released_document_stands_in_the_drafts_file(editor: Editor, tmp_path: Path) -> None:
    releases = released(editor, "GetStatus")
    path = tmp_path / "project/definitions/weather/get-status.yaml"
    path.write_text(
        "# about it\nname: GetStatus\ndescription: drafted\n"
        "request: {method: GET, path: /status/new}  # where\nbackend: {type: mock}\n"
    )
    made = exported(editor, releases)
    assert made.files[Path("definitions/weather/get-status.yaml")] == (
        b"# about it\nname: GetStatus\n"
        b"request: {method: GET, path: /status}  # where\nbackend: {type: mock}\n"
    )


def test_a_start_of_the_new_project_releases_to_the_environment(
    editor: Editor, tmp_path: Path
) -> None:
    made = exported(editor, released(editor, "GetStatus", environment=TEST), TEST)
    assert made.files[Path("definitions/gateway.yaml")] == (
        b'account: "1001"\nregion: cn-hangzhou\nreleases: {auto: first, environments: [TEST]}\n'
    )
    (tmp_path / "project/definitions/gateway.yaml").write_text(
        'account: "1001"\nregion: cn-hangzhou\nreleases: {auto: never}  # by hand\n'
    )
    made = exported(editor, released(editor, "GetStatus"))
    assert b"releases: {auto: first}  # by hand\n" in made.files[Path("definitions/gateway.yaml")]


def test_a_store_that_both_would_use_is_told(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "project/definitions/gateway.yaml").write_text(
        'account: "1001"\nregion: cn-hangzhou\nstore: redis://127.0.0.1/0\n'
    )
    (notice,) = exported(editor, released(editor, "GetStatus")).notices
    assert "names the store redis://127.0.0.1/0, which this gateway uses too" in notice


def test_files_from_outside_of_the_project_come_to_lie_beside_what_names_them(
    editor: Editor, tmp_path: Path
) -> None:
    (tmp_path / "outside.secret").write_text("OutsideSecret-1\n")
    (tmp_path / "project/definitions/apps/demo.yaml").write_text(
        'name: demo\nkey: "203753385"\nsecret: file:../../../outside.secret  # far\n'
    )
    made = exported(editor, released(editor, "GetStatus"))
    assert made.secret[Path("definitions/apps/outside.secret")] == b"OutsideSecret-1\n"
    assert made.files[Path("definitions/apps/demo.yaml")] == (
        b'name: demo\nkey: "203753385"\nsecret: file:outside.secret           # far\n'
    )


def test_releases_without_a_draft_are_told(editor: Editor) -> None:
    here, there = released(editor, "GetStatus"), released(editor, "GetForecast", environment=PRE)
    gone = [replace(here[0], api_id="0" * 32, api="Gone")]
    found, notices = releases_to_export(project_of(editor), [*here, *there, *gone], RELEASE)
    assert found == here
    assert notices == ["weather/Gone is no longer declared, and left out"]


def test_what_does_not_load_is_not_proved(editor: Editor) -> None:
    releases = released(editor, "GetStatus")
    made = exported(editor, releases)
    with pytest.raises(NotEdited, match="weather/GetForecast could not be written"):
        prove(made, released(editor, "GetStatus", "GetForecast"), {})
    with pytest.raises(NotEdited, match="more than what is released"):
        prove(exported(editor, released(editor, "GetStatus", "GetForecast")), releases, {})
    made.files[Path(GRANTS)] = b"- {app: nobody, group: weather, apis: '*'}\n"
    with pytest.raises(DefinitionError, match="nobody"):
        prove(made, releases, {})


def test_a_project_is_put_in_place_as_a_whole(editor: Editor, tmp_path: Path) -> None:
    made = exported(editor, released(editor, "GetStatus"))
    out = tmp_path / "new" / "out"
    write_export(made, out, with_secrets=False)
    written = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    assert written == made.files.keys()
    assert list(out.parent.iterdir()) == [out]
    with pytest.raises(DefinitionError, match=r"demo\.secret, which does not exist"):
        load_project(out / "definitions", out / "policies", {})


def test_secrets_come_along_when_they_are_asked_for(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_export(
        exported(editor, released(editor, "GetStatus")), tmp_path / "out", with_secrets=True
    )
    secret = tmp_path / "out/definitions/apps/demo.secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    project = load_project(tmp_path / "out/definitions", tmp_path / "out/policies", {})
    assert [api.name for api in project.apis] == ["GetStatus"]


def test_a_folder_with_something_in_it_is_left_alone(editor: Editor, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(NotEdited, match="out cannot be written: Directory not empty"):
        write_export(exported(editor, released(editor, "GetStatus")), out, with_secrets=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "project"]
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
