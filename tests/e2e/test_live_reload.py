"""One running gateway keeps up with its files, in whatever way they are changed, and goes on with
what it had when they are broken."""

import contextlib
import ctypes
import os
import re
import shutil
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from e2e.constant_load import Target, markers_in
from e2e.living import ALPHA, APP, BETA, Living
from e2e.running import PATIENCE_S, Backend, Gateway, Reply, ask, gateway, put, until

from apigateway.cli import main
from apigateway.live.reloader import SETTLE_S

SOON_S = PATIENCE_S
"""A second is promised, and measured by test_life_under_load; this machine may be busy."""

APIS = 6


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, demo_backend: Backend) -> Iterator[Gateway]:
    """A gateway; each test leaves its files as they were."""
    project = Living(tmp_path_factory.mktemp("live"), demo_backend.port)
    project.found()
    with gateway(project) as running:
        yield running


@pytest.fixture
def project(live: Gateway) -> Iterator[Living]:
    """The project of `live`, all of whose files are put back."""
    assert isinstance(live.project, Living)
    folders = [live.project.folder / name for name in ("definitions", "policies")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    yield live.project
    for path in [path for folder in folders for path in folder.rglob("*")]:
        if path.is_symlink() or (path not in before and not path.is_dir()) or path.is_fifo():
            path.unlink()
    for path, content in before.items():
        if path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
    # Who serves a file that was written after all these has seen these too.
    last = f"last-{uuid.uuid4().hex}"
    live.project.api("alpha", last, "v1")
    becomes(live, "alpha/v1", last)
    (live.project.folder / f"definitions/alpha/{last}.yaml").unlink()
    until(lambda: value(live, "apis") == APIS, "what is served is as it was", SOON_S)
    until(lambda: value(live, "definitions_valid") == 1, "the mend is seen", SOON_S)


def metrics(live: Gateway) -> str:
    assert isinstance(live.project, Living)
    return ask(live.project.metrics, target="/metrics", host="metrics").body.decode()


def value(live: Gateway, name: str) -> float:
    found = re.search(rf"(?m)^apigateway_{name}(?:\{{.*\}})? (\S+)$", metrics(live))
    assert found is not None, name
    return float(found[1])


def call(live: Gateway, name: str = "north", host: str = ALPHA) -> Reply:
    return live.ask(target=f"/{name}/hangzhou", host=host)


def served(live: Gateway, name: str = "north", host: str = ALPHA) -> str:
    """The version in the backend's echo, else the error code."""
    reply = call(live, name, host)
    return markers_in(reply.body)[0] if reply.status == 200 else reply.code


def becomes(live: Gateway, expected: str, name: str = "north", host: str = ALPHA) -> None:
    until(lambda: served(live, name, host) == expected, f"{host}/{name} is {expected}", SOON_S)


def says(live: Gateway, pattern: str, since: int = 0) -> re.Match[str]:
    """The first match in the log behind `since`."""
    found: re.Match[str] = until(
        lambda: re.search(pattern, live.process.text[since:]), f"the log says {pattern}", SOON_S
    )
    return found


def told_as_check_tells(live: Gateway, name: str, damage: Callable[[Path], object]) -> str:
    """What the log says of a file once it is damaged, which is what `apigateway check` says."""
    assert isinstance(live.project, Living)
    since = len(live.process.text)
    damage(live.project.folder / name)
    place = rf"\s*(\S*{re.escape(name)}:\d+:\d+: .*)"
    line = says(live, rf"goes on:\n(?:.*\n)*?{place}", since)[1]
    folder = str(live.project.folder / "definitions")
    check = CliRunner().invoke(main, ["check", "--definitions", folder])
    assert check.exit_code == 1
    assert line in check.output.splitlines()
    return line


def test_a_new_file_is_a_new_api(live: Gateway, project: Living) -> None:
    assert served(live, "west") == "I404NF"
    project.api("alpha", "west", "v1")
    becomes(live, "alpha/v1", "west")
    says(live, "reload: draft added: alpha/West")
    says(live, "released alpha/West to RELEASE, version")


def test_a_new_folder_is_a_new_group(live: Gateway, project: Living) -> None:
    project.api("gamma", "west", "v1")  # its group is missing for now
    project.group("gamma", "gamma.localhost")
    becomes(live, "gamma/v1", "west", "gamma.localhost")
    says(live, "group added: gamma")


def test_a_file_that_is_gone_is_an_api_that_is_gone(live: Gateway, project: Living) -> None:
    (project.folder / "definitions/beta/north.yaml").unlink()
    becomes(live, "I404NF", host=BETA)
    says(live, "removed: beta/North")
    project.api("beta", "north", "v1")
    becomes(live, "beta/v1", host=BETA)


def test_an_edited_draft_is_not_served(live: Gateway, project: Living) -> None:
    since = len(live.process.text)
    project.api("alpha", "north", "v2")
    says(live, "draft changed: alpha/North", since)
    assert served(live) == "alpha/v1"


def test_with_always_an_edited_draft_is_released(live: Gateway, project: Living) -> None:
    since = len(live.process.text)
    project.edit("definitions/gateway.yaml", "region:", "releases: {auto: always}\nregion:")
    says(live, "settings changed: gateway.yaml", since)
    project.api("alpha", "south", "v2")
    becomes(live, "alpha/v2", "south")
    project.api("alpha", "south", "v1")
    becomes(live, "alpha/v1", "south")


def test_a_new_secret_acts_on_the_next_call(live: Gateway, project: Living) -> None:
    key, secret = APP

    def status(secret: str) -> int:
        target = Target(ALPHA, "/signed/hangzhou", (key, secret))
        return live.ask(target=target.path, headers=target.headers(), host=ALPHA).status

    project.write("policies/grants.yaml", "- {app: caller, group: alpha, apis: [Signed]}\n")
    until(lambda: status(secret) == 200, "it is granted", SOON_S)
    project.edit("definitions/apps/caller.yaml", secret, "file:caller.secret")
    project.write("definitions/apps/caller.secret", "another-secret-of-the-caller")
    until(lambda: status("another-secret-of-the-caller") == 200, "the secret is another", SOON_S)
    assert status(secret) == 403
    project.write("definitions/apps/caller.secret", secret)
    until(lambda: status(secret) == 200, "the secret is the old one", SOON_S)
    assert secret not in live.process.text


def test_settings_act_on_the_next_call(live: Gateway, project: Living) -> None:
    def refused() -> Reply:
        return call(live, "nothing")

    assert refused().status == 404
    project.edit("definitions/gateway.yaml", "region:", "errors: classic\nregion:")
    until(lambda: refused().status == 400, "errors are classic", SOON_S)
    assert refused().code == ""

    def address() -> str:
        headers = {"X-Forwarded-For": "203.0.113.9"}
        reply = live.ask(target="/north/hangzhou", host=ALPHA, headers=headers)
        return client_ip(project, reply.headers["x-ca-request-id"])

    assert address() == "127.0.0.1"
    project.edit("definitions/gateway.yaml", "region:", "trusted_proxies: [127.0.0.1]\nregion:")
    until(lambda: address() == "203.0.113.9", "the proxy is trusted", SOON_S)

    def too_large() -> int:
        body = b"x" * 2000
        return live.ask("POST", "/north/hangzhou", host=ALPHA, body=body).status

    assert too_large() != 413
    project.edit("definitions/gateway.yaml", "limits: {", "limits: {body_bytes: 1024, ")
    until(lambda: too_large() == 413, "the limit is lower", SOON_S)


def client_ip(project: Living, request_id: str) -> str:
    """By the record of a call."""

    def record() -> tuple[str] | None:
        with contextlib.closing(sqlite3.connect(project.database, timeout=PATIENCE_S)) as link:
            query = "SELECT client_ip FROM calls WHERE request_id = ?"
            row: tuple[str] | None = link.execute(query, [request_id]).fetchone()
            return row

    found: tuple[str] = until(record, "the call is recorded")
    return found[0]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("store: state/gateway.db", "store: state/other.db", "the store of a running gateway"),
        ("metrics: 127", "#metrics: 127", "the address of the metrics of a running gateway"),
    ],
)
def test_what_needs_a_restart_is_refused(
    live: Gateway, project: Living, old: str, new: str, what: str
) -> None:
    since = len(live.process.text)
    project.edit("definitions/gateway.yaml", old, new)
    says(
        live,
        rf"definitions/gateway.yaml:\d+:\d+: {what} cannot be changed; stop the gateway",
        since,
    )
    assert served(live) == "alpha/v1"
    assert not (project.folder / "state/other.db").exists()
    until(lambda: value(live, "definitions_valid") == 0, "the metrics say so", SOON_S)


