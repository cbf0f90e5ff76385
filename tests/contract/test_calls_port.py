"""What every implementation of `Calls` does."""

from dataclasses import replace

from contract.conftest import Store

from apigateway.model.record import CallRecord


def record(request_id: str, *, path: str = "/forecast/hangzhou") -> CallRecord:
    return CallRecord(
        request_id=request_id,
        received_ms=1_700_000_000_000,
        method="GET",
        scheme="https",
        domain="weather.example",
        path=path,
        client_ip="192.0.2.1",
        group_name="weather",
        status=200,
        request_bytes=3,
        total_ms=12.25,
    )


def settle(store: Store) -> None:
    """Closing writes what is queued."""
    store.close()
    store.open()


class TestCalls:
    def test_a_new_store_has_no_records(self, store: Store) -> None:
        assert list(store.calls.query()) == []

    def test_records_come_back_as_they_were_newest_first(self, store: Store) -> None:
        records = [record(f"r{number}") for number in range(2_500)]
        for each in records:
            store.calls.append(each)
        settle(store)
        assert list(store.calls.query(limit=5_000)) == records[::-1]

    def test_no_more_than_the_limit_come_back(self, store: Store) -> None:
        for number in range(150):
            store.calls.append(record(f"r{number}"))
        settle(store)
        assert [found.request_id for found in store.calls.query(limit=2)] == ["r149", "r148"]
        assert len(store.calls.query()) == 100
        assert list(store.calls.query(limit=0)) == []
        assert list(store.calls.query(limit=-1)) == []

    def test_a_request_id_finds_its_records(self, store: Store) -> None:
        for request_id in ("one", "two", "one"):
            store.calls.append(record(request_id))
        settle(store)
        assert list(store.calls.query(request_id="one")) == [record("one")] * 2
        assert list(store.calls.query(request_id="none")) == []

    def test_a_trail_is_kept_beside_its_record(self, store: Store) -> None:
        trail = {"stages": [{"ms": 0.25, "decided": {"city": "\u676d\u5dde"}}], "signature": None}
        store.calls.append(record("plain"))
        store.calls.append(replace(record("refused"), trail=trail))
        settle(store)
        assert store.calls.trail("refused") == trail
        assert store.calls.trail("plain") is None
        assert store.calls.trail("none") is None
        assert [found.trail for found in store.calls.query()] == [None, None]

    def test_a_record_appended_after_close_is_written(self, store: Store) -> None:
        store.calls.append(record("before"))
        store.close()
        store.calls.append(record("after"))
        store.open()
        assert [found.request_id for found in store.calls.query()] == ["after", "before"]
