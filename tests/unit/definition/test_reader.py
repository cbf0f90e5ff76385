"""A project that is read again: what stays the very same, and what must not.

tests/property holds every read against a first one.
"""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from unit.definition.test_openid import key, login
from unit.definition.written import (
    API,
    APP,
    BINDINGS,
    GATEWAY,
    GRANTS,
    GROUP,
    KEY,
    SIMPLE_API,
    Written,
)
from unit.issued import HOST, NOW, leaf, pem

from apigateway.definition.problems import DefinitionError
from apigateway.definition.reader import ProjectReader
from apigateway.model.settings import ErrorStyle

OTHER = "definitions/weather/other.yaml"
OTHER_TEXT = SIMPLE_API.format(name="Other", method="GET", path="/other")
ANYONE = "auth: {type: anonymous, force_nonce: true}\n"


@pytest.fixture
def reader(written: Written) -> ProjectReader:
    written.write(OTHER, OTHER_TEXT)
    return reader_of(written)


def reader_of(written: Written, *, resumes: bool = False) -> ProjectReader:
    folders = (written.root / "definitions", written.root / "policies")
    return ProjectReader(*folders, environ=written.environ, resumes=resumes)


def problems(reader: ProjectReader) -> list[str]:
    with pytest.raises(DefinitionError) as raised:
        reader.read()
    return [str(problem) for problem in raised.value.problems]


def test_what_nobody_changed_is_the_very_same_project(reader: ProjectReader) -> None:
    assert reader.read() is reader.read()


@pytest.mark.parametrize("path", [API, GROUP, GATEWAY, APP, GRANTS])
def test_an_edited_comment_leaves_the_very_same_project(
    written: Written, reader: ProjectReader, path: str
) -> None:
    before = reader.read()
    text = (written.root / path).read_text()
    written.write(path, f"# edited\n{text}")
    assert reader.read() is before


def test_an_edited_api_leaves_all_else_as_it_was(written: Written, reader: ProjectReader) -> None:
    before = reader.read()
    written.write(OTHER, OTHER_TEXT + "description: x\n")
    after = reader.read()
    forecast, other = after.apis
    assert other.description == "x"
    assert forecast is before.apis[0]
    assert after.grants is before.grants
    assert after.bindings is before.bindings
    assert after.apps is before.apps
    assert after.settings is before.settings


def test_a_new_api_gets_its_grants_and_bindings(written: Written, reader: ProjectReader) -> None:
    written.write(GRANTS, "- {app: demo, group: weather, apis: '*'}\n")
    assert {grant.api for grant in reader.read().grants} == {"GetForecast", "Other"}
    written.write(
        "definitions/weather/new.yaml", SIMPLE_API.format(name="NewOne", method="GET", path="/new")
    )
    assert len({grant.api for grant in reader.read().grants}) == 3
    assert len({binding.api for binding in reader.read().bindings}) == 3


def test_edited_grants_bindings_and_settings_are_read(
    written: Written, reader: ProjectReader
) -> None:
    reader.read()
    written.write(GRANTS, "- {app: demo, group: weather, apis: [Other]}\n")
    assert {grant.api for grant in reader.read().grants} == {"Other"}
    written.write(BINDINGS, "throttling:\n  - {policy: standard, group: weather, apis: [Other]}\n")
    assert {binding.api for binding in reader.read().bindings} == {"Other"}
    written.write(GATEWAY, 'account: "1001"\nregion: cn-hangzhou\nerrors: classic\n')
    assert reader.read().settings.errors is ErrorStyle.CLASSIC


def test_the_name_of_what_is_broken_is_known_as_it_is_now(
    written: Written, reader: ProjectReader
) -> None:
    written.write(GRANTS, "- {app: demo, group: weather, apis: [Other]}\n")
    written.write(OTHER, "name: Other\nnothing: else\n")
    broken = problems(reader)
    written.write(OTHER, "name: Othes\nnothing: else\n")
    assert len(problems(reader)) == len(broken) + 1


def test_apis_follow_the_name_and_the_region_of_their_group_and_the_account(
    written: Written, reader: ProjectReader
) -> None:
    before = reader.read()
    written.write(GRANTS, "[]\n").write(BINDINGS, "{}\n")
    written.write(GROUP, "name: climate\nsubdomain: weather.test\n")
    renamed = reader.read()
    assert {api.group for api in renamed.apis} == {"climate"}
    written.write(GATEWAY, 'account: "1002"\nregion: cn-beijing\n')
    moved = reader.read()
    assert {api.group for api in moved.apis} == {"climate"}
    ids = {api.id for project in (before, renamed, moved) for api in project.apis}
    assert len(ids) == 6


