"""Any grants, granted and revoked: what is left is what a plain set of them says, in any file."""

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apigateway.editing.entries import Entry, environments_of
from apigateway.editing.grants import revoked, with_grant
from apigateway.editing.text import data_of, revised
from apigateway.model.group import Environment

APIS = ["A", "B", "C", "D"]
APPS = ["demo", "phone"]
GROUPS = ["weather", "accounts"]

Pairs = set[tuple[str, str, str, Environment]]

environments = st.lists(st.sampled_from(Environment), min_size=1, max_size=3, unique=True)
names = st.lists(st.sampled_from(APIS), min_size=1, max_size=4, unique=True)
entries = st.lists(
    st.fixed_dictionaries(
        {
            "app": st.sampled_from(APPS),
            "group": st.sampled_from(GROUPS),
            "apis": st.one_of(names, st.just("*")),
        },
        optional={"environments": environments.map(lambda found: [one.value for one in found])},
    ),
    max_size=5,
)


@st.composite
def steps(draw: Any) -> tuple[str, str, str, list[str] | None, list[Environment]]:
    verb = draw(st.sampled_from(["grant", "revoke"]))
    app, group = draw(st.sampled_from(APPS)), draw(st.sampled_from(GROUPS))
    return verb, app, group, draw(st.one_of(names, st.none())), draw(environments)


def pairs(found: list[Entry]) -> Pairs:
    """What is granted: one for each app, group, API and environment, `*` for those to come."""
    granted: Pairs = set()
    for entry in found:
        for api in [*APIS, "*"] if entry["apis"] == "*" else entry["apis"]:
            for environment in environments_of(entry):
                granted.add((entry["app"], entry["group"], api, environment))
    return granted


def after(
    granted: Pairs,
    verb: str,
    app: str,
    group: str,
    apis: list[str] | None,
    where: list[Environment],
) -> Pairs:
    """The plain way: a set, and what comes or goes. Who loses one API has those to come no more."""
    meant = [*APIS, "*"] if apis is None else apis
    touched = {(app, group, api, environment) for api in meant for environment in where}
    if verb == "grant":
        return granted | touched
    to_come = {(app, group, "*", environment) for environment in where if apis is not None}
    return granted - touched - to_come


def done(found: list[Entry], step: Any) -> list[Entry]:
    verb, app, group, apis, where = step
    if verb == "grant":
        return with_grant(found, app, group, apis, where)
    return revoked(found, app, group, apis, where, APIS)


@given(entries, st.lists(steps(), max_size=4))
@settings(max_examples=500)
def test_what_is_granted_is_what_a_set_says(found: list[Entry], wanted: list[Any]) -> None:
    granted = pairs(found)
    for step in wanted:
        found = done(found, step)
        granted = after(granted, *step)
        assert pairs(found) == granted


@given(entries, steps())
def test_the_same_again_changes_nothing(found: list[Entry], step: Any) -> None:
    once = done(found, step)
    assert done(once, step) == once


@given(entries, steps())
def test_entries_of_other_apps_and_groups_are_left_alone(found: list[Entry], step: Any) -> None:
    _, app, group, _, _ = step

    def others(list_of: list[Entry]) -> list[Entry]:
        return [entry for entry in list_of if (entry["app"], entry["group"]) != (app, group)]

    assert others(done(found, step)) == others(found)


@given(entries, steps())
def test_what_is_written_still_fits(found: list[Entry], step: Any) -> None:
    for entry in done(found, step):
        assert entry["apis"] == "*" or len(set(entry["apis"])) == len(entry["apis"]) > 0
        if entry not in found:
            assert entry.get("environments", [""]) and len(environments_of(entry)) > 0


def text_of(found: list[Entry], manners: list[bool]) -> str:
    """A file with a comment above and behind each entry."""
    rows = ["# head"]
    for number, entry in enumerate(found):
        rows.append(f"# above {number}")
        shown = [
            f"{key}: {value if key != 'apis' or value != '*' else chr(34) * 2}"
            for key, value in entry.items()
        ]
        shown = [one.replace('""', '"*"').replace("'", "") for one in shown]
        if manners[number % len(manners)]:
            rows.append(f"- {{{', '.join(shown)}}}  # behind {number}")
        else:
            rows.append(f"- {shown[0]}  # behind {number}")
            rows += [f"  {one}" for one in shown[1:]]
    return "\n".join([*(rows if found else ["# head", "[]"]), "# foot", ""])


@given(entries, st.lists(st.booleans(), min_size=1, max_size=3), steps())
@settings(max_examples=300)
def test_a_file_says_so_and_keeps_its_comments(
    found: list[Entry], manners: list[bool], step: Any
) -> None:
    text = text_of(found, manners)
    assert data_of(text.encode()) == found
    wanted = done(found, step)
    new = revised(text.encode(), wanted).decode()
    assert data_of(new.encode()) == wanted
    own_lines = re.compile(r"^#.*$", re.MULTILINE)
    assert own_lines.findall(new) == own_lines.findall(text)
    kept = [number for number, entry in enumerate(found) if entry in wanted]
    assert all(f"# behind {number}\n" in new for number in kept if found.count(found[number]) == 1)
