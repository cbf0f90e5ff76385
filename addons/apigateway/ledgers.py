"""A ledger of counters and nonces that are apart."""

from collections.abc import Sequence

from apigateway.ports import Counters, Limit, NonceClaim, Nonces, NonceUsed, Tally


class SeparateLedger:
    """The port `Ledger`, in two steps: for what no other process shares."""

    def __init__(self, counters: Counters, nonces: Nonces) -> None:
        self._counters = counters
        self._nonces = nonces

    async def spend(self, claim: NonceClaim | None, limits: Sequence[Limit], now_ms: int) -> Tally:
        if claim is not None and not await self._nonces.claim(
            claim.app_key, claim.nonce, now_ms, claim.lifetime_ms
        ):
            raise NonceUsed
        return await self._counters.take(limits, now_ms)
