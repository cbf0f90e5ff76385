"""Gateways that share nothing but a Redis server, and what they do when it is not there."""

import contextlib
import json
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from e2e.running import (
    GATEWAY,
    KEY,
    ROOT,
    SECRET,
    Backend,
    Gateway,
    Process,
    Project,
    answers,
    ask,
    gateway,
    gateway_command,
    launch,
    until,
)
from e2e.signed import forecast
from ports import free_port
from redis_server import RedisServer, permitted_by_the_docs, redis_server, tls_front
from unit.issued import written_to

from apigateway.commands.cert import make_ca, make_leaf
from apigateway.model.group import Environment
from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SignableRequest, signing_headers
from apigateway.store.redis import RedisStore

SAMPLES = len(list((ROOT / "definitions").glob("*/*.yaml"))) - 3  # two groups and an app

PASSWORD = "correct-horse"
TRIES = 6


def on_redis(project: Project, server: RedisServer, prefix: str = "", **settings: Any) -> Project:
    """The project with its store on the server; in JSON, which is YAML."""
    patient = {"timeout_s": 30}  # this machine may be busy
    store = {"url": server.url, "prefix": prefix or server.settings().prefix, **patient, **settings}
    project.edit(
        "definitions/gateway.yaml", "store: state/gateway.db", f"store: {json.dumps(store)}"
    )
    return project


def limit(project: Project, text: str) -> None:
    policy = project.folder / "policies" / "throttling" / "forecast-standard.yaml"
    policy.write_text(f"name: forecast-standard\nregion: cn-hangzhou\n{text}\n")


