"""What edits would make of a project, and only then the edits."""

from pathlib import Path

import pytest
from unit.editing.project import APP, BINDINGS, GRANTS, make_project, text_at

from apigateway.definition.problems import DefinitionError
from apigateway.editing.editor import Editor, open_editor
from apigateway.editing.files import ChangedMeanwhile, Edit, NotEdited
from apigateway.model.settings import GatewaySettings


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return make_project(tmp_path)


def problems(error: DefinitionError) -> list[str]:
    return [str(problem) for problem in error.problems]


def test_an_edit_that_the_project_can_bear_is_made(editor: Editor, tmp_path: Path) -> None:
    path = editor.policies / "grants.yaml"
    entries = [{"app": "demo", "group": "weather", "apis": ["GetForecast", "GetStatus"]}]
    editor.make(editor.edit(path, entries))
    assert text_at(tmp_path, GRANTS).splitlines() == [
        "# who may call what",
        "- {app: demo, group: weather, apis: [GetForecast, GetStatus]}  # one",
    ]


def test_an_edit_that_would_break_the_project_is_not_made(editor: Editor, tmp_path: Path) -> None:
    before = text_at(tmp_path, GRANTS)
    edit = editor.edit(
        editor.policies / "grants.yaml", [{"app": "dmo", "group": "weather", "apis": "*"}]
    )
    with pytest.raises(DefinitionError) as caught:
        editor.make(edit)
    assert problems(caught.value) == [
        f'{GRANTS}:2:9: there is no app "dmo"; did you mean "demo"? Declare it in definitions/apps'
    ]
    assert text_at(tmp_path, GRANTS) == before


def test_a_new_file_is_looked_at_in_the_folder_it_goes_to(editor: Editor) -> None:
    path = editor.definitions / "weather" / "get-alert.yaml"
    edit = editor.edit(path, {"name": "GetAlert", "request": {}, "backend": {"type": "mock"}})
    with pytest.raises(DefinitionError) as caught:
        editor.make(edit)
    assert problems(caught.value)[0].startswith(
        'definitions/weather/get-alert.yaml:2:1: "method" is missing in request'
    )
    assert not path.exists()


def test_a_file_that_goes_is_missed_by_what_names_it(editor: Editor) -> None:
    path = editor.definitions / "apps" / "demo.yaml"
    with pytest.raises(DefinitionError) as caught:
        editor.make(Edit(path=path, before=path.read_bytes(), after=None))
    assert problems(caught.value) == [
        f'{GRANTS}:2:9: there is no app "demo"; declare it in definitions/apps'
    ]
    assert path.exists()


def test_every_state_between_two_edits_must_be_a_good_one(editor: Editor, tmp_path: Path) -> None:
    path = editor.definitions / "apps" / "demo.yaml"
    removal = Edit(path=path, before=path.read_bytes(), after=None)
    grants = editor.edit(editor.policies / "grants.yaml", [])
    before = text_at(tmp_path, GRANTS)
    with pytest.raises(DefinitionError):
        editor.make(removal, grants)
    assert (path.exists(), text_at(tmp_path, GRANTS)) == (True, before)
    editor.make(grants, removal)
    assert (path.exists(), text_at(tmp_path, GRANTS)) == (False, "# who may call what\n[]\n")


def test_problems_that_were_there_before_do_not_matter(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / BINDINGS).write_text("throttling: 5\n")
    path = editor.policies / "grants.yaml"
    editor.make(editor.edit(path, [{"app": "demo", "group": "weather", "apis": "*"}]))
    with pytest.raises(DefinitionError) as caught:
        editor.make(editor.edit(path, [{"app": "x", "group": "weather", "apis": "*"}]))
    assert [problem.file for problem in caught.value.problems] == [GRANTS]


def test_what_is_beside_goes_with_an_edit_that_is_refused(editor: Editor, tmp_path: Path) -> None:
    secret = tmp_path / "definitions/apps/other.secret"
    beside = Edit(path=secret, before=None, after=b"Secret-1\n", private=True)
    path = editor.definitions / "apps" / "other.yaml"
    data = {"name": "other", "key": "203753385", "secret": "file:other.secret"}
    with pytest.raises(DefinitionError, match="is already that of"):
        editor.make(editor.edit(path, data), beside=[beside])
    assert (secret.exists(), path.exists()) == (False, False)
    editor.make(editor.edit(path, {**data, "key": "203753386"}), beside=[beside])
    assert secret.read_text() == "Secret-1\n"


def test_a_file_that_was_changed_meanwhile_stops_the_rest(editor: Editor, tmp_path: Path) -> None:
    grants = editor.edit(editor.policies / "grants.yaml", [])
    bindings = editor.edit(editor.policies / "bindings.yaml", {})
    (tmp_path / GRANTS).write_text("[]\n")
    before = text_at(tmp_path, BINDINGS)
    with pytest.raises(ChangedMeanwhile, match=r"grants\.yaml was changed by somebody else"):
        editor.make(grants, bindings)
    assert text_at(tmp_path, BINDINGS) == before


def test_an_edit_of_nothing_writes_nothing(editor: Editor, tmp_path: Path) -> None:
    before = (tmp_path / APP).stat()
    path = editor.definitions / "apps" / "demo.yaml"
    editor.make(editor.edit(path, editor.data(path)))
    assert (tmp_path / APP).stat() == before


def test_a_file_that_no_command_can_edit_is_told(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / GRANTS).write_text("- &x {app: demo, group: weather, apis: '*'}\n")
    path = editor.policies / "grants.yaml"
    with pytest.raises(NotEdited, match=rf"{GRANTS}: an anchor"):
        editor.data(path)
    with pytest.raises(NotEdited, match=f"{GRANTS} cannot be changed by a command: an anchor"):
        editor.edit(path, [])


def test_an_editor_holds_the_lock_of_the_project(tmp_path: Path) -> None:
    make_project(tmp_path)
    settings = GatewaySettings(account="1", region="r", store=tmp_path / "state" / "gateway.db")
    folders = tmp_path / "definitions", tmp_path / "policies"
    with open_editor(*folders, settings, "alice") as editor:
        assert editor.data(editor.policies / "grants.yaml")[0]["app"] == "demo"
        with pytest.raises(NotEdited, match="alice"):
            with open_editor(*folders, settings, "bob", patience_s=0):
                pass
