"""The audit log in Redis: no more of it than is kept, and written with what it tells of."""

import json
from collections.abc import Iterator

import pytest
import redis as redis_package
from redis_server import RedisServer
from unit.store.test_audit import entries

from apigateway.ports import StoreUnavailable
from apigateway.store.redis_audit import RedisAudit, audit_text
from apigateway.store.redis_desk import RedisDesk


@pytest.fixture
def desk(redis: RedisServer) -> Iterator[RedisDesk]:
    client = redis_package.Redis(port=redis.port, protocol=2)
    yield RedisDesk(client, f"{{{redis.settings().prefix}}}:")
    client.close()


def test_only_the_last_entries_are_kept(desk: RedisDesk) -> None:
    audit = RedisAudit(desk, keep_entries=10)
    audit.write(entries(7))
    audit.write(entries(17))
    assert [entry.at_ms for entry in audit.entries()] == list(range(16, 6, -1))
    assert desk.ask(lambda client: client.llen(desk.key("audit"))) == 10


def test_entries_are_found_however_far_back_they_are(desk: RedisDesk) -> None:
    audit = RedisAudit(desk)
    (first, *rest) = entries(2_101)
    rare = first.__class__(at_ms=-1, by="bob", action="revoke", subject="weather/Get")
    audit.write([rare, *rest])
    assert list(audit.entries(subject="weather")) == [rare]
    assert len(audit.entries(limit=3_000)) == 2_101


def test_entries_are_added_together_with_what_they_tell_of(desk: RedisDesk) -> None:
    audit = RedisAudit(desk)

    def work(pipeline: "redis_package.client.Pipeline") -> None:
        audit.add(pipeline, [audit_text(entry) for entry in entries(3)])
        pipeline.execute_command("NOSUCH")  # type: ignore[no-untyped-call]

    with pytest.raises(StoreUnavailable):
        desk.change(work)
    assert list(audit.entries()) == []


def test_an_entry_is_json() -> None:
    (entry,) = entries(1)
    assert json.loads(audit_text(entry)) == {
        "action": "grant",
        "after": None,
        "at_ms": 0,
        "before": None,
        "by": "ann",
        "environment": "",
        "note": "",
        "subject": "an app",
    }
