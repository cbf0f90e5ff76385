"""The file of an API."""

from pathlib import Path

import pytest
from unit.definition.sample import ROOT
from unit.editing.project import make_project, text_at

from apigateway.definition.load import load_project
from apigateway.editing.apis import (
    api_edit,
    file_name_for,
    file_of_api,
    in_order_of_schema,
    removal_of_api,
)
from apigateway.editing.editor import Editor
from apigateway.editing.files import NotEdited, carry_out

FORECAST = "definitions/weather/get-forecast.yaml"


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return make_project(tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("GetForecast", "get-forecast.yaml"),
        ("HTTPProxy2Backend", "http-proxy2-backend.yaml"),
        ("get_user-byId", "get-user-by-id.yaml"),
        ("天气Forecast", "天气-forecast.yaml"),
        ("ABCD", "abcd.yaml"),
        ("Group", "group-api.yaml"),
    ],
)
def test_a_file_is_called_after_its_api(name: str, file: str) -> None:
    assert file_name_for(name) == file


def test_an_api_is_found_by_its_name_and_not_by_that_of_its_file(
    editor: Editor, tmp_path: Path
) -> None:
    (tmp_path / FORECAST).rename(tmp_path / "definitions/weather/other.yaml")
    assert file_of_api(editor, "weather", "GetForecast") == (
        tmp_path / "definitions/weather/other.yaml"
    )
    assert file_of_api(editor, "weather", "GetNothing") is None
    with pytest.raises(NotEdited, match='no folder of definitions has the group "accounts"'):
        file_of_api(editor, "accounts", "GetForecast")


def test_a_released_document_goes_over_the_draft_key_by_key(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / FORECAST).write_text(
        "# ours\nname: GetForecast\nrequest:  # from callers\n  method: GET  # for now\n"
        "  path: /forecast\nbackend: {type: mock}  # until there is one\n"
    )
    document = {
        "backend": {"type": "mock", "status": 201},
        "description": "Forecast",
        "name": "GetForecast",
        "request": {"method": "POST", "path": "/forecast"},
    }
    carry_out(api_edit(editor, "weather", document))
    assert text_at(tmp_path, FORECAST) == (
        "# ours\nname: GetForecast\ndescription: Forecast\nrequest:  # from callers\n"
        "  method: POST  # for now\n  path: /forecast\n"
        "backend: {type: mock, status: 201}  # until there is one\n"
    )


def test_an_api_without_a_file_gets_one(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "definitions/weather/get-alert.yaml").write_text("# another\nname: Other\n")
    document = {
        "backend": {"type": "mock"},
        "name": "GetAlert",
        "request": {"path": "/alert", "method": "GET"},
        "auth": {"type": "anonymous"},
    }
    edit = api_edit(editor, "weather", document)
    carry_out(edit)
    assert text_at(tmp_path, "definitions/weather/get-alert-2.yaml") == (
        "name: GetAlert\nauth: {type: anonymous}\nrequest: {method: GET, path: /alert}\n"
        "backend: {type: mock}\n"
    )


def test_keys_that_stand_in_files_stay_there_while_they_are_the_released_ones() -> None:
    editor = Editor(ROOT / "definitions", ROOT / "policies")
    project = load_project(ROOT / "definitions", ROOT / "policies")
    (draft,) = (api for api in project.apis if api.name == "LogIn")
    same = api_edit(editor, "accounts", draft.document, draft)
    assert same.before == same.after
    other = {**draft.document, "description": "Another"}
    after = api_edit(editor, "accounts", other, draft).after
    assert after is not None
    assert b"description: Another\n" in after
    assert b"public_key: file:login-public.jwk.json\n" in after
    keys = [
        {"key_id": "1", "public_key": draft.document["auth"]["openid"]["keys"][0]["public_key"]}
    ]
    openid = {**draft.document["auth"]["openid"], "keys": keys}
    released = {**draft.document, "auth": {**draft.document["auth"], "openid": openid}}
    after = api_edit(editor, "accounts", released, draft).after
    assert after is not None
    assert b"file:login-public.jwk.json" not in after


def test_an_api_is_removed_with_its_file(editor: Editor, tmp_path: Path) -> None:
    carry_out(removal_of_api(editor, "weather", "GetStatus"))
    assert not (tmp_path / "definitions/weather/get-status.yaml").exists()
    with pytest.raises(NotEdited, match="weather/GetStatus is declared nowhere"):
        removal_of_api(editor, "weather", "GetStatus")


def test_keys_stand_in_the_order_of_the_schema_and_free_data_in_its_own() -> None:
    document = {
        "result": {"example": {"b": 1, "a": 2}, "type": "JSON"},
        "request": {"path": "/", "parameters": [{"in": "query", "name": "x"}], "method": "GET"},
        "name": "X",
        "backend": {"path": "/", "timeout_ms": 1, "address": "http://a", "type": "http"},
    }
    found = in_order_of_schema("api", document)
    assert found == document
    assert list(found) == ["name", "request", "backend", "result"]
    assert list(found["request"]) == ["method", "path", "parameters"]
    assert list(found["request"]["parameters"][0]) == ["name", "in"]
    assert list(found["backend"]) == ["type", "address", "path", "timeout_ms"]
    assert list(found["result"]["example"]) == ["b", "a"]
