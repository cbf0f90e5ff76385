"""What a backend gets, byte for byte: modes, bodies, constants and system parameters; and what no
caller can make of it.
"""

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote, urlencode

import pytest
from e2e.lab import UPPER_UUID, Fields, signed
from e2e.odd_backends import answer
from e2e.recording import ALWAYS, FORM, HOST, JSON, OK, Definitions, Rig, recording
from e2e.running import KEY

PLACES = ("path", "query", "header", "body")
MODES = ("mapping", "mapping_passthrough", "passthrough")
SYSTEM = (
    "CaClientIp",
    "CaClientUa",
    "CaDomain",
    "CaHttpSchema",
    "CaRequestId",
    "CaRequestHandleTime",
    "CaApiName",
    "CaStage",
    "CaAppId",
    "CaAppKey",
    "CaAppExtendInfo",
    "CaCloudMarketInstanceId",
    "CaProxy",
    "CaInstanceId",
    "CaSourceVpcId",
)
TWO_MB = 2 * 1024 * 1024
EVERY_BYTE = bytes(range(256))


def at(place: str, name: str) -> str:
    """The backend's name for a value in a place."""
    return {"path": f"p{name}", "query": f"q{name}", "header": f"X-{name}", "body": f"f{name}"}[
        place
    ]


def define(project: Definitions) -> None:
    for place in PLACES:
        names = {to: f"{at(place, to)}" for to in PLACES}
        path = "/".join(f"[{name}]" for name in names.values()) if place == "path" else "end"
        project.api(
            f"From-{place}",
            f"method: POST, path: '/from-{place}/{path}'",
            *(f"name: {name}, in: {place}" for name in names.values()),
            path=f"/v3/[{at('path', 'To')}]/end" if place != "path" else "/v3/[pTo]/end",
            backend="parameters: ["
            + ", ".join(
                f"{{from: {name}, name: {at(to, 'To')}, in: {to}}}" for to, name in names.items()
            )
            + "]",
        )
        if place != "path":
            file = project.folder / f"definitions/recorded/from-{place}.yaml"
            first = f"{{name: {names['path']}, in: {place}"
            file.write_text(file.read_text().replace(first, f"{first}, default: x"))
    for mode in MODES:
        project.api(
            f"Mode-{mode}",
            f"method: POST, path: '/{mode}/[p]', mode: {mode}",
            "name: p, in: path",
            *declared(mode),
            path="/to/[p]",
            backend="constants: [{name: k, in: query, value: '1'}, "
            "{name: X-K, in: header, value: k}], "
            "system: [{from: CaAppId, name: X-App-Id, in: header}, "
            "{from: CaAppKey, name: app, in: query}]",
        )
        project.api(
            f"Form-{mode}",
            f"method: POST, path: /form/{mode}, mode: {mode}",
            *(["name: opt, in: body"] if mode != "passthrough" else []),
            backend="constants: [{name: k, in: body, value: a b}], "
            "system: [{from: CaStage, name: stage, in: body}]",
        )
        project.api(
            f"Stream-{mode}",
            f"method: POST, path: /stream/{mode}, mode: {mode}, body: {{format: stream}}",
        )
    project.api(
        "System",
        "method: POST, path: /system",
        auth="{type: app}",
        path="/to" + "".join(f"/[p{name}]" for name in SYSTEM),
        backend="system: ["
        + ", ".join(
            f"{{from: {name}, name: {at(place, name)}, in: {place}}}"
            for name in SYSTEM
            for place in PLACES
        )
        + "], constants: ["
        + ", ".join(
            f"{{name: {at(place, 'Const')}, in: {place}, value: 'é &/=?#'}}" for place in PLACES[1:]
        )
        + "]",
    )
    project.api(
        "Anonymous",
        "method: POST, path: /anonymous",
        backend="system: ["
        + ", ".join(
            f"{{from: CaAppId, name: {at(place, 'App')}, in: {place}}}" for place in PLACES[1:]
        )
        + "]",
    )


