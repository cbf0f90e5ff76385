"""New keys and secrets. tests/unit/editing/test_files.py kills their replacement at every step."""

import re
import stat
from pathlib import Path

import pytest
from unit.editing.project import APP, KEY, make_project, text_at

from apigateway.definition.problems import DefinitionError
from apigateway.editing.editor import Editor
from apigateway.editing.files import NotEdited
from apigateway.editing.secret_values import (
    file_of_signature_key,
    files_named,
    kept_in,
    new_app_key,
    new_app_secret,
    new_signature_key,
    new_signature_secret,
    replace_values,
)

SECRET = "definitions/apps/demo.secret"
KEY_SECRET = "policies/signature-keys/backend.secret"


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return make_project(tmp_path)


def test_new_values_have_the_forms_of_the_product() -> None:
    assert re.fullmatch(r"[1-9][0-9]{8}", new_app_key(()))
    assert re.fullmatch(r"[0-9a-f]{32}", new_app_secret())
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]{15}", new_signature_key())
    assert re.fullmatch(r"[A-Za-z0-9]{30}", new_signature_secret())
    assert new_app_secret() != new_app_secret()


def test_a_key_that_is_taken_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([0, 0, 5])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn))
    assert new_app_key({"100000000"}) == "100000005"


def test_a_secret_alone_changes_in_its_file(editor: Editor, tmp_path: Path) -> None:
    before = text_at(tmp_path, APP)
    replace_values(editor, tmp_path / APP, {}, {"secret": "NewSecret-2"})
    assert (text_at(tmp_path, SECRET), text_at(tmp_path, APP)) == ("NewSecret-2\n", before)
    assert stat.S_IMODE((tmp_path / SECRET).stat().st_mode) == 0o600


def test_a_pair_changes_and_the_rest_of_the_definition_stays(
    editor: Editor, tmp_path: Path
) -> None:
    replace_values(editor, tmp_path / KEY, {"key": "NewKey2"}, {"secret": "NewSecret-2"})
    assert text_at(tmp_path, KEY) == (
        "name: backend\nkey: NewKey2\nsecret: file:backend.secret  # beside\n"
    )
    assert text_at(tmp_path, KEY_SECRET) == "NewSecret-2\n"
    assert sorted(path.name for path in (tmp_path / KEY).parent.iterdir()) == [
        "backend.secret",
        "backend.yaml",
    ]


def test_a_secret_that_an_app_has_not_had_gets_a_file(editor: Editor, tmp_path: Path) -> None:
    replace_values(editor, tmp_path / APP, {}, {"code": "NewCode-2"})
    assert text_at(tmp_path, "definitions/apps/demo.code") == "NewCode-2\n"
    assert text_at(tmp_path, APP).endswith("secret: file:demo.secret\ncode: file:demo.code\n")


def test_a_secret_in_the_definition_is_replaced_there(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / APP).write_text('name: demo\nkey: "203753385"\nsecret: literal  # oh\n')
    replace_values(editor, tmp_path / APP, {"key": "999999999"}, {"secret": "NewSecret-2"})
    assert text_at(tmp_path, APP) == 'name: demo\nkey: "999999999"\nsecret: NewSecret-2  # oh\n'


def test_a_secret_of_the_environment_is_refused(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / APP).write_text('name: demo\nkey: "203753385"\nsecret: env:DEMO\n')
    with pytest.raises(NotEdited, match="the secret of demo is the environment variable DEMO"):
        replace_values(editor, tmp_path / APP, {"key": "1234"}, {"secret": "NewSecret-2"})


def test_a_file_that_something_else_names_too_is_refused(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "definitions/apps/other.yaml").write_text(
        'name: other\nkey: "12345678"\nsecret: file:./demo.secret\n'
    )
    with pytest.raises(NotEdited, match=r"apps/other\.yaml names definitions/apps/demo\.secret"):
        replace_values(editor, tmp_path / APP, {}, {"secret": "NewSecret-2"})
    (tmp_path / "definitions/apps/other.yaml").unlink()
    (tmp_path / APP).write_text(
        'name: demo\nkey: "203753385"\nsecret: file:demo.secret\ncode: file:demo.secret\n'
    )
    with pytest.raises(NotEdited, match="names"):
        replace_values(editor, tmp_path / APP, {}, {"secret": "NewSecret-2"})


def test_a_secret_that_is_none_leaves_all_as_it_was(editor: Editor, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(DefinitionError, match="the secret is not one of a signature key"):
        replace_values(editor, tmp_path / KEY, {"key": "NewKey2"}, {"secret": "no"})
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_a_killed_replacement_left_is_put_right_by_the_next(
    editor: Editor, tmp_path: Path
) -> None:
    (tmp_path / KEY).write_text("name: backend\nkey: OldKey1\nsecret: file:backend.secret.next\n")
    (tmp_path / f"{KEY_SECRET}.next").write_text("OldSecret-1\n")
    replace_values(editor, tmp_path / KEY, {"key": "NewKey2"}, {"secret": "NewSecret-2"})
    assert text_at(tmp_path, KEY) == "name: backend\nkey: NewKey2\nsecret: file:backend.secret\n"
    assert text_at(tmp_path, KEY_SECRET) == "NewSecret-2\n"
    assert len(list((tmp_path / KEY).parent.iterdir())) == 2


def test_where_a_secret_is_kept_is_shown_and_not_the_secret() -> None:
    data = {"secret": "file:a.secret", "code": "env:CODE", "other": "literal"}
    shown = [kept_in(data, name) for name in ("secret", "code", "other", "none")]
    assert shown == ["file:a.secret", "env:CODE", "in the file", "none"]


def test_definitions_and_the_secret_files_they_name_are_found(
    editor: Editor, tmp_path: Path
) -> None:
    assert dict(files_named(editor)) == {
        tmp_path / APP: tmp_path / SECRET,
        tmp_path / KEY: tmp_path / KEY_SECRET,
    }
    assert file_of_signature_key(editor, "backend") == tmp_path / KEY
    with pytest.raises(NotEdited, match='no file declares the signature key "x"'):
        file_of_signature_key(editor, "x")
