"""Texts that hold names and values, without the values of those whose names tell of secrets.

Everything else of a text stays as it was written: its order, its blanks, its escapes. A text may
be cut anywhere.
"""

import json
import re
from urllib.parse import quote

from apigateway.protocol.wire import decode_form_text
from apigateway.trail.masking import (
    LONGEST_TEXT,
    MARK,
    is_secret,
    mask,
    may_hold_secrets,
    more,
    shown,
)

Names = frozenset[str]
NONE: Names = frozenset()

JSON_PIECE = re.compile(
    r"""
    ("(?:[^"\\]|\\.)*+"?+) (\s*:)?  # a text; the name of a member when a colon follows
    | [\[\]{},]
    | [^\s\[\]{},:"]+               # a number, true, false, null
    """,
    re.VERBOSE | re.DOTALL,
)
XML_ELEMENT = re.compile(r"(<([^\s<>/=]++)(?:\s[^<>]*+)?>)([^<]+)")
_XML_ATTRIBUTE = re.compile(
    r"""(?<![^\s<>/="'])([^\s<>/="']++)(\s*+=\s*+)("[^"]*+"?+|'[^']*+'?+)"""
)


def masked_text(text: str, hidden: Names = NONE) -> str:
    """A document of any kind: JSON, XML, or else the fields of a form. `hidden` are names of
    fields that are secrets too."""
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return masked_json(text)
    if start == "<":
        return masked_xml(text)
    return masked_query(text, hidden)


def masked_json(text: str) -> str:
    if "\\u" not in text and not may_hold_secrets(text):
        return text
    written: list[str] = []
    at = depth = 0
    secret_at = -1  # the depth of the member that is a secret, while its value goes on
    for piece in JSON_PIECE.finditer(text):
        word = piece[0]
        written.append(text[at : piece.start()])
        at = piece.end()
        if piece[2] is not None:
            if secret_at < 0 and is_secret(_json_text(piece[1])):
                secret_at = depth
        elif word in "[{":
            depth += 1
        elif word in "]},":
            if depth == secret_at:
                secret_at = -1
            depth -= word != ","
        elif secret_at >= 0 and word not in ("null", "true", "false"):
            masked = mask(_json_text(word)) if word[0] == '"' else MARK
            word = json.dumps(masked, ensure_ascii=False)
        written.append(word)
    return "".join(written) + text[at:]


def _json_text(quoted: str) -> str:
    """What a text of JSON says; one that says nothing (it was cut) is taken as it is written."""
    try:
        return str(json.loads(quoted))
    except ValueError:
        return quoted.strip('"')


def shown_value(text: str) -> str:
    """One value of a call, which may be a JSON document of its own."""
    if text.isalnum() and text.isascii() and len(text) <= LONGEST_TEXT:
        return text  # as most are
    if text.startswith(("{", "[")):
        cut = more(len(text) - LONGEST_TEXT) if len(text) > LONGEST_TEXT else ""
        text = masked_json(text[:LONGEST_TEXT]) + cut
        return shown(text, len(text))
    return shown(text)


def masked_xml(text: str) -> str:
    if not may_hold_secrets(text):
        return text
    text = _XML_ATTRIBUTE.sub(
        lambda found: (
            f'{found[1]}{found[2]}"{mask(found[3][1:].rstrip(found[3][0]))}"'
            if is_secret(_local(found[1]))
            else found[0]
        ),
        text,
    )
    return XML_ELEMENT.sub(
        lambda found: (
            found[1] + mask(found[3].strip())
            if is_secret(_local(found[2])) and found[3].strip()
            else found[0]
        ),
        text,
    )


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def masked_query(query: str, hidden: Names = NONE) -> str:
    """A query, or the fields of a form, as on the wire."""
    if not hidden and "%" not in query and not may_hold_secrets(query):
        return query
    return "&".join(_masked_item(item, hidden) for item in query.split("&"))


def _masked_item(item: str, hidden: Names) -> str:
    """Some backends begin another item at a `;`: from a secret one on, nothing is shown."""
    written, at = [], 0
    for piece in item.split(";"):
        name, _, value = piece.partition("=")
        plain = decode_form_text(name)
        if value and (plain in hidden or is_secret(plain)):
            written.append(f"{name}={mask(item[at + len(name) + 1 :])}")
            break
        written.append(f"{name}={_masked_document(value)}" if value else piece)
        at += len(piece) + 1
    return ";".join(written)


def _masked_document(value: str) -> str:
    """A value that is a JSON document of its own."""
    text = decode_form_text(value)
    if text[:1] not in ("{", "["):
        return value
    masked = masked_json(text)
    return value if masked == text else quote(masked, safe="", errors="backslashreplace")
