"""The request that the backend got, without what is secret in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from apigateway.exchange import HttpUpstream, Outbound, Signed
from apigateway.protocol.wire import Headers, Pairs, is_form
from apigateway.signatures.backend import (
    PROXY_SIGNATURE_HEADERS,
    PROXY_STRING_TO_SIGN,
    backend_string_to_sign,
    one_line,
)
from apigateway.trail.bodies import shown_body
from apigateway.trail.declared import Declared, masked_path
from apigateway.trail.delivery import socket_address
from apigateway.trail.masking import (
    LONGEST_TEXT,
    LONGEST_URL,
    MARK,
    MOST_ENTRIES,
    is_secret,
    mask,
    more,
    shown,
)
from apigateway.trail.texts import masked_query, shown_value

_WITH_A_LENGTH = ("POST", "PUT", "PATCH")


How = Callable[[str, Outbound, Declared], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the requests of calls that are alike have in common: `found` of what is said, `start`
    of the URL. `secrets` are fields by their place, the last one first: how they are called, and
    how their value is shown; None masks it."""

    found: dict[str, Any]
    start: str
    host: list[str]
    secrets: tuple[tuple[int, str, How | None], ...]


def frame_of(call: Signed, upstream: HttpUpstream, declared: Declared) -> Frame:
    """`url` names the host as the backend knows it, `address` what was connected to."""
    authority = upstream.authority
    return Frame(
        found={
            "method": call.dispatched.method,
            "url": "",
            "address": socket_address(call, upstream),
            "headers": [],
            "body": "",
            "body_encoding": "text",
            "truncated": False,
            "body_bytes": 0,
        },
        start=f"{upstream.scheme}://{authority}",
        host=["Host", authority],
        secrets=tuple(_secrets(call.dispatched, declared)),
    )


def _secrets(sent: Outbound, declared: Declared) -> Iterator[tuple[int, str, How | None]]:
    names = [name for name, _ in sent.headers[:MOST_ENTRIES]]
    for at in range(len(names) - 1, -1, -1):
        name, lower = names[at], names[at].lower()
        if is_secret(name) or lower in declared.hidden_headers:
            how: How | None = None
            if name == PROXY_STRING_TO_SIGN:
                how = _string_to_sign
            elif lower in declared.open:
                how = _as_it_is
            yield at, shown(name), how


def _as_it_is(value: str, sent: Outbound, declared: Declared) -> str:
    return shown_value(value)


def backend_request(
    call: Signed, frame: Frame, declared: Declared, secrets: Sequence[str]
) -> tuple[dict[str, Any], str]:
    """The request, and all that its caller may have written of it in one text. Headers are in the
    order sent, the first of them Host."""
    sent = call.dispatched
    found = frame.found.copy()
    found["url"] = url = frame.start + _target(sent, declared)
    found["headers"], written = _headers(sent, frame, declared)
    if sent.body:
        found |= shown_body(sent.body, Headers(sent.headers), declared.hidden_fields, secrets)
        return found, f"{url}\n{written}\n{found['body']}"
    return found, f"{url}\n{written}"


def _target(sent: Outbound, declared: Declared) -> str:
    path = sent.path
    if declared.hidden_backend_segments:
        path = masked_path(path, declared.hidden_backend_segments)
    path = shown(path, LONGEST_URL)
    if not sent.query:
        return path
    query = masked_query(sent.query[: LONGEST_URL + 1], declared.hidden_fields)
    return f"{path}?{shown(query, LONGEST_URL)}"


def _headers(sent: Outbound, frame: Frame, declared: Declared) -> tuple[list[list[str]], str]:
    """The fields, and in one text the values of those that are no secrets."""
    fields = sent.headers
    if len(fields) > MOST_ENTRIES:
        fields = fields[:MOST_ENTRIES]
    headers = [[name, value] for name, value in fields]
    values = [value for _, value in fields]
    for at, name, how in frame.secrets:
        value = values.pop(at)
        headers[at] = [name, mask(value) if how is None else how(value, sent, declared)]
    written = "\n".join(values)
    if len(written) > LONGEST_TEXT or not _is_plain(written):
        headers = [[name, shown_value(value)] for name, value in headers]
    headers.insert(0, frame.host)
    if len(sent.headers) > MOST_ENTRIES:
        headers.append([MARK, more(len(sent.headers) - MOST_ENTRIES)])
    if sent.body or sent.method in _WITH_A_LENGTH:
        headers.append(["Content-Length", str(len(sent.body))])
    return headers, written


def _is_plain(written: str) -> bool:
    """Nothing of it is a JSON document or anything but ASCII."""
    return written.isascii() and "{" not in written and "[" not in written


def _string_to_sign(value: str, sent: Outbound, declared: Declared) -> str:
    """What debug mode says that the gateway signed, made anew of what may be shown."""
    fields = dict(sent.headers)
    is_a_form = is_form(fields.get("Content-Type", ""))
    signs_body = sent.method in ("POST", "PUT") and sent.body and not is_a_form
    names = fields.get(PROXY_SIGNATURE_HEADERS, "").split(",")
    signed = tuple((name, _value(name, fields[name], declared)) for name in names if name in fields)
    text = backend_string_to_sign(
        sent.method,
        fields.get("Content-MD5", "") if signs_body else "",
        signed,
        masked_path(sent.path, declared.hidden_backend_segments),
        _pairs(sent, declared, with_form=is_a_form),
    )
    return shown(one_line(text))


def _value(name: str, value: str, declared: Declared) -> str:
    lower = name.lower()
    secret = lower in declared.hidden_headers or is_secret(name)
    return mask(value) if secret and lower not in declared.open else shown_value(value)


def _pairs(sent: Outbound, declared: Declared, *, with_form: bool) -> Pairs:
    hidden = declared.hidden_fields
    pairs = (*sent.query_pairs, *(sent.form_pairs if with_form else ()))
    return tuple(
        (name, mask(value) if name in hidden or is_secret(name) else shown_value(value))
        for name, value in pairs[:MOST_ENTRIES]
    )
