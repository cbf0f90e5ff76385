"""Any definition that `check` lets pass compiles and serves: whatever a caller sends it ends with
an answer or a refusal that means something, and what goes on has the defined shape.
"""

import asyncio
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property.test_definitions import apis
from unit.build import NOW_MS, REQUEST_ID, rooms
from unit.definition.written import API, BACKEND_TLS, GATEWAY, GRANTS, GROUP, Written
from unit.minted import mint, public_jwk, rsa_key
from yarl import URL

from apigateway.chain import Call, link, walk
from apigateway.definition.compile import compile_catalog
from apigateway.errors import Fault
from apigateway.exchange import HttpUpstream, Received, Signed
from apigateway.lifecycle.start import release_at_start
from apigateway.model.api import SignatureMethod
from apigateway.model.catalog import Catalog
from apigateway.protocol.multipart_body import Part, write_parts
from apigateway.protocol.wire import Headers, parse_query
from apigateway.signatures.caller import SignableRequest, signing_headers
from apigateway.store.memory import MemoryStore

HOST = "weather.test"
SYSTEM = [
    "CaClientUa",
    "CaClientUa",
    "CaClientUa",
    "CaClientIp",
    "CaAppId",
    "CaDomain",
    "CaRequestHandleTime",
    "CaStage",
]
KEY_ID = "3" * 32
LOG_IN = {
    "name": "LogIn",
    "auth": {
        "type": "openid",
        "openid": {
            "type": "authorization",
            "keys": [{"key_id": KEY_ID, "public_key": public_jwk(rsa_key())}],
        },
    },
    "request": {"method": "POST", "path": "/log-in"},
    "backend": {"type": "mock"},
}
CLAIMS: dict[str, Any] = {"é": "x", "a b": ["y\n"]}
TOKEN = mint(header={"kid": KEY_ID}, exp=NOW_MS // 1000 + 9000, sub="a/../b", **CLAIMS)
STEPS = link(*rooms())

evil = st.sampled_from(
    [
        *("..", ".", "/", "//", "..;", "%2e%2e", "\\", "@127.0.0.1:22/", "?", "#", "&x=1", ";x=1"),
        *("\r\nX-A: b", "\x00", "\x7f", "\t", " ", "é", "中", "😀", "=", "+", "%", "%zz", "..%2f"),
    ]
)
fitting = st.sampled_from(["abc", "3", "0", "true", "{}", "4", "a", "-1", "2.5"])
values = st.one_of(
    fitting, fitting, st.lists(evil | st.text(max_size=3), max_size=4).map("".join)
).map(lambda text: text.encode("utf-8", "replace").decode())
raw_texts = st.lists(evil, max_size=6).map("".join)
SET_FOR_TEST = {
    "host": "test.internal", "backend": "http://a", "version": "v4", "tier": "t", "vpc": "notes"
}  # fmt: skip
plain = values.map(lambda text: "".join(filter(str.isprintable, text)) or "v")
variables = st.builds(
    lambda values, gone: {name: value for name, value in values.items() if name != gone},
    st.fixed_dictionaries(
        {
            "host": st.sampled_from(["a", "127.0.0.1:81", "[::1]"]),
            "backend": st.sampled_from(["https://b.c:9", "http://127.0.0.1"]),
            "version": st.just("v3") | plain,
            "tier": plain,
            "vpc": st.sampled_from(["notes", "notes", "gone"]),
        }
    ),
    st.sampled_from([None, None, None, None, *SET_FOR_TEST]),
)
"""What the environment RELEASE sets; now and then one is not set."""


@st.composite
def more_at_the_backend(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """The API with a path, constants and system parameters of every place at its backend."""
    request, backend = document["request"], document["backend"]
    if draw(st.booleans()):
        request["path"] += "/*"
    if backend["type"] == "mock":
        return document
    if backend["type"] == "vpc":
        backend["access"] = draw(st.sampled_from(["notes", "notes", "gone", "#vpc#"]))
    if "tls" in backend:
        backend["tls"] = "internal"
    segments = [
        "/v3",
        *draw(st.lists(st.sampled_from(["/a%2Fb", "/é", "/;x", "/%41", "/#version#"]), max_size=1)),
    ]
    constants, system = [], []
    if request.get("mode") == "passthrough":
        backend["parameters"] = []
    form = request.get("body", {}).get("format") != "stream"
    places = st.sampled_from(["query", "header", "path", *["body"] * form])
    for index, place in enumerate(draw(st.lists(places, max_size=3))):
        value = draw(values | st.sampled_from(["#tier#", "a #tier#"]))
        if place == "header":
            value = on_one_line(value)
        constants.append({"name": f"X-K{index}", "in": place, "value": value})
        segments += [f"/[X-K{index}]"] * (place == "path")
    for index, place in enumerate(draw(st.lists(places, max_size=4))):
        source = draw(st.sampled_from(SYSTEM))
        system.append({"from": source, "name": f"X-S{index}", "in": place})
        segments += [f"/[X-S{index}]"] * (place == "path")
    segments += [backend["path"].removeprefix("/x")] if "[p]" in backend["path"] else []
    segments += ["/*"] if request["path"].endswith("/*") and draw(st.booleans()) else []
    backend |= {"constants": constants, "system": system, "path": "".join(segments)}
    return document


def as_yaml(document: dict[str, Any]) -> str:
    """JSON is YAML but for its surrogate pairs; what YAML cannot hold is escaped."""
    text = json.dumps(document, ensure_ascii=False)
    return text.translate({code: f"\\x{code:02x}" for code in range(0x7F, 0xA0)})


def with_values(document: dict[str, Any], variables: dict[str, str]) -> dict[str, Any]:
    backend = {
        key: in_release(value, variables) if key in ("address", "access", "path") else value
        for key, value in document["backend"].items()
    }
    return {**document, "backend": backend}


def in_release(text: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        text = text.replace(f"#{name}#", value.replace("#", "\0"))
    return text.replace("\0", "#")


def catalog_of(
    document: dict[str, Any], base_path: str, variables: dict[str, str]
) -> Catalog | None:
    """What is served, None for a definition that does not pass."""
    with tempfile.TemporaryDirectory() as folder:
        written = Written(Path(folder)).remove(API).remove(GRANTS)
        written.write(GATEWAY, 'account: "1001"\nregion: cn-hangzhou\n')
        written.write(
            GROUP,
            as_yaml(
                {
                    "name": "weather",
                    "subdomain": HOST,
                    "base_path": base_path,
                    "environments": {
                        "TEST": {"variables": SET_FOR_TEST},
                        "RELEASE": {"variables": variables},
                    },
                }
            ),
        )
        written.write(BACKEND_TLS, "name: internal\nserver_name: a.test\n")
        written.write("definitions/weather/log-in.yaml", as_yaml(LOG_IN))
        written.write("definitions/weather/x.yaml", as_yaml(document))
        written.write(GRANTS, "- {app: demo, group: weather, apis: '*'}\n")
        written.write(
            "policies/bindings.yaml",
            "signature_keys: [{policy: backend, group: weather, apis: '*'}]\n",
        )
        if written.problems():
            return None
        project = written.load()
        store = MemoryStore()
        release_at_start(store.releases, project, 1)
        return compile_catalog(project, store.releases.current())


def on_the_wire(text: str) -> str:
    """What the edge lets through of a target: neither blanks, control signs nor fragments."""
    return "".join(c for c in text if c > " " and c not in "#\x7f")


def on_one_line(text: str) -> str:
    return "".join(c for c in text if (c >= " " or c == "\t") and c != "\x7f").strip(" \t")


segments = st.one_of(
    fitting, values.map(lambda text: quote(text, safe="")), raw_texts.map(on_the_wire)
)


@st.composite
def bodies(draw: st.DrawFn, document: dict[str, Any]) -> tuple[str, bytes]:
    names = [item["name"] for item in document["request"]["parameters"]] + ["other", "X-S0"]
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), values), max_size=4))
    own = document["request"].get("body", {}).get("format", "form")
    kind = draw(st.sampled_from([own, own, "form", "multipart", "json", "raw", "none"]))
    if kind == "form":
        charset = draw(st.sampled_from(["", "; charset=GBK", "; charset=idna", ";charset=utf-8"]))
        return f"application/x-www-form-urlencoded{charset}", urlencode(pairs).encode()
    if kind == "multipart":
        names_of_files = st.sampled_from([None, None, "a.txt", "../é\\b"])
        parts = [Part(name, text.encode(), draw(names_of_files)) for name, text in pairs]
        return "multipart/form-data; boundary=b", write_parts(parts, "b")
    if kind == "json":
        kind = draw(st.sampled_from(["application/json", "application/json; charset=gbk"]))
        return kind, draw(st.sampled_from([b"{}", b'{"a": 1}', b"[", b'{"a":1,"a":2}', b"\xff"]))
    if kind in ("raw", "stream"):
        return draw(st.sampled_from(["", "text/plain", "a\udcffb", ";;", "multipart/x"])), draw(
            st.binary(max_size=20)
        )
    return "", b""


