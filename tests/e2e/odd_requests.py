"""Requests of every kind as hypothesis makes them: signed rightly or wrongly, whole or odd."""

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from e2e.lab import CODE, PAGE, Fields
from e2e.running import HOST, KEY, SECRET
from hypothesis import strategies as st

from apigateway.model.api import SignatureMethod
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.signatures.caller import SignableRequest, signing_headers

MINUTE_MS = 60_000

Strategy = st.SearchStrategy


@dataclass(frozen=True)
class OddRequest:
    """A request as values; text is as on the wire, bytes that are no UTF-8 surrogate escapes.
    `signing` is how it is signed, None for not at all; `changes` happen to it afterwards.
    `lengths` are its fields Content-Length, N being the right one."""

    method: str
    target: str
    hosts: tuple[str, ...]
    fields: Fields
    body: bytes
    lengths: tuple[str, ...]
    signing: dict[str, Any] | None
    changes: tuple[str, ...] = ()
    chunked: bool = False
    nonce: str = field(default_factory=lambda: str(uuid.uuid4()))

    def made(self, now_ms: int) -> "Made":
        """As a client sends it at that time."""
        fields = [*(("Host", host) for host in self.hosts), *self.fields]
        if self.signing is not None:
            fields += self._signature(fields, now_ms)
        made = Made(self.method, self.target, fields, self.body, self.chunked)
        for change in self.changes:
            made = changed(made, change)
        if self.chunked:
            return replace(made, fields=[*made.fields, ("Transfer-Encoding", "chunked")])
        lengths = [one.replace("N", str(len(made.body))) for one in self.lengths]
        return replace(made, fields=[*made.fields, *(("Content-Length", n) for n in lengths)])

    def _signature(self, fields: Fields, now_ms: int) -> Fields:
        path, _, query = self.target.partition("?")
        request = SignableRequest(self.method, path, query, Headers(fields), self.body)
        given = dict(self.signing or {})
        at_ms = now_ms - given.pop("age_ms", 0)
        known = {"key": KEY, "secret": SECRET, "timestamp_ms": at_ms, "nonce": self.nonce}
        return signing_headers(request, **{**known, **given})


@dataclass(frozen=True)
class Made:
    method: str
    target: str
    fields: Fields
    body: bytes
    chunked: bool = False

    @property
    def wire(self) -> bytes:
        head = [f"{self.method} {self.target} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in self.fields]
        body = self.body
        if self.chunked:
            body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            body += b"0\r\n\r\n"
        return "\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape") + body

    @property
    def request(self) -> CallerRequest:
        """As a server reads it: blanks around a value are none of it."""
        fields = [(name, value.strip(" \t")) for name, value in self.fields]
        return CallerRequest(
            method=self.method,
            target=self.target,
            headers=Headers(fields),
            body=self.body,
            peer="127.0.0.1",
        )


def changed(made: Made, change: str) -> Made:
    """What somebody does to a request behind its client."""
    if change == "query":
        mark = "&" if "?" in made.target else "?"
        return replace(made, target=f"{made.target}{mark}added=1")
    if change == "body":
        return replace(made, body=made.body + b"!")
    if change == "method":
        return replace(made, method="POST" if made.method == "GET" else "GET")
    if change.startswith("-"):
        kept = [pair for pair in made.fields if pair[0].lower() != change[1:].lower()]
        return replace(made, fields=kept)
    if change.startswith("+"):  # again, behind the first
        twice = [pair for pair in made.fields if pair[0].lower() == change[1:].lower()]
        return replace(made, fields=[*made.fields, *twice])
    name, _, value = change.partition("=")
    kept = [(old, value if old.lower() == name.lower() else kept) for old, kept in made.fields]
    return replace(made, fields=kept)


def _one_in(draw: st.DrawFn, count: int) -> bool:
    return draw(st.sampled_from(range(count))) == count // 2


