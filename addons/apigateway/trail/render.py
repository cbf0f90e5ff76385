"""A trail as people read it, in a terminal and in mitmweb: at most 100 columns wide.

The verdict first, then a line a stage with its time and the values that decided, then the request
that the backend got; for a refused signature both strings with the first byte that differs.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from apigateway.trail.difference import columns, marked_difference, terminal_line
from apigateway.trail.phrases import told

WIDTH = 100

_SIGNS = {"passed": "\u2713", "answered": "\u2713", "refused": "\u2717", "not reached": "\u00b7"}
_INDENT = "  "
_NOT_SHOWN = "not shown: a secret could be in it"

Trail = Mapping[str, Any]


def render(trail: Trail) -> list[str]:
    """Lines without line feeds, of what `trail_of` made, also after it was saved."""
    lines = [*wrapped(verdict_line(trail)), *wrapped(_when(trail)), ""]
    for stage in trail["stages"]:
        lines += _stage_lines(stage, trail["verdict"])
    if trail["signature"] is not None:
        lines += ["", *_signature_lines(trail["signature"])]
    if trail["backend_request"] is not None:
        lines += ["", *_request_lines(trail["backend_request"])]
    return lines


def verdict_line(trail: Trail) -> str:
    verdict = trail["verdict"]
    if verdict["served"]:
        routed = trail["stages"][0]["decided"]
        return f"served {routed.get('api', 'preflight')}: {verdict['status']}"
    if not verdict["status"]:
        return "every stage lets it pass; it was not sent"
    reason = f"{verdict['status']} {verdict['code']} {verdict['message']}"
    return f"refused by {verdict['by']}: {reason}"


def _when(trail: Trail) -> str:
    seconds, ms = divmod(trail["received_ms"], 1_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    took = f"{trail['total_ms']:.2f} ms in all"
    return f"request {trail['request_id']} of {moment}.{ms:03} UTC, {took}"


def _stage_lines(stage: Mapping[str, Any], verdict: Mapping[str, Any]) -> Iterator[str]:
    outcome, ms = stage["outcome"], stage["ms"]
    time = "" if ms is None else f"{ms:.2f} ms"
    phrases = told(stage["stage"], stage["decided"])
    if outcome == "refused":
        code, message = verdict["code"], verdict["message"]
        phrases = [f"{code} {message}", *phrases]
        if verdict["detail"]:
            phrases.append(f"detail: {verdict['detail']}")
    elif outcome == "not reached":
        phrases = [outcome, *phrases]
    front = f"{_SIGNS.get(outcome, '?')} {stage['stage']:<14} {time:>11}  "
    for phrase in phrases or [""]:
        for line in wrapped(phrase, WIDTH - len(front), _INDENT):
            yield f"{front}{line}".rstrip()
            front = " " * len(front)


def _signature_lines(signature: Mapping[str, Any]) -> Iterator[str]:
    client, server = signature["client_string"], signature["server_string"]
    at = signature["first_difference"]
    yield "the signature does not verify"
    for cause in signature["causes"]:
        yield from _indented(f"because {cause}")
    for note in signature.get("notes", ()):
        yield from _indented(f"note: {note}")
    if client is not None and at is not None:
        yield from _indented(f"the strings differ from byte {at} (line feeds as #):")
        for line in marked_difference(("client", client), ("gateway", server), at):
            yield _INDENT * 2 + line[: _fitting(line, WIDTH - 2 * len(_INDENT))]
    if client is not None:
        yield from _indented("what the client signed, line by line:")
        yield from _text_lines(client)
    yield from _indented("what the gateway signs, line by line:")
    yield from _text_lines(server)


def _request_lines(request: Mapping[str, Any]) -> Iterator[str]:
    scheme, _, rest = request["url"].partition("://")
    authority, slash, target = rest.partition("/")
    yield from wrapped(f"the request that {scheme}://{authority} gets, at {request['address']}")
    head = [f"{request['method']} {slash}{target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in request["headers"]]
    for line in head:
        yield from _indented(line)
    yield from _body_lines(request)


def _body_lines(request: Mapping[str, Any]) -> Iterator[str]:
    size, encoding, body = request["body_bytes"], request["body_encoding"], request["body"]
    if not size:
        return
    yield ""
    if encoding not in ("text", "base64"):
        yield from _indented(f"({size} bytes of {encoding}, {_NOT_SHOWN})")
        return
    if encoding == "base64":
        yield from _indented(f"({size} bytes, in base64)")
    yield from _text_lines(body, _INDENT)
    if request["truncated"]:
        yield from _indented(f"(cut: {size} bytes in all)")


def _text_lines(text: str, indent: str = _INDENT * 2) -> Iterator[str]:
    """The lines of a text. An empty line is a line."""
    for line in text.split("\n"):
        for piece in wrapped(line.rstrip("\r"), WIDTH - len(indent)):
            yield f"{indent}{piece}".rstrip()


def _indented(text: str) -> Iterator[str]:
    for line in wrapped(text, WIDTH - len(_INDENT), _INDENT):
        yield _INDENT + line


def wrapped(text: str, width: int = WIDTH, indent: str = "") -> list[str]:
    """A text in lines of so many columns, those after the first behind an indent; broken at blanks
    where that leaves no line half empty. No control character is left in it."""
    text = terminal_line(text.expandtabs(4), " ")
    lines, start = [], ""
    while columns(start + text) > width:
        room = width - len(start)
        end = _fitting(text, room)
        blank = text.rfind(" ", 0, end + 1)
        if blank > end // 2:
            lines.append(start + text[:blank])
            text = text[blank + 1 :]
        else:
            lines.append(start + text[:end])
            text = text[end:]
        start = indent
    return [*lines, start + text]


def _fitting(text: str, room: int) -> int:
    """How many characters fit into so many columns."""
    end = min(len(text), room)
    while end > 1 and columns(text[:end]) > room:
        end -= max(1, (columns(text[:end]) - room) // 2)
    return max(1, end)
