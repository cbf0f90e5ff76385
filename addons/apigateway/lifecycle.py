"""What is done with an API over its life: one verb, one function.

Guide, "API release management". Commands and management calls only translate into these.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from apigateway.definition.project import Project
from apigateway.model.api import Api
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.model.settings import AutoRelease
from apigateway.ports import ReleasedMeanwhile, Releases


def release(
    releases: Releases,
    api: Api,
    environment: Environment,
    *,
    note: str,
    released_by: str,
    now_ms: int,
    after: str | None = None,
) -> Release:
    """Serve the draft `api` in `environment` from now on, as a new version.

    With `after`, only as the next one after that version ("": as the first ever).

    Raises:
        ReleasedMeanwhile: another version came in between.
    """
    return releases.put(
        api_id=api.id,
        group=api.group,
        api=api.name,
        environment=environment,
        document=api.document,
        note=note,
        released_by=released_by,
        now_ms=now_ms,
        after=after,
    )


def release_at_start(releases: Releases, project: Project, now_ms: int) -> Sequence[Release]:
    """What `releases.auto` asks of a start: nothing (never), drafts that were never released in
    an environment (first), or every draft that differs from what is served (always).

    Of gateways that start at the same time one releases; what it released is served by all.
    """
    auto = project.settings.auto_release
    if auto is AutoRelease.NEVER:
        return ()
    drafts = [
        (api, environment)
        for api in project.apis
        for environment in project.settings.auto_release_to
    ]
    served = _served(releases)
    due = [draft for draft in drafts if not _is_served(*draft, served, auto)]
    histories = [releases.history(api.id, environment) for api, environment in due]
    # What is served is looked at again behind the histories: a release that another gateway makes
    # meanwhile is seen here, or its version is not the one that this one has to come after.
    served = _served(releases)
    made = []
    for (api, environment), history in zip(due, histories, strict=True):
        if _is_served(api, environment, served, auto) or (history and auto is AutoRelease.FIRST):
            continue
        with contextlib.suppress(ReleasedMeanwhile):
            made.append(
                release(
                    releases,
                    api,
                    environment,
                    note=f"releases.auto: {auto}",
                    released_by="gateway",
                    now_ms=now_ms,
                    after=history[0].version if history else "",
                )
            )
    return made


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