_ODD_TEXT = st.sampled_from(
    [
        "",
        "a",
        "a b",
        "中",
        "é",
        "\udcff",
        "\udc80x",
        "%41",
        "%zz",
        "+",
        "a=b",
        ";",
        "\t",
        " x ",
        "~",
    ]
)
_ENCODED = st.sampled_from(
    [
        "",
        "a",
        "3",
        "14",
        "15",
        "-1",
        "%33",
        "a+b",
        "a%20b",
        "%E4%B8%AD",
        "%ff",
        "%2",
        "a%00",
        "*",
        "中",
        "\udcff",
        "!",
        "'",
        "[]",
        '{"a":1}',
        "a;b",
        "%26",
        "=",
    ]
)
_ROUTES = st.sampled_from(
    [
        *[("GET", "/forecast/hangzhou")] * 7,
        *[("GET", "/echo")] * 3,
        *[("POST", "/echo")] * 5,
        ("GET", "/forecast/UPPER"),
        ("GET", "/by-code"),
        ("GET", "/by-field"),
        ("GET", "/forced"),
        *[("GET", "/limited")] * 2,
        ("GET", "/guarded"),
        ("GET", "/status"),
        ("GET", "/own/200"),
        ("GET", "/own/%35%30%33"),
        ("HEAD", "/own/404"),
        ("GET", "/only-https"),
    ]
)
_SPELLINGS = st.sampled_from(
    [
        "/forecast/h%61ngzhou",
        "/forecast/",
        "/forecast/a%2Fb",
        "/forecast/%E4%B8%AD",
        "/forecast/\udcff",
        "/forecast//x",
        "/ECHO",
        "/echo/",
        "/./echo",
        "/x/../echo",
        "//echo",
        "/%65cho",
        "/nothing",
    ]
)
_ODD_PATHS = st.sampled_from(
    ["*", "/a%2", "/a%00", "/中", "/a b", "http://a/status", "status", "/status#x", "/files;v=1"]
)
_NAMES = ["days", "a", "b", "A", "c d", "中", "sign", "appcode", "appCode", ""]


@st.composite
def routes(draw: st.DrawFn) -> tuple[str, str]:
    """Method and path."""
    method, path = draw(_ROUTES)
    if _one_in(draw, 8):
        path = draw(_SPELLINGS)
    elif _one_in(draw, 12):
        path = draw(_ODD_PATHS)
    return draw(ODD_METHODS) if _one_in(draw, 12) else method, path


@st.composite
def queries(draw: st.DrawFn) -> str:
    """With its question mark."""
    count = draw(st.sampled_from([0, 0, 1, 1, 2, 3]))
    items = []
    for _ in range(count):
        name = draw(st.sampled_from(_NAMES)).replace(" ", draw(st.sampled_from(["+", "%20"])))
        value = draw(st.just(CODE) if name.lower() == "appcode" else _ENCODED)
        items.append(f"{name}={value}" if not _one_in(draw, 6) else name)
    return f"?{'&'.join(items)}" if items else draw(st.sampled_from(["", "", "", "?"]))


_HEADERS = st.one_of(
    st.tuples(st.sampled_from(["Accept", "accept", "Date", "User-Agent", "Cookie"]), _ODD_TEXT),
    st.tuples(st.sampled_from(["X-A", "x-a", "X-B", "X_C", "x.d"]), _ODD_TEXT),
    st.sampled_from(
        [
            ("X-Ca-Stage", "RELEASE"),
            ("X-Ca-Stage", "test"),
            ("X-Ca-Stage", "NEXT"),
            ("X-Ca-Request-Mode", "debug"),
            ("X-Ca-Signed-Content-Type", "text/plain"),
            ("X-Ca-Version", "1"),
            ("X-Forwarded-For", "203.0.113.9"),
            ("X-Forwarded-For", "198.51.100.7, 10.0.0.1"),
            ("X-Forwarded-For", "nonsense"),
            ("Origin", PAGE),
            ("Origin", "null"),
            ("Access-Control-Request-Method", "GET"),
            ("Authorization", f"APPCODE {CODE}"),
            ("Authorization", "APPCODE wrong"),
            ("Authorization", "Bearer a.b.c"),
            ("Connection", "close"),
            ("Connection", "X-A"),
            ("X-Ca-Proxy-Signature", "mine"),
            ("X-Client-Ip", "1.2.3.4"),
            ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
            ("Content-Encoding", "gzip"),
        ]
    ),
)

_ODD_HEADERS = st.sampled_from(
    [
        ("Upgrade", "websocket"),
        ("Expect", "something"),
        (" X-Space", "1"),
        ("X Space", "1"),
        ("X-Null", "a\0b"),
        ("X-Return", "a\rb"),
        ("", "nameless"),
        ("中", "1"),
    ]
)

