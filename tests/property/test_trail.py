"""No trail, and nothing that is made of one, ever holds a secret, a token or a signature."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import event, given, settings
from hypothesis import strategies as st
from mitmproxy.io import tnetstring
from unit.build import APP, KEY, NOW_MS, SECRET, a_catalog, an_api, parameter, serve
from unit.minted import issuer, mint, rsa_key
from unit.trail.walked import an_answer, walked

from apigateway.model.api import (
    AppCodeUse,
    Auth,
    AuthType,
    BackendParameter,
    Body,
    BodyFormat,
    Constant,
    Location,
    Mode,
    Parameter,
    ParameterType,
)
from apigateway.model.app import Secret
from apigateway.model.catalog import Catalog, ServedApi
from apigateway.model.openid import TokenRules
from apigateway.model.policy import SignatureKey
from apigateway.model.settings import ErrorStyle
from apigateway.protocol.multipart_body import Part, write_parts
from apigateway.protocol.wire import FORM_MEDIA_TYPE, Headers
from apigateway.signatures.caller import KEY as KEY_FIELD
from apigateway.signatures.caller import (
    SIGNATURE,
    SIGNATURE_HEADERS,
    TIMESTAMP,
    SignableRequest,
    sign,
    string_to_sign,
)
from apigateway.trail.render import render
from apigateway.trail.strings import signature_of
from apigateway.trail.trail import trail_of

CODE = "AppCode-4f1d+9a/7e=b0c2"
BACKEND_KEY = SignatureKey(
    id="1", name="backend", region="r", key="backend-key", secret=Secret("BackendSecret-81aa")
)
GIVEN = {
    "query": "query-Secret & 5d41%+;x",
    "header": 'header-Secret "7b2e" 91',
    "path": "path-Secret-4c1f ü",
    "form": "form-Secret\n&=#? 0f9b",
    "json": 'json-Secret "\\ 6e3d\u4e2d',
    "xml": "xml-Secret 2a8c 77",
    "part": "part-Secret\r\n\r\n1b6a",
    "odd": "odd-named-Secret-9c2b",
}
"""What callers of these tests hold secret, by where it stands."""

TOKENS = (mint(iss="https://id.test"), mint(key=rsa_key(1)), mint(exp=1))
APPS = (replace(APP, code=Secret(CODE)),)


def to(source: str, name: str, location: Location) -> BackendParameter:
    return BackendParameter(source=source, name=name, location=location)


DECLARED = (
    parameter("password"),
    parameter("X-Api-Key", Location.HEADER),
    parameter("secretId", Location.PATH),
    parameter("plain", max_length=200),
    parameter("filter", type=ParameterType.JSON),
)


@cache
def served(
    kind: AuthType, mode: Mode, body: BodyFormat, moved: bool, strict: bool
) -> tuple[ServedApi, Catalog]:
    """An API with secrets in every place; `moved`, they go elsewhere under names that tell
    nothing; `strict`, none of them keeps its rule."""
    fields: tuple[Parameter, ...] = ()
    if body is not BodyFormat.STREAM:
        fields = (parameter("pwd", Location.BODY), parameter("note", Location.BODY))
    declared = (*DECLARED, *fields, parameter("who"))
    if strict:
        declared = tuple(
            replace(one, pattern="[0-9]") if _is_text(one) else one for one in declared
        )
    moves = (
        to("password", "p", Location.HEADER),
        to("X-Api-Key", "k", Location.QUERY),
        to("secretId", "s", Location.PATH),
        to("who", "X-Who", Location.HEADER),
    )
    auth = Auth(
        type=kind,
        app_code=AppCodeUse.HEADER_OR_QUERY,
        openid=TokenRules(parameter="who") if kind.has_openid else None,
    )
    api = an_api(
        method="ANY",
        path="/f/[secretId]/x",
        backend_path="/b/[s]" if moved else "/b/[secretId]",
        auth=auth,
        request={"mode": mode, "parameters": declared, "body": Body(format=body)},
        backend_parameters=moves if moved else (),
        constants=(Constant(name="X-Constant-Token", location=Location.HEADER, value=CODE),),
    )
    made = serve(api, signature_key=BACKEND_KEY)
    return made, a_catalog(made, apps=APPS, issuers=[issuer()])


def _is_text(one: Parameter) -> bool:
    return one.type is ParameterType.STRING and one.name != "who"


served_apis = st.builds(
    served,
    st.sampled_from(AuthType),
    st.sampled_from(Mode),
    st.sampled_from(BodyFormat),
    st.booleans(),
    st.booleans(),
)
Encoder = Callable[[str], str]
encoders: st.SearchStrategy[Encoder] = st.sampled_from(
    [quote, quote_plus, lambda text: quote(text, safe="/?=;")]
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, str]:
    kind = draw(st.sampled_from(["none", "form", "json", "xml", "parts", "form as text"]))
    filler = "x" * draw(st.sampled_from([0, 10, 4_000, 5_000]))
    if kind == "none":
        return b"", ""
    if kind == "json":
        members = {"a": filler, "tokens": [GIVEN["json"]], "b": {"Password": GIVEN["json"]}}
        indent = draw(st.sampled_from([None, 1]))
        text = json.dumps(members, ensure_ascii=draw(st.booleans()), indent=indent)
        return text.encode(), draw(st.sampled_from(["application/json", "text/plain", ""]))
    if kind == "xml":
        text = f'<a b="{filler}" pwd="{GIVEN["xml"]}"><s:token x="1">{GIVEN["xml"]}</s:token></a>'
        return text.encode(), "text/xml"
    if kind == "parts":
        parts = [
            Part("note", filler.encode()),
            Part("pwd", GIVEN["part"].encode()),
            Part("file", b"\x00\xff", filename="f"),
        ]
        draw(st.randoms()).shuffle(parts)
        return write_parts(parts, "b-b"), "multipart/form-data; boundary=b-b"
    encode = draw(encoders)
    text = f"note={filler}&pwd={encode(GIVEN['form'])}&pwd={encode(GIVEN['form'])}"
    return text.encode(), "application/x-www-form-urlencoded" if kind == "form" else "text/plain"


credentials = st.sampled_from(
    ["", f"APPCODE {CODE}", f"Bearer {TOKENS[0]}", f"Basic {GIVEN['odd']}"]
)


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """What a caller sends who puts secrets where they belong and where they do not. The secrets of
    an app are only known in odd places where its AppKey says whose they are."""
    api, catalog = draw(served_apis)
    encode, key = draw(encoders), draw(st.sampled_from(["", KEY, KEY, KEY, SECRET]))
    own = [SECRET, CODE] if key == KEY else [""]
    items = [f"password={encode(GIVEN['query'])}", "a=1"]
    for item in (
        f"filter={quote(json.dumps({'pwd': GIVEN['json']}))}",
        f"AppCode={encode(CODE)}",
        f"plain={encode(draw(st.sampled_from([*own, *TOKENS])))}",
        f"who={draw(st.sampled_from(TOKENS))}",
    ):
        if draw(st.booleans()):
            items.append(item)
    body, content_type = draw(bodies())
    headers = {
        "X-Api-Key": GIVEN["header"],
        "X-Note": draw(st.sampled_from(own)),
        "Cookie": f"session={GIVEN['odd']}",
        "Content-Type": content_type,
        "Authorization": draw(credentials),
        "X-Ca-Request-Mode": draw(st.sampled_from(["", "debug"])),
    }
    call: dict[str, Any] = {
        "method": "POST",
        "path": f"/f/{quote(GIVEN['path'], safe='')}/x",
        "query": "&".join(draw(st.permutations(items))),
        "headers": [field for field in headers.items() if field[1]],
        "body": body,
    }
    if key:
        call["headers"] = signed(call, key, draw(st.sampled_from([SECRET, SECRET, "another"])))
    return {**call, "served": api, "catalog": catalog}


def request_of(call: dict[str, Any]) -> SignableRequest:
    headers = Headers(call["headers"])
    return SignableRequest(call["method"], call["path"], call["query"], headers, call["body"])


def signed(call: dict[str, Any], key: str, secret: str) -> list[tuple[str, str]]:
    """The fields of a call, each of them signed."""
    fields = [*call["headers"], (KEY_FIELD, key), (TIMESTAMP, str(NOW_MS))]
    fields.append((SIGNATURE_HEADERS, ",".join(name for name, _ in fields)))
    text = string_to_sign(request_of({**call, "headers": fields}))
    return [*fields, (SIGNATURE, sign(secret, text))]


def secrets(headers: list[tuple[str, str]]) -> Iterator[str]:
    yield from GIVEN.values()
    yield from (SECRET, CODE, BACKEND_KEY.secret.reveal())
    for token in TOKENS:
        yield from token.split(".")[1:]
    yield from (value for name, value in headers if name == SIGNATURE)


def spellings(secret: str) -> set[str]:
    """Every way in which it could stand in a text; none of four shown characters."""
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    texts |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    texts |= {secret.replace("\n", "#"), secret.replace("\n", " "), secret.split("&")[-1]}
    return {text.strip()[-12:] for text in texts} | {text[:12] for text in texts}


@settings(deadline=None, max_examples=400)
@given(call=calls(), style=st.sampled_from(ErrorStyle))
def test_no_secret_is_in_a_trail_of_any_call(call: dict[str, Any], style: ErrorStyle) -> None:
    done = walked(answered=an_answer(), **call)
    trail = trail_of(done, style)
    verdict = trail["verdict"]
    event(f"{verdict['by']} {verdict['fault']}")
    if verdict["fault"] == "INVALID_SIGNATURE":
        trail["signature"] = signature_of(request_of(call), APPS[0], served=call["served"])
    texts = [json.dumps(trail), json.dumps(trail, ensure_ascii=False), "\n".join(render(trail))]
    for secret in secrets(call["headers"]):
        for text in texts:
            for spelled in spellings(secret):
                assert spelled not in text, (secret, spelled, trail)
    assert json.loads(texts[0]) == trail
    assert tnetstring.loads(tnetstring.dumps(trail)) == trail


any_text = st.text(max_size=30)
wire_text = st.binary(max_size=30).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@settings(deadline=None, max_examples=300)
@given(
    both=served_apis,
    path=st.one_of(any_text.map(lambda text: quote(text + "x", safe="")), wire_text),
    query=wire_text,
    headers=st.lists(st.tuples(any_text, wire_text), max_size=8),
    content_type=st.sampled_from(
        [
            "",
            "application/json",
            "multipart/form-data; boundary=b",
            "text/xml",
            FORM_MEDIA_TYPE,
        ]
    ),
    body=st.one_of(st.binary(max_size=200), any_text.map(str.encode)),
    method=st.sampled_from([*["GET"] * 5, *["POST"] * 5, "OPTIONS", "BREW"]),
)
def test_whatever_was_sent_its_trail_is_plain_and_can_be_read(
    both: tuple[ServedApi, Catalog],
    path: str,
    query: str,
    headers: list[tuple[str, str]],
    content_type: str,
    body: bytes,
    method: str,
) -> None:
    fields = [*headers, ("Content-Type", content_type)]
    done = walked(
        both[0],
        catalog=both[1],
        method=method,
        path=f"/f/{path}/x",
        query=query,
        headers=fields,
        body=body,
        answered=an_answer(),
    )
    trail = trail_of(done, ErrorStyle.CODED)
    event(f"{trail['verdict']['by']} {trail['verdict']['fault']}")
    assert json.loads(json.dumps(trail)) == trail
    assert tnetstring.loads(tnetstring.dumps(trail)) == trail
    assert all(line.isprintable() for line in render(trail))
