"""Who may bind a domain."""

import pytest
from unit.domains.declared import API, ELSEWHERE, HERE, SHOP, UNKNOWN, group, project

from apigateway.domains.rules import (
    NotPermitted,
    holding_of,
    refuse_more,
    refuse_move,
    refuse_name,
)
from apigateway.domains.verify import Finding

WEATHER, ACCOUNTS = group("weather", API), group("accounts", SHOP)


def test_a_domain_is_that_of_the_group_that_declares_it() -> None:
    declared = project(WEATHER, ACCOUNTS)
    holding = holding_of(declared, SHOP)
    assert holding is not None
    assert (holding.group, holding.domain) == (ACCOUNTS, ACCOUNTS.domains[0])
    assert holding_of(declared, "www.example.com") is None


def test_a_second_level_domain_is_fixed() -> None:
    with pytest.raises(NotPermitted, match="is the second-level domain of the group accounts"):
        holding_of(project(WEATHER, ACCOUNTS), ACCOUNTS.subdomain)


def test_a_domain_is_a_host_name() -> None:
    refuse_name(API)
    for name in ("https://api.example.com", "a b", "-a.test", "a.test:80", "", "x" * 64):
        with pytest.raises(NotPermitted, match="is no host name; write one such as"):
            refuse_name(name)


def test_a_group_has_at_most_five_domains() -> None:
    names = [f"{number}.example.com" for number in range(5)]
    refuse_more(group("weather", *names[:4]))
    with pytest.raises(NotPermitted) as refused:
        refuse_more(group("weather", *names))
    assert str(refused.value) == (
        "the group weather has 5 independent domains, and none has more; unbind one of them first: "
        "0.example.com, 1.example.com, 2.example.com, 3.example.com, "
        "4.example.com"
    )


@pytest.mark.parametrize("move", [True, False])
@pytest.mark.parametrize("finding", [ELSEWHERE, UNKNOWN])
def test_a_domain_moves_only_where_dns_leads_it(finding: Finding, move: bool) -> None:
    refuse_move("accounts", API, WEATHER, HERE, move)
    with pytest.raises(NotPermitted) as refused:
        refuse_move("accounts", API, WEATHER, finding, move)
    assert str(refused.value) == (
        f"{API} is bound to the group accounts, and DNS does not lead it to the group weather: "
        f"{finding.text}"
    )


def test_where_dns_is_not_asked_somebody_must_say_that_it_moves() -> None:
    refuse_move("accounts", API, WEATHER, None, True)
    with pytest.raises(NotPermitted, match="add --move to take it from there"):
        refuse_move("accounts", API, WEATHER, None, False)
