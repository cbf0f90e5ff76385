"""What the commands that edit definitions share."""

from pathlib import Path
from typing import Any

import click
import pytest
from unit.commands.released import Released

from apigateway.commands.edits import found_app, in_environments, open_workshop, put_down
from apigateway.commands.exits import OVERTAKEN, REFUSED
from apigateway.editing.files import ChangedMeanwhile, NotEdited
from apigateway.model.audit import AuditEntry
from apigateway.model.group import Environment
from apigateway.ports import StoreUnavailable
from apigateway.store.door import StoreDoor

TEST, PRE, RELEASE = Environment
COMMAND: Any = None  # click gives both to callbacks, which do not look at them


@pytest.fixture
def project(tmp_path: Path) -> Released:
    return Released(tmp_path)


def entry(at_ms: int = 1) -> AuditEntry:
    return AuditEntry(at_ms=at_ms, by="me", action="grant", subject="demo")


def test_environments_stand_in_their_order_and_all_is_each_of_them() -> None:
    assert in_environments(COMMAND, COMMAND, ["RELEASE", "TEST"]) == (TEST, RELEASE)
    assert in_environments(COMMAND, COMMAND, ["all"]) == (TEST, PRE, RELEASE)


def test_what_was_done_is_in_the_log_and_every_worker_is_told(project: Released) -> None:
    with open_workshop(project.folder / "definitions", None, "me") as (desk, _):
        before = desk.store.releases.changes()
        put_down(desk, [])
        assert desk.store.releases.changes() == before
        put_down(desk, [entry()])
        assert desk.store.releases.changes() > before
    assert [found.subject for found in project.audit(action="grant")] == ["demo"]


def test_a_log_that_cannot_be_written_is_told(
    project: Released, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(_: object) -> None:
        raise StoreUnavailable("locked")

    with open_workshop(project.folder / "definitions", None, "me") as (desk, _):
        monkeypatch.setattr(StoreDoor, "audit", property(unavailable))
        with pytest.raises(click.ClickException, match=r"the files are changed.*locked"):
            put_down(desk, [entry()])


@pytest.mark.parametrize(
    ("reason", "code"), [(NotEdited("why not"), REFUSED), (ChangedMeanwhile("changed"), OVERTAKEN)]
)
def test_why_nothing_was_done_is_told_with_an_exit_code(
    project: Released, capsys: pytest.CaptureFixture[str], reason: Exception, code: int
) -> None:
    with pytest.raises(SystemExit) as ended:
        with open_workshop(project.folder / "definitions", None, "me"):
            raise reason
    assert ended.value.code == code
    assert capsys.readouterr().err == f"{reason}\n"


def test_problems_that_an_edit_would_bring_are_told_with_their_places(
    project: Released, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        with open_workshop(project.folder / "definitions", None, "me") as (_, editor):
            path = editor.policies / "grants.yaml"
            editor.make(editor.edit(path, [{"app": "dmo", "group": "weather", "apis": "*"}]))
    assert ended.value.code == REFUSED
    assert capsys.readouterr().err == (
        'policies/grants.yaml:3:8: there is no app "dmo"; did you mean "demo"? Declare it in '
        "definitions/apps\nnothing was changed: the definitions would not be good\n"
    )


def test_an_app_is_found_by_name_id_key_and_by_an_account_with_one(project: Released) -> None:
    (demo,) = project.project.apps
    for text in (demo.name, demo.id, demo.key, demo.owner):
        assert found_app(project.project, text) == demo
    with pytest.raises(click.UsageError, match=r'no app "dmo"; did you mean "demo"\?'):
        found_app(project.project, "dmo")
    apps = project.folder / "definitions/apps"
    (apps / "phone.yaml").write_text(
        f'name: phone\nowner: "{demo.owner}"\nkey: "123456789"\nsecret: env:HOME\n'
    )
    with pytest.raises(click.UsageError, match="has several apps; say which: demo, phone"):
        found_app(project.project, demo.owner)
