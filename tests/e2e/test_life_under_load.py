"""A day in the life of a project, on two workers that are called all the time.

The story is told once; then each test asks one thing of what callers got and of the call records.
"""

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from e2e.constant_load import Load, OverHttp2, Plain, Shown, now_ms, quantile, trusting
from e2e.living import (
    ALPHA,
    BETA,
    MARKS,
    MOVING,
    NEW,
    POLICY,
    Done,
    Living,
    command,
    released_versions,
    target,
)
from e2e.running import Backend, Gateway, ask, put, until
from e2e.test_workers import processes, workers
from e2e.timeline import Seen, Timeline, seen_in

WITHIN_MS = 1000
CERTIFICATE_WITHIN_MS = 2000
CALLS_MS = 100
"""No call takes longer, unless this machine is busy."""

MUCH = 10
"""A change is as much work as so many calls: by so much more time a busy machine is given."""

CALM_S = 2.0
TRIES = 5
MANY = 1000
SURE = 24
TOUCHED_S = 3.0
TOUCHES_A_SECOND = 100

NO_API, NO_DOMAIN, NOT_GRANTED, THROTTLED = "I404NF", "I404DO", "I403AA", "T429PA"
STATUS = {NO_API: 404, NO_DOMAIN: 404, NOT_GRANTED: 403, THROTTLED: 429}

IN_ALPHA = ("north", "south", "east", "limited", "signed")
SECURE = [target(ALPHA, name) for name in IN_ALPHA]
ANYWHERE = [*SECURE, target(BETA, "north"), target(MOVING, "north"), target(NEW, "north")]


@dataclass
class Story:
    """What was done to `running`, when, and what came of it."""

    running: Gateway
    project: Living
    load: Load
    over_tls: list[Plain]
    timeline: Timeline = field(default_factory=Timeline)
    told: dict[str, Done] = field(default_factory=dict)
    renewals: list[Shown] = field(default_factory=list)
    is_touched_in_vain: bool = False
    metrics: dict[str, str] = field(default_factory=dict)
    workers: set[int] = field(default_factory=set)
    seen: list[Seen] = field(default_factory=list)

    def begin(self) -> None:
        self.workers = processes(self.running)
        for one in ANYWHERE:
            name = one.path.split("/")[1]
            begins = self.version("beta" if one.host == BETA else "alpha", name)
            self.timeline.begins((one.host, one.path), begins)
        self.timeline.begins((ALPHA, "/signed/hangzhou"), NOT_GRANTED)
        self.timeline.begins((NEW, "/north/hangzhou"), NO_DOMAIN)
        self.arrives()

    def version(self, group: str, name: str) -> str:
        """What the store says is served of an API, as call records put it."""
        query = (
            "SELECT version FROM current_releases JOIN releases ON id = release_id"
            " WHERE group_name = ? AND api_name = ?"
        )
        with closing(sqlite3.connect(self.project.database, timeout=20)) as link:
            row = link.execute(query, (group, name.title())).fetchone()
        return what(group, name, row[0])

    def command(self, name: str, *words: str, code: int = 0) -> Done:
        done = self.told[name] = command(self.project, *words)
        assert done.code == code, done
        return done

    def becomes(self, host: str, name: str, what: str, done: Done) -> None:
        self.timeline.changes((host, f"/{name}/hangzhou"), what, done.began_ms, done.ended_ms)

    def arrives(self) -> None:
        """Wait until each worker has done the new thing everywhere: the next change of a place is
        to find nobody still on the way to this one."""
        waited = {
            (process, place, states[-1].what): states[-1].began_ms
            for place, states in self.timeline.states.items()
            for process in self.workers
        }

        def is_done() -> bool:
            since_ms = min(waited.values(), default=0)
            for one in seen_in(self.project.database, since_ms):
                key = one.process, one.place, one.what
                if waited.get(key, one.received_ms) < one.received_ms:
                    del waited[key]
            return not waited

        until(is_done, "every worker served every change")

    def shown(self) -> list[Shown]:
        return sorted((one for each in self.over_tls for one in each.shown), key=_began_ms)

    def given_ms(self, began_ms: int, ended_ms: int) -> float:
        """How much more time than promised a change has that was made in this while: where calls
        take long as well, this machine is busy."""
        took = (
            one.took_ms
            for one in list(self.load.calls)
            if one.began_ms < ended_ms and one.began_ms + one.took_ms > began_ms
        )
        return MUCH * max(0.0, max(took, default=0.0) - CALLS_MS)

    def edited(self, work: Callable[[], object]) -> Done:
        """A change of files, timed like a command."""
        began_ms = now_ms()
        work()
        return Done(0, "", "", began_ms, now_ms())


