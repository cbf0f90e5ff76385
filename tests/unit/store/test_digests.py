"""What stands for a nonce."""

from apigateway.store.digests import digest


def test_a_nonce_is_kept_as_sixteen_bytes_however_long_it_is() -> None:
    assert len(digest("key", "x" * 100_000)) == 16


def test_keys_and_nonces_are_kept_apart() -> None:
    assert len({digest("a", "bc"), digest("ab", "c"), digest("abc", ""), digest("", "abc")}) == 4


def test_a_nonce_may_hold_bytes_that_are_no_text() -> None:
    assert digest("key", "\udcff") != digest("key", "\udcfe")