_CONTENT = st.sampled_from(
    [
        ("", b""),
        ("", b""),
        ("", b""),
        ("application/x-www-form-urlencoded; charset=UTF-8", b"a=1&b=%E4%B8%AD&c&a=2"),
        ("application/x-www-form-urlencoded", b"days=3&\xff=1&%zz=2"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"a=1"),
        ("application/json; charset=utf-8", '{"a": "中"}'.encode()),
        ("application/json", b"{broken"),
        ("text/plain", b"\xff\0"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data", b"--b--"),
        ("odd", b"x"),
    ]
)

_SIGNINGS: Strategy[dict[str, Any] | None] = st.sampled_from(
    [
        *[{}] * 6,
        None,
        *[{"age_ms": 14 * MINUTE_MS}] * 2,
        *[{"age_ms": 16 * MINUTE_MS}] * 2,
        *[{"age_ms": -14 * MINUTE_MS}] * 2,
        *[{"age_ms": -16 * MINUTE_MS}] * 2,
        {"nonce": "the-same"},
        {"nonce": "the-same"},
        {"nonce": ""},
        {"nonce": "x" * 65},
        {"nonce": "中"},
        {"key": "999"},
        {"key": ""},
        {"secret": "wrong"},
        {"method": SignatureMethod.HMAC_SHA1},
        {"method": SignatureMethod.HMAC_SHA1, "secret": "wrong", "age_ms": 16 * MINUTE_MS},
    ]
)

_CHANGES = st.lists(
    st.sampled_from(
        [
            "query",
            "body",
            "method",
            "-X-Ca-Nonce",
            "-X-Ca-Timestamp",
            "-X-Ca-Signature",
            "-X-Ca-Key",
            "-X-Ca-Signature-Headers",
            "-Accept",
            "-Content-MD5",
            "+X-Ca-Key",
            "+X-Ca-Signature",
            "X-Ca-Signature=",
            "X-Ca-Signature=bm90IGl0",
            "X-Ca-Timestamp=soon",
            "X-Ca-Timestamp=-1",
            "X-Ca-Signature-Method=HmacMD5",
            "X-Ca-Signature-Method=hmacsha256",
            "X-Ca-Signature-Headers=X-Ca-Key",
            "X-Ca-Signature-Headers=,,X-Nothing",
            "X-Ca-Signature-Headers=X-Ca-Signature",
            "Content-MD5=bm90IGl0",
        ]
    ),
    max_size=2,
).map(tuple)


@st.composite
def odd_requests(draw: st.DrawFn) -> OddRequest:
    method, path = draw(routes())
    kind, body = draw(_CONTENT) if method == "POST" or _one_in(draw, 12) else ("", b"")
    fields = draw(st.lists(_ODD_HEADERS if _one_in(draw, 12) else _HEADERS, max_size=2))
    if kind:
        fields.append(("Content-Type", kind))
    lengths: tuple[str, ...] = ("N",) if body else ()
    if _one_in(draw, 25):
        lengths = draw(st.sampled_from(ODD_LENGTHS))
    changes = draw(_CHANGES) if _one_in(draw, 3) else ()
    return OddRequest(
        method=method,
        target=path + draw(queries()),
        hosts=draw(st.sampled_from(ODD_HOSTS)) if _one_in(draw, 10) else (HOST,),
        fields=fields,
        body=body,
        lengths=lengths,
        signing=draw(_SIGNINGS),
        changes=changes if body or "body" not in changes else (),
        chunked=_one_in(draw, 12),
    )


ODD_METHODS = st.sampled_from(["get", "HEAD", "OPTIONS", "PUT", "DELETE", "FOO"])

ODD_LENGTHS: list[tuple[str, ...]] = [
    ("N", "N"),
    ("N", "99"),
    ("+N",),
    ("N, N",),
    ("0x1",),
    ("99999999",),
    (" N ",),
    ("-1",),
    ("",),
]

ODD_HOSTS: list[tuple[str, ...]] = [
    (f"{HOST}:8080",),
    (HOST.upper(),),
    ("localhost",),
    ("listed.localhost",),
    ("weather.apigw.localhost",),
    ("unknown.test",),
    ("",),
    (),
    (HOST, HOST),
    (f"{HOST}.",),
    ("a b",),
    ("中.localhost",),
    (f"user@{HOST}",),
    ("[::1]",),
]
