"""scripts/bench/counting.py"""

import asyncio

from apigateway.store.memory import MemoryStore
from scripts.bench.counting import five_limits, take_cost


def test_a_take_counts_on_five_limits_and_costs_something() -> None:
    limits = five_limits()
    assert len({limit.key for limit in limits}) == 5
    assert asyncio.run(take_cost(MemoryStore().counters, 20, 4)) > 0
