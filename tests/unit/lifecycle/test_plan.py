"""A plan: what it holds, that it can be written down, and when its drafts are others."""

import json
from dataclasses import replace
from typing import Any

import pytest
from unit.lifecycle.drafts import RELEASE, document, project_of, released

from apigateway.lifecycle.breaking.finding import Severity
from apigateway.lifecycle.compare import MISSING
from apigateway.lifecycle.plan import (
    Action,
    DraftChanged,
    NotAPlan,
    Plan,
    changes_of,
    digest_of,
    make_plan,
    plan_from_json,
    plan_to_json,
)
from apigateway.model.group import Environment

KEPT, NEW = document("GetKept", path="/k"), document("GetNew", path="/n")
OLD = document("GetOld", path="/o")
EDITED = document("GetOld", path="/o", backend={"timeout_ms": 5})
PROJECT = project_of(KEPT, NEW, EDITED, grants=[("demo", "GetOld")])
CURRENT = [released(KEPT), released(OLD, version="20240101000000000")]


def planned(environment: Environment = RELEASE, *names: str) -> Plan:
    apis = [api for api in PROJECT.apis if not names or api.name in names]
    return make_plan(PROJECT, CURRENT, environment, apis)


def test_a_plan_says_what_is_to_be_done_with_each_api() -> None:
    plan = planned()
    assert [(one.name, one.action, one.served) for one in plan.apis] == [
        ("weather/GetKept", Action.NONE, "20231114221320000"),
        ("weather/GetNew", Action.CREATE, ""),
        ("weather/GetOld", Action.UPDATE, "20240101000000000"),
    ]
    assert [one.api for one in plan.due] == ["GetNew", "GetOld"]
    ((change,),) = [one.changes for one in plan.apis if one.changes]
    assert (change.field, change.before, change.after) == ("backend.timeout_ms", 10_000, 5)


def test_a_plan_is_of_one_environment_and_of_the_apis_that_were_chosen() -> None:
    assert [one.action for one in planned(Environment.TEST).apis] == [Action.CREATE] * 3
    assert [one.api for one in planned(RELEASE, "GetOld").apis] == ["GetOld"]


def test_a_draft_that_is_written_otherwise_and_means_the_same_is_not_due() -> None:
    project = project_of(document("GetOld", path="/o", backend={"timeout_ms": 10_000}))
    plan = make_plan(project, [released(OLD)], RELEASE, project.apis)
    assert plan.due == ()


def test_findings_go_by_how_bad_they_are() -> None:
    plan = planned()
    assert [one.field for one in plan.of(Severity.NOTICE)] == ["auth.type", "backend.timeout_ms"]
    assert plan.of(Severity.BREAKING) == ()


def test_a_plan_comes_back_as_it_was_written() -> None:
    project = project_of(
        document("GetOld", path="/o2", parameters=[{"name": "q", "in": "query"}]),
        grants=[("demo", "GetOld")],
    )
    plan = make_plan(project, [released(OLD)], RELEASE, project.apis)
    assert plan.of(Severity.BREAKING)
    assert any(change.before is MISSING for change in plan.apis[0].changes)
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda plan: [], "it is no plan"),
        (lambda plan: {}, "it is no plan"),
        (lambda plan: {**plan, "format": 2}, "it is of format 2, and this version reads 1"),
        (lambda plan: {**plan, "environment": "LIVE"}, "it is damaged"),
        (lambda plan: {**plan, "apis": None}, "it is damaged"),
        (lambda plan: {**plan, "apis": [{}]}, "it is damaged (KeyError: 'api_id')"),
        (lambda plan: {**plan, "apis": [{**plan["apis"][0], "served": 3}]}, "3 is not text"),
        (lambda plan: {**plan, "findings": [{"severity": "bad"}]}, "it is damaged"),
    ],
)
def test_what_is_no_plan_is_told(damage: Any, message: str) -> None:
    with pytest.raises(NotAPlan) as caught:
        plan_from_json(damage(plan_to_json(planned())))
    assert message in str(caught.value)


def test_a_plan_is_carried_out_where_what_is_served_is_what_it_found() -> None:
    changes = changes_of(planned(), PROJECT)
    assert [(one.api, one.environment, one.served) for one in changes] == [
        ("GetNew", RELEASE, ""),
        ("GetOld", RELEASE, "20240101000000000"),
    ]
    assert [one.document for one in changes] == [NEW, EDITED]


@pytest.mark.parametrize(
    "edited",
    [
        project_of(KEPT, NEW, document("GetOld", path="/o", backend={"timeout_ms": 6})),
        project_of(KEPT, NEW),
    ],
    ids=["edited", "removed"],
)
def test_a_draft_that_was_edited_since_is_not_released(edited: Any) -> None:
    with pytest.raises(DraftChanged) as caught:
        changes_of(planned(), edited)
    assert caught.value.names == ("weather/GetOld",)


def test_a_draft_that_is_not_released_may_be_edited() -> None:
    edited = project_of(document("GetKept", path="/other"), NEW, EDITED)
    assert len(changes_of(planned(), edited)) == 2


def test_a_digest_is_of_the_data_and_not_of_its_order() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})


def test_an_api_that_went_to_another_group_is_another_draft() -> None:
    apis = tuple(replace(api, group="climate") for api in PROJECT.apis)
    with pytest.raises(DraftChanged):
        changes_of(planned(), replace(PROJECT, apis=apis))