def _began_ms(shown: Shown) -> int:
    return shown.began_ms


def what(group: str, name: str, version: str) -> str:
    return f"{group}/{name.title()} {version}"


def edit_drafts(story: Story) -> None:
    """Nobody is to see a draft."""
    for name in IN_ALPHA:
        story.project.api("alpha", name, "v2")
    story.project.api("beta", "north", "v2")


def grant(story: Story) -> None:
    """By the commands, and by hand."""
    signed, words = story.version("alpha", "signed"), ("caller", "alpha/Signed")
    story.becomes(ALPHA, "signed", signed, story.command("grant", "grant", *words))
    story.arrives()
    story.becomes(ALPHA, "signed", NOT_GRANTED, story.command("revoke", "revoke", *words))
    story.arrives()
    line = "- {app: caller, group: alpha, apis: [Signed]}\n"
    done = story.edited(lambda: story.project.write("policies/grants.yaml", line))
    story.becomes(ALPHA, "signed", signed, done)


def release(story: Story, name: str, *words: str) -> None:
    done = story.command(name, "release", *words, "--note", name, "--yes", "--json")
    assert released_versions(done)
    for api, version in released_versions(done).items():
        story.becomes(ALPHA, api.lower(), what("alpha", api, version), done)
        if api == "North":
            story.becomes(MOVING, "north", what("alpha", api, version), done)


def switch(story: Story) -> None:
    """Back to the first version, and forth again."""
    first = story.timeline.states[ALPHA, "/north/hangzhou"][0].what
    second = story.version("alpha", "north")
    for verb, words, then in (
        ("switch", ["alpha/North", first.split()[1]], first),
        ("rollback", ["alpha/North"], second),
    ):
        done = story.command(verb, verb, *words)
        for host in (ALPHA, MOVING):
            story.becomes(host, "north", then, done)
        story.arrives()


def abolish(story: Story) -> None:
    done = story.command("abolish", "abolish", "alpha/South", "--yes")
    story.becomes(ALPHA, "south", NO_API, done)
    story.project.api("alpha", "south", "v3")
    story.arrives()
    release(story, "again", "alpha/South")


def rebind(story: Story) -> None:
    """A domain goes from one group to another: of its two files nobody sees one without the
    other."""
    served = story.version("beta", "north")
    done = story.command("bind", "domains", "bind", "beta", MOVING, "--move")
    story.becomes(MOVING, "north", served, done)
    done = story.command("bind new", "domains", "bind", "beta", NEW)
    story.becomes(NEW, "north", served, done)


def renew_certificate(story: Story) -> None:
    for pause_s in (0.0, 0.05):
        began_ms = now_ms()
        serial = story.project.certify(pause_s)
        ended_ms = now_ms()
        story.renewals.append(Shown(began_ms, ended_ms, serial))

        def is_shown(serial: int = serial, ended_ms: int = ended_ms) -> bool:
            """To as many as make sure that each worker was met."""
            last = [one.serial for one in story.shown() if one.began_ms > ended_ms][-SURE:]
            return last == [serial] * SURE

        until(is_shown, "the renewed certificate is shown")


def break_and_mend(story: Story) -> None:
    name = "definitions/alpha/north.yaml"
    path = story.project.folder / name
    good = path.read_text()
    put(path, good.replace("method: GET", "method: FETCH"))
    until(lambda: valid(story) == [0.0, 0.0], "both workers say so")
    story.metrics["broken"] = metrics_of(story)
    story.command("status of broken", "status", code=1)
    put(path, good)
    until(lambda: valid(story) == [1.0, 1.0], "both workers say that it is mended")
    story.command("status of mended", "status", "--json")
    story.metrics["mended"] = metrics_of(story)