# Each at once: a file that is missing for a moment on the way may be seen to be missing.


def broken(path: Path) -> None:
    put(path, path.read_text().replace("method: GET", "method: FETCH"))


def cut_off(path: Path) -> None:
    put(path, path.read_text()[:-60])


def emptied(path: Path) -> None:
    put(path, "")


def a_folder(path: Path) -> None:
    folder = path.parents[2] / "a-folder"
    folder.mkdir()
    at_cwd, exchange = -100, 2
    names = os.fsencode(folder), os.fsencode(path)
    assert ctypes.CDLL(None).renameat2(at_cwd, names[0], at_cwd, names[1], exchange) == 0
    folder.unlink()


def a_pipe(path: Path) -> None:
    os.mkfifo(new := path.with_name("new"))
    new.replace(path)


def a_link_to_nowhere(path: Path) -> None:
    (new := path.with_name("new")).symlink_to("nowhere.yaml")
    new.replace(path)


def a_link_to_itself(path: Path) -> None:
    (new := path.with_name("new")).symlink_to(path.name)
    new.replace(path)


def huge(path: Path) -> None:
    put(path, path.read_text() + "# and so on\n" * 1_000_000)


def no_text(path: Path) -> None:
    put(path, path.read_bytes() + b"\xff\xfe\x00")


