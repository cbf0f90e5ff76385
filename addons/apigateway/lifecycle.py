"""What is done with an API over its life: one verb, one function.

Guide, "API release management". Commands and management calls only translate into these.
"""

from collections.abc import Iterator, Sequence

from apigateway.definition.project import Project
from apigateway.model.api import Api
from apigateway.model.group import Environment
from apigateway.model.release import Release
from apigateway.model.settings import AutoRelease
from apigateway.ports import Releases


def release(
    releases: Releases,
    api: Api,
    environment: Environment,
    *,
    note: str,
    released_by: str,
    now_ms: int,
) -> Release:
    """Serve the draft `api` in `environment` from now on, as a new version."""
    return releases.put(
        api_id=api.id,
        group=api.group,
        api=api.name,
        environment=environment,
        document=api.document,
        note=note,
        released_by=released_by,
        now_ms=now_ms,
    )


def release_at_start(releases: Releases, project: Project, now_ms: int) -> Sequence[Release]:
    """What `releases.auto` asks of a start: nothing (never), drafts that were never released in
    an environment (first), or every draft that differs from what is served (always)."""
    settings = project.settings
    if settings.auto_release is AutoRelease.NEVER:
        return ()
    served = {(current.api_id, current.environment): current for current in releases.current()}
    made = []
    for api in project.apis:
        for environment in settings.auto_release_to:
            current = served.get((api.id, environment))
            if current is None:
                due = settings.auto_release is AutoRelease.ALWAYS or not releases.history(
                    api.id, environment
                )
            else:
                due = (
                    settings.auto_release is AutoRelease.ALWAYS and current.document != api.document
                )
            if due:
                made.append(
                    release(
                        releases,
                        api,
                        environment,
                        note=f"releases.auto: {settings.auto_release}",
                        released_by="gateway",
                        now_ms=now_ms,
                    )
                )
    return made


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
