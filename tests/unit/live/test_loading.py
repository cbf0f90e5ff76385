"""From a project and a store to what is served."""

from dataclasses import replace
from pathlib import Path

import pytest
from unit.live.reading import NOW_MS, SAMPLE, edited

from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project
from apigateway.lifecycle.start import publishing
from apigateway.live.loading import Loaded, load
from apigateway.model.app import Secret
from apigateway.model.domain_binding import DomainBinding
from apigateway.model.group import Environment
from apigateway.model.release import Abolish
from apigateway.model.settings import AutoRelease, DomainProof, DomainSettings
from apigateway.ports import StoreUnavailable
from apigateway.store.memory import MemoryStore

FORECAST = next(api for api in SAMPLE.apis if api.name == "GetForecast")


def loaded(
    store: MemoryStore, project: Project, before: Loaded | None = None, *, leads: bool = True
) -> Loaded:
    return load(project, store, before, leads=leads, now_ms=NOW_MS)


def versions(one: Loaded) -> dict[str, str]:
    return {served.api.name: served.version for served in one.catalog.served}


def test_the_first_load_of_who_leads_releases_and_serves_every_draft() -> None:
    first = loaded(MemoryStore(), SAMPLE)
    assert {release.api for release in first.released} == {api.name for api in SAMPLE.apis}
    assert versions(first).keys() == {api.name for api in SAMPLE.apis}


def test_who_does_not_lead_releases_nothing_at_a_start() -> None:
    first = loaded(MemoryStore(), SAMPLE, leads=False)
    assert (first.released, first.catalog.served) == ((), ())


def test_nothing_new_is_the_same_load() -> None:
    store = MemoryStore()
    first = loaded(store, SAMPLE)
    assert loaded(store, SAMPLE, first) is first


def test_a_release_by_somebody_else_is_seen_by_its_number() -> None:
    store = MemoryStore()
    first = loaded(store, SAMPLE)
    store.releases.apply(
        [publishing(FORECAST, Environment.TEST)], note="", by="me", now_ms=NOW_MS + 1
    )
    second = loaded(store, SAMPLE, first)
    assert second is not first
    assert len(second.catalog.served) == len(first.catalog.served) + 1
    assert second.digest != first.digest


def test_an_edited_draft_is_not_served_before_its_release() -> None:
    store = MemoryStore()
    first = loaded(store, SAMPLE)
    second = loaded(store, edited(), first)
    assert second.released == ()
    assert versions(second) == versions(first)
    (days,) = [
        parameter
        for one in second.catalog.served
        if one.api.name == "GetForecast"
        for parameter in one.api.request.parameters
        if parameter.name == "days"
    ]
    assert days.default == "3"


def test_with_always_an_edited_draft_is_released_at_once_and_only_once() -> None:
    always = replace(SAMPLE.settings, auto_release=AutoRelease.ALWAYS)
    store = MemoryStore()
    first = loaded(store, replace(SAMPLE, settings=always))
    changed = replace(edited(), settings=always)
    second = loaded(store, changed, first, leads=False)
    assert [release.api for release in second.released] == ["GetForecast"]
    assert loaded(store, changed, second).released == second.released  # the same load
    third = loaded(store, replace(changed), first)  # another worker, a moment later
    assert third.released == ()
    assert versions(third) == versions(second)


def test_with_always_a_switch_is_not_undone_by_a_reload() -> None:
    always = replace(SAMPLE.settings, auto_release=AutoRelease.ALWAYS)
    store = MemoryStore()
    first = loaded(store, replace(SAMPLE, settings=always))
    change = Abolish(
        api_id=FORECAST.id, group="weather", api="GetForecast", environment=Environment.RELEASE
    )
    store.releases.apply([change], note="", by="me", now_ms=NOW_MS + 1)
    second = loaded(store, replace(SAMPLE, settings=always), first)
    assert second.released == ()
    assert "GetForecast" not in versions(second)


def test_a_new_draft_is_released_when_it_comes() -> None:
    store = MemoryStore()
    fewer = replace(SAMPLE, apis=tuple(api for api in SAMPLE.apis if api is not FORECAST))
    grants = tuple(grant for grant in SAMPLE.grants if grant.api != "GetForecast")
    bindings = tuple(one for one in SAMPLE.bindings if one.api != "GetForecast")
    first = loaded(store, replace(fewer, grants=grants, bindings=bindings))
    second = loaded(store, SAMPLE, first, leads=False)
    assert [release.api for release in second.released] == ["GetForecast"]


