"""What acts on an API in an environment: grants and policies by name, the last binding wins."""

from dataclasses import replace

from unit.definition.sample import sample_project

from apigateway.definition.bindings import Bindings
from apigateway.model.app import Grant
from apigateway.model.group import Environment
from apigateway.model.policy import Binding, PolicyKind

PROJECT = sample_project()
GROUP = PROJECT.groups[0]
API = next(api for api in PROJECT.apis if api.group == GROUP.name)
APP = PROJECT.apps[0]
POLICY = PROJECT.throttling_policies[0]


def binding(policy: str, kind: PolicyKind = PolicyKind.THROTTLING) -> Binding:
    return Binding(
        kind=kind,
        policy=policy,
        group=GROUP.name,
        api=API.name,
        environment=Environment.TEST,
    )


def test_without_grants_and_bindings_nothing_acts() -> None:
    bare = Bindings(replace(PROJECT, grants=(), bindings=()))
    assert bare.on(GROUP, API, Environment.TEST) == (frozenset(), None, None, None)


def test_a_grant_acts_in_its_environment_only() -> None:
    grant = Grant(app=APP.name, group=GROUP.name, api=API.name, environment=Environment.TEST)
    found = Bindings(replace(PROJECT, grants=(grant,), bindings=()))
    assert found.on(GROUP, API, Environment.TEST)[0] == {APP.id}
    assert found.on(GROUP, API, Environment.PRE)[0] == frozenset()


def test_of_two_policies_of_a_kind_the_last_one_acts_and_of_other_kinds_each() -> None:
    other, key = replace(POLICY, name="other"), PROJECT.signature_keys[0]
    project = replace(
        PROJECT,
        throttling_policies=(*PROJECT.throttling_policies, other),
        bindings=(
            binding(POLICY.name),
            binding("other"),
            binding(key.name, PolicyKind.SIGNATURE_KEY),
        ),
    )
    assert Bindings(project).on(GROUP, API, Environment.TEST)[1:] == (other, key, None)
    assert Bindings(project).on(GROUP, API, Environment.PRE)[1:] == (None, None, None)
