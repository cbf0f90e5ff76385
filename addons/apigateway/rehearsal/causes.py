"""Why calls would end otherwise: in the words of the product, with a short name that a release
accepts it by.

A name follows from the cause alone: it is the same in every capture and every run.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from apigateway.errors import Fault
from apigateway.replay.differences import Difference, Kind
from apigateway.replay.outcome import Outcome

NO_API = "no-api"
"""Stands for the API of calls that lead to none."""

_LONGEST_NAME = 60

_BLANKS = re.compile(r"[\s,:`()\[\]]+")
_SIGNS = re.compile(r"[^A-Za-z0-9._-]+")
_GAP = re.compile(r"[\s`,:]*(?:StringToSign:)?`?\{.*", re.DOTALL)
_INDEX = re.compile(r"/\d+(?=[/:])")

_WORDS = {
    Fault.API_NOT_FOUND: "API not found",
    Fault.CORS_NOT_FOUND: "no API for a preflight",
    Fault.INVALID_SIGNATURE: "Invalid Signature",
    Fault.INVALID_TIMESTAMP: "Invalid Header X-Ca-Timestamp",
    Fault.PROTOCOL_UNSUPPORTED: "protocol unsupported",
    Fault.THROTTLED_BY_CLIENT_IP: "Throttled by client IP",
    Fault.THROTTLED_BY_DOMAIN: "Throttled by INNER DOMAIN Flow Control",
    Fault.TOKEN_EXPIRED: "JWT is expired",
}
"""Of faults whose own text reads badly without what is of one call in it."""

_REFUSALS: Mapping[Kind, tuple[str, str]] = {
    Kind.NOW_REFUSED: ("", ""),
    Kind.NOW_PASSES: ("no longer refused: ", "no-longer-"),
    Kind.OTHER_REFUSAL: ("refused for another reason: ", "instead-"),
    Kind.REWORDED: ("refused in other words: ", "reworded-"),
}
"""What stands before the reason, in words and in the name."""

_PARTS: Mapping[Kind, str] = {
    Kind.ENVIRONMENT: "environment",
    Kind.STATUS: "status",
    Kind.ANSWER_HEADER: "answer-header",
    Kind.ANSWER_BODY: "answer-body",
    Kind.BACKEND_METHOD: "backend-method",
    Kind.BACKEND_ADDRESS: "backend-address",
    Kind.BACKEND_PATH: "backend-path",
    Kind.BACKEND_QUERY: "backend-query",
    Kind.BACKEND_HEADER: "backend-header",
    Kind.BACKEND_FORM: "backend-form",
    Kind.BACKEND_BODY: "backend-body",
    Kind.BACKEND_SIGNATURE: "backend-signature",
    Kind.OTHER_API: "served-by",
    Kind.OTHER_END: "ends",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """`api` is group/API, "" for calls that lead to none. `words` are for people, `name` is for
    `--accept`: other causes of other APIs may have it too, `full_name` is of this one alone."""

    api: str
    kind: Kind
    words: str
    name: str

    @property
    def full_name(self) -> str:
        return f"{self.api or NO_API}/{self.name}"

    @property
    def breaks_nobody(self) -> bool:
        return self.kind is Kind.REWORDED


def cause_of(difference: Difference, before: Outcome, after: Outcome) -> Cause:
    """Of a difference between two outcomes that were judged from inside."""
    kind = difference.kind
    if kind in _REFUSALS:
        words, name = _reason(before if kind is Kind.NOW_PASSES else after)
        front, front_of_name = _REFUSALS[kind]
        words, name = f"{front}{words}", f"{front_of_name}{name}"
    else:
        words = f"{kind}: {difference.what}" if difference.what else str(kind)
        name = f"{_PARTS[kind]} {difference.what}".rstrip()
    return Cause(api=difference.api, kind=kind, words=words, name=_short(name))


def _reason(refused: Outcome) -> tuple[str, str]:
    """In words and as a name, without what is of one call: its values, its path, its address."""
    fault, subject = Fault[refused.fault], refused.subject
    if fault is Fault.PARAMETER_REQUIRED:
        return f"parameter {subject}: is required", f"{subject} required"
    if fault is Fault.HEADER_REQUIRED:
        return f"header {subject}: is required", f"{subject} required"
    if fault is Fault.INVALID_PARAMETER:
        rule = _rule(refused.message.removeprefix(f"Invalid parameter {subject} "))
        return f"parameter {subject}: {rule}", f"{subject} {rule.removeprefix('is ')}"
    if fault is Fault.INVALID_BODY and refused.message.startswith("Invalid Body: "):
        rule = _rule(refused.message.removeprefix("Invalid Body: "))
        return f"body: {rule}", f"body {rule}"
    words = _WORDS.get(fault) or _GAP.sub("", fault.value.message)
    name = fault.name.lower().replace("_", "-")
    if subject:
        return f"{words}: {subject}", f"{name} {subject}"
    return words, name


def _rule(reason: str) -> str:
    """A rule without the place in one document: `/tags/3: maxLength: 20` is that of every tag."""
    if reason.startswith("is not of type JSON:"):
        return "is not of type JSON"
    reason = _INDEX.sub("/*", reason)
    front, unknown, _ = reason.partition(": unknown: ")
    return f"{front}: unknown" if unknown else reason


def _short(text: str) -> str:
    """A name of letters, digits and `-_.`; one that is not whole any more ends in a digest."""
    plain = _SIGNS.sub("-", text).strip("-")
    if plain and plain == _BLANKS.sub("-", text).strip("-") and len(plain) <= _LONGEST_NAME:
        return plain
    return f"{plain[: _LONGEST_NAME - 7].strip('-')}-{_digest(text)}".lstrip("-")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:6]


def distinct(causes: Iterable[Cause]) -> dict[Cause, Cause]:
    """Each cause with what it is called beside the others: those that would have one name end in
    a digest of what they are."""
    found = {cause: cause for cause in causes}
    by_name: dict[str, list[Cause]] = {}
    for cause in found:
        by_name.setdefault(cause.full_name, []).append(cause)
    for alike in by_name.values():
        if len(alike) > 1:
            for cause in alike:
                digest = _digest(f"{cause.api}\0{cause.kind}\0{cause.words}")
                found[cause] = replace(cause, name=f"{cause.name}-{digest}")
    return found


def given_names(causes: Iterable[Cause]) -> Callable[[Cause], str]:
    """What is typed for each of these: its name, with the API before it where several have it."""
    causes = tuple(causes)
    names = Counter(cause.name for cause in causes)
    known = {cause: cause.name for cause in causes if names[cause.name] == 1}
    return lambda cause: known.get(cause, cause.full_name)


def accepts(given: str, cause: Cause, causes: Iterable[Cause]) -> bool:
    """Whether a name that was given means this cause: by its full name, or by its name where no
    other of the causes has it."""
    if given == cause.full_name:
        return True
    return given == cause.name and sum(one.name == given for one in causes) == 1