def touch(story: Story) -> None:
    """Until it made no difference to calls, since this machine may stand still in some tries."""
    story.metrics["untouched"] = metrics_of(story)
    story.is_touched_in_vain = any(touched_in_vain(story) for _ in range(TRIES))
    time.sleep(0.5)
    story.metrics["touched"] = metrics_of(story)


def touched_in_vain(story: Story) -> bool:
    """Calls take as long as in the calm before. Some files are only touched, some are written anew
    with what they hold."""
    marks = [now_ms()]
    time.sleep(CALM_S)
    marks.append(now_ms())
    paths = sorted((story.project.folder / "definitions").rglob("*.yaml"))
    began = time.monotonic()
    for number in range(int(TOUCHED_S * TOUCHES_A_SECOND)):
        path = paths[number % len(paths)]
        if number % 2:
            os.utime(path)
        else:
            new = path.with_suffix(".new")
            new.write_bytes(path.read_bytes())
            new.replace(path)
        time.sleep(max(0.0, began + (number + 1) / TOUCHES_A_SECOND - time.monotonic()))
    marks.append(now_ms())
    calm, busy = (
        [one.took_ms for one in story.load.between(began_ms, ended_ms)]
        for began_ms, ended_ms in pairwise(marks)
    )
    return bool(calm and busy) and quantile(busy, 0.99) < 4 * quantile(calm, 0.99) + 200


def throttle(story: Story, calls: int, then: str) -> None:
    text = POLICY.format(calls=calls)
    done = story.edited(lambda: story.project.write("policies/throttling/a-limit.yaml", text))
    story.becomes(ALPHA, "limited", then, done)


def metrics_of(story: Story) -> str:
    return ask(story.project.metrics, target="/metrics", host="metrics").body.decode()


def values(metrics: str, name: str) -> list[float]:
    """Of each worker, in their order."""
    return [float(value) for value in re.findall(rf"(?m)^{name}\{{.*\}} (\S+)$", metrics)]


def valid(story: Story) -> list[float]:
    return values(metrics_of(story), "apigateway_definitions_valid")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, demo_backend: Backend) -> Iterator[Story]:
    """The story, told to its end."""
    project = Living(tmp_path_factory.mktemp("life"), demo_backend.port)
    project.found()
    with workers(project, 2, "--set", "flow_detail=0") as running:
        story = told(running, project)
        until(
            lambda: (
                {one.request_id for one in story.load.calls}
                <= {one.request_id for one in seen_in(project.database)}
            ),
            "every call is recorded",
        )
        story.seen = seen_in(project.database)
        yield story


def told(running: Gateway, project: Living) -> Story:
    authority = project.folder / "tls" / "ca.pem"
    over_tls = [
        Plain(running.port, keeps=keeps, tls=trusting(authority)) for keeps in (True, False)
    ]
    story = Story(running, project, Load(), over_tls)
    for keeps in (True, True, False, False, False):
        story.load.add(Plain(running.port, keeps=keeps), ANYWHERE)
    for one in over_tls:
        story.load.add(one, SECURE)
    story.load.add(OverHttp2(running.port), SECURE)
    try:
        story.begin()
        tell(story)
        until(lambda: story.load.broken or len(story.load.calls) > MANY, "there are many calls")
    finally:
        story.load.stop()
    return story


def tell(story: Story) -> None:
    edit_drafts(story)
    limited = story.version("alpha", "limited")
    throttle(story, 1, THROTTLED)
    grant(story)
    throttle(story, 10_000_000, limited)
    release(story, "one API", "alpha/North")
    story.arrives()
    release(story, "the whole group", "alpha")
    story.arrives()
    switch(story)
    abolish(story)
    story.arrives()
    rebind(story)
    story.arrives()
    renew_certificate(story)
    break_and_mend(story)
    touch(story)


def test_every_call_is_answered(lived: Story) -> None:
    assert lived.load.broken == []
    assert len(lived.load.calls) > MANY
    assert processes(lived.running) == lived.workers
    assert {one.process for one in lived.seen} == lived.workers
    assert "rror" not in re.sub(r"reload: nothing has changed.*", "", lived.running.process.text)


def test_every_call_is_answered_by_exactly_one_version_in_full(lived: Story) -> None:
    """Each mark that the backend saw is that of the version on record for the call."""
    recorded = {one.request_id: one for one in lived.seen}
    marks = marks_of_versions(lived.project.database)
    for call in lived.load.calls:
        record = recorded[call.request_id]
        assert (call.status, call.code or record.what) == (record.status, record.what)
        if call.status == 200:
            assert call.markers == (marks[record.what],) * MARKS, (call, record)
        else:
            assert call.status == STATUS[record.what], (call, record)


