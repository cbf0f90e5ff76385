from dataclasses import replace
from pathlib import Path

from apigateway.edge.rules import rules_of
from apigateway.model.settings import EdgeLimits, ErrorStyle, GatewaySettings, StandingLimits

SETTINGS = GatewaySettings(account="1", region="cn-hangzhou", store=Path("gateway.db"))


def test_before_anything_is_loaded_the_defaults_hold() -> None:
    assert rules_of(None) == rules_of(SETTINGS)
    assert rules_of(None).body_bytes == 2 * 1024 * 1024
    assert rules_of(None).head_bytes == 128 * 1024


def test_the_rules_are_those_of_the_settings() -> None:
    limits = EdgeLimits(header_seconds=3)
    rules = rules_of(
        replace(
            SETTINGS,
            errors=ErrorStyle.CLASSIC,
            limits=StandingLimits(head_bytes=10, body_bytes=20),
            edge=limits,
        )
    )
    assert (rules.head_bytes, rules.body_bytes, rules.waiting_bytes) == (10, 20, 30)
    assert (rules.style, rules.limits) == (ErrorStyle.CLASSIC, limits)
