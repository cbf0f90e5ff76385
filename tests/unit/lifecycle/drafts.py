"""Projects and releases for tests: definitions as plain data, without files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from unit.definition.sample import sample_project

from apigateway.definition.parse import parse_api
from apigateway.definition.project import Project
from apigateway.lifecycle.compare import compare_all
from apigateway.lifecycle.impact import find_impact, standing_of
from apigateway.model.api import Api
from apigateway.model.app import Grant
from apigateway.model.group import Environment, Group
from apigateway.model.release import Release

NOW_MS = 1_700_000_000_000
WEATHER = Group(id="a" * 32, name="weather", region="cn-hangzhou", subdomain="weather.test")
RELEASE = Environment.RELEASE


def document(
    name: str = "GetForecast",
    *,
    method: str = "GET",
    path: str = "/forecast",
    parameters: Sequence[Mapping[str, Any]] = (),
    request: Mapping[str, Any] | None = None,
    backend: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """An API for apps at an HTTP backend, unless told otherwise."""
    declared = [dict(one) for one in parameters]
    return {
        "name": name,
        "request": {"method": method, "path": path, "parameters": declared, **(request or {})},
        "backend": {
            "type": "http",
            "address": "http://127.0.0.1:9000",
            "path": "/v3" + "".join(f"/[{one['name']}]" for one in declared if one["in"] == "path"),
            **(backend or {}),
        },
        **more,
    }


def api_of(data: Mapping[str, Any], group: Group = WEATHER) -> Api:
    return parse_api(data, group=group, account="1001")


def project_of(
    *documents: Mapping[str, Any],
    groups: Sequence[Group] = (WEATHER,),
    grants: Sequence[tuple[str, str]] = (),
    **more: Any,
) -> Project:
    """`grants` are pairs of app and API, for RELEASE; each document is one of the first group."""
    sample = sample_project()
    cleared: dict[str, Any] = {
        "throttling_policies": (),
        "signature_keys": (),
        "vpc_accesses": (),
        "ip_controls": (),
        "backend_tls": (),
        "bindings": (),
    }
    return replace(
        sample,
        settings=replace(sample.settings, account="1001"),
        groups=tuple(groups),
        apis=tuple(api_of(one, groups[0]) for one in documents),
        grants=tuple(
            Grant(app=app, group=groups[0].name, api=api, environment=RELEASE)
            for app, api in grants
        ),
        **{**cleared, **more},
    )


def released(
    data: Mapping[str, Any],
    *,
    environment: Environment = RELEASE,
    version: str = "20231114221320000",
    group: Group = WEATHER,
    by: str = "ann",
) -> Release:
    api = api_of(data, group)
    return Release(
        api_id=api.id,
        group=group.name,
        api=api.name,
        environment=environment,
        version=version,
        note="the first",
        released_by=by,
        released_ms=NOW_MS,
        document=api.document,
    )


def impact(
    project: Project, current: Sequence[Release], names: Sequence[str] | None = None
) -> list[str]:
    """What is found for a release of these APIs (all, unless named), as one text each."""
    compared = compare_all(project, current, RELEASE)
    chosen = {api.id for api in project.apis if names is None or api.name in names}
    standing = standing_of(project, RELEASE, compared, chosen)
    found = []
    for one in find_impact(standing, compared, current):
        who = "anyone" if one.anyone else ", ".join(one.callers)
        where = f" {one.field}" if one.field else ""
        text = f"{one.severity} {one.subject}{where}: {one.what}"
        found.append(f"{text} [{who}]" if who else text)
    return found
