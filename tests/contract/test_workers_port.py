"""What every implementation of `Workers` does."""

from dataclasses import replace

from contract.conftest import Store

from apigateway.model.worker import WorkerStatus

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000

ONE = WorkerStatus(
    machine="here",
    process=4711,
    number=1,
    version="1.2.3",
    started_ms=NOW_MS - 1_000,
    seen_ms=NOW_MS,
    loaded_ms=NOW_MS - 900,
    load_ms=12.5,
    catalog="abcdef",
    changes=7,
    apis=3,
    apps=2,
    reloads=4,
    failed_reloads=1,
    failed_ms=NOW_MS - 500,
    problems='definitions/gateway.yaml:5:1: unknown key "ownr"\nund mehr',
)
TWO = replace(ONE, process=4700, number=2)


class TestWorkers:
    def test_a_new_store_has_none(self, store: Store) -> None:
        assert list(store.workers.statuses()) == []

    def test_the_last_of_each_process_comes_back_by_number(self, store: Store) -> None:
        again = replace(ONE, seen_ms=NOW_MS + 5_000, reloads=5, problems="")
        for status in (TWO, ONE, again):
            store.workers.report(status)
        assert list(store.workers.statuses()) == [again, TWO]

    def test_processes_of_one_number_come_by_process(self, store: Store) -> None:
        before = replace(ONE, process=9)
        for status in (ONE, before):
            store.workers.report(status)
        assert list(store.workers.statuses()) == [before, ONE]

    def test_one_that_ended_is_forgotten_and_no_other(self, store: Store) -> None:
        elsewhere = replace(ONE, machine="there")
        for status in (ONE, TWO, elsewhere):
            store.workers.report(status)
        store.workers.forget("here", 4711)
        store.workers.forget("here", 1)
        assert list(store.workers.statuses()) == [elsewhere, TWO]

    def test_one_that_was_not_seen_for_a_day_is_dropped_by_the_next_report(
        self, store: Store
    ) -> None:
        old = replace(ONE, process=1, seen_ms=NOW_MS - DAY_MS - 1)
        just = replace(ONE, process=2, seen_ms=NOW_MS - DAY_MS)
        store.workers.report(old)
        store.workers.report(just)
        assert list(store.workers.statuses()) == [old, just]
        store.workers.report(ONE)
        assert list(store.workers.statuses()) == [just, ONE]

    def test_a_report_is_no_change_of_what_is_served(self, store: Store) -> None:
        store.workers.report(ONE)
        store.workers.forget("here", 4711)
        assert store.releases.changes() == 0
