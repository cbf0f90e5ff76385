"""The start of a body as a trail shows it: text where it is text, without what is secret."""

import base64
import codecs
import re
from collections.abc import Iterable
from typing import Any

from apigateway.protocol.multipart_body import BrokenMultipart, boundary_of
from apigateway.protocol.wire import Headers, charset_of, decode_form_text, is_form, is_multipart
from apigateway.trail.known import bytes_hold_a_secret
from apigateway.trail.masking import is_secret, mask
from apigateway.trail.texts import Names, masked_query, masked_text

LONGEST_BODY = 4_096
"""Bytes."""

_PART_NAME = re.compile(rb"""[;\s]name\*?\s*=\s*(?:utf-8''|")?([^";\r\n]*)""", re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"(\r?\n\r?\n)")


def shown_body(
    body: bytes, headers: Headers, hidden: Names, secrets: Iterable[str] = ()
) -> dict[str, Any]:
    """`body`, in the `body_encoding` text or base64, `truncated` where it is not the whole, and
    the `body_bytes` of the whole. Of one that nobody can look into (compressed, or with parts
    that cannot be told apart) nothing is shown: then `body_encoding` says what it is.

    `hidden` are names of fields that are secrets too; one of `secrets` in a body that is no text
    hides it. In a text they are to be taken out later."""
    found = {"body": "", "body_encoding": "text", "truncated": False, "body_bytes": len(body)}
    if not body:
        return found
    encoding = (headers.first("Content-Encoding") or "identity").strip().lower()
    if encoding != "identity":
        return {**found, "body_encoding": encoding[:100], "truncated": True}
    start = body[:LONGEST_BODY]
    found["truncated"] = len(start) < len(body)
    content_type = headers.first("Content-Type") or ""
    if is_multipart(content_type):
        try:
            start = _masked_parts(start, b"--" + boundary_of(content_type), hidden)
        except BrokenMultipart:
            return {**found, "body_encoding": "multipart", "truncated": True}
    text = _text_of(start, content_type, whole=not found["truncated"])
    if text is None:
        if bytes_hold_a_secret(start, secrets):
            return {**found, "body_encoding": "binary", "truncated": True}
        found["body"] = base64.b64encode(start).decode("ascii")
        found["body_encoding"] = "base64"
    elif is_multipart(content_type):
        found["body"] = text
    elif is_form(content_type):
        found["body"] = masked_query(text, hidden)
    else:
        found["body"] = masked_text(text, hidden)
    return found


def _text_of(start: bytes, content_type: str, *, whole: bool) -> str | None:
    """Its characters, without one that was cut in two; None where it is no text."""
    if b"\0" in start:
        return None
    try:
        return codecs.utf_8_decode(start, "strict", whole)[0]
    except UnicodeDecodeError:
        pass
    try:
        charset = charset_of(content_type)
        text = start.decode(charset, "strict" if whole else "ignore")
    except (LookupError, UnicodeDecodeError):
        return None
    return None if charset == "utf-8" else text


def _masked_parts(start: bytes, delimiter: bytes, hidden: Names) -> bytes:
    """The parts of a multipart body, with the sizes of its files in place of their content."""
    return delimiter.join(_masked_part(piece, hidden) for piece in start.split(delimiter))


def _masked_part(piece: bytes, hidden: Names) -> bytes:
    head, *rest = _END_OF_HEAD.split(piece, maxsplit=1)
    if not rest:
        return piece  # before the first part, behind the last one, or cut off within its head
    blank, content = rest
    end = b"\r\n" if content.endswith(b"\r\n") else b""
    content = content.removesuffix(end)
    named = _PART_NAME.search(head)
    name = decode_form_text(named[1].decode("utf-8", "replace")) if named else ""
    if name in hidden or is_secret(name):
        content = mask(content.decode("utf-8", "backslashreplace")).encode("utf-8")
    elif b"filename" in head.lower():
        content = f"({len(content)} bytes{'' if end else ' and more'})".encode()
    return head + blank + content + end