def declared(mode: str) -> list[str]:
    """In passthrough mode nothing but the path is read."""
    if mode == "passthrough":
        return []
    return [
        "name: q, in: query, type: Int, maximum: 9",
        "name: opt, in: query",
        "name: X-H, in: header, type: Int, maximum: 9",
        "name: X-Opt, in: header",
        "name: f, in: body, type: Int, maximum: 9",
    ]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with recording(tmp_path_factory.mktemp("mapped"), define) as started:
        yield started


# --- modes

UNDECLARED = [("X-U", "1"), ("x-u", "2"), ("Cookie", "a=b"), ("Accept", "text/plain"), FORM]
OWN_QUERY = "k=1&app="
OWN_FIELDS = ["x-app-id", "x-k"]
FIELDS = ["content-length", "content-type", *ALWAYS, *OWN_FIELDS]


def test_mapping_drops_what_is_not_declared(rig: Rig) -> None:
    target = "/mapping/a?u=1&q=3&u=2&v"
    heard = rig.heard("POST", target, [("X-H", "4"), *UNDECLARED], b"f=5&u=6")
    assert heard.target == f"/to/a?q=3&{OWN_QUERY}"
    assert heard.names == sorted([*FIELDS, "accept", "x-h"])
    assert (heard.values("X-H"), heard.values("Accept")) == (["4"], ["text/plain"])
    assert heard.body == b"f=5"


def test_mapping_passthrough_passes_what_is_not_declared(rig: Rig) -> None:
    target = "/mapping_passthrough/a?u=1&q=3&u=%7e+2&v&=x&w=%zz"
    heard = rig.heard("POST", target, [("X-H", "4"), *UNDECLARED], b"f=5&u=6&u=7&v")
    assert heard.target == f"/to/a?u=1&u=%7e+2&v&=x&w=%zz&q=3&{OWN_QUERY}"
    assert heard.names == sorted([*FIELDS, "accept", "cookie", "x-h", "x-u", "x-u"])
    assert heard.values("X-U") == ["1", "2"]
    assert heard.body == b"u=6&u=7&v=&f=5"


def test_passthrough_passes_everything_as_it_came(rig: Rig) -> None:
    target = "/passthrough/a?u=1&q=300&&u=%7e+2;3&v&=x&w=%zz"
    body = b"f=x&u=6&&u=%7e&v"
    heard = rig.heard("POST", target, [("X-H", "four"), *UNDECLARED], body)
    assert heard.target == f"/to/a?u=1&q=300&&u=%7e+2;3&v&=x&w=%zz&{OWN_QUERY}"
    assert heard.names == sorted([*FIELDS, "accept", "cookie", "x-h", "x-u", "x-u"])
    assert heard.values("X-H") == ["four"]
    assert heard.values("Content-Type") == [FORM[1]]
    assert heard.body == body


@pytest.mark.parametrize("mode", MODES[:2])
def test_what_is_declared_is_checked_in_both_modes_that_map(rig: Rig, mode: str) -> None:
    for name, query, fields, body in (
        ("q", "?q=10", [], b""),
        ("X-H", "", [("X-H", "10")], b""),
        ("f", "", [FORM], b"f=10"),
    ):
        refused = rig.refused("POST", f"/{mode}/a{query}", fields, body)
        assert refused == (400, "I400IP", f"Invalid parameter {name} is greater than 9")


