"""The file of an app, and those of its secrets."""

import stat
from pathlib import Path

import pytest
from unit.editing.project import make_project, text_at

from apigateway.definition.problems import DefinitionError
from apigateway.editing.apps import create_app, file_of_app, removal_of_app
from apigateway.editing.editor import Editor
from apigateway.editing.files import NotEdited

DECLARED = {"name": "phone", "key": "123456789"}


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return make_project(tmp_path)


def test_a_new_app_has_its_secrets_in_files_of_its_owner_alone(
    editor: Editor, tmp_path: Path
) -> None:
    path = create_app(editor, DECLARED, {"secret": "PhoneSecret-1", "code": "PhoneCode-1"})
    assert path == tmp_path / "definitions/apps/phone.yaml"
    assert path.read_text() == (
        'name: phone\nkey: "123456789"\nsecret: file:phone.secret\ncode: file:phone.code\n'
    )
    for name, text in (("phone.secret", "PhoneSecret-1\n"), ("phone.code", "PhoneCode-1\n")):
        assert text_at(tmp_path, f"definitions/apps/{name}") == text
        assert stat.S_IMODE(path.with_name(name).stat().st_mode) == 0o600


def test_the_first_app_makes_the_folder(tmp_path: Path) -> None:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions/gateway.yaml").write_text('account: "1"\nregion: cn-hangzhou\n')
    editor = Editor(tmp_path / "definitions", tmp_path / "policies", environ={})
    create_app(editor, DECLARED, {"secret": "PhoneSecret-1"})
    assert file_of_app(editor, "phone") == tmp_path / "definitions/apps/phone.yaml"


@pytest.mark.parametrize("name", ["x", "../../evil", "a b c d", ".hidden", "x" * 27])
def test_a_name_that_no_app_may_have_writes_nothing(
    editor: Editor, tmp_path: Path, name: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NotEdited, match="write 4 to 26 letters"):
        create_app(editor, {**DECLARED, "name": name}, {"secret": "Secret-1"})
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["phone.yaml", "phone.secret"])
def test_no_file_is_overwritten(editor: Editor, tmp_path: Path, name: str) -> None:
    (tmp_path / "definitions/apps" / name).write_text("name: other\n")
    with pytest.raises(NotEdited, match=f"definitions/apps/{name} is there already"):
        create_app(editor, DECLARED, {"secret": "Secret-1"})


def test_a_key_that_is_taken_is_refused_and_leaves_no_secret(
    editor: Editor, tmp_path: Path
) -> None:
    with pytest.raises(DefinitionError, match="is already that of"):
        create_app(editor, {**DECLARED, "key": "203753385"}, {"secret": "Secret-1"})
    assert not (tmp_path / "definitions/apps/phone.secret").exists()


def test_an_app_goes_with_the_secrets_that_only_it_names(editor: Editor, tmp_path: Path) -> None:
    apps = tmp_path / "definitions/apps"
    (apps / "demo.yaml").write_text(
        'name: demo\nkey: "203753385"\nsecret: file:demo.secret\ncode: file:../shared.code\n'
    )
    edit, files = removal_of_app(editor, "demo")
    assert (edit.path, edit.after) == (apps / "demo.yaml", None)
    assert files == [apps / "demo.secret"]
    (apps / "other.yaml").write_text('name: other\nkey: "12345678"\nsecret: file:demo.secret\n')
    assert removal_of_app(editor, "demo")[1] == []


def test_an_app_that_no_file_declares_is_told(editor: Editor) -> None:
    with pytest.raises(NotEdited, match='no file in definitions/apps declares the app "phone"'):
        file_of_app(editor, "phone")