def test_a_broken_file_is_told_each_time_and_mended_it_is_the_very_same_project(
    written: Written, reader: ProjectReader
) -> None:
    before = reader.read()
    text = (written.root / API).read_text()
    written.write(API, text.replace("path: /forecast", "path: forecast"))
    found = problems(reader)
    assert len(found) == 1
    assert problems(reader) == found
    written.write(API, text)
    assert reader.read() is before


def test_a_broken_gateway_yaml_does_not_make_it_read_all_again(
    written: Written, reader: ProjectReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.read()
    monkeypatch.setattr("apigateway.definition.group_files.read_api_file", None)
    written.write(GATEWAY, "account: 1\n")
    assert len(problems(reader)) == 2
    written.write(GATEWAY, 'account: "1001"\nregion: cn-hangzhou\n')
    reader.read()


def test_what_is_wrong_between_files_is_told_as_long_as_it_is(
    written: Written, reader: ProjectReader
) -> None:
    written.write(GRANTS, "- {app: nobody, group: weather, apis: [GetForecast]}\n")
    written.write(BINDINGS, "throttling:\n  - {policy: none, group: weather, apis: [Other]}\n")
    found = problems(reader)
    assert len(found) == 2
    written.write(OTHER, OTHER_TEXT + "description: x\n")
    assert problems(reader) == found


def test_what_is_warned_of_is_warned_of_as_long_as_it_is(
    written: Written, reader: ProjectReader
) -> None:
    written.write(
        KEY.replace("backend", "second"),
        "name: second\nkey: SecondKey\nsecret: env:BACKEND_SECRET\n",
    )
    twice = [
        f"  - {{policy: {name}, group: weather, apis: [Other]}}\n" for name in ("backend", "second")
    ]
    written.write(BINDINGS, "signature_keys:\n" + "".join(twice))
    written.write(OTHER, OTHER_TEXT + ANYONE)
    expected = [(BINDINGS, 3), (OTHER, 4)]
    found = reader.read().warnings
    assert sorted((warning.file, warning.line) for warning in found) == sorted(expected)
    written.write(API, (written.root / API).read_text() + "description: x\n")
    assert reader.read().warnings == found


def test_a_warning_that_moved_is_told_at_its_new_line(
    written: Written, reader: ProjectReader
) -> None:
    written.write(OTHER, OTHER_TEXT + ANYONE)
    (before,) = reader.read().warnings
    written.write(OTHER, "# a line more\n" + OTHER_TEXT + ANYONE)
    (after,) = reader.read().warnings
    assert (before.line, after.line) == (4, 5)


def test_what_an_api_would_be_released_as_is_no_less_than_what_it_is(
    written: Written, reader: ProjectReader
) -> None:
    """For Python the two are equal."""
    written.write(OTHER, OTHER_TEXT + "result: {example: {ok: 1}}\n")
    reader.read()
    written.write(OTHER, OTHER_TEXT + "result: {example: {ok: true}}\n")
    assert reader.read().apis[1].document["result"]["example"]["ok"] is True


def test_a_changed_secret_is_read(written: Written, reader: ProjectReader) -> None:
    written.write(APP, 'name: demo\nkey: "203753385"\nsecret: file:demo.secret\n')
    assert "does not exist" in problems(reader)[0]
    for secret in ("First-1", "Other-2"):
        written.write("definitions/apps/demo.secret", f"{secret}\n")
        assert reader.read().apps[0].secret.reveal() == secret


def test_a_changed_variable_of_the_environment_is_read(
    written: Written, reader: ProjectReader
) -> None:
    before = reader.read()
    written.environ["DEMO_SECRET"] = "Another-1"
    assert reader.read() is not before
    assert reader.read().apps[0].secret.reveal() == "Another-1"


@pytest.mark.parametrize(
    "group",
    [
        f"subdomain: weather.test\ndomains: [{{name: {HOST}, certificate: SHOP}}]\n",
        f"subdomain: {HOST}\nsubdomain_certificate: SHOP\n",
    ],
    ids=["domain", "subdomain"],
)
def test_a_certificate_gets_old_without_any_change(
    written: Written, reader: ProjectReader, group: str
) -> None:
    issued = leaf(days=40)
    written.environ["SHOP_KEY"] = issued.key_pem.decode()
    written.write("definitions/weather/shop.pem", pem(issued))
    shop = "{name: shop, chain: file:shop.pem, key: env:SHOP_KEY}"
    written.write(GROUP, "name: weather\n" + group.replace("SHOP", shop))
    with pytest.raises(DefinitionError, match="expired"):
        reader.read(NOW + timedelta(days=41))  # nobody is shown it yet
    assert reader.read(NOW).warnings == ()
    assert "expires in" in reader.read(NOW + timedelta(days=20)).warnings[0].what
    (warning,) = reader.read(NOW + timedelta(days=41)).warnings
    assert warning.what.startswith("the certificate expired on ")
    other = leaf(days=40)
    written.environ["SHOP_KEY"] = other.key_pem.decode()
    written.write("definitions/weather/shop.pem", pem(other))
    with pytest.raises(DefinitionError, match="expired"):
        reader.read(NOW + timedelta(days=41))


def test_a_reader_that_resumes_warns_of_what_had_expired_before_its_first_read(
    written: Written,
) -> None:
    written.environ["SHOP_KEY"] = (issued := leaf(days=40)).key_pem.decode()
    written.write("definitions/weather/shop.pem", pem(issued))
    shop = "{name: shop, chain: file:shop.pem, key: env:SHOP_KEY}"
    written.write(GROUP, f"name: weather\ndomains: [{{name: {HOST}, certificate: {shop}}}]\n")
    resumed = reader_of(written, resumes=True)
    late = NOW + timedelta(days=41)
    written.write(OTHER, "name: [")
    with pytest.raises(DefinitionError) as raised:
        resumed.read(late)
    assert not [one for one in raised.value.problems if "expired" in one.what]
    written.write(OTHER, OTHER_TEXT)
    (warning,) = resumed.read(late).warnings
    assert warning.what.startswith("the certificate expired on ")

    written.environ["SHOP_KEY"] = (another := leaf(days=40)).key_pem.decode()
    written.write("definitions/weather/shop.pem", pem(another))
    with pytest.raises(DefinitionError, match="expired"):
        resumed.read(late)  # an earlier process cannot have shown this one


def test_every_file_that_was_looked_at_is_named_whether_or_not_it_succeeded(
    written: Written, reader: ProjectReader
) -> None:
    written.write(APP, 'name: demo\nkey: "203753385"\nsecret: file:demo.secret\n')
    written.write("definitions/weather/broken.yaml", "a: [")
    written.write("definitions/weather/log-in.yaml", login(key('"file:key.json"')).replace("§", ""))
    problems(reader)
    names = {path.relative_to(written.root).as_posix() for path in reader.files}
    assert {API, OTHER, GATEWAY, "definitions/weather/broken.yaml"} <= names
    assert {"definitions/apps/demo.secret", "definitions/weather/key.json"} <= names
    assert reader.folders == (written.root / "definitions", written.root / "policies")


def test_the_set_of_files_is_the_very_same_as_long_as_it_has_the_same_members(
    written: Written, reader: ProjectReader
) -> None:
    reader.read()
    before = reader.files
    written.write(OTHER, OTHER_TEXT + "description: x\n")
    reader.read()
    assert reader.files is before
    written.remove(OTHER)
    reader.read()
    assert reader.files == before - {written.root / OTHER}


def test_a_file_that_is_gone_and_comes_back_is_read(
    written: Written, reader: ProjectReader
) -> None:
    before = reader.read()
    written.remove(OTHER)
    assert [api.name for api in reader.read().apis] == ["GetForecast"]
    known = (reader._memory.sources.seen, reader._memory.apis, map(Path, reader._places.places))
    assert all(written.root / OTHER not in paths for paths in known)
    written.write(OTHER, OTHER_TEXT)
    assert reader.read() == before


def test_nothing_is_kept_for_the_next_process_unless_asked_for(
    written: Written, reader: ProjectReader
) -> None:
    reader.read()
    reader.keep()
    assert not (written.root / "state").exists()


def test_two_threads_read_one_after_the_other(written: Written, reader: ProjectReader) -> None:
    before = reader.read()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(reader.read())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one is before for one in found)
    assert len(found) == 4


def test_folders_may_be_named_from_where_one_stands(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(written.root)
    reader = ProjectReader(Path("definitions"), Path("policies"), environ=written.environ)
    monkeypatch.chdir("/")
    assert reader.read().settings.store == written.root / "state/gateway.db"
