"""What the listener says of a handshake it refuses; tests/e2e/test_tls.py has real ones."""

from apigateway.proxy.tls import alert_record


def test_an_alert_is_seven_bytes() -> None:
    assert alert_record(112) == bytes.fromhex("15030300020270")
