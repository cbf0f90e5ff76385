"""Bodies of requests and answers, by their Content-Type and Content-Encoding."""

import re
from collections.abc import Callable

from apigateway.protocol.multipart_body import BrokenMultipart, boundary_of
from apigateway.protocol.wire import Headers, is_form, is_multipart
from apigateway.scrubbing.codings import packed, unpacked
from apigateway.scrubbing.names import Names
from apigateway.scrubbing.texts import Texts

_PART_NAME = re.compile(rb'content-disposition:[^\r\n]*?;[ \t]*name="([^"\r\n]*)"', re.IGNORECASE)


def unpacked_and(body: bytes, headers: Headers, change: Callable[[bytes], bytes]) -> bytes:
    """The body with a change made to what it says; one that cannot be read is changed as it is."""
    if not body:
        return body
    coding = ",".join(headers.all("Content-Encoding"))
    said = unpacked(body, coding) if coding else body
    if said is None:
        return change(body)
    changed = change(said)
    if changed == said:
        return body
    return packed(changed, coding) if coding else changed


def scrubbed_body(body: bytes, headers: Headers, texts: Texts, names: Names) -> bytes:
    """With a placeholder for each value whose name tells."""
    content_type = headers.first("Content-Type") or ""

    def change(said: bytes) -> bytes:
        if is_multipart(content_type):
            return _parts(said, content_type, texts, names)
        return _document(said, texts, is_form=is_form(content_type))

    return unpacked_and(body, headers, change)


def _document(raw: bytes, texts: Texts, *, is_form: bool) -> bytes:
    text = raw.decode("utf-8", "surrogateescape")
    return texts.document(text, is_form=is_form).encode("utf-8", "surrogateescape")


def _parts(raw: bytes, content_type: str, texts: Texts, names: Names) -> bytes:
    try:
        separator = b"--" + boundary_of(content_type)
    except BrokenMultipart:
        return _document(raw, texts, is_form=False)
    first, *pieces = raw.split(separator)
    return separator.join([first, *(_part(piece, texts, names) for piece in pieces)])


def _part(piece: bytes, texts: Texts, names: Names) -> bytes:
    """A part from the line break after one boundary to the one before the next."""
    head, gap, content = piece.partition(b"\r\n\r\n")
    if not gap or not content:
        return piece
    end = b"\r\n" if content.endswith(b"\r\n") else b""
    content = content.removesuffix(end)
    found = _PART_NAME.search(head)
    name = found[1].decode("utf-8", "surrogateescape") if found else ""
    if name and content and names.tell(name):
        text = content.decode("utf-8", "surrogateescape")
        content = texts.value(name, text).encode("utf-8", "surrogateescape")
    else:
        content = _document(content, texts, is_form=False)
    return head + gap + content + end
