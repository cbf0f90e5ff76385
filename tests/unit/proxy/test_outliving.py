"""Where an add-on that outlives the script stands."""

import pytest
from mitmproxy.test import taddons

from apigateway.proxy.outliving import standing_before


class Stock:
    name = "stock"


class Other:
    name = "other"


class Ours:
    name = "ours"


@pytest.mark.parametrize(
    ("stock", "names"),
    [("stock", ["other", "ours", "stock"]), ("gone", ["other", "stock", "ours"])],
)
def test_it_stands_before_the_stock_one_once(stock: str, names: list[str]) -> None:
    with taddons.context(Other(), Stock(), loadcore=False) as context:
        addons = context.master.addons
        first = standing_before(stock, Ours, addons)
        assert standing_before(stock, Ours, addons) is first
        known = [one.name for one in addons.chain if isinstance(one, Stock | Other | Ours)]
        assert known == names
        assert addons.get("ours") is first
        context.master._legacy_log_events.uninstall()
