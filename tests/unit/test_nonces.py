"""The refusal of a used nonce."""

from unit.build import APP

from apigateway.errors import Fault
from apigateway.nonces import nonce_used


def test_it_is_authentications_refusal_and_names_the_app() -> None:
    refusal = nonce_used(APP)
    assert (refusal.fault, refusal.stage) == (Fault.NONCE_USED, "Authentication")
    assert refusal.detail == "app phone within 15 minutes"
