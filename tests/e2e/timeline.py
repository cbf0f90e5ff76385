"""What should have been served when, and whether the call records say so.

A change is made between `began_ms` and `ended_ms`; from `ended_ms` each worker has a while until
it acts on it. Between these a worker may do either, but what it has once done the new way it never
again does the old way.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

Place = tuple[str, str]
"""A domain and a path."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A call record, as far as it matters here: `what` is the version that was met, as
    `group/API version`, or the code of the refusal."""

    request_id: str
    received_ms: int
    process: int
    place: Place
    status: int
    what: str


def seen_in(database: Path, since_ms: int = 0) -> list[Seen]:
    query = (
        "SELECT request_id, received_ms, process, domain, path, status, error_code,"
        " group_name || '/' || api_name || ' ' || api_version FROM calls"
        " WHERE received_ms >= ?"
    )
    with closing(sqlite3.connect(database, timeout=20)) as link:
        rows = link.execute(query, (since_ms,)).fetchall()
    return [
        Seen(request_id, received_ms, process, (domain, path), status, code or version)
        for request_id, received_ms, process, domain, path, status, code, version in rows
    ]


@dataclass(frozen=True, slots=True)
class State:
    """`what` is right for a place from a change on."""

    what: str
    began_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Delay:
    """How long after the change `to` a worker was last seen to do the old thing."""

    place: Place
    process: int
    to: str
    changed_ms: int
    ms: int


@dataclass
class Timeline:
    """The states of each place, in the order of the changes."""

    states: dict[Place, list[State]] = field(default_factory=lambda: defaultdict(list))

    def begins(self, place: Place, what: str) -> None:
        self.states[place] = [State(what, 0, 0)]

    def changes(self, place: Place, what: str, began_ms: int, ended_ms: int) -> None:
        self.states[place].append(State(what, began_ms, ended_ms))

    def follow(self, seen: Iterable[Seen]) -> list[Delay]:
        """Each worker's calls walk through the states of their place, forwards only, and miss
        none; how late each worker left each state.

        Raises:
            AssertionError: with the first call that does not.
        """
        delays: list[Delay] = []
        by_worker: dict[tuple[Place, int], list[Seen]] = defaultdict(list)
        for one in seen:
            by_worker[one.place, one.process].append(one)
        for (place, process), calls in sorted(by_worker.items()):
            states = self.states[place]
            last = _walk(states, calls)
            missed = [state.what for at, state in enumerate(states) if at not in last]
            assert not missed, f"{place}: process {process} never served {missed}"
            for at in last.keys() & range(len(states) - 1):
                after = states[at + 1]
                late_ms = max(0, last[at].received_ms - after.ended_ms)
                delays.append(Delay(place, process, after.what, after.ended_ms, late_ms))
        return delays


def _walk(states: Sequence[State], calls: Sequence[Seen]) -> Mapping[int, Seen]:
    """The last call of each state, by its number."""
    at, last = 0, {}
    for _, together in groupby(sorted(calls, key=_received), key=_received):
        # Within one millisecond nobody knows the order: those of the old state went first.
        waiting = list(together)
        while waiting:
            here = [one for one in waiting if one.what == states[at].what]
            if here:
                last[at] = here[-1]
                waiting = [one for one in waiting if one.what != states[at].what]
                continue
            following = [
                number
                for number in range(at + 1, len(states))
                if states[number].what in {one.what for one in waiting}
            ]
            assert following, _told(states, at, waiting[0])
            assert states[following[0]].began_ms <= waiting[0].received_ms, _told(
                states, at, waiting[0]
            )
            at = following[0]
    return last


def _received(one: Seen) -> int:
    return one.received_ms


def _told(states: Sequence[State], at: int, call: Seen) -> str:
    shown = [f"{state.what} from {state.began_ms}" for state in states]
    return f"after state {at} of {shown} process {call.process} served {call}"
