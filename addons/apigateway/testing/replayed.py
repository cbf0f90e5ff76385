"""What became of a capture with the definitions of today, and the report that a test shows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apigateway.chain import Call
from apigateway.exchange import Routed
from apigateway.replay.call import CapturedCall
from apigateway.replay.differences import Difference
from apigateway.trail.declared import declared_of, masked_path
from apigateway.trail.known import text_without_secrets
from apigateway.trail.masking import LONGEST_URL, shown
from apigateway.trail.render import render
from apigateway.trail.texts import masked_query
from apigateway.trail.trail import secrets_of

_CALLS_SHOWN, _CAUSES_SHOWN, _TRAILS_SHOWN = 5, 10, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCall:
    """A call that ends otherwise. `number` counts from 1 in the order in which they came in;
    `request` is its method and URL without secrets; `trail` is what every stage decides today."""

    number: int
    request: str
    differences: tuple[Difference, ...]
    trail: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, repr=False)
class Replayed:
    """`name` is the capture as the test names it. `not_compared` are calls by number with the
    reason: they have no answer in the capture, or are not whole."""

    name: str
    calls: int
    changed: tuple[ChangedCall, ...]
    not_compared: tuple[tuple[int, str], ...]

    @property
    def as_before(self) -> bool:
        """Whether every call ends as it did when it was captured, as far as its caller saw it."""
        return not self.changed

    @cached_property
    def report(self) -> str:
        """The calls that end otherwise by cause, with what every stage decides of the first."""
        return "\n".join(_lines(self))

    def __repr__(self) -> str:
        return f"<{_headline(self)}>"


def request_line(captured: CapturedCall, call: Call) -> str:
    """Method and URL of a captured call without what is secret in them; `call` is what became of
    it."""
    request, state = captured.request, call.state
    path, hidden = request.path, frozenset[str]()
    if isinstance(state, Routed):
        declared = declared_of(state.served)
        path, hidden = masked_path(path, declared.hidden_segments), declared.hidden_fields
    line = f"{request.method} {request.scheme}://{request.host}{path}"
    if request.query:
        line += f"?{masked_query(request.query, hidden)}"
    return shown(text_without_secrets(line, secrets_of(state)), LONGEST_URL)


def _headline(replayed: Replayed) -> str:
    count = len(replayed.changed)
    if not count:
        return f"{replayed.name}: all of {replayed.calls} calls end as they did"
    ends = "ends" if count == 1 else "end"
    return f"{replayed.name}: {count} of {replayed.calls} calls {ends} otherwise than before"


def _lines(replayed: Replayed) -> Iterator[str]:
    yield _headline(replayed)
    causes = _causes(replayed.changed)
    for number, found in enumerate(causes[:_CAUSES_SHOWN]):
        yield ""
        yield from _cause(found, with_trail=number < _TRAILS_SHOWN)
    if len(causes) > _CAUSES_SHOWN:
        yield f"\nand {len(causes) - _CAUSES_SHOWN} more causes"
    if replayed.not_compared:
        yield ""
    for call, why in replayed.not_compared:
        yield f"#{call} was not compared: {why}"


_Found = tuple[ChangedCall, Difference]


def _causes(changed: Sequence[ChangedCall]) -> list[list[_Found]]:
    """Calls that differ for one reason are one thing to look at; those of most calls first."""
    causes: dict[tuple[str, str, str], list[_Found]] = defaultdict(list)
    for call in changed:
        for difference in call.differences:
            causes[difference.cause].append((call, difference))
    return sorted(causes.values(), key=lambda found: -len(found))


def _cause(found: Sequence[_Found], *, with_trail: bool) -> Iterator[str]:
    first, difference = found[0]
    count = "1 call" if len(found) == 1 else f"{len(found)} calls"
    what = f"{difference.kind} ({difference.what})" if difference.what else str(difference.kind)
    yield f"{count} of {difference.api or 'no API'}: {what}"
    yield f"  before  {difference.before or 'nothing'}"
    yield f"  after   {difference.after or 'nothing'}"
    for call, _ in found[:_CALLS_SHOWN]:
        yield f"  #{call.number} {call.request}"
    if len(found) > _CALLS_SHOWN:
        rest = ", ".join(f"#{call.number}" for call, _ in found[_CALLS_SHOWN:])
        yield f"  and {rest}"
    if with_trail:
        yield f"  what becomes of #{first.number} now:"
        yield from (f"    {line}".rstrip() for line in render(first.trail))
