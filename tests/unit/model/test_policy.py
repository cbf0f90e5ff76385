"""Keys that do not print their secret."""

from apigateway.model.app import Secret
from apigateway.model.policy import SignatureKey


def test_a_signature_key_does_not_print_its_secret() -> None:
    key = SignatureKey(id="1", name="k", region="r", key="K", secret=Secret("s3cret"))
    assert "s3cret" not in repr(key)
