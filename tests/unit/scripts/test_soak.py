"""scripts/soak.py"""

import pytest

from scripts.soak import Soak, markdown, stretches


def test_stretches_are_of_one_size_and_the_last_is_what_is_left() -> None:
    assert stretches(120, 50) == [50, 50, 20]
    assert stretches(100, 50) == [50, 50]


def test_growth_is_of_what_comes_after_the_first_stretch() -> None:
    soak = Soak("close", [(50, 100.0), (100, 108.0), (150, 104.0)])
    assert soak.growth == pytest.approx(0.04)
    assert soak.is_flat
    assert not Soak("close", [(50, 100.0), (100, 105.1)]).is_flat


def test_one_look_is_no_growth() -> None:
    assert Soak("close", [(50, 100.0)]).growth == 0.0


def test_the_page_tells_the_first_and_the_last_memory() -> None:
    text = markdown([Soak("http2", [(50, 100.0), (1000, 104.0)])], "a machine")
    assert text.splitlines()[-1] == "| http2 | 1,000 | 100.0 | 104.0 | +4.0% |"
