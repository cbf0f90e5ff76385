"""A catalog that follows another is what compiling everything anew would make, whatever happened
to the definitions and to the releases in between."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property.test_reader import Change, OnDisk, changes, writing
from unit.definition.written import BACKEND_TLS
from unit.issued import NOW

from apigateway.definition.compile import compile_catalog
from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project
from apigateway.lifecycle.start import publishing
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.group import Environment
from apigateway.model.release import Abolish, Switch
from apigateway.ports import Releases
from apigateway.protocol.matching import RouteTable
from apigateway.protocol.parameters import BrokenRule, Rule
from apigateway.store.memory import MemoryStore

TEXTS = ("3", "2", "x", "", "1.0", "true", "[]")

Act = Callable[[Releases, Project, int], None]


def releasing(number: int, environment: Environment) -> Act:
    def act(releases: Releases, project: Project, now_ms: int) -> None:
        if project.apis:
            api = project.apis[number % len(project.apis)]
            releases.apply([publishing(api, environment)], note="", by="test", now_ms=now_ms)

    return act


def abolishing(number: int) -> Act:
    def act(releases: Releases, project: Project, now_ms: int) -> None:
        current = releases.current()
        if current:
            one = current[number % len(current)]
            change = Abolish(
                api_id=one.api_id, group=one.group, api=one.api, environment=one.environment
            )
            releases.apply([change], note="", by="test", now_ms=now_ms)

    return act


def switching(number: int) -> Act:
    def act(releases: Releases, project: Project, now_ms: int) -> None:
        current = releases.current()
        if current:
            one = current[number % len(current)]
            versions = releases.history(one.api_id, one.environment)
            change = Switch(
                api_id=one.api_id,
                group=one.group,
                api=one.api,
                environment=one.environment,
                version=versions[number % len(versions)].version,
            )
            releases.apply([change], note="", by="test", now_ms=now_ms)

    return act


numbers = st.integers(0, 20)
acts = st.one_of(
    st.builds(releasing, numbers, st.sampled_from(Environment)),
    st.builds(releasing, numbers, st.just(Environment.RELEASE)),
    st.builds(switching, numbers),
    st.builds(abolishing, numbers),
)
profiles = st.sampled_from(["a.internal", "b.internal"]).map(
    lambda name: writing(BACKEND_TLS, f"name: internal\nserver_name: {name}\n")
)
steps = st.lists(
    st.tuples(st.lists(changes | profiles, max_size=2), st.lists(acts, max_size=4)), max_size=6
)


def told(catalog: Catalog) -> dict[str, Any]:
    """Everything that a call can meet, as plain values."""
    return {
        "settings": catalog.settings,
        "domains": catalog.domains,
        "routes": {key: sorted(routes(table)) for key, table in catalog.routes.items()},
        "apps": (catalog.apps, catalog.apps_by_code),
        "keys": {one: ring._keys.keys() for one, ring in catalog.key_rings.items()},
        "vpc": catalog.vpc_accesses,
        "tls": {
            name: (one.declared, one.server_name) for name, one in catalog.tls_profiles.items()
        },
        "served": [shown(one) for one in catalog.served],
    }


def shown(one: ServedApi) -> tuple[Any, ...]:
    return (
        (
            one.api,
            json.dumps(one.api.document, sort_keys=True),
            one.group,
            one.environment,
            one.version,
        ),
        [[verdict(rule, text) for text in TEXTS] for rule in one.rules],
        (one.body_schema is None, one.backend_path, one.own_names, one.unresolved),
        (one.granted, one.throttling, one.signature_key, one.ip_control),
    )


def verdict(rule: Rule, text: str) -> str:
    try:
        rule.check(text)
    except BrokenRule as broken:
        return f"{rule.parameter.name}: {broken}"
    return rule.parameter.name


def routes(table: RouteTable[ServedApi]) -> Iterator[tuple[str, ...]]:
    """Every way through the table, and which version it ends at."""

    def walk(node: Any, way: str) -> Iterator[tuple[str, ...]]:
        for kind in ("here", "below"):
            for method, (pattern, one) in getattr(node, kind).items():
                yield way, kind, method, str(pattern), one.api.id, one.version, str(one.granted)
        for name, child in node.literals.items():
            yield from walk(child, f"{way}/{name}")
        if node.parameter is not None:
            yield from walk(node.parameter, f"{way}/[]")

    yield from walk(table._root, "")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_a_catalog_that_follows_another_is_one_made_anew(
    steps: list[tuple[list[Change], list[Act]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        disk, releases, now_ms = OnDisk(Path(folder)), MemoryStore().releases, 1_700_000_000_000
        reader, before = disk.reader(), None
        first = [releasing(number, Environment.RELEASE) for number in range(5)]
        for edits, then in [([], first), *steps]:
            for edit in edits:
                edit(disk)
            disk.settle()
            try:
                project = reader.read(NOW)
            except DefinitionError:
                continue
            for act in then:
                now_ms += 1000
                act(releases, project, now_ms)
            try:
                anew = compile_catalog(project, releases.current())
            except DefinitionError as error:
                assert problems_of(project, releases, before) == error.problems
                continue
            before = compile_catalog(project, releases.current(), before=before)
            assert told(before) == told(anew)


def problems_of(project: Project, releases: Releases, before: Catalog | None) -> Any:
    try:
        compile_catalog(project, releases.current(), before=before)
    except DefinitionError as error:
        return error.problems
    return ()
