"""A ledger of counters and nonces that are apart. What every ledger does is in tests/contract."""

import asyncio

import pytest
from unit.build import NOW_MS, FreshNonces, OpenCounters

from apigateway.ledgers import SeparateLedger
from apigateway.model.windows import WindowUnit
from apigateway.ports import Dimension, Limit, NonceClaim, NonceUsed

LIMITS = [Limit("k", 1, WindowUnit.DAY, Dimension.API)]
CLAIM = NonceClaim("key", "nonce", 900_001)


def test_a_nonce_is_claimed_and_then_the_call_is_charged() -> None:
    counters, nonces = OpenCounters(), FreshNonces()
    asyncio.run(SeparateLedger(counters, nonces).spend(CLAIM, LIMITS, NOW_MS))
    assert nonces.claimed == [("key", "nonce", NOW_MS, 900_001)]
    assert counters.taken == LIMITS


def test_a_call_without_a_nonce_claims_none() -> None:
    counters, nonces = OpenCounters(), FreshNonces()
    asyncio.run(SeparateLedger(counters, nonces).spend(None, LIMITS, NOW_MS))
    assert (nonces.claimed, counters.taken) == ([], LIMITS)


def test_a_used_nonce_charges_nothing() -> None:
    counters = OpenCounters()
    ledger = SeparateLedger(counters, FreshNonces(fresh=False))
    with pytest.raises(NonceUsed):
        asyncio.run(ledger.spend(CLAIM, LIMITS, NOW_MS))
    assert counters.taken == []
