"""What every implementation of `Nonces` does."""

import asyncio

import pytest
from contract.conftest import Store

from apigateway.ports import StoreUnavailable

NOW_MS = 1_700_000_000_000
LIFETIME_MS = 900_000


def claim(store: Store, nonce: str, *, app_key: str = "key", now_ms: int = NOW_MS) -> bool:
    return asyncio.run(store.nonces.claim(app_key, nonce, now_ms, LIFETIME_MS))


class TestNonces:
    def test_only_the_first_claim_succeeds(self, store: Store) -> None:
        assert [claim(store, "n") for _ in range(3)] == [True, False, False]

    def test_apps_do_not_share_nonces(self, store: Store) -> None:
        assert claim(store, "n", app_key="one")
        assert claim(store, "n", app_key="two")

    def test_app_key_and_nonce_do_not_run_together(self, store: Store) -> None:
        assert claim(store, "bc", app_key="a")
        assert claim(store, "c", app_key="ab")

    def test_a_nonce_lives_to_the_last_millisecond(self, store: Store) -> None:
        assert claim(store, "n")
        assert not claim(store, "n", now_ms=NOW_MS + LIFETIME_MS - 1)

    def test_an_expired_nonce_can_be_claimed_again_once(self, store: Store) -> None:
        assert claim(store, "n")
        assert claim(store, "n", now_ms=NOW_MS + LIFETIME_MS)
        assert not claim(store, "n", now_ms=NOW_MS + LIFETIME_MS)

    def test_a_refused_claim_does_not_prolong_the_nonce(self, store: Store) -> None:
        assert claim(store, "n")
        assert not claim(store, "n", now_ms=NOW_MS + LIFETIME_MS - 1)
        assert claim(store, "n", now_ms=NOW_MS + LIFETIME_MS)

    @pytest.mark.parametrize("nonce", ["", "x" * 100_000, "\udcff\udcfe", "a\x00b", "随机数"])
    def test_any_text_is_a_nonce(self, store: Store, nonce: str) -> None:
        assert [claim(store, nonce) for _ in range(2)] == [True, False]

    def test_claims_outlive_closing_and_opening(self, store: Store) -> None:
        assert claim(store, "n")
        store.close()
        store.open()
        assert not claim(store, "n")

    def test_a_closed_store_is_unavailable(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreUnavailable):
            claim(store, "n")
