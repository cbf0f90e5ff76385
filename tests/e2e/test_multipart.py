"""Multipart bodies through a real gateway: what the backend gets, byte for byte."""

import asyncio
import base64
import io
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from e2e.running import (
    HOST,
    KEY,
    PATIENCE_S,
    SECRET,
    Backend,
    Gateway,
    Project,
    Reply,
    gateway,
)
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from apigateway.protocol.wire import Headers
from apigateway.signatures.caller import SIGNED_CONTENT_TYPE, SignableRequest, signing_headers

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
KIND = f"multipart/form-data; boundary={BOUNDARY}"
MEGABYTE = bytes(range(256)) * 4096

API = """\
name: Keep{name}
visibility: public
request:
  method: POST
  path: /pictures/{mode}
  mode: {mode}
  body: {{format: multipart}}
{parameters}
backend:
  type: http
  address: http://127.0.0.1:{port}
  path: /v1/pictures
"""
PARAMETERS = """\
  parameters:
    - {name: title, in: body, required: true, max_length: 10}
    - {name: picture, in: body, type: File, required: true, max_bytes: 1048576}
    - {name: days, in: query, type: Int}
    - {name: lang, in: body}
"""
MAPPED = """\
  parameters:
    - {from: picture, name: image, in: body}
    - {from: title, name: caption, in: body}
    - {from: days, name: d, in: body}
    - {from: lang, name: X-Lang, in: header}
  constants: [{name: album, in: body, value: uploads}]
  system: [{from: CaAppKey, name: app, in: body}]
"""


@pytest.fixture(scope="module")
def studio(
    tmp_path_factory: pytest.TempPathFactory, demo_backend: Backend
) -> Iterator[tuple[Gateway, Backend]]:
    project = Project(tmp_path_factory.mktemp("studio"), demo_backend.port)
    names = {"mapping": "Mapped", "mapping_passthrough": "Passing", "passthrough": "Whole"}
    for mode, name in names.items():
        parameters = "" if mode == "passthrough" else PARAMETERS
        text = API.format(name=name, mode=mode, parameters=parameters, port=demo_backend.port)
        path = project.folder / f"definitions/weather/keep-{mode}.yaml"
        path.write_text(text if mode == "passthrough" else text + MAPPED)
    grants = project.folder / "policies" / "grants.yaml"
    kept = ", ".join(f"Keep{name}" for name in names.values())
    grants.write_text(f"{grants.read_text()}- {{app: demo, group: weather, apis: [{kept}]}}\n")
    with gateway(project) as running:
        yield running, demo_backend


@dataclass(frozen=True)
class Received:
    """What the backend got: texts in order, files by name as (filename, type, content)."""

    texts: list[tuple[str, str]]
    files: dict[str, tuple[str | None, str, bytes]]
    headers: Mapping[str, str]
    raw: bytes
    verified: bool


def received(reply: Reply) -> Received:
    assert reply.status == 200, reply.body
    seen = reply.json
    headers = {name.lower(): value for name, value in seen["headers"]}
    coded = seen["body_encoding"] == "base64"
    raw = base64.b64decode(seen["body"]) if coded else seen["body"].encode()
    kind, options = parse_options_header(headers["content-type"])
    _, form, files = FormDataParser().parse(io.BytesIO(raw), kind, len(raw), options)
    return Received(
        list(form.items(multi=True)),
        {
            name: (file.filename, file.content_type or "", file.read())
            for name, file in files.items()
        },
        headers,
        raw,
        seen["backend_signature"]["verified"],
    )