@st.composite
def calls(draw: st.DrawFn, document: dict[str, Any], base_path: str) -> dict[str, Any]:
    request = document["request"]
    method = request["method"].upper()
    if method == "ANY":
        method = draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "DELETE", "PUT", "PATCH"]))
    path = base_path + request["path"]
    given_p = draw(segments)
    path = path.replace("[p]", given_p)
    rest = draw(st.lists(segments, max_size=3))
    path = path.replace("*", "/".join(rest))
    declared = [item for item in request["parameters"] if item["in"] in ("query", "header")]
    own_token = st.sampled_from([TOKEN, TOKEN, f"bearer {TOKEN}"])
    given = [
        (item, draw(own_token if item["name"] == "IdToken" else values))
        for item in declared
        if draw(st.integers(0, 3))
    ]
    query = [
        f"{quote(item['name'])}={quote(text)}" for item, text in given if item["in"] == "query"
    ]
    query += draw(st.lists(st.sampled_from(["X-S0=9", "K=1", "o=1", "a;X-S0=9", "AppCode=x", "="])))
    query += [on_the_wire(draw(raw_texts))]
    fields = [(item["name"], on_one_line(text)) for item, text in given if item["in"] == "header"]
    names = [
        "x_s0",
        "X-K0",
        "X-Stage",
        "User-Agent",
        "User-Agent",
        "Cookie",
        "Connection",
        "X-Ca-Proxy-A",
        "c1",
    ]
    more = st.tuples(st.sampled_from(names), values.map(on_one_line) | st.just("é\udcff"))
    fields += draw(st.lists(more, max_size=4, unique_by=lambda field: field[0]))
    if "openid" in document["auth"] and draw(st.integers(0, 5)):
        fields.append(("Authorization", f"Bearer {TOKEN}"))
    content_type, body = draw(bodies(document))
    if content_type:
        fields.append(("Content-Type", content_type))
    return {
        "method": method,
        "path": path,
        "query": "&".join(query),
        "fields": fields,
        "body": body,
        "secret": draw(st.sampled_from(["MySuperAppSecret-42"] * 5 + ["another"])),
        "scheme": draw(st.sampled_from(sorted(request.get("protocols", ["http"])))),
    }