@pytest.mark.parametrize(
    "damage",
    [
        broken,
        cut_off,
        emptied,
        a_folder,
        a_pipe,
        a_link_to_nowhere,
        a_link_to_itself,
        huge,
        no_text,
    ],
)
def test_a_damaged_file_changes_nothing_but_the_log(
    live: Gateway, project: Living, damage: Callable[[Path], None]
) -> None:
    told_as_check_tells(live, "definitions/alpha/north.yaml", damage)
    assert served(live) == "alpha/v1"
    until(lambda: value(live, "definitions_valid") == 0, "the metrics say so", SOON_S)


def test_a_file_that_is_replaced_by_and_by_is_never_missed(live: Gateway, project: Living) -> None:
    """As editors do it: the old file is renamed, a new one begun, and written piece by piece."""
    places = [project.folder / "definitions/alpha/north.yaml", *grants_of(project)]
    until(lambda: signed(live) == 200, "it is granted", SOON_S)
    quick = 0
    for turn in range(30):
        path = places[turn % len(places)]
        took_s = replace_by_and_by(path)
        got = Counter[int]()
        end = time.monotonic() + SETTLE_S + 0.15
        while time.monotonic() < end:
            got.update((call(live).status, signed(live)))
        if took_s < SETTLE_S * 0.8:  # else this machine stood still, and the file was gone for long
            quick += 1
            assert set(got) == {200}
        until(lambda: {call(live).status, signed(live)} == {200}, "all is there again", SOON_S)
    assert quick


def replace_by_and_by(path: Path) -> float:
    """For how many seconds the file was not whole."""
    text = path.read_text()
    began = time.monotonic()
    path.rename(path.with_name(f"{path.name}~"))
    time.sleep(0.025)
    with path.open("w") as file:
        time.sleep(0.025)
        file.write(text[: len(text) // 2])
        file.flush()
        time.sleep(0.025)
        file.write(text[len(text) // 2 :])
    return time.monotonic() - began


def grants_of(project: Living) -> list[Path]:
    lines = "- {app: caller, group: alpha, apis: [North]}\n" * 20
    project.write("policies/grants.yaml", lines + "- {app: caller, group: alpha, apis: [Signed]}\n")
    return [project.folder / "policies/grants.yaml"]


def signed(live: Gateway) -> int:
    target = Target(ALPHA, "/signed/hangzhou", APP)
    return live.ask(target=target.path, headers=target.headers(), host=ALPHA).status
