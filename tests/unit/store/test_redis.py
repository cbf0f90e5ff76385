"""A store on a Redis server: how it opens, what it says when it cannot, and what stays local."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from contract.releasing import FIRST, abolish, apply, everything, publish, put, switch
from contract.test_workers_port import ONE
from redis_server import RedisServer, permitted_by_the_docs, redis_server, tls_front
from unit.issued import CA, written_to
from unit.store.actor import limits, record
from unit.store.fake_redis import FakeRedis

from apigateway.commands.cert import Issued, make_ca, make_leaf
from apigateway.model.audit import AuditEntry
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.secret import Secret
from apigateway.model.settings import RedisSettings
from apigateway.ports import ReleasedMeanwhile, StoreUnavailable
from apigateway.store.redis import RedisStore
from apigateway.store.sqlite import SqliteStore

NOW_MS = 1_700_000_000_000
PASSWORD = "correct-horse"

pytestmark = pytest.mark.usefixtures("one_day")


@pytest.fixture(scope="module")
def guarded() -> Iterator[RedisServer]:
    """A server with a password, a user who may do what the gateway does, and one who may not."""
    with redis_server("--requirepass", PASSWORD) as server:
        for rule in (
            f"ACL SETUSER gateway on >{PASSWORD} ~{{guarded}}:* {permitted_by_the_docs()}",
            f"ACL SETUSER stranger on >{PASSWORD} ~other:* +@all",
            f"ACL SETUSER reader on >{PASSWORD} ~* +@read",
        ):
            assert b"-" not in server.say(f"AUTH {PASSWORD}", rule)
        yield server


def used(store: RedisStore) -> int:
    """In this day by the server's clock."""
    return asyncio.run(store.counters.take(limits(100), NOW_MS)).standings[-1].used


@contextlib.contextmanager
def opened(settings: RedisSettings, records: Path) -> Iterator[RedisStore]:
    store = RedisStore(settings, records)
    store.open()
    yield store
    store.close()


def why_not(settings: RedisSettings, records: Path) -> str:
    """What is said of a store that cannot be opened."""
    with pytest.raises(StoreUnavailable) as caught:
        RedisStore(settings, records).open()
    return str(caught.value)


def test_making_a_store_touches_nothing(tmp_path: Path) -> None:
    RedisStore(RedisSettings(url="redis://127.0.0.1:1/0"), tmp_path / "state" / "records.db")
    assert not (tmp_path / "state").exists()


def test_a_store_that_is_not_open_is_unavailable(redis: RedisServer, tmp_path: Path) -> None:
    store = RedisStore(redis.settings(), tmp_path / "records.db")
    with pytest.raises(StoreUnavailable, match="not open"):
        used(store)


def test_opening_and_closing_twice_is_opening_and_closing_once(
    redis: RedisServer, tmp_path: Path
) -> None:
    store = RedisStore(redis.settings(), tmp_path / "records.db")
    store.close()
    for expected in (1, 2):
        store.open()
        store.open()
        assert used(store) == expected
        store.close()
        store.close()


def test_call_records_stay_on_this_machine(redis: RedisServer, tmp_path: Path) -> None:
    settings = redis.settings()
    with opened(settings, tmp_path / "one.db") as one, opened(settings, tmp_path / "two.db") as two:
        one.calls.append(record(1))
        assert used(one) == 1
        assert used(two) == 2
    local = SqliteStore(tmp_path / "one.db")
    local.open()
    assert [found.request_id for found in local.calls.query()] == ["r1"]
    local.close()
    with opened(settings, tmp_path / "two.db") as two:
        assert list(two.calls.query()) == []


def test_a_unix_socket_is_a_way_as_well(redis: RedisServer, tmp_path: Path) -> None:
    with opened(redis.settings(url=redis.unix_url), tmp_path / "records.db") as store:
        assert used(store) == 1


def test_a_database_of_its_own(redis: RedisServer, tmp_path: Path) -> None:
    settings = redis.settings()
    elsewhere = redis.settings(url=redis.url.replace("/0", "/7"), prefix=settings.prefix)
    with opened(settings, tmp_path / "1.db") as one, opened(elsewhere, tmp_path / "2.db") as two:
        assert [used(one), used(two)] == [1, 1]


@pytest.mark.parametrize("username", ["", "default", "gateway"])
def test_a_password_and_a_user_let_it_in(
    guarded: RedisServer, tmp_path: Path, username: str
) -> None:
    settings = guarded.settings(
        username=username, password=Secret(PASSWORD), prefix="guarded" if username else "any"
    )
    with opened(settings, tmp_path / "records.db") as store:
        assert used(store) >= 1
        assert asyncio.run(store.nonces.claim("key", f"by {username}", NOW_MS, 1_000))
        everything_at_the_desk(store, f"For {username}")


