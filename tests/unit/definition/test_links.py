"""Grants and bindings: names that exist, and what comes of them."""

import pytest
from unit.definition.written import (
    BINDINGS,
    GRANTS,
    GROUP,
    KEY,
    SIMPLE_API,
    THROTTLING,
    Written,
)

from apigateway.model.group import Environment
from apigateway.model.policy import PolicyKind


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            GRANTS,
            "- {app: §demp, group: weather, apis: [GetForecast]}\n",
            'there is no app "demp"; did you mean "demo"? Declare it in definitions/apps',
        ),
        (
            GRANTS,
            "- {app: demo, group: §wether, apis: [GetForecast]}\n",
            'there is no group "wether"; did you mean "weather"? Declare it in definitions',
        ),
        (
            GRANTS,
            "- {app: demo, group: weather, apis: [GetForecast, §GetForcast]}\n",
            'there is no API "GetForcast"; did you mean "GetForecast"? '
            'Declare it in the folder of the group "weather"',
        ),
        (
            BINDINGS,
            "throttling:\n  - {policy: §standart, group: weather, apis: '*'}\n",
            'there is no throttling policy "standart"; did you mean "standard"? '
            "Declare it in policies/throttling",
        ),
        (
            BINDINGS,
            "signature_keys:\n  - {policy: §standard, group: weather, apis: '*'}\n",
            'there is no signature key "standard"; declare it in policies/signature-keys',
        ),
        (
            BINDINGS,
            "ip_control:\n  - {policy: §x, group: weather, apis: '*'}\n",
            'there is no IP control "x"; declare it in policies/ip-control',
        ),
    ],
)
def test_what_does_not_exist_is_pointed_at(
    written: Written, path: str, text: str, message: str
) -> None:
    assert written.write(path, text).problems() == written.expected(message)


def test_a_policy_is_of_the_region_of_the_group(written: Written) -> None:
    written.write(GROUP, "name: weather\nregion: cn-beijing\n")
    written.write(
        BINDINGS,
        "throttling: [{policy: §standard, group: weather, apis: '*'}]\n"
        "signature_keys: [{policy: §backend, group: weather, apis: '*'}]\n"
        "ip_control: [{policy: §office, group: weather, apis: '*'}]\n",
    )
    words = (
        ("throttling policy", "standard"),
        ("signature key", "backend"),
        ("IP control", "office"),
    )
    assert written.problems() == written.expected(
        *(
            f'the {called} "{name}" is in cn-hangzhou, the group "weather" in cn-beijing; '
            "bind one of the same region"
            for called, name in words
        )
    )


def test_a_grant_is_for_all_environments_unless_it_says_which(written: Written) -> None:
    assert [grant.environment for grant in written.load().grants] == list(Environment)
    written.write(
        GRANTS, "- {app: demo, group: weather, apis: [GetForecast], environments: [PRE]}\n"
    )
    assert [grant.environment for grant in written.load().grants] == [Environment.PRE]


def test_a_star_means_every_api_of_the_group(written: Written) -> None:
    text = SIMPLE_API.format(name="Other", method="GET", path="/other")
    written.write("definitions/weather/other.yaml", text)
    written.write(GRANTS, "- {app: demo, group: weather, apis: '*', environments: [TEST]}\n")
    assert [grant.api for grant in written.load().grants] == ["GetForecast", "Other"]


def test_a_grant_that_is_given_twice_is_one(written: Written) -> None:
    written.write(GRANTS, "- {app: demo, group: weather, apis: [GetForecast]}\n" * 2)
    assert len(written.load().grants) == 3


def test_of_two_bindings_of_a_kind_the_last_wins(written: Written) -> None:
    written.write("policies/throttling/strict.yaml", "name: strict\nunit: hour\napi: 1\n")
    written.write(
        BINDINGS,
        """\
        throttling:
          - {policy: standard, group: weather, apis: "*"}
          - {policy: strict, group: weather, apis: [GetForecast], environments: [RELEASE]}
        """,
    )
    project = written.load()
    assert {b.environment.value: b.policy for b in project.bindings} == {
        "TEST": "standard",
        "PRE": "standard",
        "RELEASE": "strict",
    }
    assert {binding.kind for binding in project.bindings} == {PolicyKind.THROTTLING}
    assert project.warnings == ()


def test_a_second_signature_key_for_an_api_wins_with_a_warning(written: Written) -> None:
    written.write(
        "policies/signature-keys/other.yaml",
        "name: other\nkey: OtherKey\nsecret: env:BACKEND_SECRET\n",
    )
    written.write(
        BINDINGS,
        """\
        signature_keys:
          - {policy: backend, group: weather, apis: "*"}
          - {policy: §other, group: weather, apis: "*"}
        """,
    )
    assert {binding.policy for binding in written.load().bindings} == {"other"}
    assert written.warnings() == written.expected(
        'the key "other" replaces "backend" for the API "GetForecast"; '
        "an API has one signature key; remove one of the two bindings"
    )


def test_what_is_broken_still_exists_for_those_that_name_it(written: Written) -> None:
    written.write(KEY, "name: backend\nkey: BackendKey\nsecret: §env:MISSING\n")
    written.write(THROTTLING, "name: standard\nunit: §month\napi: 1\n")
    written.write(BINDINGS, "signature_keys: [{policy: backend, group: weather, apis: '*'}]\n")
    assert len(written.problems()) == 2