def part(disposition: str, content: bytes, *fields: str) -> bytes:
    """As a browser writes it."""
    lines = [f"--{BOUNDARY}", f"Content-Disposition: form-data; {disposition}", *fields, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
TITLE = part('name="title"', "晴".encode())
PICTURE = part('name="picture"; filename="照片.png"', b"\x89PNG\r\n\x00", "Content-Type: image/png")


def signed(path: str, kind: str, body: bytes = b"", **named: str) -> dict[str, str]:
    """Headers of a signed POST. `named` is the Content-Type to sign, where it is another."""
    path, _, query = path.partition("?")
    fields = [("Content-Type", kind), ("Accept", "*/*")]
    fields += [(SIGNED_CONTENT_TYPE, value) for value in named.values()]
    request = SignableRequest("POST", path, query, Headers(fields), body)
    now = time.time_ns() // 1_000_000
    nonce = str(uuid.uuid4())
    added = signing_headers(request, key=KEY, secret=SECRET, timestamp_ms=now, nonce=nonce)
    return dict([*fields, *added])


def post(running: Gateway, body: bytes, path: str = "/pictures/mapping", kind: str = KIND) -> Reply:
    return running.ask("POST", path, signed(path, kind, body), body)


def test_parts_reach_the_backend_under_its_names_and_nothing_else_does(
    studio: tuple[Gateway, Backend],
) -> None:
    extra = part('name="album"', b"forged") + part('name="other"; filename="o"', b"x")
    body = TITLE + extra + PICTURE + part('name="lang"', b"zh") + TITLE + END
    reply = post(studio[0], body, "/pictures/mapping?days=3")
    seen = received(reply)
    assert seen.files == {"image": ("照片.png", "image/png", b"\x89PNG\r\n\x00")}
    assert seen.texts == [("caption", "晴"), ("d", "3"), ("album", "uploads"), ("app", KEY)]
    assert seen.headers["x-lang"] == "zh"
    assert seen.raw.index(b'name="image"') < seen.raw.index(b'name="caption"')
    boundary = f"apigateway-{reply.headers['x-ca-request-id']}"
    assert seen.headers["content-type"] == f"multipart/form-data; boundary={boundary}"
    assert BOUNDARY.encode() not in seen.raw
    assert seen.verified


def test_a_megabyte_of_any_bytes_arrives_unchanged(studio: tuple[Gateway, Backend]) -> None:
    picture = part('name="picture"; filename="a.bin"', MEGABYTE)
    assert received(post(studio[0], TITLE + picture + END)).files["image"][2] == MEGABYTE


def test_undeclared_parts_pass_where_they_may_and_forge_nothing(
    studio: tuple[Gateway, Backend],
) -> None:
    forged = b"".join(part(f'name="{name}"', b"forged") for name in ("album", "app", "image", "d"))
    other = part('name="x%22y"; filename="o;%0D%0Ap"', b"\x00", "Content-Type: a/b; c=d")
    body = forged + TITLE + other + PICTURE + part('name="note"', b"1") + END
    seen = received(post(studio[0], body, "/pictures/mapping_passthrough"))
    assert seen.texts == [("note", "1"), ("caption", "晴"), ("album", "uploads"), ("app", KEY)]
    assert set(seen.files) == {'x"y', "image"}
    assert b'name="x%22y"; filename="o;%0D%0Ap"\r\nContent-Type: a/b; c=d\r\n\r\n\x00' in seen.raw
    assert b"forged" not in seen.raw


def test_passthrough_changes_no_byte(studio: tuple[Gateway, Backend]) -> None:
    body = b"preamble\r\n" + TITLE + PICTURE + END + b"epilogue"
    seen = received(post(studio[0], body, "/pictures/passthrough"))
    assert (seen.raw, seen.headers["content-type"]) == (body, KIND)


@pytest.mark.parametrize(
    ("body", "kind", "code", "message"),
    [
        (TITLE + END, KIND, "I400MP", "Parameter picture is required"),
        (PICTURE + END, KIND, "I400MP", "Parameter title is required"),
        (b"", KIND, "I400MP", "Parameter title is required"),
        (
            TITLE + part('name="picture"', b"text") + END,
            KIND,
            "I400IP",
            "Invalid parameter picture is not a file",
        ),
        (
            TITLE + part('name="picture"; filename="a"', MEGABYTE + b"x") + END,
            KIND,
            "I400IP",
            "Invalid parameter picture is larger than 1048576 bytes",
        ),
        (
            part('name="title"', b"12345678901") + PICTURE + END,
            KIND,
            "I400IP",
            "Invalid parameter title is longer than 10",
        ),
        (
            b"title=a&picture=b",
            "application/x-www-form-urlencoded",
            "I400CT",
            "Invalid Content-Type: `application/x-www-form-urlencoded`",
        ),
        (TITLE + END, "multipart/form-data", "I400CT", "Invalid Content-Type: `no boundary`"),
        (TITLE + PICTURE, KIND, "I400BD", "Invalid Body: has no closing boundary"),
        (b"x" + TITLE + END, KIND, "I400BD", "Invalid Body: does not begin with its boundary"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_name(
    studio: tuple[Gateway, Backend], body: bytes, kind: str, code: str, message: str
) -> None:
    running, backend = studio
    before = backend.hits
    reply = post(running, body, kind=kind)
    assert (reply.status, reply.code) == (400, code)
    assert reply.headers["x-ca-error-message"] == message
    assert backend.hits == before


def test_a_form_api_takes_no_parts(demo_gateway: Gateway) -> None:
    body = part('name="city"', b"hangzhou") + END
    reply = post(demo_gateway, body, "/reports")
    assert (reply.status, reply.code) == (400, "I400CT")


# --- clients that write the boundary themselves, and so cannot sign it

SIGNED_KIND = "multipart/form-data"
FILE_NAME = "照片 1.png"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_sends_a_file(studio: tuple[Gateway, Backend], tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(content := os.urandom(200_000))
    path = "/pictures/mapping"
    headers = signed(path, SIGNED_KIND, named=SIGNED_KIND)
    del headers["Content-Type"]
    command = ["curl", "-sS", "-F", "title=晴", "-F", f"picture=@{FILE_NAME};type=image/png"]
    for name, value in {"Host": HOST, **headers}.items():
        command += ["-H", f"{name}: {value}"]
    url = f"http://127.0.0.1:{studio[0].port}{path}"
    done = subprocess.run([*command, url], cwd=tmp_path, capture_output=True, timeout=PATIENCE_S)
    seen = received(Reply(200, {}, done.stdout))
    assert seen.files == {"image": (FILE_NAME, "image/png", content)}
    assert seen.texts[0] == ("caption", "晴")


def test_aiohttp_sends_a_file(studio: tuple[Gateway, Backend]) -> None:
    """It writes the length of each part, and its type before its name."""
    path = "/pictures/mapping"

    async def send() -> Any:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("title", "晴")
        form.add_field("picture", MEGABYTE[:1000], filename=FILE_NAME, content_type="image/png")
        headers = {"Host": HOST, **signed(path, SIGNED_KIND, named=SIGNED_KIND)}
        del headers["Content-Type"]
        url = f"http://127.0.0.1:{studio[0].port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=form, headers=headers) as response,
        ):
            return await response.json()

    seen = received(Reply(200, {}, json.dumps(asyncio.run(send())).encode()))
    assert seen.files == {"image": (FILE_NAME, "image/png", MEGABYTE[:1000])}
