"""What the files declare one by one, and when that is the same as before."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from unit.definition.written import (
    API,
    APP,
    BINDINGS,
    GATEWAY,
    GRANTS,
    GROUP,
    SIMPLE_API,
    THROTTLING,
    Written,
)

from apigateway.definition.gather import Gathered, gather
from apigateway.definition.group_files import Memory
from apigateway.definition.places import Known, find_files
from apigateway.definition.problems import Report
from apigateway.model.settings import GatewaySettings

LATER = 10**19
KEYED = 'name: demo\nkey: "203753385"\nsecret: file:demo.secret\n'


def gathered(
    written: Written,
    memory: Memory | None = None,
    told: list[GatewaySettings] | None = None,
    known: Known | None = None,
) -> Gathered:
    report = Report()
    return gather(
        find_files(written.root / "definitions", written.root / "policies", report, known),
        report,
        memory or Memory(),
        environ=written.environ,
        root=written.root,
        now=datetime(2024, 5, 1, tzinfo=UTC),
        now_ns=LATER,
        in_use=lambda _: False,
        on_settings=(told if told is not None else []).append,
    )


def test_every_kind_is_gathered(written: Written) -> None:
    found = gathered(written)
    loaded = found.loaded
    counts = [len(kind) for kind in (loaded.groups, loaded.apis, loaded.apps, loaded.throttling)]
    assert counts == [1, 1, 1, 1]
    assert found.settings is not None
    assert found.grants is not None and found.bindings is not None
    assert (found.errors, found.warnings) == ((), ())


def test_the_settings_are_told_before_any_api_is_read(written: Written) -> None:
    told: list[GatewaySettings] = []
    memory = Memory()
    found = gathered(written, memory, told)
    assert told == [found.settings]
    told.clear()
    written.write(GATEWAY, "account: 1\n")
    assert gathered(written, memory, told).settings is None
    assert told == []


def test_every_file_that_was_looked_at_is_named_with_those_that_are_not_there(
    written: Written,
) -> None:
    written.write(APP, KEYED)
    written.write("definitions/weather/broken.yaml", "a: [")
    found = gathered(written)
    shown = {path.relative_to(written.root).as_posix() for path in found.files}
    assert {API, APP, GRANTS, "definitions/weather/broken.yaml"} <= shown
    assert "definitions/apps/demo.secret" in shown


def test_a_name_is_known_though_its_document_is_broken(written: Written) -> None:
    written.write(API, "name: GetForecast\nnothing: else\n")
    written.write(GROUP, "name: climate\nnothing: else\n")
    names = gathered(written).loaded.names
    assert names["group"] == {"climate"}
    assert names["api climate"] == {"GetForecast"}


def test_the_same_files_say_the_same(written: Written) -> None:
    memory, known = Memory(), Known()
    first, second = (gathered(written, memory, known=known) for _ in range(2))
    assert second.says_the_same(first)
    assert second.loaded.apis[0] is first.loaded.apis[0]
    assert second.loaded.of_groups[0] is first.loaded.of_groups[0]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (API, "# a line more\nname: GetForecast\n"),
        (GRANTS, "# a line more\n[]\n"),
        (BINDINGS, "{}\n"),
        (GATEWAY, 'account: "1002"\nregion: cn-hangzhou\n'),
        (APP, 'name: demo\nkey: "203753386"\nsecret: env:DEMO_SECRET\n'),
        (APP, '# a line more\nname: demo\nkey: "203753385"\nsecret: env:DEMO_SECRET\n'),
        (THROTTLING, "name: standard\nunit: minute\napi: 601\n"),
        ("definitions/weather/broken.yaml", "a: ["),
        ("definitions/stray.yaml", "a: 1"),
    ],
)
def test_another_text_says_something_else(written: Written, path: str, text: str) -> None:
    memory = Memory()
    first = gathered(written, memory)
    written.write(path, text)
    assert not gathered(written, memory).says_the_same(first)


def test_folders_of_one_group_are_looked_at_together(written: Written) -> None:
    written.write("definitions/more/group.yaml", "name: weather\nsubdomain: more.test\n")
    text = SIMPLE_API.format(name="Other", method="GET", path="/other")
    written.write("definitions/more/other.yaml", text)
    loaded = gathered(written).loaded
    (one,) = loaded.of_groups
    assert one.names == ["Other", "GetForecast"]
    assert loaded.names["api weather"] == {"Other", "GetForecast"}
    assert len(loaded.apis) == 2


def test_warnings_alone_can_make_it_another(written: Written) -> None:
    first = gathered(written)
    assert not replace(first, warnings=("expires",)).says_the_same(first)  # type: ignore[arg-type]
