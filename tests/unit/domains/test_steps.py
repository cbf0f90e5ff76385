"""What an answer of DNS makes of a binding."""

from dataclasses import replace

import pytest
from unit.domains.declared import API, DAY, ELSEWHERE, HERE, NOW_MS, UNKNOWN, group, project

from apigateway.domains.states import DomainStanding, standings
from apigateway.domains.steps import after_finding, audit_entries, begun
from apigateway.domains.verify import Finding
from apigateway.model.domain_binding import DomainBinding

WEATHER, ACCOUNTS = group("weather", API), group("accounts")
LATER = NOW_MS + 1000
PENDING = begun(API, WEATHER, NOW_MS)
VERIFIED = replace(PENDING, verified_ms=NOW_MS, checked_ms=NOW_MS, finding=HERE.text)


def standing(binding: DomainBinding | None, now_ms: int = NOW_MS) -> DomainStanding:
    bindings = [] if binding is None else [binding]
    (found,) = standings(project(WEATHER, ACCOUNTS), bindings, now_ms)
    return found


def taken() -> DomainStanding:
    """Verified for weather, and declared by accounts."""
    moved = project(group("weather"), group("accounts", API))
    (found,) = standings(moved, [VERIFIED], NOW_MS)
    return found


@pytest.mark.parametrize("binding", [None, PENDING, replace(PENDING, finding=ELSEWHERE.text)])
def test_a_domain_that_leads_to_its_group_is_verified(binding: DomainBinding | None) -> None:
    after = after_finding(standing(binding), HERE, LATER)
    bound_ms = LATER if binding is None else NOW_MS
    assert after == DomainBinding(
        domain=API,
        group_id=WEATHER.id,
        bound_ms=bound_ms,
        verified_ms=LATER,
        checked_ms=LATER,
        finding=HERE.text,
    )


def test_a_domain_that_does_not_stays_pending_with_what_was_found() -> None:
    after = after_finding(standing(PENDING), ELSEWHERE, LATER)
    assert after == replace(PENDING, checked_ms=LATER, finding=ELSEWHERE.text)


@pytest.mark.parametrize("finding", [HERE, ELSEWHERE, UNKNOWN])
def test_a_verified_domain_stays_verified_whatever_dns_says(finding: Finding) -> None:
    after = after_finding(standing(VERIFIED), finding, LATER)
    assert (after.verified_ms, after.group_id) == (NOW_MS, WEATHER.id)
    assert (after == VERIFIED) is (finding is not ELSEWHERE)


def test_a_cname_that_changed_is_told_and_told_again_when_it_is_right() -> None:
    changed = after_finding(standing(VERIFIED), ELSEWHERE, LATER)
    assert changed == replace(VERIFIED, checked_ms=LATER, finding=ELSEWHERE.text)
    assert after_finding(standing(changed), HERE, LATER + 1).finding == HERE.text


def test_the_same_finding_again_is_no_other_record() -> None:
    found = after_finding(standing(PENDING), ELSEWHERE, LATER)
    assert after_finding(standing(found), ELSEWHERE, LATER + 60_000) is found


def test_dns_that_says_nothing_is_told_only_where_nothing_was_known() -> None:
    first = after_finding(standing(PENDING), UNKNOWN, LATER)
    assert first.finding == UNKNOWN.text
    known = replace(PENDING, finding=ELSEWHERE.text)
    assert after_finding(standing(known), UNKNOWN, LATER) is known
    assert after_finding(standing(first), ELSEWHERE, LATER).finding == ELSEWHERE.text


def test_a_domain_moves_when_it_leads_to_the_other_group() -> None:
    after = after_finding(taken(), HERE, LATER)
    assert after == DomainBinding(
        domain=API,
        group_id=ACCOUNTS.id,
        bound_ms=LATER,
        verified_ms=LATER,
        checked_ms=LATER,
        finding=HERE.text,
    )


@pytest.mark.parametrize("finding", [ELSEWHERE, UNKNOWN])
def test_until_then_it_is_the_old_groups(finding: Finding) -> None:
    after = after_finding(taken(), finding, LATER)
    assert (after.group_id, after.verified_ms, after.bound_ms) == (WEATHER.id, NOW_MS, NOW_MS)


@pytest.mark.parametrize("finding", [ELSEWHERE, UNKNOWN])
def test_a_binding_whose_time_is_over_is_withdrawn_once(finding: Finding) -> None:
    known = replace(PENDING, finding="it has no CNAME")
    after = after_finding(standing(known, NOW_MS + DAY), finding, NOW_MS + DAY)
    assert (after.lapsed_ms, after.verified_ms) == (NOW_MS + DAY, 0)
    again = after_finding(standing(after, NOW_MS + 2 * DAY), finding, NOW_MS + 2 * DAY)
    assert again is after


@pytest.mark.parametrize("lapsed_ms", [0, NOW_MS + DAY])
def test_a_withdrawn_binding_begins_anew_when_it_leads_here(lapsed_ms: int) -> None:
    withdrawn = replace(PENDING, lapsed_ms=lapsed_ms)
    now_ms = NOW_MS + 2 * DAY
    after = after_finding(standing(withdrawn, now_ms), HERE, now_ms)
    assert (after.bound_ms, after.verified_ms, after.lapsed_ms) == (now_ms, now_ms, 0)


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        (None, PENDING, "bind-domain"),
        (PENDING, VERIFIED, "verify-domain"),
        (PENDING, replace(PENDING, lapsed_ms=LATER), "lapse-domain"),
        (replace(PENDING, lapsed_ms=LATER), VERIFIED, "verify-domain"),
        (VERIFIED, replace(VERIFIED, group_id=ACCOUNTS.id), "bind-domain"),
        (VERIFIED, None, "unbind-domain"),
        (PENDING, replace(PENDING, finding="another"), ""),
    ],
)
def test_the_audit_log_gets_what_changes_what_is_served(
    before: DomainBinding | None, after: DomainBinding | None, action: str
) -> None:
    recorded = {} if before is None else {API: before}
    entries = list(audit_entries(project(WEATHER), recorded, {API: after}, "ann", LATER))
    assert [entry.action for entry in entries] == ([action] if action else [])
    for entry in entries:
        assert (entry.by, entry.subject, entry.at_ms) == ("ann", API, LATER)
        assert (entry.before is None, entry.after is None) == (before is None, after is None)


def test_an_entry_names_groups_and_not_their_ids() -> None:
    strange = replace(VERIFIED, group_id="f" * 32)
    (entry,) = audit_entries(project(WEATHER), {API: strange}, {API: VERIFIED}, "ann", LATER)
    assert entry.note == HERE.text
    assert entry.before["group"] == "f" * 32
    assert entry.after == {"group": "weather", "verified": True, "lapsed": False}