# --- bodies


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(
    "body",
    [EVERY_BYTE, EVERY_BYTE * (TWO_MB // 256), b"\r\n\r\n", b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"],
    ids=["every byte", "2 MB", "line breaks", "a request"],
)
def test_a_stream_goes_on_byte_for_byte(rig: Rig, mode: str, body: bytes, chunked: bool) -> None:
    kind = ("Content-Type", "application/x-thing; v=1")
    heard = rig.heard("POST", f"/stream/{mode}", [kind], body, chunked=chunked)
    assert heard.body == body
    assert heard.values("Content-Type") == [kind[1]]
    assert heard.values("Content-Length") == [str(len(body))]
    assert heard.names == sorted([*ALWAYS, "content-length", "content-type"])


def test_a_byte_more_than_2_mb_is_refused(rig: Rig) -> None:
    refused = rig.refused("POST", "/stream/mapping", [], b"x" * (TWO_MB + 1))
    assert refused == (413, "I413RL", "Request body too Large")


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_form_in_any_charset_is_sent_in_utf8_under_the_names_of_the_backend(
    rig: Rig, mode: str
) -> None:
    kind = ("Content-Type", "Application/X-WWW-Form-URLEncoded; Charset=GBK")
    heard = rig.heard("POST", f"/form/{mode}", [kind], b"opt=%D6%D0&opt=2&%6b=forged&stage=TEST")
    assert heard.body == b"opt=%E4%B8%AD&k=a+b&stage=RELEASE"
    assert heard.values("Content-Type") == ["application/x-www-form-urlencoded; charset=UTF-8"]


# --- constants and system parameters


def test_every_system_parameter_and_a_constant_in_every_place(rig: Rig) -> None:
    fields = signed("POST", "/system", [("Accept", "*/*"), ("User-Agent", "me/1 é")])
    heard = rig.heard("POST", "/system", fields)
    path, _, query = heard.target.partition("?")
    told: dict[str, list[str]] = dict(
        zip(SYSTEM, ([unquote(part)] for part in path.split("/")[2:]), strict=True)
    )
    assert path.startswith("/to/")
    pairs = [pair.partition("=")[::2] for pair in query.split("&")]
    form = [pair.partition("=")[::2] for pair in heard.body.decode().split("&")]
    for name in SYSTEM:
        told[name] += [unquote(value) for key, value in pairs if key == f"q{name}"]
        told[name] += [unquote(value.replace("+", " ")) for key, value in form if key == f"f{name}"]
        told[name] += heard.values(f"X-{name}")
        assert len(told[name]) == 4
        assert len(set(told[name])) == 1, told[name]
    known = {name: values[0] for name, values in told.items()}
    moment = known.pop("CaRequestHandleTime")
    assert moment.endswith(" GMT") and parsedate_to_datetime(moment).year >= 2024
    assert re.fullmatch(r"\d+", known.pop("CaAppId"))
    request_id = known.pop("CaRequestId")
    assert re.fullmatch(UPPER_UUID, request_id)
    assert heard.values("X-Ca-Request-Id") == [request_id]
    assert known == {
        "CaClientIp": "127.0.0.1",
        "CaClientUa": "me/1 é",
        "CaDomain": HOST,
        "CaHttpSchema": "HTTP",
        "CaApiName": "System",
        "CaStage": "RELEASE",
        "CaAppKey": KEY,
        "CaAppExtendInfo": "gold",
        "CaCloudMarketInstanceId": "cmapi-1",
        "CaProxy": "AliCloudApiGateway",
        "CaInstanceId": "gateway-7",
        "CaSourceVpcId": "vpc-000007",
    }
    assert dict(pairs)["qConst"] == "%C3%A9%20%26%2F%3D%3F%23"
    assert dict(form)["fConst"] == "%C3%A9+%26%2F%3D%3F%23"
    assert heard.values("X-Const") == ["é &/=?#"]


def test_what_the_gateway_does_not_know_is_sent_empty(rig: Rig) -> None:
    heard = rig.heard("POST", "/anonymous", [("X_App", "1"), FORM], b"fApp=1")
    assert heard.target == "/to?qApp="
    assert heard.values("X-App") == [""]
    assert heard.body == b"fApp="


# --- a caller's own copies


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("spell", ["X-K", "x-k", "X_K", "x_K"])
def test_no_spelling_of_a_header_that_the_gateway_sets_comes_through(
    rig: Rig, mode: str, spell: str
) -> None:
    def cased(name: str) -> str:
        name = name.replace("-", "_") if "_" in spell else name
        return name.lower() if spell[0] == "x" else name

    forged = [
        (cased("X-K"), "forged"),
        (cased("X-App-Id"), "forged"),
        ("X_App-Id", "forged"),
        *((cased(name), "forged") for name in ("X-Ca-Request-Id", "X-Forwarded-For")),
        *((cased(f"X-Ca-Proxy-{name}"), "forged") for name in ("Signature", "Signature-Key")),
        (cased("X-Ca-App-Id"), "forged"),
        ("Connection", "X-K, X-App-Id, X-Ca-Request-Id"),
    ]
    heard = rig.heard("POST", f"/{mode}/a", forged)
    assert heard.names == sorted(["content-length", *ALWAYS, *OWN_FIELDS])
    assert (heard.values("X-K"), heard.values("X-App-Id")) == (["k"], [""])
    assert heard.values("X-Forwarded-For") == ["127.0.0.1"]
    assert b"forged" not in heard.raw


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "query", ["k=9", "%6B=9&k=8", "a=1&app=9", "app=9&%61%70p=8", "k", "k&&app"]
)
def test_no_query_name_that_the_gateway_sets_comes_through(rig: Rig, mode: str, query: str) -> None:
    heard = rig.heard("POST", f"/{mode}/a?{query}")
    left = "&".join(item for item in query.split("&") if item in ("a=1", ""))
    kept = f"{left}&" if left and mode != "mapping" else ""
    expected = {f"/to/a?{kept}{OWN_QUERY}"} | ({f"/to/a?&{OWN_QUERY}"} if "&&" in query else set())
    assert heard.target in expected


@pytest.mark.parametrize("mode", MODES[1:])
def test_a_backend_that_splits_at_semicolons_reads_no_forged_name(rig: Rig, mode: str) -> None:
    heard = rig.heard("POST", f"/{mode}/a?x=1;app=9;y=2&z=3;4")
    assert heard.target == f"/to/a?x=1%3Bapp=9%3By=2&z=3;4&{OWN_QUERY}"


@pytest.mark.parametrize("mode", MODES)
def test_no_form_field_that_the_gateway_sets_comes_through(rig: Rig, mode: str) -> None:
    heard = rig.heard("POST", f"/form/{mode}", [FORM], b"k=9&u=1&%73tage=TEST&stage=PRE&k")
    kept = b"" if mode == "mapping" else b"u=1&"
    assert heard.body == kept + b"k=a+b&stage=RELEASE"
    assert heard.values("Content-Length") == [str(len(heard.body))]
    heard = rig.heard("POST", f"/form/{mode}")
    assert heard.body == b"k=a+b&stage=RELEASE"


@pytest.mark.parametrize("mode", MODES[:2])
def test_an_optional_parameter_that_is_absent_cannot_come_another_way(rig: Rig, mode: str) -> None:
    heard = rig.heard("POST", f"/{mode}/a", [("X_Opt", "9"), FORM], b"opt=9")
    assert heard.target == f"/to/a?{OWN_QUERY}"
    assert heard.values("X-Opt") == []
    assert heard.body == (b"" if mode == "mapping" else b"opt=9")  # its place is the query


# --- what is read once is sent once


@pytest.mark.parametrize("mode", MODES[:2])
def test_of_a_parameter_given_twice_the_backend_gets_the_one_that_was_checked(
    rig: Rig, mode: str
) -> None:
    fields = [("X-H", "2"), ("x-h", "99"), ("X_H", "99"), FORM]
    heard = rig.heard("POST", f"/{mode}/a?q=1&q=99&%71=99", fields, b"f=3&f=99&%66=99")
    assert heard.target == f"/to/a?q=1&{OWN_QUERY}"
    assert heard.values("X-H") == ["2"]
    assert heard.body == b"f=3"


@pytest.mark.parametrize("mode", MODES)
def test_two_content_types_are_refused(rig: Rig, mode: str) -> None:
    expected = (400, "I400HD", "Invalid Header `Content-Type` is repeated")
    for path in (f"/stream/{mode}", f"/form/{mode}"):
        assert rig.refused("POST", path, [FORM, JSON], b"a=1") == expected
        assert rig.refused("POST", path, [FORM, FORM], b"a=1") == expected


# --- hostile values

HOSTILE = (
    "@127.0.0.1:22/",
    "http://127.0.0.1:22/",
    "..%2f..%2f",
    "%2e%2e",
    "../../etc/passwd",
    "..\\..",
    "..",
    ".",
    "..;",
    "",
    "\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1",
    "\n",
    "\r",
    "\x00",
    "\x7f",
    "a\tb",
    "#x",
    "?x=1",
    "&x=1",
    "=",
    ";x=1",
    "/",
    "//evil",
    " ",
    "+",
    "%",
    "%0d%0aX-Evil:1",
    "中文😀",
    "\u2028",
    "\u0130",
)


@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_value_stays_in_its_place_or_is_refused(rig: Rig, place: str) -> None:
    served = 0
    for to in PLACES:
        for value in HOSTILE:
            method, target, fields, body = call_with(place, to, value)
            if any(c in value for c in "\r\n\0\x7f") and place == "header":
                continue  # no header can hold it: the edge has tests of its own
            reply, _ = rig.send(method, target, fields, body)
            if reply.status != 200:
                assert reply.code in ("I400IP", "I400PA", "I404NF"), (to, value, reply)
                continue
            served += 1
            heard = rig.heard(method, target, fields, body)
            arrived = value.strip(" \t") if place == "header" else value
            assert_in_place(heard.target, heard.body, heard.values("X-To"), to, arrived)
            assert heard.names == sorted([*ALWAYS, "content-length", "content-type", "x-to"])
            assert b"\r\nX-Evil" not in heard.raw
    assert served > 60


def call_with(place: str, to: str, value: str) -> tuple[str, str, Fields, bytes]:
    """A call whose parameter in `place` that goes to `to` is `value`; the others are x."""
    values = {at(place, each): value if each == to else "x" for each in PLACES}
    target, fields, body = f"/from-{place}/end", [FORM], b"y=1"
    if place == "path":
        target = "/from-path/" + "/".join(quote(each, safe="") for each in values.values())
    elif place == "query":
        target += f"?{urlencode(values)}"
    elif place == "header":
        fields = [FORM, *values.items()]
    else:
        body = urlencode(values).encode()
    return "POST", target, fields, body


def assert_in_place(target: str, body: bytes, header: list[str], to: str, value: str) -> None:
    """The target is `/v3/<one segment>/end?qTo=<one value>`, and the value is nowhere else."""
    found = re.fullmatch(r"/v3/([^/?#\\ ]+)/end\?qTo=([^&=#; ]*)", target)
    assert found is not None, target
    form = re.fullmatch(r"fTo=([^&=; ]*)", body.decode("ascii"))
    assert form is not None, body
    places = dict(zip(PLACES, ("x", "x", "x", "x"), strict=True)) | {to: value}
    assert unquote(found[1]) == places["path"]
    assert unquote(found[2]) == places["query"]
    assert unquote(form[1].replace("+", " ")) == places["body"]
    assert header == [places["header"].strip(" \t")]


# --- results


@pytest.fixture
def saying(rig: Rig) -> Iterator[Rig]:
    yield rig
    rig.backend.says = OK


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"200 OK\r\nContent-Type: application/octet-stream", EVERY_BYTE * 1000),
        (b"201 Created\r\nLocation: /there?a=%2F#x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2", b"{}"),
        (b"418 I'm a Teapot\r\nX-One: 1\r\nx-one: 2\r\nX-One: 1", b"short"),
        (b"404 Not Found\r\nContent-Encoding: gzip", b"\x1f\x8b not really"),
        (b"500 Oh No\r\nX-Ca-Else: kept\r\nX-Text: \xe4\xb8\xad", b"\r\n\r\n"),
        (b"299 \r\nContent-Type: text/plain; charset=gbk", b"\xd6\xd0"),
    ],
    ids=["binary", "cookies", "repeated", "encoded", "error", "odd"],
)
def test_a_result_passes_unchanged(saying: Rig, head: bytes, body: bytes) -> None:
    saying.backend.says = answer(body, head)
    reply, fields = saying.send("POST", "/anonymous")
    status, _, rest = head.partition(b" ")
    lines = [line.decode("latin-1") for line in rest.split(b"\r\n")[1:]]
    assert (reply.status, reply.body) == (int(status), body)
    added = {"x-ca-request-id", "content-length", "date", "server"}
    assert [f"{name}: {value}" for name, value in fields if name.lower() not in added] == lines
    lengths = [value for name, value in fields if name.lower() == "content-length"]
    assert lengths == [str(len(body))]
    assert reply.code == ""
