"""Strings to sign as a trail shows them, and why a signature did not verify.

The strings hold what the caller signed: fields and parameters of any name.
"""

import re
from typing import Any
from urllib.parse import quote

from apigateway.exchange import Admitted
from apigateway.model.app import App
from apigateway.model.catalog import ServedApi
from apigateway.protocol.wire import decode_form_text, decode_path, is_form
from apigateway.signatures.caller import SignableRequest
from apigateway.signatures.caller_explain import explain, first_difference
from apigateway.trail.declared import declared_of
from apigateway.trail.known import text_without_secrets
from apigateway.trail.masking import MARK, MOST_ENTRIES, is_secret, mask, shown
from apigateway.trail.texts import masked_json

LONGEST_STRING = 16_384

Names = frozenset[str]
_NONE: Names = frozenset()

_FIXED_LINES = 5
"""Method, Accept, Content-MD5, Content-Type, Date."""
_PARAMETER = re.compile(r"(?<=[?&])([^=&\n]+)=([^&\n]*)")


def server_string(call: Admitted, documented: str) -> str:
    """The string of the documented rule, which a refusal shows, without what is secret in it."""
    request = SignableRequest(call.method, call.path, call.query, call.headers, call.body)
    return masked_string(documented, request, call.served)


def signature_of(
    request: SignableRequest,
    app: App,
    *,
    served: ServedApi | None = None,
    now_ms: int | None = None,
) -> dict[str, Any]:
    """The `signature` of a trail: both strings, where they differ first, and why.

    `first_difference` counts bytes of the strings as they are shown; None where they are equal, or
    differ only in what is not shown. It takes from a millisecond to seconds (of a large form).
    """
    found = explain(request, app.secret.reveal(), now_ms=now_ms)
    secrets = [app.secret.reveal(), *([] if app.code is None else [app.code.reveal()])]

    def told(text: str) -> str:
        return text_without_secrets(text, secrets)

    def string(text: str) -> str:
        return told(masked_string(text, request, served))

    server = string(found.server_string)
    client = None if found.client_string is None else string(found.client_string)
    difference = None if client is None else first_difference(client, server)
    causes = [told(cause) for cause in found.causes]
    if found.first_difference is not None and difference is None:
        causes.append("the strings differ in what is not shown of them")
    return {
        "client_string": client,
        "server_string": server,
        "first_difference": difference,
        "causes": causes,
        "notes": [told(note) for note in found.notes],
    }


def masked_string(text: str, request: SignableRequest, served: ServedApi | None) -> str:
    """A string to sign (one that the gateway made, or a client by a usual mistake) without the
    values of fields, parameters and segments of the path that are secrets; cut when it is long."""
    declared = None if served is None else declared_of(served)
    headers = _NONE if declared is None else declared.hidden_headers
    parameters = _NONE if declared is None else declared.hidden
    text = shown(text, LONGEST_STRING)
    *front, rest = text.split("\n", _FIXED_LINES)
    rest = "\n".join(_masked_line(line, headers) for line in rest.split("\n"))
    for spelled in _secret_values(request, parameters):
        rest = rest.replace(spelled[0], spelled[1])
    rest = _PARAMETER.sub(lambda found: _masked_parameter(found, parameters), rest)
    if declared is not None and declared.hidden_segments:
        rest = _without_segments(rest, request.path, declared.hidden_segments)
    return "\n".join([*front, masked_json(rest)])


def _masked_line(line: str, hidden: Names) -> str:
    name, colon, value = line.partition(":")
    is_a_field = colon and not name.startswith(("/", "?"))
    if is_a_field and (name.lower() in hidden or is_secret(name)):
        return f"{name}:{mask(value)}"
    return line


def _masked_parameter(found: re.Match[str], hidden: Names) -> str:
    name, value = found[1], found[2]
    if value.endswith(MARK) or not (name in hidden or is_secret(decode_form_text(name))):
        return found[0]
    return f"{name}={mask(value)}"


def _secret_values(request: SignableRequest, hidden: Names) -> list[tuple[str, str]]:
    """`name=value` of each parameter that is a secret, in every way in which clients sign one, and
    what is shown in its place; long ones first. (A value that is not encoded may hold a `&`.)"""
    items = request.query.split("&")
    if is_form(request.headers.first("Content-Type") or ""):
        items += request.body[:LONGEST_STRING].decode("utf-8", "surrogateescape").split("&")
    values: dict[str, list[str]] = {}
    taken = 0
    for item in items:
        name, _, value = item.partition("=")
        plain = decode_form_text(name)
        if value and (plain in hidden or is_secret(plain)):
            values.setdefault(name, []).append(value)
            taken += 1
        if taken == MOST_ENTRIES:  # each is looked for in a long text
            break
    found = {}
    for name, raw in values.items():
        texts = [decode_form_text(value, errors="surrogateescape") for value in raw]
        kept = [decode_form_text(value.replace("+", "%2B")) for value in raw]
        spelled = [*raw, *texts, *kept, ",".join(raw), ",".join(texts)]
        spelled += [quote(value, safe="", errors="surrogateescape") for value in (*raw, *texts)]
        for key in {name, decode_form_text(name)}:
            for value in spelled:
                found[f"{key}={shown(value, LONGEST_STRING)}"] = f"{key}={mask(value)}"
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def _without_segments(text: str, path: str, segments: frozenset[int]) -> str:
    parts = path.split("/")[1:]
    for at in segments:
        if at < len(parts) and parts[at]:
            raw = parts[at]
            for spelled in {raw, decode_path(raw) or raw, quote(raw, safe="")}:
                segment = re.escape(f"/{shown(spelled)}")
                text = re.sub(f"{segment}(?=[/?\n]|$)", f"/{mask(spelled)}", text)
    return text
