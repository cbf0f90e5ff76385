"""scripts/bench/chart.py"""

import xml.etree.ElementTree as ET

import pytest

from scripts.bench.chart import GATEWAY, STOCK, Pair, ceiling, chart

SVG = "{http://www.w3.org/2000/svg}"


def bars(text: str, colour: str) -> list[float]:
    """Widths, without the one of the legend."""
    found = [one for one in ET.fromstring(text).iter(f"{SVG}rect") if one.get("fill") == colour]
    return [float(one.get("width", "0")) for one in found[1:]]


def test_bars_are_as_long_as_their_figures_say() -> None:
    text = chart([Pair("mock", 1000, 2000), Pair("signed", 500, 250)], "Calls")
    stock, gateway = bars(text, STOCK), bars(text, GATEWAY)
    assert gateway[0] == pytest.approx(2 * stock[0], abs=0.2)
    assert stock[1] == pytest.approx(stock[0] / 2, abs=0.2)
    assert gateway[1] == pytest.approx(stock[1] / 2, abs=0.2)


def test_each_scenario_has_its_name_and_its_ratio() -> None:
    root = ET.fromstring(chart([Pair("a < b & c", 1000, 2100)], "Calls"))
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert "a < b & c" in texts and "2.10 x" in texts


def test_no_bar_leaves_the_picture() -> None:
    root = ET.fromstring(chart([Pair("much", 9999, 10001)], "Calls"))
    width = float(root.get("viewBox", "").split()[2])
    for one in root.iter(f"{SVG}rect"):
        assert float(one.get("x", "0")) + float(one.get("width", "0")) <= width


def test_nothing_is_no_chart() -> None:
    with pytest.raises(ValueError, match="no scenario"):
        chart([], "Calls")


@pytest.mark.parametrize(
    ("value", "top"), [(999, 1000), (1000, 1000), (1001, 2000), (2400, 2500), (7000, 10000), (0, 1)]
)
def test_the_axis_ends_at_a_round_figure(value: float, top: float) -> None:
    assert ceiling(value) == top