def everything_at_the_desk(store: RedisStore, api: str) -> None:
    """Each command that the desk ever gives."""
    release = put(store, publish(api))
    put(store, publish(api))
    assert list(apply(store, switch(FIRST, api))) == [release]
    assert release in store.releases.current()
    assert release in store.releases.history(release.api_id)
    assert release == store.releases.at(release.api_id, release.environment, FIRST)
    apply(store, abolish(api))
    with pytest.raises(ReleasedMeanwhile):
        put(store, publish(api, after=""))
    assert (release.api_id, release.environment) in store.releases.last_versions()
    store.releases.announce()
    assert store.releases.changes() >= 5
    store.audit.write([AuditEntry(at_ms=1, by="ann", action="grant", subject=api)])
    assert len(store.audit.entries(subject=api)) == 1
    store.domain_bindings.record([DomainBinding(domain=api, group_id="g", bound_ms=1)])
    assert api in [binding.domain for binding in store.domain_bindings.all()]
    store.domain_bindings.forget([api])


def test_a_command_that_is_not_permitted_makes_no_half_of_a_change(
    guarded: RedisServer, tmp_path: Path
) -> None:
    """As for a user that was set up for an earlier version."""
    settings = guarded.settings(username="early", password=Secret(PASSWORD), prefix="early")
    permitted = permitted_by_the_docs()
    for command in ("ltrim", "incrby", "lpush", "hset"):
        less = permitted.replace(f"+{command} ", "")
        assert less != permitted
        reset = f"ACL SETUSER early reset on >{PASSWORD} ~{{early}}:* {less}"
        assert b"-" not in guarded.say(f"AUTH {PASSWORD}", reset)
        with opened(settings, tmp_path / "records.db") as store:
            with pytest.raises(StoreUnavailable, match=r"(?i)no permissions"):
                apply(store, publish("One"), publish("Two"))
            assert everything(store) == ([], {}, [], 0, [])


def test_a_big_release_may_take_longer_than_a_count(redis: RedisServer, tmp_path: Path) -> None:
    store = RedisStore(redis.settings(timeout_s=0.25), tmp_path / "records.db")
    waits = [
        client.connection_pool.connection_kwargs["socket_timeout"]
        for client in (store._desk, store._patient)
    ]
    assert waits == [0.25, 30.0]
    connects = store._patient.connection_pool.connection_kwargs["socket_connect_timeout"]
    assert connects == 0.25


def test_what_is_released_is_everywhere_and_who_serves_is_local(
    redis: RedisServer, tmp_path: Path
) -> None:
    settings = redis.settings()
    binding = DomainBinding(domain="api.example.com", group_id="g", bound_ms=1)
    with opened(settings, tmp_path / "one.db") as one, opened(settings, tmp_path / "two.db") as two:
        release = put(one)
        one.domain_bindings.record([binding])
        one.workers.report(ONE)
        assert list(two.releases.current()) == [release]
        assert [entry.action for entry in two.audit.entries()] == ["release"]
        assert list(two.domain_bindings.all()) == [binding]
        assert two.releases.changes() == 2
        assert list(two.workers.statuses()) == []


@pytest.mark.parametrize(
    ("changes", "why", "mend"),
    [
        pytest.param({}, "Authentication required", "mend store.username", id="no password"),
        pytest.param(
            {"password": "wrong"}, "WRONGPASS", "mend store.username", id="wrong password"
        ),
        pytest.param(
            {"password": PASSWORD, "username": "nobody"},
            "WRONGPASS",
            "and store.password",
            id="user",
        ),
        pytest.param(
            {"password": PASSWORD, "username": "stranger"},
            "permissions",
            "throttling.md",
            id="keys",
        ),
        pytest.param(
            {"password": PASSWORD, "username": "reader"},
            "permissions",
            "throttling.md",
            id="scripts",
        ),
    ],
)
def test_who_is_not_let_in_reads_where_why_and_how_to_mend_it_but_no_password(
    guarded: RedisServer, tmp_path: Path, changes: dict[str, Any], why: str, mend: str
) -> None:
    if "password" in changes:
        changes = {**changes, "password": Secret(changes["password"])}
    said = why_not(guarded.settings(**changes), tmp_path / "records.db")
    assert said.startswith(f"store {guarded.url}: ")
    assert mend in said
    assert PASSWORD not in said
    assert "wrong" not in said.replace("WRONGPASS", "")
    assert why.lower().replace("wrongpass", "invalid") in said.lower()


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = why_not(RedisSettings(url="redis://127.0.0.1:1/0"), tmp_path / "records.db")
    assert re.fullmatch(
        r"store redis://127\.0\.0\.1:1/0: Error \d+ connecting to 127\.0\.0\.1:1\. Connection "
        r"refused; start Redis there, or mend store in gateway\.yaml",
        said,
    )


def test_a_host_that_nobody_knows_is_named(tmp_path: Path) -> None:
    said = why_not(RedisSettings(url="redis://nobody.invalid/0"), tmp_path / "records.db")
    assert said.startswith("store redis://nobody.invalid/0: ")
    assert said.endswith("; start Redis there, or mend store in gateway.yaml")


