"""Entries of grants.yaml and bindings.yaml, before anybody looks their names up."""

from typing import Any

from apigateway.definition.parse_links import Link, read_bindings, read_grants
from apigateway.model.group import Environment
from apigateway.model.policy import PolicyKind


def test_a_grant_is_of_an_app_and_leads_to_its_entry() -> None:
    entries: list[dict[str, Any]] = [
        {"app": "demo", "group": "weather", "apis": "*"},
        {"app": "other", "group": "weather", "apis": ["A", "B"], "environments": ["TEST"]},
    ]
    assert list(read_grants(entries)) == [
        Link(None, "demo", "weather", None, tuple(Environment), (0,)),
        Link(None, "other", "weather", ("A", "B"), (Environment.TEST,), (1,)),
    ]


def test_a_binding_is_of_a_policy_of_its_kind() -> None:
    entry = {"policy": "p", "group": "weather", "apis": ["A"], "environments": ["PRE", "RELEASE"]}
    found = list(
        read_bindings({"ip_control": [entry], "throttling": [entry, entry], "signature_keys": []})
    )
    assert [(link.kind, link.keys) for link in found] == [
        (PolicyKind.THROTTLING, ("throttling", 0)),
        (PolicyKind.THROTTLING, ("throttling", 1)),
        (PolicyKind.IP_CONTROL, ("ip_control", 0)),
    ]
    assert {(link.subject, link.apis) for link in found} == {("p", ("A",))}
    assert found[0].environments == (Environment.PRE, Environment.RELEASE)
