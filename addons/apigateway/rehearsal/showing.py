"""Calls and their differences as people may see them: without the secrets that are in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from apigateway.chain import Call
from apigateway.exchange import Routed
from apigateway.reception import CallerRequest
from apigateway.replay.differences import Difference, Kind
from apigateway.trail.declared import Declared, declared_of, masked_path
from apigateway.trail.known import text_without_secrets
from apigateway.trail.masking import LONGEST_TEXT, LONGEST_URL, mask, shown
from apigateway.trail.texts import NONE, masked_query, shown_value
from apigateway.trail.trail import secrets_of

Trail = Mapping[str, Any]

OF_A_VERDICT = frozenset({Kind.NOW_REFUSED, Kind.NOW_PASSES, Kind.OTHER_REFUSAL, Kind.REWORDED})
"""Kinds of differences whose values are refusals."""


@dataclass(frozen=True, slots=True)
class Side:
    """A call as it ended on one side, with what was decided of it."""

    call: Call
    trail: Trail

    @property
    def declared(self) -> Declared | None:
        state = self.call.state
        return declared_of(state.served) if isinstance(state, Routed) else None

    @property
    def secrets(self) -> list[str]:
        return secrets_of(self.call.state)


def caller_line(request: CallerRequest, before: Side, after: Side) -> str:
    """Method and target of a call."""
    known = [one for one in (before.declared, after.declared) if one is not None]
    path = request.path
    for declared in known:
        path = masked_path(path, declared.hidden_segments)
    hidden = frozenset(name for declared in known for name in declared.hidden)
    query = masked_query(request.query[: LONGEST_URL + 1], hidden or NONE)
    target = f"{path}?{query}" if query else path
    text = text_without_secrets(target, [*before.secrets, *after.secrets])
    return f"{shown(request.method)} {shown(text)}"


def shown_differences(
    found: Iterable[Difference], before: Side, after: Side
) -> tuple[Difference, ...]:
    """In the same order. A refusal is told as its trail tells it, and what a side hides by name
    is masked."""
    return tuple(
        replace(one, before=_shown(one, one.before, before), after=_shown(one, one.after, after))
        for one in found
    )


def _shown(one: Difference, value: str, side: Side) -> str:
    if one.kind in OF_A_VERDICT:
        verdict = side.trail["verdict"]
        if side.call.refusal is not None:
            value = f"{verdict['status']} {verdict['code']} {verdict['message']}"
            value = value.replace("  ", " ")
    elif side.declared is not None:
        value = _without_hidden(one, value, side.declared)
    return shown(text_without_secrets(value, side.secrets), LONGEST_TEXT)


def _without_hidden(one: Difference, value: str, declared: Declared) -> str:
    if one.kind is Kind.BACKEND_PATH:
        return masked_path(value, declared.hidden_backend_segments)
    if one.kind is Kind.BACKEND_HEADER:
        is_hidden = one.what.lower() in declared.hidden_headers
    else:
        is_hidden = one.what in declared.hidden_fields
    if is_hidden and one.kind in (Kind.BACKEND_HEADER, Kind.BACKEND_QUERY, Kind.BACKEND_FORM):
        return mask(value)
    return shown_value(value)
