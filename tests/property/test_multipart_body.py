"""Whatever parts hold, they read as they were, here and by other readers; whatever a body is, it
is parts or a refusal."""

import io
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.build import a_pass, an_api, parameter, serve
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Outbound, Throttled
from apigateway.model.api import BackendParameter, Body, BodyFormat, Location, Mode, ParameterType
from apigateway.protocol.multipart_body import (
    BrokenMultipart,
    Part,
    boundary_of,
    content_type_with,
    read_parts,
    write_parts,
)
from apigateway.stages.mapping import Mapping
from apigateway.stages.validation import Validation

BOUNDARY = "the-boundary"

evil = st.sampled_from(
    [
        "\r\n",
        "\r",
        "\n",
        '"',
        "'",
        ";",
        "=",
        '"; filename="x',
        f"\r\n--{BOUNDARY}",
        f"--{BOUNDARY}--",
        "--theirs",
        "\r\n\r\n",
        "Content-Type: text/html",
        "filename*=utf-8''x",
        "%",
        "%2",
        "../",
        "é",
        "图",
        "😀",
        "\t",
        " ",
        "[]",
        "\u2028",
        "\ufeff",
    ]
)
texts = st.one_of(st.text(max_size=10), st.lists(evil, max_size=6).map("".join))


def is_name(text: str) -> bool:
    """Not what browsers' escaping itself makes of two names one, and what no reader agrees on."""
    escapes = any(escape in text for escape in ("%22", "%0D", "%0A", "\\", "=?"))
    return not escapes and not any((ord(c) < 32 and c not in "\t\r\n") or c == "\x7f" for c in text)


names = texts.filter(is_name)
contents = st.one_of(
    st.binary(max_size=30), st.lists(evil, max_size=6).map(lambda found: "".join(found).encode())
)
types = st.sampled_from(["", "image/png", "text/plain; charset=gbk", "a", "x/y; name=é"])
parts = st.builds(Part, names, contents, st.none() | names, types)


def holds(part: Part, boundary: str) -> bool:
    return f"--{boundary}".encode() in part.content


@settings(deadline=None, max_examples=500)
@given(st.lists(parts, max_size=5).map(tuple), st.sampled_from(["x", BOUNDARY, "*" * 70]))
def test_what_is_written_reads_as_it_was(given: tuple[Part, ...], boundary: str) -> None:
    if any(holds(part, boundary) for part in given):
        return
    read = boundary_of(content_type_with(boundary))
    assert read_parts(write_parts(given, boundary), read) == given


frames = st.lists(
    st.sampled_from(
        [
            b"--x",
            b"--",
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b"Content-Disposition: form-data",
            b'; name="a"',
            b"; filename=b",
            b"; filename*=utf-8''%E4",
            b"Content-Type: a/b; charset=utf-8",
            b"Content-Transfer-Encoding: base64",
            b"\x00",
            b'"',
            b"\xff",
            b"a",
        ]
    ),
    max_size=25,
).map(b"".join)


@settings(deadline=None, max_examples=1000)
@given(st.one_of(st.binary(max_size=80), frames, frames.map(lambda raw: b"--x\r\n" + raw)))
def test_any_bytes_are_parts_or_refused(raw: bytes) -> None:
    try:
        found = read_parts(raw, b"x")
    except BrokenMultipart as broken:
        assert str(broken).isascii()
        return
    assert read_parts(write_parts(found, "y-" * 30), b"y-" * 30) == found


@settings(deadline=None, max_examples=500)
@given(st.one_of(st.text(max_size=40), texts.map("; boundary=".__add__), texts))
def test_any_type_has_a_boundary_or_is_refused(text: str) -> None:
    try:
        boundary = boundary_of(f"multipart/form-data{text}")
    except BrokenMultipart:
        return
    assert 1 <= len(boundary) <= 70
    assert boundary.decode().isprintable()


# --- what the backend reads

FILE = ParameterType.FILE


