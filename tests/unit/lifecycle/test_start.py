"""What a start releases by itself, and what it leaves alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from unit.definition.sample import sample_project

from apigateway.lifecycle.start import notices, publishing, release_at_start
from apigateway.model.group import Environment
from apigateway.model.release import Abolish
from apigateway.model.settings import AutoRelease
from apigateway.ports import ReleasedMeanwhile
from apigateway.store.memory import MemoryStore

NOW_MS = 1_700_000_000_000


def test_the_first_start_releases_every_draft_and_the_second_none() -> None:
    store, project = MemoryStore(), sample_project()
    made = release_at_start(store.releases, project, NOW_MS)
    assert {one.api for one in made} == {api.name for api in project.apis}
    assert {one.environment for one in made} == {Environment.RELEASE}
    assert list(release_at_start(store.releases, project, NOW_MS + 1)) == []


def test_never_releases_nothing() -> None:
    store, project = MemoryStore(), sample_project(auto_release=AutoRelease.NEVER)
    assert list(release_at_start(store.releases, project, NOW_MS)) == []


@pytest.mark.parametrize(
    ("auto", "again"), [(AutoRelease.FIRST, 0), (AutoRelease.ALWAYS, 1)], ids=str
)
def test_an_edited_draft_is_released_again_only_when_always(auto: AutoRelease, again: int) -> None:
    store, project = MemoryStore(), sample_project(auto_release=auto)
    release_at_start(store.releases, project, NOW_MS)
    edited = sample_project(auto_release=auto, edit=("3, minimum: 1", "4, minimum: 1"))
    made = release_at_start(store.releases, edited, NOW_MS + 1)
    assert len(made) == again


class Interrupted:
    """Releases whose first call of `verb` has another gateway's start before or behind it."""

    def __init__(self, releases: Any, verb: str, when: str, start: Callable[[], object]) -> None:
        self._releases, self._verb, self._when, self._start = releases, verb, when, start
        self.is_over = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._releases, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            interrupt = name == self._verb and not self.is_over
            self.is_over |= interrupt
            if interrupt and self._when == "before":
                self._start()
            answer = method(*args, **kwargs)
            if interrupt and self._when == "behind":
                self._start()
            return answer

        return call


@pytest.mark.parametrize("auto", [AutoRelease.FIRST, AutoRelease.ALWAYS], ids=str)
@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("verb", ["current", "last_versions", "apply"])
def test_of_two_gateways_that_start_at_the_same_time_one_releases(
    auto: AutoRelease, verb: str, when: str
) -> None:
    store, project = MemoryStore(), sample_project(auto_release=auto)

    def start() -> None:
        release_at_start(store.releases, project, NOW_MS)

    interrupted: Any = Interrupted(store.releases, verb, when, start)
    release_at_start(interrupted, project, NOW_MS)
    assert interrupted.is_over
    for api in project.apis:
        assert len(store.releases.history(api.id, Environment.RELEASE)) == 1


def test_a_draft_is_published_as_it_is() -> None:
    store, project = MemoryStore(), sample_project()
    api = project.apis[0]
    change = publishing(api, Environment.TEST, served="", after="")
    (made,) = store.releases.apply([change], note="n", by="me", now_ms=NOW_MS)
    assert made is not None
    assert (made.api_id, made.group, made.api) == (api.id, api.group, api.name)
    assert (made.environment, made.document) == (Environment.TEST, api.document)
    with pytest.raises(ReleasedMeanwhile):
        store.releases.apply([change], note="n", by="me", now_ms=NOW_MS)


@pytest.mark.parametrize("auto", [AutoRelease.FIRST, AutoRelease.ALWAYS], ids=str)
def test_what_somebody_abolished_stays_abolished(auto: AutoRelease) -> None:
    store, project = MemoryStore(), sample_project(auto_release=auto)
    release_at_start(store.releases, project, NOW_MS)
    api = project.apis[0]
    away = Abolish(api_id=api.id, group=api.group, api=api.name, environment=Environment.RELEASE)
    store.releases.apply([away], note="", by="me", now_ms=NOW_MS + 1)
    assert list(release_at_start(store.releases, project, NOW_MS + 2)) == []
    assert api.id not in {one.api_id for one in store.releases.current()}


def test_a_start_says_which_drafts_are_not_what_is_served() -> None:
    store, project = MemoryStore(), sample_project()
    release_at_start(store.releases, project, NOW_MS)
    assert list(notices(project, store.releases.current())) == []
    edited = sample_project(edit=("3, minimum: 1", "4, minimum: 1"))
    (notice,) = notices(edited, store.releases.current())
    assert notice.startswith("weather/GetForecast: the draft differs from version 2023")
    gone = replace(project, apis=tuple(api for api in project.apis if api.name != "GetStatus"))
    (notice,) = notices(gone, store.releases.current())
    assert notice.startswith("weather/GetStatus is released to RELEASE but no longer declared")
