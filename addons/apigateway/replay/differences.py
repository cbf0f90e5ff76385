"""What two outcomes of one call differ in, each difference with the cause that it shares with
others."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from apigateway.protocol.wire import Pairs
from apigateway.replay.outcome import BackendRequest, Ending, Outcome
from apigateway.trail.masking import is_secret, mask


class Kind(StrEnum):
    """What differs. The first six say that the verdict is another one; then nothing else of a call
    is told, for it all follows from that. REWORDED breaks nobody: the same fault about the same
    thing, said otherwise (another limit of a parameter that was beyond the old one too)."""

    NOW_REFUSED = "now refused"
    NOW_PASSES = "no longer refused"
    OTHER_REFUSAL = "refused for another reason"
    REWORDED = "refused in other words"
    OTHER_API = "another API serves it"
    OTHER_END = "ends elsewhere"
    ENVIRONMENT = "environment"
    STATUS = "status"
    ANSWER_HEADER = "header of the answer"
    ANSWER_BODY = "body of the answer"
    BACKEND_METHOD = "method at the backend"
    BACKEND_ADDRESS = "address of the backend"
    BACKEND_PATH = "path at the backend"
    BACKEND_QUERY = "query at the backend"
    BACKEND_HEADER = "header at the backend"
    BACKEND_FORM = "form field at the backend"
    BACKEND_BODY = "body at the backend"
    BACKEND_SIGNATURE = "signature at the backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`what` is the name of what differs (a header, a parameter), or the fault and its subject.
    `before` and `after` are for people, without secrets; "" is what is not there."""

    api: str
    kind: Kind
    what: str
    before: str
    after: str

    @property
    def cause(self) -> tuple[str, str, str]:
        """The same for every call that differs for one reason."""
        return (self.api, self.kind.value, self.what)

    def __str__(self) -> str:
        what = f" ({self.what})" if self.what else ""
        return f"{self.kind}{what}: {self.before or 'nothing'} -> {self.after or 'nothing'}"


def differences(before: Outcome, after: Outcome) -> tuple[Difference, ...]:
    """What matters to a caller or a backend. Of an outcome that is known by its answer alone, only
    the answer is compared.

    A version is no difference, nor is the detail of a refusal; nor the signature, where requests
    or runs differ anyway.
    """
    known = before.inside and after.inside
    api = before.api or after.api
    verdict = _verdict(before, after, known=known)
    if verdict is not None:
        kind, what = verdict
        found = Difference(
            api=api, kind=kind, what=what, before=_told(before, kind), after=_told(after, kind)
        )
        return (found,)
    if before.ending is Ending.REFUSED:
        return ()
    parts = [*_environment(before, after), *_answer(before, after)]
    if known:
        parts += _backend(before, after)
    return tuple(
        Difference(api=api, kind=kind, what=what, before=old, after=new)
        for kind, what, old, new in parts
    )


def _verdict(before: Outcome, after: Outcome, *, known: bool) -> tuple[Kind, str] | None:
    if known and before.api and after.api and before.api != after.api:
        return Kind.OTHER_API, after.api
    refused = before.ending is Ending.REFUSED, after.ending is Ending.REFUSED
    if refused == (False, True):
        return Kind.NOW_REFUSED, _reason(after)
    if refused == (True, False):
        return Kind.NOW_PASSES, _reason(before)
    if refused == (True, True):
        kind = _other_refusal(before, after, known=known)
        return None if kind is None else (kind, _reason(after))
    ends_elsewhere = (
        (before.backend is None) != (after.backend is None)
        if known
        else before.ending is not after.ending
    )
    if ends_elsewhere:
        return Kind.OTHER_END, "at the gateway" if after.backend is None else "at a backend"
    return None


def _other_refusal(before: Outcome, after: Outcome, *, known: bool) -> Kind | None:
    """How two refusals differ. The string to sign in a message is of its run; where only messages
    are known, another one may be about another thing."""
    if known and (before.fault, before.subject) != (after.fault, after.subject):
        return Kind.OTHER_REFUSAL
    if (before.status, before.code) != (after.status, after.code):
        return Kind.OTHER_REFUSAL
    is_of_its_run = before.run != after.run and "StringToSign" in before.message
    if before.message == after.message or is_of_its_run:
        return None
    return Kind.REWORDED if known else Kind.OTHER_REFUSAL


def _reason(refused: Outcome) -> str:
    """The fault and what it is about; only the code where no more is known."""
    return f"{refused.fault or refused.code or refused.status} {refused.subject}".rstrip()


def _told(outcome: Outcome, kind: Kind) -> str:
    if kind is Kind.OTHER_API:
        return outcome.api
    if kind is Kind.OTHER_END:
        backend = outcome.backend
        return f"{backend.method} {backend.address}" if backend is not None else "at the gateway"
    return str(outcome)


Part = tuple[Kind, str, str, str]
"""Kind, what, before, after."""


def _environment(before: Outcome, after: Outcome) -> Iterator[Part]:
    if before.environment and after.environment and before.environment != after.environment:
        yield Kind.ENVIRONMENT, "", before.environment, after.environment


def _answer(before: Outcome, after: Outcome) -> Iterator[Part]:
    """A backend's answer that nobody knows is the same as any."""
    if Ending.SENT in (before.ending, after.ending):
        return
    if before.status != after.status:
        yield Kind.STATUS, "", str(before.status), str(after.status)
    yield from _pairs(Kind.ANSWER_HEADER, before.headers, after.headers)
    if before.body != after.body:
        yield Kind.ANSWER_BODY, "", str(before.body), str(after.body)


def _backend(before: Outcome, after: Outcome) -> Iterator[Part]:
    old, new = before.backend, after.backend
    if old is None or new is None or old == new:
        return
    found = [*_requests(old, new)]
    if not found and before.run == after.run and old.signature != new.signature:
        found = [(Kind.BACKEND_SIGNATURE, "", mask(old.signature), mask(new.signature))]
    yield from found


def _requests(old: BackendRequest, new: BackendRequest) -> Iterator[Part]:
    for kind, was, now in (
        (Kind.BACKEND_METHOD, old.method, new.method),
        (Kind.BACKEND_ADDRESS, old.address, new.address),
        (Kind.BACKEND_PATH, old.path, new.path),
    ):
        if was != now:
            yield kind, "", was, now
    yield from _pairs(Kind.BACKEND_QUERY, old.query, new.query)
    yield from _pairs(Kind.BACKEND_HEADER, old.headers, new.headers)
    if old.body is None and new.body is None:
        yield from _pairs(Kind.BACKEND_FORM, old.form, new.form)
    elif old.body != new.body:
        yield Kind.BACKEND_BODY, "", str(old.body or "a form"), str(new.body or "a form")


def _pairs(kind: Kind, old: Pairs, new: Pairs) -> Iterator[Part]:
    """By name, in the order of the names; a name's own values in theirs."""
    if old == new:
        return
    was, now = _grouped(old), _grouped(new)
    for name in sorted(was.keys() | now.keys()):
        before, after = was.get(name, ()), now.get(name, ())
        if before != after:
            yield kind, name, _shown(name, before), _shown(name, after)


def _grouped(pairs: Pairs) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), value)
    return found


def _shown(name: str, values: tuple[str, ...]) -> str:
    hidden = is_secret(name)
    return ", ".join(mask(value) if hidden else value or '""' for value in values)
