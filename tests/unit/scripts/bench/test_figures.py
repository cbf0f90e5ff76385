"""scripts/bench/figures.py"""

from dataclasses import replace

import pytest

from scripts.bench.figures import Figures, Load, figures_of, median_of, percentile, rows_of, spread


def figures(rps: float, cpu_us: float = 100.0) -> Figures:
    return Figures(
        rps=rps,
        cpu_us=cpu_us,
        p50_ms=1.0,
        p99_ms=2.0,
        memory_mb=80.0,
        busy=1.0,
        load_us=10.0,
        backend_us=5.0,
        whole_rps=rps,
    )


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1), (0.001, 1)]
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    share: float, value: float
) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == value


def test_a_percentile_of_one_value_is_that_value_and_of_none_is_zero() -> None:
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([], 0.5) == 0.0


def test_cpu_is_told_a_call_and_busy_as_a_share_of_the_cores() -> None:
    load = Load(calls=2000, seconds=2.0, refused=0, failed=0, p50_ms=1, p99_ms=2, cpu_s=0.2)
    found = figures_of(
        load, cpu_s=3.0, backend_cpu_s=0.1, resident=3 * 2**20, cores=2, machine_cores=4
    )
    assert found.rps == 1000
    assert found.cpu_us == pytest.approx(1500)
    assert found.busy == pytest.approx(0.75)
    assert found.load_us == pytest.approx(100)
    assert found.backend_us == pytest.approx(50)
    assert found.memory_mb == 3


@pytest.mark.parametrize(
    ("workers", "machine_cores", "whole_rps"),
    [
        pytest.param(1, 2, 1000, id="one worker and a core for the rest"),
        pytest.param(1, 1, 1250, id="one worker and the rest on one core"),
        pytest.param(2, 2, 1000 * 2 / 1.8, id="two workers and the rest on two cores"),
        pytest.param(2, 3, 1000, id="two workers and a core for the rest"),
    ],
)
def test_what_load_and_backend_took_of_the_cores_is_counted_back(
    workers: int, machine_cores: int, whole_rps: float
) -> None:
    load = Load(calls=2000, seconds=2.0, refused=0, failed=0, p50_ms=1, p99_ms=2, cpu_s=0.3)
    found = figures_of(
        load, cpu_s=1.0, backend_cpu_s=0.1, resident=0, cores=workers, machine_cores=machine_cores
    )
    assert found.rps == 1000
    assert found.whole_rps == pytest.approx(whole_rps)


def test_each_figure_has_a_median_of_its_own() -> None:
    found = median_of([figures(1, 30), figures(3, 10), figures(2, 20)])
    assert (found.rps, found.cpu_us) == (2, 20)


def test_a_spread_holds_the_median_the_least_and_the_most() -> None:
    found = spread([3.0, 1.0, 2.0])
    assert (found.middle, found.least, found.most) == (2.0, 1.0, 3.0)
    assert str(found) == "2.00 (1.00 to 3.00)"


def test_a_ratio_is_taken_within_a_round_and_only_then_over_the_rounds() -> None:
    # The machine is half as fast in the second round: the ratio stays what it is.
    stock = [figures(1000, 800), figures(500, 1600)]
    gateway = [figures(2000, 400), figures(1000, 800)]
    gateway[0] = replace(gateway[0], whole_rps=3000)
    first, second = rows_of([("stock", stock), ("gateway", gateway)])
    assert first.rps_ratio is None and first.cpu_ratio is None and first.whole_ratio is None
    assert second.rps_ratio is not None and second.cpu_ratio is not None
    assert second.whole_ratio == spread([3.0, 2.0])
    assert (second.rps_ratio.least, second.rps_ratio.most) == (2.0, 2.0)
    assert (second.cpu_ratio.least, second.cpu_ratio.most) == (2.0, 2.0)