def marks_of_versions(database: Path) -> dict[str, str]:
    """`alpha/v2` for each version."""
    query = "SELECT group_name, api_name, version, document FROM releases"
    with closing(sqlite3.connect(database)) as link:
        rows = link.execute(query).fetchall()
    return {
        what(group, api, version): json.loads(document)["backend"]["path"][1:-4]
        for group, api, version, document in rows
    }


def test_each_worker_goes_through_the_changes_in_their_order(lived: Story) -> None:
    called = {(one.host, one.path) for one in ANYWHERE}
    seen = [one for one in lived.seen if one.place in called]
    delays = lived.timeline.follow(seen)
    assert {delay.process for delay in delays} == lived.workers


def test_each_change_reaches_every_worker_within_a_second(lived: Story) -> None:
    called = {(one.host, one.path) for one in ANYWHERE}
    delays = lived.timeline.follow([one for one in lived.seen if one.place in called])
    late = [
        delay
        for delay in delays
        if delay.ms > WITHIN_MS
        and delay.ms - WITHIN_MS > lived.given_ms(delay.changed_ms, delay.changed_ms + delay.ms)
    ]
    assert late == []


def test_a_group_is_released_in_one_step(lived: Story) -> None:
    versions = released_versions(lived.told["the whole group"])
    assert len(versions) == 4
    old = {lived.timeline.states[ALPHA, f"/{api.lower()}/hangzhou"][0].what for api in versions}
    old = old - {NOT_GRANTED} | {lived.timeline.states[ALPHA, "/signed/hangzhou"][1].what}
    new = {what("alpha", api, version) for api, version in versions.items()}
    places = {(ALPHA, f"/{api.lower()}/hangzhou") for api in versions}
    for process in lived.workers:
        calls = [one for one in lived.seen if one.process == process and one.place in places]
        began_ms = min(one.received_ms for one in calls if one.what in new)
        until_ms = max(one.received_ms for one in calls if one.what in old)
        assert until_ms <= began_ms


def test_a_renewed_certificate_is_shown_within_two_seconds(lived: Story) -> None:
    """And the one before by nobody after that."""
    shown = lived.shown()
    first, second = lived.renewals
    for renewal, then_ms in ((first, second.began_ms), (second, shown[-1].ended_ms + 1)):
        assert renewal.serial not in {
            one.serial for one in shown if one.ended_ms < renewal.began_ms
        }
        rightly = [
            one for one in shown if renewal.ended_ms < one.began_ms <= one.ended_ms < then_ms
        ]
        assert renewal.serial in {one.serial for one in rightly}
        late = [
            one
            for one in rightly
            if one.serial != renewal.serial
            and one.began_ms - renewal.ended_ms
            > CERTIFICATE_WITHIN_MS + lived.given_ms(renewal.ended_ms, one.began_ms)
        ]
        assert late == []


def test_a_broken_file_is_told_with_its_place_and_nothing_else_changes(lived: Story) -> None:
    place = "definitions/alpha/north.yaml:6:"
    told = lived.told["status of broken"].out.splitlines()
    (line,) = [one for one in told if one.startswith(place)]
    log = lived.running.process.text
    for number in (1, 2):
        assert re.search(rf"(?m)^\[{number}\] .*nothing has changed", log)
    assert log.count(line) == 2
    assert values(lived.metrics["broken"], "apigateway_definitions_valid") == [0.0, 0.0]
    assert lived.told["status of mended"].json["healthy"]
    mended = lived.metrics["mended"]
    assert values(mended, "apigateway_definitions_valid") == [1.0, 1.0]
    assert "apigateway_catalogs 1.0" in mended


def test_touching_files_a_hundred_times_a_second_does_no_harm(lived: Story) -> None:
    for name in ("apigateway_failed_reloads_total", "apigateway_reloads_total"):
        untouched = values(lived.metrics["untouched"], name)
        assert len(untouched) == 2
        assert values(lived.metrics["touched"], name) == untouched
    assert lived.is_touched_in_vain
