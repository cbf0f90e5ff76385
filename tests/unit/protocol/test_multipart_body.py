"""Multipart bodies: one way to read them, and the browsers' way to write them."""

import contextlib
import time

import pytest

from apigateway.protocol.multipart_body import (
    MOST_HEAD_BYTES,
    MOST_PARTS,
    BrokenMultipart,
    Part,
    boundary_of,
    content_type_with,
    read_parts,
    write_parts,
)

NAMED_A = b'Content-Disposition: form-data; name="a"'
SIZE = 2 * 1024 * 1024


def body(*parts: bytes, boundary: bytes = b"x") -> bytes:
    """Each part is its head, a blank line and its content."""
    framed = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return framed + b"--" + boundary + b"--\r\n"


def part_of(head: bytes, content: bytes = b"1") -> Part:
    (part,) = read_parts(body(head + b"\r\n\r\n" + content), b"x")
    return part


def fault_of(raw: bytes, boundary: bytes = b"x") -> str:
    with pytest.raises(BrokenMultipart) as caught:
        read_parts(raw, boundary)
    return str(caught.value)


def fault_of_head(head: bytes) -> str:
    return fault_of(body(head + b"\r\n\r\n1"))


# --- the boundary


@pytest.mark.parametrize(
    ("parameters", "boundary"),
    [
        ("; boundary=x", b"x"),
        (";boundary=x", b"x"),
        (' ; Boundary="x y" ; charset=utf-8', b"x y"),
        ("; charset=utf-8; boundary=x;", b"x"),
        ('; boundary="----WebKitFormBoundaryAbC"', b"----WebKitFormBoundaryAbC"),
        ("; boundary==_a/b:c?(d),e'f+g.h", b"=_a/b:c?(d),e'f+g.h"),
        ("; boundary=*****", b"*****"),
        ("; boundary=" + "b" * 70, b"b" * 70),
    ],
)
def test_a_boundary_is_read(parameters: str, boundary: bytes) -> None:
    assert boundary_of("multipart/form-data" + parameters) == boundary


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("", "no boundary"),
        ("; charset=utf-8", "no boundary"),
        ("; boundary", "malformed parameters"),
        ("; boundary=", "malformed parameters"),
        ('; boundary=""', "not a boundary"),
        ('; boundary="x "', "not a boundary"),
        ("; boundary=" + "b" * 71, "not a boundary"),
        ('; boundary="x', "malformed parameters"),
        ('; boundary="x\\"', "malformed parameters"),
        ('; boundary="x\\y"', "not a boundary"),
        ('; boundary="<x>"', "not a boundary"),
        ("; boundary=é", "malformed parameters"),
        ('; boundary="\udcff"', "not a boundary"),
        ("; boundary = x", "malformed parameters"),
        ("; boundary=x; boundary=y", "a parameter stands twice"),
        ("; boundary=x; BOUNDARY=x", "a parameter stands twice"),
        ("; boundary=x, multipart/form-data; boundary=y", "malformed parameters"),
        ("; boundary=x\r\ny", "malformed parameters"),
    ],
)
def test_what_can_be_no_boundary_is_refused(parameters: str, reason: str) -> None:
    with pytest.raises(BrokenMultipart) as caught:
        boundary_of("multipart/form-data" + parameters)
    assert str(caught.value) == reason


# --- the frame


def test_parts_are_read_in_order_and_repeated() -> None:
    file = b'Content-Disposition: form-data; name="f"; filename="a.bin"\r\nContent-Type: image/png'
    raw = body(NAMED_A + b"\r\n\r\n1", file + b"\r\n\r\n\x00\r\n\xff", NAMED_A + b"\r\n\r\n")
    assert read_parts(raw, b"x") == (
        Part("a", b"1"),
        Part("f", b"\x00\r\n\xff", "a.bin", "image/png"),
        Part("a", b""),
    )


def test_a_body_of_no_parts_is_one() -> None:
    assert read_parts(b"--x--\r\n", b"x") == ()
    assert read_parts(b"--x--", b"x") == ()


