"""What outlives a process, and everything that makes it worthless."""

import json
import logging
import os
import stat
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest
from unit.definition.test_openid import JWK_TEXT, key, login
from unit.definition.written import (
    API,
    APP,
    BINDINGS,
    GATEWAY,
    GRANTS,
    GROUP,
    SIMPLE_API,
    Written,
)

from apigateway.definition import cache
from apigateway.definition.cache import NAME, written_lines
from apigateway.definition.problems import DefinitionError
from apigateway.definition.reader import ProjectReader

SECRET = "OnlyInMemory-1"
KEY_FILE = "definitions/weather/login.jwk.json"


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WORTH_WRITING", 1)


def reader_of(written: Written) -> ProjectReader:
    folders = (written.root / "definitions", written.root / "policies")
    return ProjectReader(*folders, cached=True, environ=written.environ)


def keep(written: Written) -> Path:
    reader = reader_of(written)
    reader.read()
    reader.keep()
    return written.root / "state" / NAME


def names_kept(written: Written) -> list[str]:
    found = written_lines(written.root / "state" / NAME, written.root / "definitions")
    return sorted(json.loads(line)["data"]["name"] for line in found.values())


def test_what_was_kept_is_there_for_the_next_process(written: Written) -> None:
    keep(written)
    assert names_kept(written) == ["GetForecast"]


