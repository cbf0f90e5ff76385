"""What a start or a reload releases by itself (`releases.auto`), and what it says of the rest."""

from collections.abc import Iterator, Mapping, Sequence

from apigateway.definition.project import Project
from apigateway.model.api import Api
from apigateway.model.group import Environment
from apigateway.model.release import Publish, Release
from apigateway.model.settings import AutoRelease
from apigateway.ports import ReleasedMeanwhile, Releases

_TRIES = 5

BY_ITSELF = "gateway"
"""Who released what nobody asked for, in the history."""


def publishing(
    api: Api, environment: Environment, *, served: str | None = None, after: str | None = None
) -> Publish:
    """The change that serves the draft `api` in `environment` from now on."""
    return Publish(
        api_id=api.id,
        group=api.group,
        api=api.name,
        environment=environment,
        document=api.document,
        served=served,
        after=after,
    )


def release_at_start(releases: Releases, project: Project, now_ms: int) -> Sequence[Release]:
    """What `releases.auto` asks of a start: nothing (never), drafts that were never released in
    an environment (first), or every draft that differs from what is served (always).

    All in one step. Of gateways that start at the same time one releases; what it released is
    served by all.
    """
    return _release_due(releases, project, project.apis, now_ms)


def release_at_reload(
    releases: Releases, before: Project, project: Project, now_ms: int
) -> Sequence[Release]:
    """The same for the drafts that are another than in `before`, and for no others.

    A switch to an older version is no reason to release the draft again, and two gateways of one
    store with other files each would otherwise release theirs in turn, for ever.
    """
    if project.settings.auto_release_to != before.settings.auto_release_to:
        return release_at_start(releases, project, now_ms)
    known = {api.id: api for api in before.apis}
    changed = [
        api
        for api in project.apis
        if (old := known.get(api.id)) is not api and (old is None or old.document != api.document)
    ]
    return _release_due(releases, project, changed, now_ms)


def _release_due(
    releases: Releases, project: Project, apis: Sequence[Api], now_ms: int
) -> Sequence[Release]:
    auto = project.settings.auto_release
    if auto is AutoRelease.NEVER:
        return ()
    for _ in range(_TRIES):
        due = list(_due(releases, project, apis, auto))
        if not due:
            return ()
        try:
            made = releases.apply(due, note=f"releases.auto: {auto}", by=BY_ITSELF, now_ms=now_ms)
        except ReleasedMeanwhile:  # by another gateway: what is still due is looked for again
            continue
        return [release for release in made if release is not None]
    return ()


def _due(
    releases: Releases, project: Project, apis: Sequence[Api], auto: AutoRelease
) -> Iterator[Publish]:
    drafts = [
        (api, environment) for api in apis for environment in project.settings.auto_release_to
    ]
    if not drafts:
        return
    served = _served(releases)
    due = [draft for draft in drafts if not _is_served(*draft, served, auto)]
    if not due:
        return
    versions = releases.last_versions()
    # What is served is looked at again behind the versions: a release that another gateway makes
    # meanwhile is seen here, or its version is not the one that this one has to come after.
    served = _served(releases)
    for api, environment in due:
        last = versions.get((api.id, environment), "")
        if _is_served(api, environment, served, auto) or (last and auto is AutoRelease.FIRST):
            continue
        if last and (api.id, environment) not in served:
            continue  # somebody abolished it
        yield publishing(api, environment, after=last)


def _served(releases: Releases) -> Mapping[tuple[str, Environment], Release]:
    return {(current.api_id, current.environment): current for current in releases.current()}


def _is_served(
    api: Api,
    environment: Environment,
    served: Mapping[tuple[str, Environment], Release],
    auto: AutoRelease,
) -> bool:
    """Whether `auto` finds nothing to release for this draft."""
    current = served.get((api.id, environment))
    return current is not None and (auto is AutoRelease.FIRST or current.document == api.document)


def notices(project: Project, current: Sequence[Release]) -> Iterator[str]:
    """What somebody who edits definitions should know: which drafts are not what is served."""
    drafts = {api.id: api for api in project.apis}
    for release in current:
        name = f"{release.group}/{release.api}"
        api = drafts.get(release.api_id)
        if api is None:
            yield (
                f"{name} is released to {release.environment} but no longer declared: it is not "
                "served until its definition is back"
            )
        elif api.document != release.document:
            yield (
                f"{name}: the draft differs from version {release.version}, which is served in "
                f"{release.environment}; with `releases: {{auto: always}}` in gateway.yaml a start "
                "releases every change"
            )
