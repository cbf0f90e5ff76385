"""The body as the backend gets it: the caller's own bytes, or fields and parts made anew.

Made of what was checked and read, so that the backend cannot read anything else than the gateway
did (reference: protocol 5.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Validated
from apigateway.model.api import BodyFormat, Location, Mode
from apigateway.protocol.multipart_body import Part, content_type_with, write_parts
from apigateway.protocol.wire import (
    FORM_MEDIA_TYPE,
    Pairs,
    form_fields,
    is_form,
    is_multipart,
    media_type,
)

Field = tuple[str, str | Part]
"""A backend name and the text or the file under it."""


@dataclass(frozen=True, slots=True)
class OutboundBody:
    """`made` unless these are the caller's own bytes, which the caller's Content-* fields describe;
    `content_type` is that of a body made, "" for none. `form_pairs` are the fields of a form."""

    content: bytes
    made: bool = False
    content_type: str = ""
    form_pairs: Pairs = ()


_NOTHING = OutboundBody(b"")


def outbound_body(call: Validated, own: Sequence[Field]) -> OutboundBody:
    """`own` is what the definition sends in the body, in order; the caller's other fields go
    before it where they pass.

    Raises:
        Refusal: INVALID_CONTENT_TYPE, the definition adds fields to a body that has none.
    """
    if not call.body and not own:
        return _NOTHING
    request, taken = call.served.api.request, call.served.own_names[Location.BODY]
    content_type = call.headers.first("Content-Type") or ""
    in_parts = request.body.format is BodyFormat.MULTIPART
    has_fields = is_multipart(content_type) if in_parts else is_form(content_type)
    passes = (
        request.mode is Mode.PASSTHROUGH
        or request.body.format is BodyFormat.STREAM
        or (request.mode is Mode.MAPPING_PASSTHROUGH and not has_fields)
    )
    if passes and not own and not taken:
        return OutboundBody(call.body, form_pairs=_readable_fields(call.body, content_type))
    if passes and call.body and not has_fields:
        raise Refusal(
            Fault.INVALID_CONTENT_TYPE,
            f"the definition adds {'parts' if in_parts else 'form fields'}, and the body is none",
            reason=media_type(content_type)[:100],
        )
    kept = request.mode is not Mode.MAPPING
    if in_parts:
        left = [part for part in call.parts if not _names_one_of(taken, part)] if kept else []
        return _parts(call, [*left, *(_part(name, value) for name, value in own)])
    sent = (call.form_pairs or _readable_fields(call.body, content_type)) if kept else ()
    texts = ((name, value) for name, value in own if isinstance(value, str))
    return _form(call, (*(pair for pair in sent if pair[0] not in taken), *texts))


def _names_one_of(taken: frozenset[str], part: Part) -> bool:
    """Readers drop blanks (PHP) and slashes (aiohttp) before the name of a part."""
    return part.name in taken or part.name.lstrip(" \t\r\n/") in taken


def _readable_fields(body: bytes, content_type: str) -> Pairs:
    """The fields of a form that passes as it is; () where a backend could not read it either."""
    if not is_form(content_type):
        return ()
    try:
        return form_fields(body, content_type)
    except (LookupError, UnicodeDecodeError):
        return ()


def _form(call: Validated, pairs: Pairs) -> OutboundBody:
    if not pairs:
        return _empty(call)
    content = urlencode(pairs, errors="surrogateescape").encode("ascii")
    return OutboundBody(content, True, f"{FORM_MEDIA_TYPE}; charset=UTF-8", pairs)


def _parts(call: Validated, parts: Sequence[Part]) -> OutboundBody:
    """The boundary is of the request's id, which no caller knows before the answer."""
    if not parts:
        return _empty(call)
    boundary = f"apigateway-{call.request_id}"
    return OutboundBody(write_parts(parts, boundary), True, content_type_with(boundary))


def _part(name: str, value: str | Part) -> Part:
    if isinstance(value, Part):
        return Part(name, value.content, value.filename, value.content_type)
    return Part(name, value.encode("utf-8", "surrogateescape"))


def _empty(call: Validated) -> OutboundBody:
    """No body; Content-* of one that was there says nothing any more."""
    return OutboundBody(b"", made=bool(call.body))
