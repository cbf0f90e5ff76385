"""`apigateway domains bind` and `unbind`: files, record and audit log, or nothing at all."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from dns_server import SILENT
from unit.commands.domain_place import DAY_MS, DOMAIN, OTHER, SUBDOMAIN, Place, now_ms, open_place

from apigateway.commands import bind_domain
from apigateway.definition.load import load_project
from apigateway.editing.editor import Editor, open_editor
from apigateway.editing.files import Edit, NotEdited, carry_out
from apigateway.editing.lock import lock_of, only_editor
from apigateway.model.domain_binding import DomainBinding

NEW = "api.example.com"
WEATHER = "definitions/weather/group.yaml"
ACCOUNTS = "definitions/accounts/group.yaml"
TO_ACCOUNTS = "CNAME accounts.apigw.localhost"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_place(tmp_path) as place:
        yield place


def declared(place: Place) -> dict[str, list[str]]:
    project = load_project(place.folder / "definitions", place.folder / "policies")
    return {group.name: [one.name for one in group.domains] for group in project.groups}


def changes(place: Place) -> int:
    door = place.store
    try:
        return door.releases.changes()
    finally:
        door.close()


def everything(place: Place) -> tuple[object, ...]:
    """All that a command could have changed."""
    texts = [(place.folder / name).read_text() for name in (WEATHER, ACCOUNTS)]
    return (*texts, place.recorded(), place.audit(), changes(place))


def test_a_domain_that_leads_to_the_group_is_bound(place: Place) -> None:
    place.server.names = {NEW: f"CNAME {SUBDOMAIN}"}
    done = place.run("bind", "weather", NEW, "--by", "ann")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{NEW}: bound to the group weather; CNAME: {NEW} -> {SUBDOMAIN}\n"
    assert declared(place)["weather"] == [DOMAIN, NEW]
    assert place.recorded()[NEW].verified_ms
    (entry,) = place.audit()
    assert (entry.action, entry.subject, entry.by) == ("bind-domain", NEW, "ann")
    assert entry.before is None
    assert entry.after == {"group": "weather", "environment": None, "verified": True}


def test_comments_in_the_file_stay(place: Place) -> None:
    place.run("bind", "weather", NEW)
    text = (place.folder / WEATHER).read_text()
    line = "  - api.weather.localhost            # for callers: at most five\n"
    assert f"{line}  - {NEW}\n" in text


def test_a_domain_that_does_not_yet_has_a_day(place: Place) -> None:
    row = place.shown("bind", "weather", NEW)
    assert (row["state"], row["verified"], row["seconds_left"]) == ("binding", False, 86_400)
    assert row["finding"].endswith(f"make a CNAME record: {NEW} -> {SUBDOMAIN}")
    assert place.recorded()[NEW].finding == row["finding"]
    told = place.run("bind", "weather", NEW).stdout
    assert "unless it is verified by then; DNS does not know it" in told


def test_dns_that_says_nothing_does_not_hold_a_new_binding_up(place: Place) -> None:
    place.settings(verify="cname", timeout_seconds=0.5)
    place.server.names = {NEW: SILENT}
    assert place.shown("bind", "weather", NEW)["state"] == "binding"


def test_a_domain_may_serve_one_environment(place: Place) -> None:
    assert place.shown("bind", "weather", NEW, "--env", "test")["environment"] == "TEST"
    assert place.group().domains[1].environment == "TEST"
    assert place.shown("bind", "weather", NEW)["environment"] == "TEST"
    assert place.shown("bind", "weather", NEW, "--env", "any")["environment"] is None
    assert place.group().domains[1].environment is None
    assert [entry.environment for entry in place.audit()] == ["TEST", ""]
    assert place.audit()[1].before == {"group": "weather", "environment": "TEST"}


def test_binding_what_is_bound_changes_nothing_but_tells(place: Place) -> None:
    place.server.names = {DOMAIN: f"CNAME {SUBDOMAIN}"}
    place.run("bind", "weather", DOMAIN)
    before = everything(place)[:-1]
    assert place.shown("bind", "weather", DOMAIN)["state"] == "bound"
    assert everything(place)[:-1] == before


def test_a_withdrawn_binding_begins_anew(place: Place) -> None:
    long_ago = now_ms() - 2 * DAY_MS
    place.record(
        DomainBinding(
            domain=DOMAIN, group_id=place.group().id, bound_ms=long_ago, lapsed_ms=long_ago
        )
    )
    assert place.shown("bind", "weather", DOMAIN)["seconds_left"] == 86_400
    binding = place.recorded()[DOMAIN]
    assert (binding.lapsed_ms, binding.bound_ms > long_ago) == (0, True)


def test_a_domain_moves_to_the_group_that_it_leads_to(place: Place) -> None:
    place.server.names = {DOMAIN: f"CNAME {SUBDOMAIN}"}
    place.run("verify", DOMAIN)
    place.server.names = {DOMAIN: TO_ACCOUNTS}
    done = place.run("bind", "accounts", DOMAIN)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{DOMAIN}: bound to the group accounts, no longer to weather; ")
    assert declared(place) == {"accounts": [OTHER, DOMAIN], "weather": []}
    binding = place.recorded()[DOMAIN]
    assert (binding.group_id, bool(binding.verified_ms)) == (place.group("accounts").id, True)
    entry = place.audit()[-1]
    assert (entry.action, entry.before["group"], entry.after["group"]) == (
        "bind-domain",
        "weather",
        "accounts",
    )
    assert {row["state"] for row in place.shown("list") if row["domain"] == DOMAIN} == {"bound"}


@pytest.mark.parametrize("says", [f"CNAME {SUBDOMAIN}", "A 127.0.0.1", SILENT, "NXDOMAIN"])
@pytest.mark.parametrize("words", [[], ["--move"]])
def test_a_domain_that_leads_elsewhere_does_not_move(
    place: Place, says: str, words: list[str]
) -> None:
    if says == SILENT:
        place.settings(verify="cname", timeout_seconds=0.5)
    place.server.names = {DOMAIN: says}
    before = everything(place)
    done = place.run("bind", "accounts", DOMAIN, *words)
    assert done.exit_code == 1
    assert done.stderr.startswith(
        f"{DOMAIN} is bound to the group weather, and DNS does not lead it to the group accounts: "
    )
    assert everything(place) == before


def test_a_domain_whose_file_was_edited_by_hand_moves_by_the_same_rule(place: Place) -> None:
    weather = place.group().id
    place.record(
        DomainBinding(domain=OTHER, group_id=weather, bound_ms=now_ms(), verified_ms=now_ms())
    )
    before = everything(place)
    refused = place.run("bind", "accounts", OTHER)
    assert (refused.exit_code, everything(place)) == (1, before)
    assert f"{OTHER} is bound to the group weather" in refused.stderr
    place.server.names = {OTHER: TO_ACCOUNTS}
    assert place.shown("bind", "accounts", OTHER)["state"] == "bound"
    assert place.recorded()[OTHER].group_id == place.group("accounts").id


def test_where_dns_is_not_asked_a_move_must_be_said(place: Place) -> None:
    place.settings(verify="off")
    place.record(DomainBinding(domain=DOMAIN, group_id="f" * 32, bound_ms=1, verified_ms=1))
    before = everything(place)
    refused = place.run("bind", "accounts", DOMAIN)
    assert (refused.exit_code, everything(place)) == (1, before)
    assert refused.stderr == (
        f"{DOMAIN} is bound to the group weather; add --move to take it from there\n"
    )
    row = place.shown("bind", "accounts", DOMAIN, "--move")
    assert (row["state"], row["moved_from"], row["finding"]) == ("bound", "weather", "")
    assert declared(place) == {"accounts": [OTHER, DOMAIN], "weather": []}
    assert (place.recorded(), place.server.asked) == ({}, [])
    assert changes(place) > 0


def test_a_domain_moves_with_its_environment_and_certificate(place: Place) -> None:
    place.certify()
    place.server.names = {DOMAIN: TO_ACCOUNTS}
    (place.folder / "definitions/weather/own.pem").write_text(
        (place.folder / f"certificates/{DOMAIN}.pem").read_text()
    )
    path = place.folder / WEATHER
    path.write_text(path.read_text().replace(f"../../certificates/{DOMAIN}.pem", "own.pem"))
    done = place.run("bind", "accounts", DOMAIN)
    assert done.exit_code == 0, done.output
    moved = place.group("accounts").domains[1]
    assert (moved.name, moved.environment) == (DOMAIN, "TEST")
    assert moved.certificate is not None
    assert "file:../weather/own.pem" in (place.folder / ACCOUNTS).read_text()


def test_unbinding_is_at_once(place: Place) -> None:
    place.server.names = {DOMAIN: f"CNAME {SUBDOMAIN}"}
    place.run("verify", DOMAIN)
    done = place.run("unbind", DOMAIN, "--by", "bob")
    assert done.stdout == f"{DOMAIN}: no longer bound to the group weather\n"
    assert declared(place)["weather"] == []
    assert place.recorded() == {}
    entry = place.audit()[-1]
    assert (entry.action, entry.by, entry.after) == ("unbind-domain", "bob", None)
    assert entry.before == {"group": "weather", "environment": None}


def test_unbinding_what_was_never_recorded_is_announced_too(place: Place) -> None:
    before = changes(place)
    assert place.shown("unbind", DOMAIN) == {"domain": DOMAIN, "group": "weather"}
    assert changes(place) == before + 1


def test_a_group_has_at_most_five(place: Place) -> None:
    for number in range(4):
        assert place.run("bind", "weather", f"{number}.example.com").exit_code == 0
    place.server.names = {OTHER: f"CNAME {SUBDOMAIN}"}
    for name in (NEW, OTHER):
        before = everything(place)
        refused = place.run("bind", "weather", name)
        assert (refused.exit_code, everything(place)) == (1, before)
        assert "the group weather has 5 independent domains" in refused.stderr


@pytest.mark.parametrize("words", [["bind", "accounts", SUBDOMAIN], ["unbind", SUBDOMAIN]])
def test_a_second_level_domain_is_neither_bound_nor_unbound(place: Place, words: list[str]) -> None:
    before = everything(place)
    refused = place.run(*words)
    assert (refused.exit_code, everything(place)) == (1, before)
    assert "is the second-level domain of the group weather" in refused.stderr


@pytest.mark.parametrize("name", ["https://api.example.com", "a b", "a-.test", "x" * 64 + ".test"])
def test_what_is_no_name_is_refused_before_anything(place: Place, name: str) -> None:
    before = everything(place)
    refused = place.run("bind", "weather", name)
    assert (refused.exit_code, everything(place)) == (1, before)
    assert "is no host name; write one such as api.example.com" in refused.stderr
    assert place.server.asked == []


def test_a_name_is_the_same_in_any_case(place: Place) -> None:
    place.run("bind", "weather", "API.Example.COM.")
    assert declared(place)["weather"] == [DOMAIN, NEW]
    assert place.run("unbind", "Api.example.com").exit_code == 0
    assert declared(place)["weather"] == [DOMAIN]


def test_a_file_in_brackets_is_edited_too(place: Place) -> None:
    (place.folder / WEATHER).write_text(f"{{name: weather, subdomain: {SUBDOMAIN}}}  # short\n")
    assert place.run("bind", "weather", NEW).exit_code == 0
    assert declared(place)["weather"] == [NEW]
    assert (place.folder / WEATHER).read_text().endswith("}  # short\n")


def test_a_move_that_fails_half_way_is_taken_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.server.names = {DOMAIN: TO_ACCOUNTS}
    before = everything(place)

    def failing(self: Editor, *edits: Edit) -> None:
        carry_out(edits[0])
        raise NotEdited("definitions/accounts/group.yaml cannot be written: no space left")

    monkeypatch.setattr(Editor, "make", failing)
    refused = place.run("bind", "accounts", DOMAIN)
    assert (refused.exit_code, refused.stderr) == (
        1,
        "definitions/accounts/group.yaml cannot be written: no space left\n",
    )
    assert everything(place) == before


def test_two_who_edit_at_a_time_do_it_one_after_the_other(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bind_domain, "open_editor", partial(open_editor, patience_s=0.1))
    project = load_project(place.folder / "definitions", place.folder / "policies")
    before = everything(place)
    with only_editor(lock_of(project.settings), "bob"):
        refused = place.run("unbind", DOMAIN)
    assert (refused.exit_code, everything(place)) == (1, before)
    assert refused.stderr.startswith("bob (process")


def test_what_the_rest_of_the_project_makes_wrong_is_told_and_nothing_changed(
    place: Place,
) -> None:
    """The file of the other group was edited while DNS was asked."""
    other = (place.folder / ACCOUNTS).read_text()

    class Editing(dict[str, str]):
        def get(self, name: str, otherwise: str = "") -> str:  # type: ignore[override]
            (place.folder / ACCOUNTS).write_text(other.replace(OTHER, NEW))
            return "NXDOMAIN"

    place.server.names = Editing()
    refused = place.run("bind", "weather", NEW)
    assert refused.exit_code == 1
    assert f'the domain "{NEW}" already belongs to' in refused.stderr
    assert declared(place) == {"accounts": [NEW], "weather": [DOMAIN]}
    assert (place.recorded(), place.audit()) == ({}, [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bind", "wether", NEW], 'there is no group "wether"; did you mean "weather"?'),
        (["unbind", "api.wether.localhost"], f'did you mean "{DOMAIN}"?'),
        (["bind", "weather", NEW, "--env", "prod"], "'prod' is not one of"),
    ],
)
def test_a_name_that_is_not_there_is_told(place: Place, words: list[str], message: str) -> None:
    before = everything(place)
    done = place.run(*words)
    assert (done.exit_code, everything(place)) == (2, before)
    assert message in done.output