def served(mode: Mode) -> Any:
    return serve(
        an_api(
            method="POST",
            request={
                "mode": mode,
                "body": Body(format=BodyFormat.MULTIPART),
                "parameters": (
                    parameter("note", Location.BODY),
                    parameter("photo", Location.BODY, type=FILE),
                    parameter("q"),
                ),
            },
            backend_parameters=(
                BackendParameter(source="note", name="text", location=Location.BODY),
                BackendParameter(source="photo", name="image", location=Location.BODY),
                BackendParameter(source="q", name="q", location=Location.BODY),
            ),
        )
    )


SERVED = {mode: served(mode) for mode in (Mode.MAPPING, Mode.MAPPING_PASSTHROUGH)}


def sent(mode: Mode, given: tuple[Part, ...], query: str = "") -> Outbound:
    call = a_pass(
        Throttled,
        SERVED[mode],
        method="POST",
        headers=[("Content-Type", content_type_with(BOUNDARY))],
        body=write_parts(given, BOUNDARY),
        query=query,
    )
    return Mapping()(Validation()(call)).outbound


Read = dict[str | None, list[tuple[str | None, bytes]]]
"""Filenames and contents by name, in order."""


def by_name(found: Iterable[tuple[str | None, str | None, bytes]]) -> Read:
    read: Read = {}
    for name, filename, content in found:
        read.setdefault(name, []).append((filename, content))
    return read


def read_by_werkzeug(outbound: Outbound) -> tuple[Read, Read]:
    """Texts and files."""
    kind, options = parse_options_header(dict(outbound.headers)["Content-Type"])
    parser = FormDataParser(max_form_memory_size=None)
    size = len(outbound.body)
    _, form, files = parser.parse(io.BytesIO(outbound.body), kind, size, options)
    return (
        by_name((name, None, text.encode()) for name, text in form.items(multi=True)),
        by_name((name, file.filename, file.read()) for name, file in files.items(multi=True)),
    )


def escaped(text: str | None) -> str | None:
    """Werkzeug reads `%22` as a quote, and leaves line breaks as browsers write them."""
    return text and text.replace("\r", "%0D").replace("\n", "%0A")


def expected(given: tuple[Part, ...], mode: Mode) -> list[Part]:
    """What the backend should get, said in another way than the gateway does it."""
    first = {part.name: part for part in reversed(given)}
    found = []
    if mode is Mode.MAPPING_PASSTHROUGH:
        found += [
            part for part in given if part.name not in ("note", "photo", "q", "text", "image")
        ]
    for name, backend_name in (("note", "text"), ("photo", "image")):
        part = first.get(name)
        if part is not None and (part.filename != "" or part.content):
            content = part.content if part.filename is not None else part.text.encode()
            found.append(Part(backend_name, content, part.filename))
    return [*found, Part("q", QUERY_VALUE)]


QUERY_VALUE = b'\r\n--x"'
known = st.sampled_from(["note", "photo", "q", "text", "image"])
calls = st.lists(
    st.one_of(
        st.builds(Part, st.just("note"), texts.map(str.encode), st.none()),
        st.builds(Part, st.just("photo"), contents, names, types),
        st.builds(Part, known | names, contents, st.none() | names, types),
    ),
    max_size=6,
).map(tuple)


def test_the_backend_reads_what_was_checked_and_nothing_else() -> None:
    served = 0

    @settings(deadline=None, max_examples=500)
    @given(calls, st.sampled_from(list(SERVED)))
    def reads(given: tuple[Part, ...], mode: Mode) -> None:
        nonlocal served
        if any(holds(part, BOUNDARY) for part in given):
            return
        try:
            outbound = sent(mode, given, "q=%0D%0A--x%22")
        except Refusal as refusal:
            assert refusal.fault is Fault.INVALID_PARAMETER
            return
        served += 1
        whole = expected(given, mode)
        texts, files = read_by_werkzeug(outbound)
        assert texts == by_name(
            (escaped(part.name), None, part.content.decode("utf-8", "replace").encode())
            for part in whole
            if part.filename is None
        )
        assert files == by_name(
            (escaped(part.name), escaped(part.filename), part.content)
            for part in whole
            if part.filename is not None
        )

    reads()
    assert served > 100  # or the property says little
