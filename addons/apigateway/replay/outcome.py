"""How a call ended, as a value without what differs from one run of it to the next.

Left out are the request id, times, what is left of limits, and the gateway's signature where it
was made of these.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum
from urllib.parse import quote, quote_plus

from apigateway.answers import DEBUG_INFO, ERROR_CODE, ERROR_MESSAGE, REQUEST_ID
from apigateway.chain import Call
from apigateway.exchange import Answer, HttpUpstream, Routed, Signed
from apigateway.model.settings import ErrorStyle
from apigateway.outcome import answer_of
from apigateway.protocol.wire import Headers, Pairs, form_fields, is_form, parse_query
from apigateway.replay.call import CapturedCall
from apigateway.replay.placeholders import was_scrubbed
from apigateway.replay.seen import refusal_of
from apigateway.signatures.backend import PROXY_SIGNATURE, PROXY_STRING_TO_SIGN
from apigateway.signatures.caller import SIGNATURE

OF_ONE_RUN = frozenset(
    name.lower()
    for name in (
        REQUEST_ID,
        ERROR_CODE,
        ERROR_MESSAGE,
        DEBUG_INFO,
        "Age",
        "Connection",
        "Content-Length",
        "Date",
        "Keep-Alive",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "Transfer-Encoding",
    )
)
"""Fields of an answer that say nothing about the call (code and message stand on their own)."""

_SIGNATURES = frozenset(name.lower() for name in (SIGNATURE, PROXY_SIGNATURE, PROXY_STRING_TO_SIGN))
_REQUEST_ID_MARK, _TIME_MARK = "<CaRequestId>", "<CaRequestHandleTime>"
_PATH_SAFE = "!$&'()*+,;=:@~"


class Ending(StrEnum):
    """SENT is a call that the gateway lets through to a backend whose answer nobody knows."""

    ANSWERED = "answered"
    REFUSED = "refused"
    SENT = "would be sent"


@dataclass(frozen=True, slots=True)
class Content:
    """A body, by its size in bytes and the start of its SHA-256."""

    size: int
    digest: str

    def __str__(self) -> str:
        return f"{self.size} bytes, sha256 {self.digest[:12]}" if self.size else "no body"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRequest:
    """A request as the backend gets it. `address` is `scheme://host:port`, `path` as on the wire;
    `query` and `form` are decoded pairs in their order. `headers` are sorted, names in lower case.
    `body` is None for a form. `signature` is the gateway's, "" without one."""

    method: str
    address: str
    path: str
    query: Pairs
    headers: Pairs
    form: Pairs
    body: Content | None
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`run` is the request id and time of the run that it is of. What a refusal is about (a
    parameter, a header) is its `subject`.

    With `inside` False only the answer is known, as a caller sees it: then `status`, `code`,
    `message`, `headers` and `body` say all, and what follows is empty.
    """

    run: tuple[str, int]
    ending: Ending
    status: int
    code: str
    message: str
    headers: Pairs
    body: Content | None
    inside: bool
    fault: str = ""
    subject: str = ""
    refused_by: str = ""
    detail: str = ""
    api: str = ""
    environment: str = ""
    version: str = ""
    backend: BackendRequest | None = None

    def __str__(self) -> str:
        if self.ending is Ending.SENT:
            return str(self.ending)
        if self.ending is Ending.REFUSED:
            return f"{self.status} {self.code} {self.message}".replace("  ", " ")
        return str(self.status)


def outcome_of(call: Call, style: ErrorStyle) -> Outcome:
    """Of a call that went through the chain."""
    state, refusal = call.state, call.refusal
    routed = state if isinstance(state, Routed) else None
    run = (call.request_id, call.received_ms)
    if refusal is None and call.answer is None and isinstance(state, Signed):
        ending, status, code, message = Ending.SENT, 0, "", ""
        headers: Pairs = ()
        body = None
    else:
        answer = answer_of(call, style, method=state.method if state is not None else "GET")
        ending = Ending.ANSWERED if refusal is None and call.answer is not None else Ending.REFUSED
        status, code, message, headers, body = _seen(answer, ending)
    return Outcome(
        run=run,
        ending=ending,
        status=status,
        code=code,
        message=message,
        headers=headers,
        body=body,
        inside=True,
        fault=refusal.fault.name if refusal is not None else "",
        subject=refusal.parts.get("name", "") if refusal is not None else "",
        refused_by=call.refused_by,
        detail=refusal.detail if refusal is not None else "",
        api=f"{routed.bound.group.name}/{routed.served.api.name}" if routed is not None else "",
        environment=routed.environment.value if routed is not None else "",
        version=routed.served.version if routed is not None else "",
        backend=_backend_request(call),
    )


def captured_outcome(captured: CapturedCall) -> Outcome | None:
    """Of a call that was captured, as its caller saw it; None without an answer."""
    answer = captured.answer
    if answer is None:
        return None
    ending = Ending.ANSWERED if refusal_of(answer) is None else Ending.REFUSED
    status, code, message, headers, body = _seen(answer, ending)
    run = (captured.request_id, captured.received_ms or 0)
    if was_scrubbed(captured.request):
        run = ("", 0)  # a string to sign of what was scrubbed is not that of what is put back
    return Outcome(
        run=run,
        ending=ending,
        status=status,
        code=code,
        message=message,
        headers=headers,
        body=body,
        inside=False,
    )


def _seen(answer: Answer, ending: Ending) -> tuple[int, str, str, Pairs, Content | None]:
    """Status, code, message, fields and body. A refusal's body says the same as its fields."""
    fields = Headers(answer.headers)
    refused = ending is Ending.REFUSED
    return (
        answer.status,
        fields.first(ERROR_CODE) or "",
        fields.first(ERROR_MESSAGE) or "" if refused else "",
        _plain(field for field in answer.headers if field[0].lower() not in OF_ONE_RUN),
        None if refused else content_of(answer.body),
    )


