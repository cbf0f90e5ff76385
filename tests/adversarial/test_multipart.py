"""Multipart bodies made to be read in two ways, to crash or to take long: refused, and not seen by
the backend."""

import time
from collections.abc import Iterator

import pytest
from adversarial.probe import HOST_LINE, Reply, assert_our_refusal, send
from e2e.running import Backend, Gateway, Project, gateway

API = """\
name: KeepParts
visibility: public
auth: {{type: anonymous}}
request:
  method: POST
  path: /parts
  mode: mapping_passthrough
  body: {{format: multipart}}
  parameters:
    - {{name: a, in: body, type: Int}}
    - {{name: f, in: body, type: File, max_bytes: 10}}
backend:
  type: http
  address: http://127.0.0.1:{port}
  path: /parts
  constants: [{{name: role, in: body, value: guest}}]
"""

NAMED_A = b'Content-Disposition: form-data; name="a"'
SIZE = 2_000_000
KIND = b"multipart/form-data; boundary=x"


@pytest.fixture(scope="module")
def keeper(
    tmp_path_factory: pytest.TempPathFactory, counted: Backend
) -> Iterator[tuple[Gateway, Backend]]:
    project = Project(tmp_path_factory.mktemp("keeper"), counted.port)
    text = API.format(port=counted.port)
    (project.folder / "definitions/weather/keep-parts.yaml").write_text(text)
    with gateway(project) as running:
        yield running, counted


def body(*parts: bytes) -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"


def with_head(*lines: bytes) -> bytes:
    return body(b"\r\n".join(lines) + b"\r\n\r\n1")


def named(disposition: bytes) -> bytes:
    return with_head(b"Content-Disposition: form-data; " + disposition)


def post(running: Gateway, content: bytes, *kinds: bytes) -> Reply:
    types = b"".join(b"Content-Type: " + kind + b"\r\n" for kind in kinds or (KIND,))
    length = b"Content-Length: %d\r\n" % len(content)
    request = b"POST /parts HTTP/1.1\r\n" + HOST_LINE + types + length + b"\r\n" + content
    return send(running.port, request)


GOOD = with_head(NAMED_A)


def test_a_plain_body_is_served(keeper: tuple[Gateway, Backend]) -> None:
    running, backend = keeper
    before = backend.hits
    assert post(running, GOOD).status == 200
    assert backend.hits == before + 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"x", id="no frame"),
        pytest.param(b"\xff" * SIZE, id="bytes"),
        pytest.param(GOOD[:-6], id="no closing boundary"),
        pytest.param(GOOD[:-4], id="open boundary"),
        pytest.param(b"hidden\r\n" + GOOD, id="preamble"),
        pytest.param(GOOD + b"hidden", id="epilogue"),
        pytest.param(GOOD + GOOD, id="two bodies"),
        pytest.param(GOOD.replace(b"\r\n", b"\n"), id="bare LF"),
        pytest.param(GOOD.replace(b"\r\n", b"\r"), id="bare CR"),
        pytest.param(body(NAMED_A + b"\r\n\r\n1\n--x\n" + NAMED_A), id="boundary after LF"),
        pytest.param(body(NAMED_A + b"\r\n\r\n1\r--x--"), id="boundary after CR"),
        pytest.param(body(NAMED_A + b"\r\n\r\n1\r\n--x--y"), id="boundary before text"),
        pytest.param(body(NAMED_A + b"\r\n\r\n1\r\n--x \r\n" + NAMED_A), id="boundary and a blank"),
        pytest.param(with_head(b"X: y"), id="no disposition"),
        pytest.param(with_head(b"Content-Disposition: attachment; name=a"), id="attachment"),
        pytest.param(named(b"filename=f"), id="no name"),
        pytest.param(with_head(NAMED_A, NAMED_A), id="two dispositions"),
        pytest.param(with_head(NAMED_A, b"Content-Disposition : form-data; name=b"), id="blank"),
        pytest.param(with_head(NAMED_A, b" ; name=role"), id="fold"),
        pytest.param(named(b"name=b; name=role"), id="two names"),
        pytest.param(named(b"name=b; name*=utf-8''role"), id="extended name"),
        pytest.param(named(b"name*0=ro; name*1=le"), id="continued name"),
        pytest.param(named(b'name="b\\"; name="role'), id="quoted quote"),
        pytest.param(named(b'name="b\\"; filename="; name=role; x="'), id="quote undone"),
        pytest.param(named(b'name="ro\\le"'), id="backslash"),
        pytest.param(named(b'name="=?utf-8?Q?role?="'), id="encoded word"),
        pytest.param(named(b'name="a\x00"'), id="NUL"),
        pytest.param(named(b'name="\xc0\xae"'), id="overlong UTF-8"),
        pytest.param(named(b"name=f; filename*=utf-8''%ff"), id="broken filename*"),
        pytest.param(with_head(NAMED_A, b"Content-Transfer-Encoding: base64"), id="base64"),
        pytest.param(
            with_head(NAMED_A, b"Content-Transfer-Encoding: quoted-printable"),
            id="quoted-printable",
        ),
        pytest.param(with_head(NAMED_A, b"Content-Encoding: gzip"), id="gzip"),
        pytest.param(with_head(NAMED_A, b"Content-Length: 0"), id="length"),
        pytest.param(with_head(NAMED_A, b"Content-Type: multipart/mixed; boundary=y"), id="nested"),
        pytest.param(with_head(NAMED_A, b"X: " + b"y" * SIZE), id="large head"),
        pytest.param(with_head(NAMED_A, b"X:" + b" " * SIZE), id="blanks"),
        pytest.param(b"--x\r\n" * (SIZE // 5), id="boundaries"),
        pytest.param(body(*[NAMED_A + b"\r\n\r\n"] * 1001), id="parts"),
    ],
)
def test_a_body_that_is_not_exactly_right_is_refused_at_once(
    keeper: tuple[Gateway, Backend], content: bytes
) -> None:
    running, backend = keeper
    before, start = backend.hits, time.monotonic()
    assert_our_refusal(post(running, content), 400, "I400BD")
    assert time.monotonic() - start < 15
    assert backend.hits == before


@pytest.mark.parametrize(
    "kind",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b'multipart/form-data; boundary="x\\"',
        b"multipart/form-data; boundary=x; boundary=y",
        b"multipart/form-data; boundary=" + b"x" * 71,
        b"multipart/form-data; boundary=\xff",
        b"multipart/form-data; boundary=" + b"x;" * 50_000,
        b"multipart/mixed; boundary=x",
        b"application/x-www-form-urlencoded",
    ],
)
def test_a_type_that_names_no_boundary_is_refused(
    keeper: tuple[Gateway, Backend], kind: bytes
) -> None:
    running, backend = keeper
    before = backend.hits
    assert_our_refusal(post(running, GOOD, kind), 400, "I400CT")
    assert_our_refusal(post(running, GOOD, KIND, kind), 400, "I400HD")
    assert backend.hits == before


@pytest.mark.parametrize(
    "name", [b'"role"', b"role", b'" role"', b'"/role"', b'"%0Arole"', b'"%0D%0A/role"']
)
def test_a_constant_of_the_definition_cannot_be_forged(
    keeper: tuple[Gateway, Backend], name: bytes
) -> None:
    reply = post(keeper[0], body(b"Content-Disposition: form-data; name=" + name + b"\r\n\r\nroot"))
    assert reply.status == 200, reply.raw
    assert b"guest" in reply.body
    assert b"root" not in reply.body