@contextlib.contextmanager
def two_gateways(
    folder: Path, server: RedisServer, backend: Backend, policy: str = "", **settings: Any
) -> Iterator[tuple[Gateway, Gateway]]:
    """On the same server and with the same prefix, each in a folder of its own."""
    prefix = server.settings().prefix
    projects = [Project(folder / name, backend.port) for name in ("one", "two")]
    for project in projects:
        on_redis(project, server, prefix, **settings)
        if policy:
            limit(project, policy)
    with gateway(projects[0]) as one, gateway(projects[1]) as two:
        yield one, two


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server that the test may stop. What was written it has again when it is back."""
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


def refused(running: Gateway, backend: Backend, *, within_s: float) -> None:
    """Calls are refused, clearly, soon, and the backend hears nothing of them."""

    def one() -> float:
        before, began = backend.hits, time.monotonic()
        reply = forecast(running.port)
        took_s = time.monotonic() - began
        assert (reply.status, reply.code) == (503, "X503BZ")
        assert reply.headers["retry-after"] == "1"
        assert backend.hits == before
        return took_s

    assert quick(one, within_s)


def quick(one: Callable[[], float], within_s: float) -> bool:
    """Whether it takes no longer; this machine may stand still in some of the tries."""
    return any(one() < within_s for _ in range(TRIES))


def says(running: Gateway, text: str) -> None:
    until(lambda: text in running.process.text, f"the log says {text}")


def served(running: Gateway) -> None:
    until(lambda: forecast(running.port).status == 200, "calls are served")


# --- two gateways


def test_two_gateways_grant_exactly_the_limit(
    tmp_path: Path, redis: RedisServer, demo_backend: Backend
) -> None:
    with two_gateways(tmp_path, redis, demo_backend, "unit: day\napi: 50") as both:
        before = demo_backend.hits
        with ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda n: forecast(both[n % 2].port), range(80)))
        assert Counter(reply.status for reply in replies) == {200: 50, 429: 30}
        assert demo_backend.hits == before + 50
        remaining = [
            int(re.findall(r"r=(\d+)", reply.headers["ratelimit"])[0])
            for reply in replies
            if reply.status == 200
        ]
        assert sorted(remaining) == list(range(50))
        assert {reply.code for reply in replies if reply.status == 429} == {"T429PA"}


def test_a_nonce_that_one_gateway_has_seen_the_other_refuses(
    tmp_path: Path, redis: RedisServer, demo_backend: Backend
) -> None:
    with two_gateways(tmp_path, redis, demo_backend) as (one, two):
        target = "/forecast/hangzhou"
        request = SignableRequest("GET", target, "days=3", Headers([("Accept", "*/*")]))
        now_ms = time.time_ns() // 1_000_000
        signed = signing_headers(
            request, key=KEY, secret=SECRET, timestamp_ms=now_ms, nonce="only-once"
        )
        headers = {"Accept": "*/*", **dict(signed)}
        before = demo_backend.hits
        replies = [each.ask("GET", f"{target}?days=3", headers) for each in (one, two, one)]
        assert [(reply.status, reply.code) for reply in replies] == [
            (200, ""),
            (403, "S403NU"),
            (403, "S403NU"),
        ]
        assert demo_backend.hits == before + 1


def test_call_records_stay_where_the_call_was_served(
    tmp_path: Path, redis: RedisServer, demo_backend: Backend
) -> None:
    with two_gateways(tmp_path, redis, demo_backend) as both:
        ids = [forecast(running.port).headers["x-ca-request-id"] for running in both]
        for running, wanted in zip(both, ids, strict=True):

            def found(path: Path = running.project.database, wanted: str = wanted) -> bool:
                with closing(sqlite3.connect(path)) as database:
                    served = "SELECT request_id FROM calls WHERE api_name = 'GetForecast'"
                    return [row[0] for row in database.execute(served)] == [wanted]

            until(found, "its own record and no other")
            with closing(sqlite3.connect(running.project.database)) as database:
                for table in ("counters", "nonces", "releases"):
                    assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_two_starts_at_once_release_every_api_once(
    tmp_path: Path, redis: RedisServer, demo_backend: Backend
) -> None:
    prefix = redis.settings().prefix
    projects = [Project(tmp_path / f"{n}", demo_backend.port) for n in range(3)]
    ports = [free_port() for _ in projects]
    processes: list[Process] = []
    for project, port in zip(projects, ports, strict=True):
        on_redis(project, redis, prefix)
        processes.append(launch(gateway_command(project, port), project.folder / "log"))
    try:
        for process, port in zip(processes, ports, strict=True):
            until(lambda process=process: f"APIs served: {SAMPLES}" in process.text, "it serves")
            until(lambda port=port: answers(port), "the gateway answers")
            assert forecast(port).status == 200
    finally:
        for process in processes:
            process.stop()
    released = sum(len(re.findall("released [a-z]+/", process.text)) for process in processes)
    assert released == SAMPLES
    store = RedisStore(redis.settings(prefix=prefix), tmp_path / "records.db")
    store.open()
    current = store.releases.current()
    assert len(current) == SAMPLES
    for release in current:
        assert list(store.releases.history(release.api_id)) == [release]
    store.close()


def test_what_one_gateway_releases_the_next_start_of_the_other_serves(
    tmp_path: Path, redis: RedisServer, demo_backend: Backend
) -> None:
    prefix = redis.settings().prefix
    one, two = (on_redis(Project(tmp_path / n, demo_backend.port), redis, prefix) for n in "ab")
    with gateway(one):
        pass
    two.edit("definitions/gateway.yaml", "auto: first", "auto: always")
    two.edit("definitions/weather/get-status.yaml", "path: /status", "path: /health")
    with gateway(two) as running:
        assert running.ask(target="/health").status == 200
    with gateway(one) as running:
        assert running.ask(target="/health").status == 200
        says(running, "the draft differs from version")
    store = RedisStore(redis.settings(prefix=prefix), tmp_path / "records.db")
    store.open()
    (api_id,) = (found.api_id for found in store.releases.current() if found.api == "GetStatus")
    versions = [found.version for found in store.releases.history(api_id, Environment.RELEASE)]
    store.close()
    assert len(versions) == 2
    assert versions == sorted(versions, reverse=True)


# --- a server that goes


def test_without_redis_every_call_is_refused_and_with_it_served_again(
    project: Project, own_server: RedisServer, demo_backend: Backend
) -> None:
    on_redis(project, own_server)
    limit(project, "unit: day\napi: 3")
    with gateway(project) as running:
        assert forecast(running.port).status == 200
        own_server.stop()
        for _ in range(3):
            refused(running, demo_backend, within_s=1.5)
        with ThreadPoolExecutor(16) as pool:
            before = demo_backend.hits
            replies = list(pool.map(lambda _: forecast(running.port), range(48)))
            assert Counter((reply.status, reply.code) for reply in replies) == {(503, "X503BZ"): 48}
            assert demo_backend.hits == before
        assert ask(running.port).status == 503  # an anonymous API is counted too
        says(running, "Redis: Error")
        own_server.start()
        served(running)
        assert [forecast(running.port).status for _ in range(2)] == [200, 429]
        assert "Traceback" not in running.process.text


def test_a_server_that_hangs_holds_no_call_longer_than_its_timeout(
    project: Project, own_server: RedisServer, demo_backend: Backend
) -> None:
    on_redis(project, own_server, timeout_s=0.5)
    with gateway(project) as running:
        served(running)
        assert own_server.child is not None
        own_server.child.send_signal(signal.SIGSTOP)
        try:
            before = demo_backend.hits

            def many() -> float:
                began = time.monotonic()
                with ThreadPoolExecutor(32) as pool:
                    replies = list(pool.map(lambda _: forecast(running.port), range(32)))
                took_s = time.monotonic() - began
                assert {(reply.status, reply.code) for reply in replies} == {(503, "X503BZ")}
                return took_s

            assert quick(many, 3)
            assert demo_backend.hits == before
            says(running, "Redis: no answer within 0.5 s")
        finally:
            own_server.child.send_signal(signal.SIGCONT)
        served(running)


@pytest.mark.parametrize(
    ("break_it", "mend_it", "said"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "used memory > 'maxmemory'"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "read only replica"),
        ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0", "replicas"),
    ],
    ids=["full", "replica", "alone"],
)
def test_a_server_that_refuses_to_write_means_503(
    project: Project,
    own_server: RedisServer,
    demo_backend: Backend,
    break_it: str,
    mend_it: str,
    said: str,
) -> None:
    with gateway(on_redis(project, own_server)) as running:
        assert forecast(running.port).status == 200
        assert own_server.say(break_it).startswith(b"+OK")
        refused(running, demo_backend, within_s=1.5)
        says(running, said)
        assert own_server.say(mend_it).startswith(b"+OK")
        served(running)


def test_scripts_flushed_and_connections_killed_are_not_noticed(
    project: Project, own_server: RedisServer
) -> None:
    on_redis(project, own_server)
    limit(project, "unit: day\napi: 20")
    with gateway(project) as running:
        statuses = []
        for number in range(24):
            if number % 3 == 0:
                own_server.say("SCRIPT FLUSH")
            if number % 3 == 1:
                own_server.say("CLIENT KILL TYPE normal")
                time.sleep(0.05)
            statuses.append(forecast(running.port).status)
        assert statuses == [200] * 20 + [429] * 4


def test_a_stop_says_nothing_of_errors(project: Project, redis: RedisServer) -> None:
    with gateway(on_redis(project, redis)) as running:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: forecast(running.port), range(16)))
        assert {reply.status for reply in replies} == {200}
        assert running.process.stop() == 0
        for word in ("rror", "Unclosed", "never", "Traceback"):
            assert word not in running.process.text


# --- how a server is reached


def test_a_unix_socket_will_do(project: Project, redis: RedisServer) -> None:
    with gateway(on_redis(project, redis, url=redis.unix_url)) as running:
        assert forecast(running.port).status == 200
        says(running, f"store: {redis.unix_url}, call records: {project.database}")


def test_tls_with_a_ca_of_its_own(project: Project, redis: RedisServer) -> None:
    now = datetime.now(UTC)
    ca = make_ca(now - timedelta(days=1))
    (project.folder / "definitions" / "redis-ca.pem").write_bytes(ca.pem)
    certificate = written_to(project.folder, make_leaf(ca, "localhost", now, 30))
    assert certificate.key_file is not None
    with tls_front(redis.port, certificate.chain_file, certificate.key_file) as port:
        url = f"rediss://localhost:{port}/0"
        with gateway(on_redis(project, redis, url=url, ca="file:redis-ca.pem")) as running:
            assert forecast(running.port).status == 200


@pytest.fixture(scope="module")
def guarded() -> Iterator[RedisServer]:
    with redis_server("--requirepass", PASSWORD) as server:
        rule = f"ACL SETUSER gateway on >{PASSWORD} ~{{weather}}:* {permitted_by_the_docs()}"
        assert server.say(f"AUTH {PASSWORD}", rule) == b"+OK\r\n+OK\r\n"
        yield server


def test_a_user_that_may_do_no_more_than_a_gateway_needs(
    project: Project, guarded: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", PASSWORD)
    on_redis(project, guarded, "weather", username="gateway", password="env:REDIS_PASSWORD")
    with gateway(project) as running:
        assert forecast(running.port).status == 200
        assert PASSWORD not in running.process.text


def why_it_ends(project: Project, script: Path = GATEWAY) -> str:
    command = gateway_command(project, free_port(), script=script)
    process = launch(command, project.folder / "log")
    assert process.wait() == 1
    assert "Traceback" not in process.text
    return process.text


@pytest.mark.parametrize("password", [None, "wrong-battery"])
def test_a_wrong_password_ends_the_start_and_is_not_shown(
    project: Project, guarded: RedisServer, password: str | None
) -> None:
    settings = {} if password is None else {"password": password}
    said = why_it_ends(on_redis(project, guarded, **settings))
    assert f"store {guarded.url}: " in said
    assert "mend store.username and store.password in gateway.yaml" in said
    assert "wrong-battery" not in said


def test_a_server_that_is_not_there_ends_the_start(project: Project) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    project.edit("definitions/gateway.yaml", "store: state/gateway.db", f"store: {url}")
    said = why_it_ends(project)
    assert f"store {url}: " in said
    assert "Connection refused; start Redis there, or mend store in gateway.yaml" in said


def test_a_url_with_a_password_ends_the_start_and_is_not_shown(project: Project) -> None:
    store = f"store: redis://gateway:{PASSWORD}@127.0.0.1:6379/0"
    project.edit("definitions/gateway.yaml", "store: state/gateway.db", store)
    said = why_it_ends(project)
    assert "definitions/gateway.yaml:5:8: the store " in said
    assert "holds a user or a password" in said
    assert PASSWORD not in said


WITHOUT_THE_PACKAGE = """
import sys

sys.modules["redis"] = None

from gateway import addons
"""


def test_without_the_package_the_start_says_what_to_install(project: Project) -> None:
    store = "store: redis://127.0.0.1:6379/0"
    project.edit("definitions/gateway.yaml", "store: state/gateway.db", store)
    script = project.folder / "without.py"
    script.write_text(WITHOUT_THE_PACKAGE)
    said = why_it_ends(project, script)
    assert "install it: pip install 'mitm-apigateway[redis]'" in said
