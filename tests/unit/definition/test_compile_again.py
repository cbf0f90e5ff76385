"""What a catalog takes over from the one before it, and what it must not."""

from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest
from unit.definition.sample import sample_project

from apigateway.definition import compile as compiling
from apigateway.definition.compile import compile_catalog
from apigateway.definition.project import Project
from apigateway.lifecycle.start import publishing, release_at_start
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.ports import Releases
from apigateway.store.memory import MemoryStore

PROJECT = sample_project()
KEY_ID = "70955504795710013903496465910669811695"
"""Of the sample LogIn."""

EDITED = replace(
    sample_project(edit=("minimum: 1, maximum: 14", "minimum: 1, maximum: 7")),
    settings=PROJECT.settings,
)


@pytest.fixture
def releases() -> Releases:
    releases = MemoryStore().releases
    release_at_start(releases, PROJECT, 1)
    return releases


@pytest.fixture
def before(releases: Releases) -> Catalog:
    return compile_catalog(PROJECT, releases.current())


def by_name(catalog: Catalog) -> dict[str, ServedApi]:
    return {one.api.name: one for one in catalog.served}


def test_what_is_the_same_is_the_very_same(releases: Releases, before: Catalog) -> None:
    after = compile_catalog(sample_project(), releases.current(), before=before)
    assert all(one is other for one, other in zip(after.served, before.served, strict=True))
    assert all(after.routes[key] is table for key, table in before.routes.items())
    assert all(after.key_rings[key] is ring for key, ring in before.key_rings.items())
    assert len(before.key_rings[Environment.RELEASE]) == 1


def test_connections_to_backends_go_on_under_the_same_tls_context(
    releases: Releases, before: Catalog
) -> None:
    after = compile_catalog(sample_project(), releases.current(), before=before)
    assert after.tls_profiles["internal-services"] is before.tls_profiles["internal-services"]
    (declared,) = PROJECT.backend_tls
    other = replace(PROJECT, backend_tls=(replace(declared, server_name="other.internal"),))
    after = compile_catalog(other, releases.current(), before=before)
    profile = after.tls_profiles["internal-services"]
    assert profile.server_name == "other.internal"
    assert profile.context is not before.tls_profiles["internal-services"].context


def test_a_released_api_is_compiled_and_no_other(releases: Releases, before: Catalog) -> None:
    api = next(api for api in EDITED.apis if api.name == "GetForecast")
    releases.apply([publishing(api, Environment.RELEASE)], note="", by="test", now_ms=5)
    with mock.patch.object(compiling, "_compiled", wraps=compiling._compiled) as compiled:
        after = compile_catalog(EDITED, releases.current(), before=before)
    compiled.assert_called_once()
    changed = {name for name, one in by_name(after).items() if one is not by_name(before)[name]}
    assert changed == {"GetForecast"}
    weather, accounts = (group.id for group in PROJECT.groups[::-1])
    assert (
        after.routes[weather, Environment.RELEASE]
        is not before.routes[weather, Environment.RELEASE]
    )
    assert (
        after.routes[accounts, Environment.RELEASE] is before.routes[accounts, Environment.RELEASE]
    )


def test_other_keys_of_an_issuer_are_another_ring(releases: Releases, before: Catalog) -> None:
    log_in = next(api for api in PROJECT.apis if api.name == "LogIn")
    openid = {**log_in.document["auth"]["openid"], "issuer": "https://other.test"}
    document = {**log_in.document, "auth": {**log_in.document["auth"], "openid": openid}}
    change = publishing(replace(log_in, document=document), Environment.RELEASE)
    releases.apply([change], note="", by="test", now_ms=5)
    after = compile_catalog(PROJECT, releases.current(), before=before)
    (key,) = after.key_rings[Environment.RELEASE].find(KEY_ID)
    assert key.issuer == "https://other.test"
    assert after.key_rings[Environment.TEST] is before.key_rings[Environment.TEST]


def test_an_edited_draft_changes_nothing_that_is_served(
    releases: Releases, before: Catalog
) -> None:
    after = compile_catalog(EDITED, releases.current(), before=before)
    assert by_name(after)["GetForecast"] is by_name(before)["GetForecast"]


def test_a_lost_grant_is_another_api_with_the_same_rules(
    releases: Releases, before: Catalog
) -> None:
    after = compile_catalog(replace(PROJECT, grants=()), releases.current(), before=before)
    one, old = by_name(after)["GetForecast"], by_name(before)["GetForecast"]
    assert one.granted == frozenset()
    assert old.granted == {PROJECT.apps[0].id}
    assert one.rules is old.rules
    found = after.routes[one.group.id, Environment.RELEASE].match("GET", ("forecast", "x"))
    assert found is not None
    assert found.endpoint is one


def other_group(project: Project) -> Project:
    groups = tuple(replace(group, base_path="/v9") for group in project.groups)
    return replace(project, groups=groups)


def other_account(project: Project) -> Project:
    return replace(project, settings=replace(project.settings, account="9"))


@pytest.mark.parametrize("change", [other_group, other_account])
def test_another_group_or_account_is_a_reason_to_compile_anew(
    releases: Releases, before: Catalog, change: object
) -> None:
    assert callable(change)
    after = compile_catalog(change(PROJECT), releases.current(), before=before)
    assert not set(map(id, after.served)) & set(map(id, before.served))


def renumbered(releases: Releases) -> Iterator[Release]:
    for release in releases.current():
        yield replace(release, version="29991231000000000")


def test_another_version_of_the_same_document_is_told_by_its_number(
    releases: Releases, before: Catalog
) -> None:
    after = compile_catalog(PROJECT, renumbered(releases), before=before)
    assert {one.version for one in after.served} == {"29991231000000000"}


def test_what_is_released_no_more_is_served_no_more(releases: Releases, before: Catalog) -> None:
    after = compile_catalog(PROJECT, releases.current()[1:], before=before)
    gone = before.served[0]
    assert gone.api.name not in by_name(after)
    table = after.routes[gone.group.id, gone.environment]
    assert table is not before.routes[gone.group.id, gone.environment]


def test_a_withdrawn_domain_of_one_catalog_is_back_in_the_next(
    releases: Releases, before: Catalog
) -> None:
    name = "api.weather.localhost"
    without = compile_catalog(PROJECT, releases.current(), before=before, withdrawn={name})
    assert name not in without.domains
    assert name in compile_catalog(PROJECT, releases.current(), before=without).domains