def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = why_not(RedisSettings(url=f"unix://{tmp_path}/none.sock"), tmp_path / "records.db")
    assert said.startswith(f"store unix://{tmp_path}/none.sock: ")
    assert "No such file or directory" in said


@pytest.mark.parametrize(
    ("answer", "mend"),
    [
        (b"-LOADING Redis is loading the dataset in memory", "start again when it has read"),
        (b"-READONLY You can't write against a read only replica.", "name the primary"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.", "see docs/throttling.md"),
        (b"-ERR unknown command `EVAL`", "see docs/throttling.md"),
        (b"HTTP/1.1 400 Bad Request", "see docs/throttling.md"),
    ],
)
def test_a_server_that_cannot_count_is_no_store(tmp_path: Path, answer: bytes, mend: str) -> None:
    async def test() -> str:
        async with FakeRedis(lambda words: answer + b"\r\n") as server:
            settings = RedisSettings(url=server.url)
            return await asyncio.to_thread(why_not, settings, tmp_path / "records.db")

    assert mend in asyncio.run(test())


def test_a_server_that_never_answers_is_no_store(tmp_path: Path) -> None:
    async def test() -> str:
        async with FakeRedis(lambda words: asyncio.sleep(60, b"")) as server:
            settings = RedisSettings(url=server.url, timeout_s=0.1)
            return await asyncio.to_thread(why_not, settings, tmp_path / "records.db")

    assert "Timeout reading" in asyncio.run(test())


def test_records_that_cannot_be_kept_are_no_store(redis: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = why_not(redis.settings(), tmp_path / "file" / "records.db")
    assert "file/records.db cannot be opened" in said


@pytest.mark.parametrize(
    ("maxmemory", "policy", "warned"),
    [
        ("100mb", "allkeys-lru", True),
        ("100mb", "volatile-ttl", True),
        ("100mb", "noeviction", False),
        ("0", "allkeys-lru", False),
    ],
)
def test_a_server_that_would_forget_counts_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, maxmemory: str, policy: str, warned: bool
) -> None:
    with redis_server("--maxmemory", maxmemory, "--maxmemory-policy", policy) as server:
        with opened(server.settings(), tmp_path / "records.db"):
            said = "".join(caplog.messages)
    assert (f"with maxmemory-policy {policy} it forgets counts" in said) == warned


def options_of(store: RedisStore) -> dict[str, Any]:
    """What the connections of calls are made with."""
    options: dict[str, Any] = store._client().connection_pool.connection_kwargs
    return options


def test_tls_means_a_certificate_that_is_checked(tmp_path: Path) -> None:
    plain = RedisStore(RedisSettings(url="rediss://redis.test:6380/2"), tmp_path / "records.db")
    options = options_of(plain)
    assert (options["host"], options["port"], options["db"]) == ("redis.test", 6380, 2)
    assert options["ssl_cert_reqs"] is ssl.CERT_REQUIRED
    assert options["ssl_check_hostname"] is True


@pytest.fixture(scope="module")
def ca() -> Issued:
    return make_ca(datetime.now(UTC) - timedelta(days=1))


@pytest.fixture
def front(redis: RedisServer, ca: Issued, tmp_path: Path) -> Iterator[int]:
    """The port of a server with TLS, whose certificate is for localhost."""
    certificate = written_to(tmp_path, make_leaf(ca, "localhost", datetime.now(UTC), 30))
    assert certificate.key_file is not None
    with tls_front(redis.port, certificate.chain_file, certificate.key_file) as port:
        yield port


def test_a_server_with_tls_and_a_ca_of_its_own_is_a_store(
    redis: RedisServer, front: int, ca: Issued, tmp_path: Path
) -> None:
    settings = redis.settings(url=f"rediss://localhost:{front}/0", ca=ca.pem.decode())
    with opened(settings, tmp_path / "records.db") as store:
        assert used(store) == 1
        assert list(store.releases.current()) == []


@pytest.mark.parametrize("how", ["another CA", "the CAs of the system", "another host"])
def test_a_server_whose_certificate_is_not_trusted_is_no_store(
    redis: RedisServer, front: int, ca: Issued, tmp_path: Path, how: str
) -> None:
    host = "127.0.0.1" if how == "another host" else "localhost"
    trusted = {"another CA": CA, "another host": ca}.get(how)
    settings = redis.settings(
        url=f"rediss://{host}:{front}/0", ca=trusted.pem.decode() if trusted else None
    )
    said = why_not(settings, tmp_path / "records.db")
    assert "certificate verify failed" in said.lower()
    assert said.endswith("; name its CA in store.ca, and the host as the certificate does")
    store = RedisStore(settings, tmp_path / "records.db")
    store._line.open()
    with pytest.raises(StoreUnavailable, match=r"(?i)certificate verify failed"):
        used(store)
    store.close()
