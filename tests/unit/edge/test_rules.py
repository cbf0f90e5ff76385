from dataclasses import replace
from pathlib import Path

from apigateway.edge.rules import GRACE_SECONDS, leaving, rules_of
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


def test_a_process_that_leaves_waits_for_no_idle_connection_for_long() -> None:
    rules = rules_of(SETTINGS)
    assert not rules.leaving
    last = leaving(rules)
    assert last.leaving
    assert last.limits == replace(rules.limits, idle_seconds=GRACE_SECONDS)
    assert last == replace(rules, limits=last.limits, leaving=True)
    hasty = rules_of(replace(SETTINGS, edge=EdgeLimits(idle_seconds=0.2)))
    assert leaving(hasty).limits.idle_seconds == 0.2