@pytest.mark.parametrize("before", [b"", b"\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"\r\n\r\n"])
def test_line_breaks_around_the_parts_are_nothing(before: bytes, after: bytes) -> None:
    raw = before + b"--x\r\n" + NAMED_A + b"\r\n\r\n1\r\n--x--" + after
    assert read_parts(raw, b"x") == (Part("a", b"1"),)


def test_a_content_may_look_like_a_frame() -> None:
    content = b"\r\n--y\r\n--\r\n\n --x\r\n x--x--\r\n\r\n"
    assert part_of(NAMED_A, content).content == content


WHOLE = body(NAMED_A + b"\r\n\r\n1")


@pytest.mark.parametrize("length", range(1, len(WHOLE) - 2))
def test_a_body_that_is_cut_off_is_refused_wherever_it_was(length: int) -> None:
    fault_of(WHOLE[:length])


BEGINNING = "does not begin with its boundary"
GOES_ON = "goes on after its closing boundary"
OPEN = "has no closing boundary"
HALF = "holds its boundary after half a line break"
IN_A_LINE = "holds its boundary inside a line"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"a=1", BEGINNING),
        (b"preamble\r\n" + WHOLE, BEGINNING),
        (b"\r\n\r\n" + WHOLE, BEGINNING),
        (b" " + WHOLE, BEGINNING),
        (WHOLE.replace(b"--x", b"--y"), BEGINNING),
        (WHOLE.replace(b"\r\n", b"\n"), OPEN),
        (WHOLE + b"epilogue", GOES_ON),
        (WHOLE + WHOLE, GOES_ON),
        (WHOLE[:-2] + b"-", GOES_ON),
        (WHOLE[:-4] + b"\r\n", OPEN),
        (WHOLE[:-4], OPEN),
        (body(NAMED_A + b"\r\n\r\n1\n--x\r\n"), HALF),
        (body(NAMED_A + b"\r\n\r\n\r--x--"), HALF),
        (WHOLE[:-3], OPEN),
        (body(NAMED_A + b"\r\n\r\n1\r\n--xy"), IN_A_LINE),
        (b"--x \r\n" + WHOLE[5:], IN_A_LINE),
        (body(b""), "a part has a head without an end"),
        (body(b"\r\n1"), "a part has a malformed head"),
        (body(NAMED_A), "a part has a head without an end"),
    ],
)
def test_what_is_no_frame_is_refused(raw: bytes, reason: str) -> None:
    assert fault_of(raw) == reason


