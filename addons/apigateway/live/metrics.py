"""How the running processes are, as Prometheus reads it.

Any process answers for all of this machine, since each puts its status into the store.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from apigateway.model.worker import WorkerStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST

_LABELS = ("worker", "process")

_Value = Callable[[WorkerStatus], float]

_GAUGES: Sequence[tuple[str, str, _Value]] = (
    (
        "apigateway_definitions_valid",
        "1 if the last change of definitions could be served, 0 if it is waited for a mend.",
        lambda status: float(not status.problems),
    ),
    (
        "apigateway_last_load_timestamp_seconds",
        "When what is served now was loaded.",
        lambda status: status.loaded_ms / 1000,
    ),
    (
        "apigateway_last_failed_reload_timestamp_seconds",
        "When a change could last not be served, 0 if never.",
        lambda status: status.failed_ms / 1000,
    ),
    (
        "apigateway_last_load_seconds",
        "How long the last load took.",
        lambda status: status.load_ms / 1000,
    ),
    ("apigateway_apis", "Released APIs that are served.", lambda status: status.apis),
    ("apigateway_apps", "Apps that may call.", lambda status: status.apps),
    (
        "apigateway_start_timestamp_seconds",
        "When the process started.",
        lambda status: status.started_ms / 1000,
    ),
)

_COUNTERS: Sequence[tuple[str, str, _Value]] = (
    (
        "apigateway_reloads",
        "Changes that were taken into service.",
        lambda status: status.reloads,
    ),
    (
        "apigateway_failed_reloads",
        "Changes that could not be served, so that what was served before went on.",
        lambda status: status.failed_reloads,
    ),
)


class StatusCollector:
    """Makes metrics of the statuses of the processes that run."""

    def __init__(self, statuses: Iterable[WorkerStatus]) -> None:
        self._statuses = sorted(statuses, key=lambda status: (status.number, status.process))

    def collect(self) -> Iterator[Metric]:
        for name, about, value in _GAUGES:
            gauge = GaugeMetricFamily(name, about, labels=_LABELS)
            for status in self._statuses:
                gauge.add_metric([str(status.number), str(status.process)], value(status))
            yield gauge
        for name, about, value in _COUNTERS:
            counter = CounterMetricFamily(name, about, labels=_LABELS)
            for status in self._statuses:
                counter.add_metric([str(status.number), str(status.process)], value(status))
            yield counter
        workers = GaugeMetricFamily("apigateway_workers", "Processes that run.")
        workers.add_metric([], len(self._statuses))
        yield workers
        catalogs = GaugeMetricFamily(
            "apigateway_catalogs",
            "How many different definitions the processes serve.",
        )
        catalogs.add_metric([], len({status.catalog for status in self._statuses}))
        yield catalogs


def metrics_text(statuses: Iterable[WorkerStatus]) -> bytes:
    """The statuses of running processes in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(statuses))
    return generate_latest(registry)