def test_the_next_process_reads_no_api_again(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    written.write(KEY_FILE, JWK_TEXT)
    written.write("definitions/weather/log-in.yaml", login(key('"file:login.jwk.json"')))
    for path in written.root.rglob("*.*"):
        os.utime(path, (1, 1))
    monkeypatch.setattr("apigateway.definition.stamps.SETTLED_NS", -(10**19))
    expected = reader_of(written).read()
    keep(written)
    monkeypatch.setattr("apigateway.definition.group_files.read_api_file", None)
    assert reader_of(written).read() == expected


def test_it_is_for_its_owner_alone(written: Written) -> None:
    old = os.umask(0)
    try:
        path = keep(written)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == [NAME]


def test_no_secret_is_in_it(written: Written) -> None:
    written.write(APP, f'name: demo\nkey: "203753385"\nsecret: {SECRET}\n')
    written.environ["BACKEND_SECRET"] = "Backend-Secret-2"
    text = keep(written).read_text()
    assert SECRET not in text
    assert "Backend-Secret-2" not in text
    assert "203753385" not in text


def test_an_api_with_errors_is_not_kept(written: Written) -> None:
    written.write(
        "definitions/weather/bad.yaml", SIMPLE_API.format(name="Badly", method="GET", path="a")
    )
    reader = reader_of(written)
    assert written.problems()
    with pytest.raises(DefinitionError, match="bad"):
        reader.read()
    reader.keep()
    assert names_kept(written) == ["GetForecast"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def cut_at_a_line(path: Path) -> None:
    path.write_bytes(b"\n".join(path.read_bytes().split(b"\n")[:-1]))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def let_others_write(path: Path) -> None:
    path.chmod(0o620)


def give_away(path: Path) -> None:
    os.chown(path, 12345, -1)


def link_to_it(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "spoil",
    [cut, cut_at_a_line, flip, empty, let_others_write, link_to_it, make_a_folder]
    + ([give_away] if os.geteuid() == 0 else []),
)
def test_what_cannot_be_trusted_is_ignored_and_written_anew(
    written: Written, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = keep(written)
    spoil(path)
    with caplog.at_level(logging.DEBUG, "apigateway"):
        assert names_kept(written) == []
    assert str(path) in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    if spoil is make_a_folder:
        path.rmdir()
    keep(written)
    assert names_kept(written) == ["GetForecast"]


def test_a_pipe_in_its_place_does_not_hold_a_start_up(written: Written) -> None:
    make_a_pipe(keep(written))
    assert names_kept(written) == []


def test_another_version_of_anything_that_judges_is_a_reason_to_ignore_it(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(written)
    for name in cache._judges():
        with monkeypatch.context() as patched:
            patched.setattr(cache, "_judges", lambda name=name: {**JUDGES, name: "another"})
            assert names_kept(written) == []
    assert names_kept(written) == ["GetForecast"]


JUDGES = dict(cache._judges())


def test_the_judges_are_python_this_code_and_the_packages_that_find_faults() -> None:
    assert {"python", "code", "PyYAML", "google-re2", "jsonschema-rs"} <= JUDGES.keys()
    assert len(JUDGES["code"]) == 128


def test_another_folder_is_a_reason_to_ignore_it(written: Written, tmp_path: Path) -> None:
    path = keep(written)
    assert written_lines(path, tmp_path / "other") == {}


def test_lines_that_are_whole_but_of_another_form_are_ignored(written: Written) -> None:
    path = keep(written)
    first, *_ = path.read_bytes().split(b"\n")
    body = first + b'\n{"path": 1}\n'
    path.write_bytes(body + blake2b(body).hexdigest().encode())
    assert names_kept(written) == []


def add(written: Written, name: str) -> None:
    text = SIMPLE_API.format(name=name, method="GET", path=f"/{name}")
    written.write(f"definitions/weather/{name}.yaml", text)


def test_few_changes_are_not_worth_writing(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "WORTH_WRITING", 2)
    keep(written)
    assert names_kept(written) == []
    add(written, "More")
    keep(written)
    assert names_kept(written) == ["GetForecast", "More"]
    add(written, "Third")
    keep(written)
    assert names_kept(written) == ["GetForecast", "More"]
    written.remove("definitions/weather/More.yaml")
    reader = reader_of(written)
    reader.read()
    reader.keep()
    assert names_kept(written) == ["GetForecast", "Third"]
    before = (written.root / "state" / NAME).stat().st_ino
    monkeypatch.setattr(cache, "WORTH_WRITING", 1)
    reader.keep()
    assert (written.root / "state" / NAME).stat().st_ino == before


def test_what_belongs_to_another_group_by_now_is_read_again(written: Written) -> None:
    keep(written)
    written.write(GRANTS, "[]\n").write(BINDINGS, "{}\n")
    written.write(GROUP, "name: climate\n")
    assert {api.group for api in reader_of(written).read().apis} == {"climate"}


def test_what_is_written_already_is_not_written_again(written: Written) -> None:
    path = keep(written)
    before = path.stat().st_ino
    keep(written)
    assert path.stat().st_ino == before


def test_a_stamp_that_says_enough_by_now_is_worth_writing(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keep(written)
    before = path.stat().st_ino
    monkeypatch.setattr("apigateway.definition.stamps.SETTLED_NS", -(10**19))
    written.write("definitions/weather/get-forecast.yaml", (written.root / API).read_text())
    keep(written)
    assert path.stat().st_ino != before


def test_nothing_is_written_before_it_is_known_where(written: Written) -> None:
    written.write(GATEWAY, "account: 1\n")
    reader = reader_of(written)
    with pytest.raises(DefinitionError):
        reader.read()
    reader.keep()
    assert not (written.root / "state").exists()


def test_a_process_that_is_writing_is_left_alone_and_one_that_died_is_not(
    written: Written,
) -> None:
    state = written.root / "state"
    state.mkdir(mode=0o700)
    new = state / f"{NAME}.new"
    new.write_text("half")
    keep(written)
    assert names_kept(written) == []
    os.utime(new, (1, 1))
    keep(written)
    assert names_kept(written) == ["GetForecast"]
    assert not new.exists()


def test_a_folder_that_cannot_be_written_to_is_no_problem(written: Written) -> None:
    (written.root / "state").write_text("a file")
    keep(written)


def test_warnings_come_back_with_their_places(written: Written) -> None:
    odd = "auth: {type: anonymous, force_nonce: true}\n"
    text = SIMPLE_API.format(name="Warn", method="GET", path="/w")
    written.write("definitions/weather/warn.yaml", text + odd)
    keep(written)
    first = ProjectReader(*reader_of(written).folders, environ=written.environ).read()
    assert first.warnings
    assert reader_of(written).read().warnings == first.warnings


def test_a_line_is_a_path_and_json(written: Written) -> None:
    _, line, _ = keep(written).read_text().split("\n")
    path, data = map(json.loads, line.split("\t"))
    assert path == str(written.root / API)
    assert data["data"]["name"] == "GetForecast"


def test_a_line_of_another_form_is_as_good_as_none(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    path = keep(written)
    expected = reader_of(written).read()
    about, line, _ = path.read_bytes().split(b"\n")
    body = about + b"\n" + line.partition(b"\t")[0] + b'\t{"stamp": 1}\n'
    path.write_bytes(body + blake2b(body).hexdigest().encode())
    with caplog.at_level(logging.DEBUG, "apigateway"):
        assert reader_of(written).read() == expected
    assert "a line is not used" in caplog.text


def test_grants_are_checked_against_what_comes_back(written: Written) -> None:
    keep(written)
    written.write(GRANTS, "- {app: demo, group: weather, apis: [Gone]}\n")
    with pytest.raises(DefinitionError, match="Gone"):
        reader_of(written).read()


def test_it_lies_beside_the_store(written: Written) -> None:
    written.write(GATEWAY, 'account: "1001"\nregion: cn-hangzhou\nstore: x/y.db\n')
    reader = reader_of(written)
    reader.read()
    reader.keep()
    assert (written.root / "x" / NAME).is_file()