def test_parts_and_heads_are_bounded() -> None:
    assert len(read_parts(body(*[NAMED_A + b"\r\n\r\n"] * MOST_PARTS), b"x")) == MOST_PARTS
    many = body(*[NAMED_A + b"\r\n\r\n"] * (MOST_PARTS + 1))
    assert fault_of(many) == "has more than 1000 parts"
    padding = b"\r\nX: " + b"y" * (MOST_HEAD_BYTES - len(NAMED_A) - 5)
    assert part_of(NAMED_A + padding).name == "a"
    assert fault_of_head(NAMED_A + padding + b"y") == "a part has a head of more than 8192 bytes"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"--x\r\n" * (SIZE // 5), id="boundaries"),
        pytest.param(b"--x" * (SIZE // 3), id="boundaries in one line"),
        pytest.param(body(NAMED_A + b"\r\n\r\n" + b"\r\n--" * (SIZE // 4)), id="nearly boundaries"),
        pytest.param(body(NAMED_A + b"\r\n\r\n" + b"-" * SIZE), id="dashes"),
        pytest.param(body(NAMED_A + b"\r\nX:" + b" " * SIZE + b"\x00"), id="blanks"),
        pytest.param(body(*[b"X:" + b" " * 8000 + b"\x00\r\n\r\n"] * 250), id="blanks, often"),
        pytest.param(body(*[NAMED_A + b'; a="' * 1600 + b"\r\n\r\n"] * 250), id="open quotes"),
        pytest.param(
            body(*[NAMED_A + b"; filename*=utf-8''" + b"%41" * 2600 + b"(\r\n\r\n"] * 250),
            id="escapes",
        ),
    ],
)
def test_two_megabytes_are_read_in_linear_time(raw: bytes) -> None:
    start = time.thread_time()
    with contextlib.suppress(BrokenMultipart):
        read_parts(raw, b"x")
    assert time.thread_time() - start < 2


# --- the head of a part


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        (b'form-data; name="a"', "a", None),
        (b"form-data; name=a", "a", None),
        (b'Form-Data;NAME="a";', "a", None),
        (b'form-data; name=""', "", None),
        (b'form-data; filename="f"; name="a"', "a", "f"),
        (b'form-data; name="a"; filename=""', "a", ""),
        (b'form-data; name="a"; size=3; filename="f"', "a", "f"),
        ('form-data; name="图"; filename="照片.png"'.encode(), "图", "照片.png"),
        (b'form-data; name="a;b=c"; filename="x; name=y"', "a;b=c", "x; name=y"),
        (b'form-data; name="a%22b"; filename="%0D%0Aq%22"', 'a"b', '\r\nq"'),
        (b'form-data; name="%41%0d"', "%41%0d", None),
        (b'form-data; name="a"; filename="C:\\dir\\f.txt"', "a", "C:\\dir\\f.txt"),
        (b'form-data; name="a"; filename="../../etc/passwd"', "a", "../../etc/passwd"),
        (b"form-data; name=a; filename*=UTF-8''%E4%B8%AD.txt", "a", "中.txt"),
        (b"form-data; name=a; filename=x; filename*=utf-8'zh'%e4%b8%ad", "a", "中"),
    ],
)
def test_names_are_read_as_browsers_and_clients_write_them(
    disposition: bytes, name: str, filename: str | None
) -> None:
    part = part_of(b"content-disposition:" + disposition)
    assert (part.name, part.filename) == (name, filename)


NESTED = "a part holds parts of its own"
CODED = "a part has a transfer encoding"
LENGTH = "a part is not of its Content-Length"
NO_DISPOSITION = "a part has no Content-Disposition: form-data"
NO_NAME = "a part has no name"
MALFORMED = "a part has a malformed head"
PARAMETERS = "malformed parameters"
ESCAPED = "a part has a name with an escape in it"
NO_EXTENSION = "a part has an extended parameter"
EXTENDED = "a part has a malformed filename*"
TWICE = "a part has a field that stands twice"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"X: y", NO_DISPOSITION),
        (b'Content-Disposition: attachment; name="a"', NO_DISPOSITION),
        ("Content-Disposition: form-data\xa0; name=a".encode(), NO_DISPOSITION),
        (b"Content-Disposition: form-data", NO_NAME),
        (b'Content-Disposition: form-data; filename="f"', NO_NAME),
        (b"Content-Disposition: form-data; name*=utf-8''a", NO_NAME),
        (b"Content-Disposition: form-data; name=a; name*=utf-8''b", NO_EXTENSION),
        (b"Content-Disposition: form-data; name=a; name*0=b", NO_EXTENSION),
        (NAMED_A + b"; filename*0*=utf-8''b; filename*1=c", NO_EXTENSION),
        (NAMED_A + b"; name=b", "a parameter stands twice"),
        (NAMED_A + b"; NAME=a", "a parameter stands twice"),
        (NAMED_A + b"; filename=a; filename=b", "a parameter stands twice"),
        (NAMED_A + b"\r\n" + NAMED_A, TWICE),
        (NAMED_A + b"\r\ncontent-disposition: form-data; name=b", TWICE),
        (NAMED_A + b"\r\nContent-Type: a/b\r\nContent-type: a/b", TWICE),
        (NAMED_A + b"\r\nContent-Disposition : form-data; name=b", MALFORMED),
        (NAMED_A + b"\r\n folded", MALFORMED),
        (NAMED_A + b"\r\nno colon", MALFORMED),
        (NAMED_A + b"\r\n: no name", MALFORMED),
        (NAMED_A + b"\nX: y", MALFORMED),
        (NAMED_A + b"\rX: y", MALFORMED),
        (NAMED_A + b"\r\nX: \x00", MALFORMED),
        (b'Content-Disposition: form-data; name="a\x00"', MALFORMED),
        (b'Content-Disposition: form-data; name="\xff"', "a part has a head that is not UTF-8"),
        (b'Content-Disposition: form-data; name="a', PARAMETERS),
        (b'Content-Disposition: form-data; name="a"b', PARAMETERS),
        (b'Content-Disposition: form-data; name="a" filename="b"', PARAMETERS),
        (b'Content-Disposition: form-data; name ="a"', PARAMETERS),
        (b"Content-Disposition: form-data; name=a b", PARAMETERS),
        (b'Content-Disposition: form-data; name="a\\"b"', PARAMETERS),
        (NAMED_A + b'; filename="a\\"; x="b"', PARAMETERS),
        (b'Content-Disposition: form-data; name="a\\b"', ESCAPED),
        (b'Content-Disposition: form-data; name="=?utf-8?Q?a?="', ESCAPED),
        (NAMED_A + b"; filename*=utf-8''a%5C", ESCAPED),
        (NAMED_A + b"; filename*=utf-8''%FF", EXTENDED),
        (NAMED_A + b"; filename*=utf-8''%00", EXTENDED),
        (NAMED_A + b"; filename*=utf-8''a%1Bb", EXTENDED),
        (NAMED_A + b"; filename*=utf-8''%4", EXTENDED),
        (NAMED_A + b"; filename*=gbk''a", EXTENDED),
        (NAMED_A + b"; filename*=a", EXTENDED),
        (NAMED_A + b"\r\nContent-Transfer-Encoding: base64", CODED),
        (NAMED_A + b"\r\nContent-Transfer-Encoding: Quoted-Printable", CODED),
        (NAMED_A + b"\r\nContent-Transfer-Encoding: ", CODED),
        (NAMED_A + b"\r\nContent-Encoding: gzip", "a part has a content encoding"),
        (NAMED_A + b"\r\nContent-Length: 2", LENGTH),
        (NAMED_A + b"\r\nContent-Length: +1", LENGTH),
        (NAMED_A + b"\r\nContent-Type: Multipart/Mixed; boundary=y", NESTED),
    ],
)
def test_a_head_that_could_be_read_in_two_ways_is_refused(head: bytes, reason: str) -> None:
    assert fault_of_head(head) == reason


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Transfer-Encoding: 8bit",
        b"Content-Transfer-Encoding: Binary",
        b"Content-Encoding: identity",
        b"Content-Length: 1",
        b"X-Own: anything",
    ],
)
def test_fields_that_change_nothing_are_nothing(field: bytes) -> None:
    assert part_of(NAMED_A + b"\r\n" + field) == Part("a", b"1")


