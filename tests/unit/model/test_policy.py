"""Clock units, and keys that do not print their secret."""

from apigateway.model.app import Secret
from apigateway.model.policy import SignatureKey
from apigateway.model.windows import WindowUnit


def test_a_window_has_the_length_of_its_unit() -> None:
    assert [unit.milliseconds for unit in WindowUnit] == [1_000, 60_000, 3_600_000, 86_400_000]


def test_a_signature_key_does_not_print_its_secret() -> None:
    key = SignatureKey(id="1", name="k", region="r", key="K", secret=Secret("s3cret"))
    assert "s3cret" not in repr(key)
