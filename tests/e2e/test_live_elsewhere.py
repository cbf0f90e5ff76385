"""Live reload where more than a file changes: folders that are replaced, scripts that are loaded
anew, workers that are killed, and gateways that share a store."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from e2e.constant_load import Target, markers_in
from e2e.living import ALPHA, APP, BETA, Living, command, released_versions
from e2e.running import (
    GATEWAY,
    PATIENCE_S,
    Backend,
    Gateway,
    ask,
    gateway,
    launch,
    until,
)
from e2e.test_workers import processes, workers, workers_command
from ports import free_port
from redis_server import RedisServer

from apigateway.live.reloader import SETTLE_S

SOON_S = PATIENCE_S
WITHIN_S = 1.0
TRIES = 6
GRANT = "- {app: caller, group: alpha, apis: [Signed]}\n"


def served(port: int, name: str = "north", host: str = ALPHA) -> str:
    """The version in the backend's echo, else the error code."""
    reply = ask(port, target=f"/{name}/hangzhou", host=host)
    return markers_in(reply.body)[0] if reply.status == 200 else reply.code


def becomes(port: int, expected: str, name: str = "north") -> None:
    until(lambda: served(port, name) == expected, f"{name} is {expected}", SOON_S)


def signed(port: int) -> int:
    target = Target(ALPHA, "/signed/hangzhou", APP)
    return ask(port, target=target.path, headers=target.headers(), host=ALPHA).status


def metrics(project: Living) -> str:
    """Of any worker; asked again where it is gone in the middle."""

    def text() -> str:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return metrics_at_once(project)
        return ""

    found: str = until(text, "the metrics are told", SOON_S)
    return found


def metrics_at_once(project: Living) -> str:
    return ask(project.metrics, target="/metrics", host="metrics").body.decode()


def founded(folder: Path, backend: Backend, version: str = "v1") -> Living:
    """A project of which every edit is released."""
    project = Living(folder, backend.port)
    project.found()
    for name in ("north", "south", "east", "signed", "limited"):
        project.api("alpha", name, version)
    project.edit("definitions/gateway.yaml", "region:", "releases: {auto: always}\nregion:")
    return project


@contextlib.contextmanager
def served_from(folder: Path, log: Path) -> Iterator[Gateway]:
    """A gateway that is told of its definitions only."""
    project = Living(folder)
    port = free_port()
    process = launch(workers_command(project, port), log, cwd=log.parent)
    try:
        until(lambda: "listening at 127" in process.text, f"the gateway listens: {process.text}")
        yield Gateway(process, port, project)
    finally:
        process.stop()


def test_policies_that_come_later_act(tmp_path: Path, demo_backend: Backend) -> None:
    project = founded(tmp_path, demo_backend)
    shutil.rmtree(project.folder / "policies")
    with served_from(project.folder, tmp_path / "log") as running:
        assert signed(running.port) == 403
        new = project.folder / "new"
        new.mkdir()
        (new / "grants.yaml").write_text(GRANT)
        new.rename(project.folder / "policies")
        until(lambda: signed(running.port) == 200, "the grant acts", SOON_S)
        project.write("policies/grants.yaml", "[]\n")
        until(lambda: signed(running.port) == 403, "it is taken back", SOON_S)


def test_folders_that_are_replaced_are_followed(tmp_path: Path, demo_backend: Backend) -> None:
    """`mv` of the old ones away and of the new ones into their place; and edits after that."""
    project = founded(tmp_path, demo_backend)
    project.write("policies/grants.yaml", GRANT)
    stopped, got, gaps_s = threading.Event(), set(), []

    def call_on(port: int) -> None:
        while not stopped.is_set():
            got.add((served(port)[:5], signed(port)))

    with gateway(project) as running:
        caller = threading.Thread(target=call_on, args=(running.port,))
        caller.start()
        for turn in range(5):
            for name in ("definitions", "policies"):
                place, new = project.folder / name, project.folder / f"{name}.new"
                shutil.copytree(place, new)
                began = time.monotonic()
                place.rename(project.folder / f"{name}.{turn}")
                time.sleep(0.02)
                new.rename(place)
                gaps_s.append(time.monotonic() - began)
            project.api("alpha", "north", f"v{turn + 2}")
            becomes(running.port, f"alpha/v{turn + 2}")
        stopped.set()
        caller.join()
    # Unless this machine stood still, and a folder was gone for as long as one that is removed.
    assert got == {("alpha", 200)} or max(gaps_s) > SETTLE_S * 0.8


def test_another_checkout_is_followed(tmp_path: Path, demo_backend: Backend) -> None:
    """As git-sync does it: the folders are below a link, and the old checkout is deleted."""
    for version, grants in (("v1", "[]\n"), ("v2", GRANT)):
        checkout = founded(tmp_path / version, demo_backend, version)
        checkout.write("policies/grants.yaml", grants)
        checkout.edit("definitions/gateway.yaml", "store: state", f"store: {tmp_path}")
        text = (checkout.folder / "definitions/gateway.yaml").read_text()
        text = re.sub("metrics: .*\n", "", text)
        (checkout.folder / "definitions/gateway.yaml").write_text(text)
    current = tmp_path / "current"
    current.symlink_to("v1")
    with served_from(current, tmp_path / "log") as running:
        becomes(running.port, "alpha/v1")
        assert signed(running.port) == 403
        (tmp_path / "new").symlink_to("v2")
        (tmp_path / "new").replace(current)
        shutil.rmtree(tmp_path / "v1")
        becomes(running.port, "alpha/v2")
        until(lambda: signed(running.port) == 200, "the grants are the new ones", SOON_S)
        Living(tmp_path / "v2", demo_backend.port).api("alpha", "north", "v3")
        becomes(running.port, "alpha/v3")