def received(catalog: Catalog, call: dict[str, Any], api: dict[str, Any]) -> Received:
    headers = Headers([("Host", HOST), *call["fields"]])
    method = SignatureMethod(api["auth"].get("signature_methods", ["HmacSHA256"])[0])
    signed = signing_headers(
        SignableRequest(call["method"], call["path"], call["query"], headers, call["body"]),
        key="203753385",
        secret=call["secret"],
        timestamp_ms=NOW_MS,
        nonce="a-nonce",
        method=method,
    )
    return Received(
        request_id=REQUEST_ID,
        received_ms=NOW_MS,
        catalog=catalog,
        method=call["method"],
        scheme=call["scheme"],
        sni=HOST if call["scheme"] == "https" else "",
        host=HOST,
        path=call["path"],
        query=call["query"],
        headers=Headers([*headers.fields, *signed]),
        body=call["body"],
        peer="192.0.2.7",
    )


def assert_shape(passed: Signed, document: dict[str, Any], call: dict[str, Any]) -> None:
    """The URL at the backend is the defined one, and each name that belongs to the gateway is."""
    backend, sent, upstream = document["backend"], passed.dispatched, passed.upstream
    assert isinstance(upstream, HttpUpstream)
    if backend["type"] == "vpc":
        defined = URL(f"{backend.get('scheme', 'http')}://127.0.0.1:9000")
    else:
        defined = URL(backend["address"])
    assert (upstream.scheme, upstream.host) == (defined.scheme, defined.host)
    assert upstream.port == defined.port
    assert sent.method == backend.get("method", call["method"]).upper()

    url = URL(f"{upstream.scheme}://{upstream.authority}{sent.target}", encoded=True)
    assert (url.scheme, url.host, url.port) == (defined.scheme, defined.host, defined.port)
    assert (url.raw_path, url.fragment, url.user) == (sent.path, "", None)
    assert sent.target.isascii() and sent.target.isprintable()
    assert " " not in sent.target and "#" not in sent.target
    assert_path(sent.path, backend["path"])

    own = own_names(document)
    names = [name for name, _ in parse_query(sent.query)]
    for name in own["query"]:
        assert names.count(name) <= 1, name
    if document["request"].get("mode", "mapping") == "mapping":
        assert set(names) <= own["query"]
    assert_headers(passed, own["header"], document["request"].get("mode", "mapping"))