def test_a_grant_acts_without_a_release() -> None:
    store = MemoryStore()
    first = loaded(store, replace(SAMPLE, grants=()))
    second = loaded(store, SAMPLE, first)
    assert second.released == ()
    assert not any(one.granted for one in first.catalog.served)
    assert any(one.granted for one in second.catalog.served)
    assert second.digest != first.digest


def test_what_acts_on_calls_is_in_the_digest() -> None:
    store = MemoryStore()
    first = loaded(store, SAMPLE)
    assert loaded(store, replace(SAMPLE), first).digest == first.digest
    for other in (
        replace(SAMPLE, bindings=()),
        replace(SAMPLE, apps=(replace(SAMPLE.apps[0], key="1"),)),
        replace(SAMPLE, settings=replace(SAMPLE.settings, instance_id="other")),
    ):
        assert loaded(store, other, first).digest != first.digest


@pytest.mark.parametrize(
    "change", [{"store": Path("/elsewhere.db")}, {"metrics": ("127.0.0.1", 9101)}], ids=str
)
def test_what_needs_a_restart_is_refused(change: dict[str, object]) -> None:
    store = MemoryStore()
    first = loaded(store, SAMPLE)
    with pytest.raises(DefinitionError, match="cannot be changed; stop the gateway"):
        loaded(store, replace(SAMPLE, settings=replace(SAMPLE.settings, **change)), first)  # type: ignore[arg-type]


def test_a_withdrawn_domain_leads_nowhere() -> None:
    store = MemoryStore()
    proof = DomainSettings(verify=DomainProof.CNAME)
    project = replace(SAMPLE, settings=replace(SAMPLE.settings, domains=proof))
    weather = next(group for group in project.groups if group.name == "weather")
    store.domain_bindings.record(
        [DomainBinding(domain="api.weather.localhost", group_id=weather.id, bound_ms=1)]
    )
    first = loaded(store, project)
    assert "api.weather.localhost" not in first.catalog.domains
    assert "weather.apigw.localhost" in first.catalog.domains


def test_an_app_whose_key_was_reset_is_known_by_the_new_one() -> None:
    store = MemoryStore()
    first = loaded(store, SAMPLE)
    app = replace(SAMPLE.apps[0], secret=Secret("new"))
    second = loaded(store, replace(SAMPLE, apps=(app,)), first)
    assert second.catalog.apps[app.key].secret.reveal() == "new"


def test_a_store_that_lost_its_releases_takes_nothing_out_of_service() -> None:
    store = MemoryStore()
    store.releases.announce()
    first = loaded(store, SAMPLE)
    with pytest.raises(StoreUnavailable, match="lost its releases"):
        loaded(MemoryStore(), SAMPLE, first)


def test_a_reload_has_the_digest_that_a_start_would_have() -> None:
    store = MemoryStore()
    first = loaded(store, SAMPLE)
    for project in (edited(), replace(SAMPLE, grants=()), SAMPLE):
        store.releases.apply(
            [publishing(api, Environment.RELEASE) for api in project.apis if api != FORECAST],
            note="",
            by="me",
            now_ms=NOW_MS,
        )
        second = loaded(store, project, first)
        anew = load(project, store, None, leads=False, now_ms=NOW_MS)
        assert second.digest == anew.digest != first.digest
        first = second


def test_a_reload_knows_what_is_another_and_what_is_served_no_more() -> None:
    store = MemoryStore()
    first = loaded(store, SAMPLE)
    assert (first.differences, first.news, first.replaced) == ({}, "", [])
    second = loaded(store, replace(SAMPLE, grants=()), first)
    assert list(second.differences) == ["grant"]
    assert second.news == f"grants removed: {len(SAMPLE.grants)}"
    granted = [one for one in first.catalog.served if one.granted]
    assert granted
    assert all(any(part is one for part in second.replaced) for one in granted)
    served = {id(one) for one in second.catalog.served}
    assert not served & set(map(id, second.replaced))
