"""A group's hosts, and the spelling of environments."""

from unit.build import DOMAIN, GROUP

from apigateway.model.group import DomainKind, Environment


def test_the_second_level_domain_is_the_first_host() -> None:
    assert [(host.name, host.kind) for host in GROUP.hosts] == [
        (GROUP.subdomain, DomainKind.SECOND_LEVEL),
        (DOMAIN, DomainKind.INDEPENDENT),
    ]
    assert GROUP.hosts[0].environment is None


def test_environments_are_spelled_as_on_the_wire() -> None:
    assert [str(environment) for environment in Environment] == ["TEST", "PRE", "RELEASE"]


def test_a_group_has_500_calls_a_second_unless_declared() -> None:
    assert GROUP.traffic_limit == 500