def assert_path(path: str, pattern: str) -> None:
    found, wanted = path.split("/")[1:], pattern.split("/")[1:]
    if wanted[-1] == "*":
        wanted.pop()
        assert all(found[:-1]), "an empty segment inside"
    else:
        assert len(found) == len(wanted)
    for segment in found:
        assert unquote(segment).partition(";")[0] not in (".", "..")
        assert not set(segment) & set("?#\\ ")
    for segment, part in zip(found, wanted, strict=False):
        assert segment if part.startswith("[") else unquote(segment) == unquote(part)


def own_names(document: dict[str, Any]) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {"query": set(), "header": set()}
    backend, request = document["backend"], document["request"]
    passthrough = request.get("mode") == "passthrough"
    mapped = {item["from"] for item in backend.get("parameters", ())}
    kept = [
        item for item in request["parameters"] if item["name"] not in mapped and not passthrough
    ]
    lists = (backend.get(key, ()) for key in ("parameters", "constants", "system", "claims"))
    for item in [*kept, *(item for items in lists for item in items)]:
        if item["in"] in names:
            names[item["in"]].add(item["name"])
    return names


def assert_headers(passed: Signed, own: set[str], mode: str) -> None:
    sent, folded = passed.dispatched, {name.lower().replace("_", "-") for name in own}
    gateways = {"x-ca-request-id", "x-forwarded-for", "content-type", "content-md5"}
    gateways |= {"x-ca-signature"}
    seen = Counter(name.lower().replace("_", "-") for name, _ in sent.headers)
    assert all(seen[name] <= 1 for name in folded), seen
    assert not {"host", "connection", "content-length", "transfer-encoding"} & seen.keys()
    callers = {name.lower().replace("_", "-") for name, _ in passed.headers.fields}
    if mode == "mapping":
        callers &= {"accept", "content-type", "content-md5", "user-agent", "accept-encoding"}
    for name in seen:
        assert name in folded | gateways | callers or name.startswith("x-ca-proxy-"), name
    proxy = [value for name, value in sent.headers if name.lower() == "x-ca-proxy-a"]
    assert not proxy, "a caller's X-Ca-Proxy field"
    for name, value in sent.headers:
        assert not set(name + value) & set("\r\n\x00")


def test_what_passes_the_check_compiles_and_serves_every_call() -> None:
    ends: Counter[str] = Counter()

    @given(st.data(), apis(), st.sampled_from(["", "", "/v1"]), variables)
    @settings(
        max_examples=120,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def serves(
        data: st.DataObject, document: dict[str, Any], base_path: str, variables: dict[str, str]
    ) -> None:
        document = data.draw(more_at_the_backend(document))
        catalog = catalog_of(document, base_path, variables)
        if catalog is None:
            ends["does not pass"] += 1
            return
        used = {name for name in SET_FOR_TEST if f"#{name}#" in json.dumps(document["backend"])}
        has_some, lacks_one = bool(used), bool(used - variables.keys())
        filled_in = with_values(document, variables)
        for call in data.draw(st.lists(calls(document, base_path), min_size=4, max_size=8)):
            start = Call(REQUEST_ID, NOW_MS, received(catalog, call, document))
            end = asyncio.run(walk(start, STEPS))
            if end.refusal is not None:
                ends[end.refused_by] += 1
                ends["not set"] += lacks_one and end.refused_by == "Resolution"
                assert end.refusal.fault not in (Fault.INTERNAL, Fault.BUSY), end.refusal.args
                continue
            if end.answer is not None:
                ends["preflight"] += 1
                continue
            assert not lacks_one, "a call went on though a variable is not set"
            ends[document["backend"]["type"]] += 1
            ends["variables"] += has_some
            ends["token"] += bool(end.state and vars(end.state)["token"])
            assert isinstance(end.state, Signed)
            if document["backend"]["type"] != "mock":
                assert_shape(end.state, filled_in, call)

    serves()
    assert ends["http"] + ends["vpc"] > 30, ends  # or the property says little
    assert ends["variables"] + ends["not set"] > 3, ends
    assert sum(ends[one] > 5 for one in ("Routing", "Authentication", "Validation")) > 1, ends