def _plain(fields: Iterable[tuple[str, str]]) -> Pairs:
    """HTTP/2 has names in lower case, and the order of different ones means nothing."""
    return tuple(sorted((name.lower(), value) for name, value in fields))


def content_of(body: bytes) -> Content:
    return Content(len(body), hashlib.sha256(body).hexdigest() if body else "")


# --- the request at the backend


def _backend_request(call: Call) -> BackendRequest | None:
    """What was sent, or would be; None for a mock, and where the call did not come so far."""
    state = call.state
    if not isinstance(state, Signed) or not isinstance(state.upstream, HttpUpstream):
        return None
    sent, upstream = state.dispatched, state.upstream
    marks = list(_marks(state))
    headers = Headers(sent.headers)
    body, is_the_same = sent.body, True
    for text, mark in marks:
        raw = text.encode("ascii")
        if raw in body:
            body, is_the_same = body.replace(raw, mark.encode("ascii")), False
    left_out = {REQUEST_ID.lower(), *_SIGNATURES} | (set() if is_the_same else {"content-md5"})
    form = _form_of(body, headers.first("Content-Type") or "")
    return BackendRequest(
        method=sent.method,
        address=f"{upstream.scheme}://{upstream.authority}",
        path=_marked(sent.path, marks),
        query=_marked_pairs(parse_query(sent.query), marks),
        headers=_marked_pairs(
            _plain(field for field in sent.headers if field[0].lower() not in left_out), marks
        ),
        form=form or (),
        body=content_of(body) if form is None else None,
        signature=headers.first(PROXY_SIGNATURE) or "",
    )


def _marks(state: Signed) -> Iterable[tuple[str, str]]:
    """What is of this run alone, in every spelling, and what stands for it."""
    yield state.request_id, _REQUEST_ID_MARK
    sources = {system.source for system in state.served.api.system_parameters}
    if "CaRequestHandleTime" in sources:
        time = formatdate(state.received_ms / 1000, usegmt=True)
        for text in (time, quote(time, safe=""), quote_plus(time), quote(time, safe=_PATH_SAFE)):
            yield text, _TIME_MARK


def _marked(text: str, marks: Iterable[tuple[str, str]]) -> str:
    for found, mark in marks:
        if found in text:
            text = text.replace(found, mark)
    return text


def _marked_pairs(pairs: Pairs, marks: list[tuple[str, str]]) -> Pairs:
    return tuple((name, _marked(value, marks)) for name, value in pairs)


def _form_of(body: bytes, content_type: str) -> Pairs | None:
    if not body or not is_form(content_type):
        return None
    try:
        return form_fields(body, content_type)
    except (LookupError, UnicodeDecodeError):
        return None