def test_a_mounted_volume_is_followed(tmp_path: Path, demo_backend: Backend) -> None:
    """As Kubernetes swaps a ConfigMap: every entry leads into the folder that `..data` names."""
    project = founded(tmp_path, demo_backend)
    project.write("policies/grants.yaml", GRANT)
    volume = project.folder / "definitions"
    volume.rename(project.folder / "first")
    volume.mkdir()
    shutil.move(project.folder / "first", volume / "..first")
    (volume / "..data").symlink_to("..first")
    for entry in sorted((volume / "..first").iterdir()):
        (volume / entry.name).symlink_to(f"..data/{entry.name}")
    project.edit("definitions/alpha/group.yaml", "file:../../tls", f"file:{tmp_path}/tls")
    with gateway(project) as running:
        becomes(running.port, "alpha/v1")
        for version in ("v2", "v3"):
            shutil.copytree(volume / "..data", volume / f"..{version}")
            api = volume / f"..{version}" / "alpha" / "north.yaml"
            api.write_text(re.sub(r"\bv\d\b", version, api.read_text()))
            (volume / "..data_tmp").symlink_to(f"..{version}")
            (volume / "..data_tmp").replace(volume / "..data")
            becomes(running.port, f"alpha/{version}")
        assert signed(running.port) == 200


def test_a_script_that_is_loaded_anew_with_broken_files_heals_by_itself(
    tmp_path: Path, demo_backend: Backend
) -> None:
    project = founded(tmp_path, demo_backend)
    script = tmp_path / "addons" / "gateway.py"
    script.parent.mkdir()
    shutil.copy(GATEWAY, script)
    good = (project.folder / "definitions/alpha/north.yaml").read_text()
    with gateway(project, script=script) as running:
        becomes(running.port, "alpha/v1")
        project.write("definitions/alpha/north.yaml", good.replace("method: GET", "method: FETCH"))
        until(lambda: "what was served before goes on" in running.process.text, "told", SOON_S)
        assert served(running.port) == "alpha/v1"
        os.utime(script)
        until(lambda: served(running.port) == "X503BZ", "nothing is served", SOON_S)
        until(lambda: "answers 503 until this is mended:\n" in running.process.text, "told")
        project.write("definitions/alpha/north.yaml", good.replace("v1", "v2"))
        becomes(running.port, "alpha/v2")
        project.api("alpha", "north", "v3")
        becomes(running.port, "alpha/v3")
        # Nobody is left of the script before who would answer for it.
        for _ in range(20):
            assert "apigateway_workers 1.0" in metrics_at_once(project)
            assert "apigateway_definitions_valid{" in metrics_at_once(project)


def test_who_takes_the_place_of_a_killed_worker_serves_the_same(
    tmp_path: Path, demo_backend: Backend
) -> None:
    project = founded(tmp_path, demo_backend)
    project.write("policies/grants.yaml", GRANT)
    with workers(project, 2) as running:
        project.api("alpha", "north", "v2")
        until(lambda: "apigateway_catalogs 1.0" in metrics(project), "all serve the same", SOON_S)
        becomes(running.port, "alpha/v2")
        done = command(project, "rollback", "alpha/North")
        assert done.code == 0, done
        becomes(running.port, "alpha/v1")
        first = sorted(processes(running))
        for victim in first:
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: len(processes(running) - {victim}) == 2, "there is another")
            for other in processes(running) - {*first}:
                said = f"(process {other}) serves"
                until(lambda said=said: said in running.process.text, "it serves")
            until(lambda: "apigateway_workers 2.0" in metrics(project), "it tells how it is")
        assert {(served(running.port), signed(running.port)) for _ in range(20)} == {
            ("alpha/v1", 200)
        }
        until(lambda: "apigateway_catalogs 1.0" in metrics(project), "all serve the same")
        status = command(project, "status", "--json")
        assert (status.code, len(status.json["workers"])) == (0, 2), status


def test_a_release_reaches_the_gateway_of_another_machine(
    tmp_path: Path, demo_backend: Backend, redis: RedisServer
) -> None:
    store = json.dumps({"url": redis.url, "prefix": redis.settings().prefix})
    projects = []
    for name in ("one", "two"):
        project = Living(tmp_path / name, demo_backend.port)
        project.found()
        project.edit("definitions/gateway.yaml", "store: state/gateway.db", f"store: {store}")
        projects.append(project)
    here, there = projects
    with gateway(here) as one, gateway(there) as two:

        def is_there_soon(number: int) -> bool:
            """A second is promised; this machine may stand still in some of the tries."""
            here.api("alpha", "north", f"v{number}")
            done = command(here, "release", "alpha/North", "--note", "two", "--yes", "--json")
            assert released_versions(done).keys() == {"North"}
            began = time.monotonic()
            for running in (one, two):
                becomes(running.port, f"alpha/v{number}")
            return time.monotonic() - began < WITHIN_S

        assert any(is_there_soon(number) for number in range(2, 2 + TRIES))
        # Where a file is broken, what the others release and abolish is followed all the same.
        there.write("definitions/beta/north.yaml", "name: North\nnothing: else\n")
        until(lambda: "what was served before goes on" in two.process.text, "told", SOON_S)
        done = command(here, "abolish", "alpha/South", "--yes")
        assert done.code == 0, done
        for running in (one, two):
            becomes(running.port, "I404NF", "south")
        assert served(two.port, host=BETA) == "beta/v1"
