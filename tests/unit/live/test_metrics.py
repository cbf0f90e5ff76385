"""What Prometheus reads."""

from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from apigateway.live.metrics import metrics_text
from apigateway.model.worker import WorkerStatus

WELL = WorkerStatus(
    machine="here",
    process=101,
    number=1,
    version="1",
    started_ms=1_700_000_000_000,
    seen_ms=1_700_000_100_000,
    loaded_ms=1_700_000_050_000,
    load_ms=12.5,
    catalog="abc",
    changes=7,
    apis=11,
    apps=2,
    reloads=3,
    failed_reloads=0,
    failed_ms=0,
    problems="",
)
ILL = replace(
    WELL,
    process=102,
    number=2,
    catalog="def",
    failed_reloads=4,
    failed_ms=1_700_000_060_000,
    problems="definitions/gateway.yaml:1:1: wrong; mend it",
)


def read(*statuses: WorkerStatus) -> dict[tuple[str, str], float]:
    text = metrics_text(statuses).decode()
    return {
        (sample.name, sample.labels.get("worker", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_each_process_says_how_it_is() -> None:
    found = read(WELL, ILL)
    assert found["apigateway_definitions_valid", "1"] == 1
    assert found["apigateway_definitions_valid", "2"] == 0
    assert found["apigateway_failed_reloads_total", "2"] == 4
    assert found["apigateway_reloads_total", "1"] == 3
    assert found["apigateway_last_load_seconds", "1"] == 0.0125
    assert found["apigateway_last_load_timestamp_seconds", "1"] == 1_700_000_050
    assert found["apigateway_last_failed_reload_timestamp_seconds", "2"] == 1_700_000_060
    assert found["apigateway_apis", "1"] == 11


def test_it_is_seen_that_processes_serve_different_definitions() -> None:
    assert read(WELL, replace(WELL, number=2, process=9))["apigateway_catalogs", ""] == 1
    found = read(WELL, ILL)
    assert found["apigateway_catalogs", ""] == 2
    assert found["apigateway_workers", ""] == 2


def test_nobody_runs() -> None:
    found = read()
    assert found["apigateway_workers", ""] == 0
    assert found["apigateway_catalogs", ""] == 0