# --- text


def test_text_is_utf8_unless_its_type_names_another_charset() -> None:
    assert Part("a", "中".encode()).text == "中"
    assert Part("a", "中".encode("gbk"), content_type="text/plain; charset=GBK").text == "中"


def test_text_that_is_not_of_its_charset_or_of_none_has_no_reading() -> None:
    with pytest.raises(UnicodeDecodeError):
        _ = Part("a", b"\xff").text
    with pytest.raises(LookupError):
        _ = Part("a", b"1", content_type="text/plain; charset=utf-7").text


# --- writing


def test_a_body_is_written_as_browsers_write_it() -> None:
    parts = [Part("a", b"1"), Part("图", b"\x00\xff", "照片.png", "image/png"), Part("e", b"", "")]
    assert write_parts(parts, "B") == (
        '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        '--B\r\nContent-Disposition: form-data; name="图"; filename="照片.png"\r\n'
        "Content-Type: image/png\r\n\r\n".encode()
        + b"\x00\xff\r\n"
        b'--B\r\nContent-Disposition: form-data; name="e"; filename=""\r\n\r\n\r\n--B--\r\n'
    )
    assert content_type_with("B") == "multipart/form-data; boundary=B"


def test_names_cannot_leave_their_quotes() -> None:
    evil = 'x"\r\nContent-Type: text/html\r\n\r\nhi\r\n--B--'
    raw = write_parts([Part(evil, b"1", evil, "a/b\r\nX: y\x00")], "B")
    assert raw.count(b"\r\n") == 6
    assert raw.splitlines()[1] == (
        b'Content-Disposition: form-data; name="x%22%0D%0AContent-Type: text/html%0D%0A%0D%0Ahi'
        b'%0D%0A--B--"; filename="x%22%0D%0AContent-Type: text/html%0D%0A%0D%0Ahi%0D%0A--B--"'
    )
    assert raw.splitlines()[2] == b"Content-Type: a/b%0D%0AX: y%00"


def test_bytes_that_were_no_text_are_written_as_they_were() -> None:
    assert b'name="\xff"' in write_parts([Part("\udcff", b"")], "B")


@pytest.mark.parametrize("content", [b"--B", b"x--B--\r\n", b"\r\n--B\r\n\r\n"])
def test_a_content_that_holds_the_boundary_is_never_written(content: bytes) -> None:
    with pytest.raises(ValueError, match="holds the boundary"):
        write_parts([Part("a", content)], "B")


def test_what_is_written_reads_as_it_was() -> None:
    parts = (Part("a", b"\r\n"), Part('"', b"--", '\r\n"\t', "a/b; c=d"), Part("a", b""))
    assert read_parts(write_parts(parts, "B"), b"B") == parts
