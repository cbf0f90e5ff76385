"""Case 9: whatever stands where a token should, the backend gets nothing of it.

Every attack comes in each way that a token can come: the query, `Authorization: Bearer`, a header
of the definition's own and a form.
"""

import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from adversarial.probe import HOST_LINE, Reply, assert_our_refusal, read_reply, send
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from e2e.running import Backend, Gateway, Project, gateway
from unit.minted import (
    KID,
    b64,
    ec_key,
    mint,
    public_jwk,
    rsa_key,
    signature,
    signed,
    text_of,
)

REQUIRED, MALFORMED, INVALID, EXPIRED = "I400JR", "I400JD", "A403JT", "A403JE"
STATUS = {REQUIRED: 400, MALFORMED: 400, INVALID: 403, EXPIRED: 403}
EC_KID = "4" * 32
NOW_S = int(time.time())
GOOD = {"sub": "alice", "userId": "u-1", "exp": NOW_S + 3600, "iat": NOW_S, "aud": "an-app"}
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Token = str | bytes


# --- the gateway and the ways to it


def service(name: str, method: str, path: str, place: str, parameter: str, more: str = "") -> str:
    return (
        f"name: {name}\n"
        f"auth: {{type: openid, openid: {{type: service, token: {parameter}{more}}}}}\n"
        f"request: {{method: {method}, path: {path}, mode: mapping_passthrough, "
        f"parameters: [{{name: {parameter}, in: {place}}}]}}\n"
        "backend: {type: http, address: 'http://127.0.0.1:PORT', path: /echo, "
        "claims: [{from: userId, name: X-User-Id, in: header}]}\n"
    )


def write_definitions(project: Project) -> None:
    apis = {
        "in-query": service("InQuery", "GET", "/in-query", "query", "IdToken"),
        "in-header": service("InHeader", "GET", "/in-header", "header", "X-Id-Token"),
        "in-form": service("InForm", "POST", "/in-form", "body", "IdToken"),
        "strict": service(
            "Strict",
            "GET",
            "/strict",
            "query",
            "IdToken",
            ", issuers: ['https://a.test'], audiences: [an-app], leeway_s: 0, "
            "required_claims: [exp, sub]",
        ),
    }
    keys = [
        {"key_id": KID, "public_key": public_jwk(rsa_key(), kid=KID, alg="ES256")},
        {"key_id": EC_KID, "public_key": public_jwk(ec_key())},
    ]
    apis["log-in"] = (
        "name: LogIn\nrequest: {method: POST, path: /login}\nbackend: {type: mock}\n"
        f"auth: {{type: app_openid, openid: {{type: authorization, keys: {json.dumps(keys)}}}}}\n"
    )
    folder = project.folder / "definitions/weather"
    for name, text in apis.items():
        (folder / f"{name}.yaml").write_text(text.replace("PORT", str(project.backend_port)))
    path = project.folder / "definitions/gateway.yaml"
    path.write_text(path.read_text() + "limits: {client_ip_per_second: 100000}\n")


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory, counted: Backend) -> Iterator[Gateway]:
    project = Project(tmp_path_factory.mktemp("vault") / "p", counted.port)
    write_definitions(project)
    with gateway(project) as running:
        yield running


def get(vault: Gateway, target: bytes, *lines: bytes) -> Reply:
    fields = b"".join(line + b"\r\n" for line in lines)
    return send(vault.port, b"GET " + target + b" HTTP/1.1\r\n" + HOST_LINE + fields + b"\r\n")


def by_query(vault: Gateway, token: bytes, path: bytes = b"/in-query") -> Reply:
    return get(vault, path + b"?IdToken=" + quote(token, safe="").encode())


def by_bearer(vault: Gateway, token: bytes) -> Reply:
    return get(vault, b"/in-query", b"Authorization: Bearer " + token)


def by_header(vault: Gateway, token: bytes) -> Reply:
    return get(vault, b"/in-header", b"X-Id-Token: " + token)


def by_form(vault: Gateway, token: bytes) -> Reply:
    body = b"IdToken=" + quote(token, safe="").encode()
    return send(
        vault.port,
        b"POST /in-form HTTP/1.1\r\n"
        + HOST_LINE
        + b"Content-Type: application/x-www-form-urlencoded\r\n"
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body,
    )


WAYS = (by_query, by_bearer, by_header, by_form)


def as_bytes(token: Token) -> bytes:
    return token if isinstance(token, bytes) else token.encode("utf-8", "surrogateescape")


def fits_a_header(token: bytes) -> bool:
    return not any((byte < 32 and byte != 9) or byte == 127 for byte in token)


def assert_refused(vault: Gateway, counted: Backend, name: str, token: Token, code: str) -> None:
    """By the gateway with the product's code, in each way, and without a call to the backend."""
    raw, before = as_bytes(token), counted.hits
    for way in WAYS:
        if way in (by_bearer, by_header) and not fits_a_header(raw):
            continue
        reply = way(vault, raw)
        assert reply.code == code, (name, way.__name__, reply.raw[:400])
        assert_our_refusal(reply, STATUS[code])
        assert len(raw) < 9 or raw not in reply.raw
    assert counted.hits == before, name


# --- what does get in


@pytest.mark.parametrize("way", WAYS)
def test_a_good_token_gets_in_each_way(
    vault: Gateway, counted: Backend, way: Callable[[Gateway, bytes], Reply]
) -> None:
    of_ec = mint(GOOD, key=ec_key(), algorithm="ES256", header={"kid": EC_KID})
    before = counted.hits
    for token in (mint(GOOD), of_ec):
        reply = way(vault, token.encode())
        assert reply.status == 200, reply.raw[:400]
        assert ["X-User-Id", "u-1"] in json.loads(reply.body)["headers"]
    assert counted.hits == before + 2


# --- the attacks


def with_header(header: Any, claims: Any = None, algorithm: str = "RS256", key: Any = None) -> str:
    """A header of any kind over good claims, with a good signature."""
    return signed(header, GOOD if claims is None else claims, algorithm, key or rsa_key())


def with_ending(ending: bytes, **header: Any) -> str:
    head = {"alg": "RS256", "kid": KID, **header}
    return f"{b64(text_of(head))}.{b64(text_of(GOOD))}.{b64(ending)}"


def claims(**changes: Any) -> str:
    return mint({**GOOD, **changes})


def head(text: str) -> str:
    """A header of RS256 and the right kid, with more JSON members."""
    return '{"alg": "RS256", "kid": "' + KID + '", ' + text + "}"


def public_texts() -> dict[str, bytes]:
    key, jwk = rsa_key().public_key(), public_jwk(rsa_key())
    spki, pkcs1 = PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1
    pem = key.public_bytes(Encoding.PEM, spki)
    with_label = public_jwk(rsa_key(), kid=KID, alg="ES256")
    return {
        "pem": pem,
        "pem-stripped": pem.strip(),
        "pem-crlf": pem.replace(b"\n", b"\r\n"),
        "pem-pkcs1": key.public_bytes(Encoding.PEM, pkcs1),
        "der": key.public_bytes(Encoding.DER, spki),
        "der-pkcs1": key.public_bytes(Encoding.DER, pkcs1),
        "ssh": key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "jwk": json.dumps(jwk).encode(),
        "jwk-compact": json.dumps(jwk, separators=(",", ":")).encode(),
        "jwk-labelled": json.dumps(with_label).encode(),
        "modulus": jwk["n"].encode(),
        "kid": KID.encode(),
        "nothing": b"",
    }


def json_of(name: str, *values: str) -> str:
    """An object in which a member stands once for each value, as text of JSON."""
    return "{" + ", ".join(f'"{name}": {value}' for value in values) + "}"


Attacks = Iterator[tuple[str, Token, str]]
"""What it is, the token, and the code of the refusal."""


def no_algorithm() -> Attacks:
    names: list[Any] = ["none", "None", "NONE", "nOnE", " none", "", None, 7, [], ["RS256"], {}]
    for name in names:
        yield f"{name!r} without a signature", with_ending(b"", alg=name), INVALID
        yield f"{name!r} with nonsense", with_ending(b"x", alg=name), INVALID
        yield f"{name!r} signed", with_header({"alg": name, "kid": KID}), INVALID
    yield "no alg", with_header({"kid": KID}), INVALID


def shared_secrets() -> Attacks:
    """The public key, which everybody may have, in every form as the secret of HMAC."""
    for algorithm in ("HS256", "HS384", "HS512"):
        for name, secret in public_texts().items():
            yield f"{algorithm} of {name}", mint(GOOD, key=secret, algorithm=algorithm), INVALID


def other_algorithms() -> Attacks:
    for name in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        yield f"signed {name}", mint(GOOD, algorithm=name), INVALID
    for name in ("ES256", "ES384", "ES512", "EdDSA", "rs256", "RS256\0", "RS256,none"):
        yield f"says {name}", with_header({"alg": name, "kid": KID}), INVALID
    right = {"alg": "RS256", "kid": KID}
    of_ec = {"alg": "ES256", "kid": EC_KID}
    yield "EC key as RS256", with_header({"alg": "RS256", "kid": EC_KID}), INVALID
    yield "RSA signature for the EC key", with_header(of_ec), INVALID
    yield "another digest", with_header(right, algorithm="RS512"), INVALID
    yield "PSS", with_header(right, algorithm="PS256"), INVALID
    yield "another key", mint(GOOD, key=rsa_key(1)), INVALID
    curve = with_header(of_ec, key=ec_key("P-384"), algorithm="ES256")
    yield "another curve", curve, INVALID
    for name, ending in {
        "no": b"",
        "zeros as": bytes(256),
        "one as": (1).to_bytes(256, "big"),
        "short": b"x",
        "long": bytes(4096),
    }.items():
        yield f"{name} signature", with_ending(ending), INVALID


def malformed_ecdsa() -> Attacks:
    start = f"{b64(text_of({'alg': 'ES256', 'kid': EC_KID}))}.{b64(text_of(GOOD))}"
    good = signature(start.encode(), "ES256", ec_key())
    order, zero, one = ORDER.to_bytes(32, "big"), bytes(32), (1).to_bytes(32, "big")
    for name, ending in {
        "DER": ec_key().sign(start.encode(), ec.ECDSA(hashes.SHA256())),
        "zeros": bytes(64),
        "r zero": zero + good[32:],
        "s zero": good[:32] + zero,
        "r and s are the order": order + order,
        "r the order, s one": order + one,
        "r and s one": one + one,
        "ones": b"\xff" * 64,
        "empty": b"",
        "one byte": b"\0",
        "short": good[:63],
        "half": good[:32],
        "long": good + b"\0",
        "turned": good[32:] + good[:32],
        "padded": b"\0" + good[:32] + b"\0" + good[32:],
    }.items():
        yield name, f"{start}.{b64(ending)}", INVALID


def key_ids() -> Attacks:
    yield "missing", with_header({"alg": "RS256"}), INVALID
    kids: list[Any] = [None, 7, 1.5, True, [], [KID], {}, {"kid": KID}, "", "unknown"]
    kids += [KID + "\0", KID + " ", " " + KID, KID[:-1], KID.replace("6", "\uff16")]
    kids += ["../../../../../../dev/null", "/dev/null", "file:///dev/null", "http://127.0.0.1/key"]
    kids += ["' UNION SELECT 'x' --", "1; DROP TABLE calls", "$(id)", "{0.__class__}", "%s%n"]
    kids += ["\u202e", "\r\nX-Admin: 1", "x" * 9000]
    for kid in kids:
        yield f"kid {str(kid)[:50]!r}", with_header({"alg": "RS256", "kid": kid}), INVALID


def headers() -> Attacks:
    for crit in (["exp"], [], "exp", None, ["b64"]):
        header = {"alg": "RS256", "kid": KID, "crit": crit}
        yield f"crit {crit}", with_header(header), INVALID
    unencoded = {"alg": "RS256", "kid": KID, "b64": False}
    yield "b64 false", with_header({**unencoded, "crit": ["b64"]}), INVALID
    yield "b64 false without crit", with_header(unencoded), INVALID
    yield "b64 true", with_header({**unencoded, "b64": True}), INVALID
    payload = f".{b64(text_of(GOOD))}."
    detached = with_ending(b"x", b64=False, crit=["b64"]).replace(payload, "..")
    yield "detached", detached, INVALID
    yield "kid twice", with_header(json_of("kid", f'"{EC_KID}"', f'"{KID}"')), MALFORMED
    yield "alg twice", with_header('{"alg": "none", ' + head('"x": 1')[1:]), MALFORMED
    for depth in (64, 330, 900, 980, 990, 1000, 5000):
        nested = head(f'"x": {"[" * depth}{"]" * depth}')
        yield f"nested {depth}", with_header(nested), MALFORMED
    yield "nested deeper than a token", with_header("[" * 90_000), MALFORMED
    for text in ("[]", "null", "", "{", '"RS256"', head('"x": NaN'), head('"x": 1e999')):
        yield text[-20:], with_header(text), MALFORMED
    yield "UTF-16", with_header(head('"x": 1').encode("utf-16")), MALFORMED
    yield "not UTF-8", with_header(head('"x": "é"').encode("latin-1")), MALFORMED
    yield "a long number", with_header(head('"x": ' + "1" * 5000)), MALFORMED


def times() -> Attacks:
    yield "expired", claims(exp=NOW_S - 3600), EXPIRED
    for exp in (0, -1, -(10**300), -1e308):
        yield f"exp {exp}", claims(exp=exp), EXPIRED
    odd: list[Any] = [str(NOW_S + 3600), "", "9e9", True, False, [], [NOW_S + 3600], {}]
    for value in odd:
        for name in ("exp", "nbf", "iat"):
            yield f"{name} {value!r}", claims(**{name: value}), INVALID
    for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400, "1" * 5000):
        yield f"exp {text[:20]}", mint(json_of("exp", text)), MALFORMED
    yield "no exp", claims(exp=None), INVALID
    yield "exp null", mint(json_of("exp", "null")), INVALID
    for name in ("nbf", "iat"):
        for value in (NOW_S + 3600, 10**300, 1e308):
            yield f"{name} {value}", claims(**{name: value}), INVALID


def claim_sets() -> Attacks:
    audiences: list[Any] = [7, True, {}, {"an-app": 1}, ["an-app", 7], [["an-app"]], [None]]
    for audience in audiences:
        yield f"aud {audience}", claims(aud=audience), INVALID
    late = str(NOW_S + 99)
    yield "exp twice", mint(json_of("exp", "1", late)), MALFORMED
    twice = json_of("userId", '"u"', '"root"')[:-1] + json_of("exp", late).replace("{", ", ")
    yield "userId twice", mint(twice), MALFORMED
    for text in ("[]", "null", "", "{", "7", json_of("userId", '"\\ud800"')):
        yield text, mint(text), MALFORMED
    good = json_of("exp", late)
    yield "latin-1", mint(json_of("userId", '"é"').encode("latin-1")), MALFORMED
    yield "UTF-16", mint(good.encode("utf-16")), MALFORMED
    yield "byte order mark", mint(b"\xef\xbb\xbf" + good.encode()), MALFORMED
    yield "nested", mint("[" * 12_000), MALFORMED
    yield "nested objects", mint('{"a":' * 2_000 + "1" + "}" * 2_000), MALFORMED
    yield "nested deeper than a token", mint("[" * 90_000), MALFORMED
    yield "gzip", with_header(head('"zip": "GZIP"'), gzip.compress(text_of(GOOD))), MALFORMED
    deflated = zlib.compress(text_of(GOOD))[2:-4]
    yield "deflate", with_header(head('"zip": "DEF"'), deflated), MALFORMED


def forms() -> Attacks:
    good = mint(GOOD)
    start, _, end = good.rpartition(".")
    tokens: dict[str, Token] = {
        "20 KB": mint({**GOOD, "pad": "x" * 15_000}),
        "five parts": "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d",
        "four parts": good + ".x",
        "two parts": start,
        "one part": "token",
        "dots": "..",
        "many dots": "." * 1000,
        "quoted": f'"{good}"',
        "JSON": json.dumps({"payload": "x", "signatures": []}),
        "two": f"{good},{good}",
        "two with a blank": f"{good} {good}",
        "wide dots": good.replace(".", "\uff0e"),
        "not UTF-8": b"\xff\xfe." + good.encode(),
        "a blank within": f"{start} .{end}",
        "a line break within": f"{start}.\r\n{end}",
        "a tab within": f"{start}.\t{end}",
        "NUL behind": good + "\0",
        "junk in the signature": f"{start}.{end[:9]}!{end[9:]}",
        "standard Base64": f"{start}.{end[:9]}+/{end[11:]}",
        "too much padding": good + "===",
        "Basic": "Basic YWxpY2U6",
        "Bearer twice": f"Bearer Bearer {good}",
    }
    for name, token in tokens.items():
        yield name, token, MALFORMED


@pytest.mark.parametrize(
    "attacks",
    [
        no_algorithm,
        shared_secrets,
        other_algorithms,
        malformed_ecdsa,
        key_ids,
        headers,
        times,
        claim_sets,
        forms,
    ],
)
def test_what_is_no_good_token_is_refused_and_the_backend_gets_nothing(
    vault: Gateway, counted: Backend, attacks: Callable[[], Attacks]
) -> None:
    tried = 0
    for name, token, code in attacks():
        assert_refused(vault, counted, name, token, code)
        tried += 1
    assert tried > 10


@pytest.mark.parametrize("make", [mint, with_header])
def test_a_token_larger_than_a_request_may_be_is_refused(
    vault: Gateway, counted: Backend, make: Callable[[str], str]
) -> None:
    token, before = make("[" * 100_000).encode(), counted.hits
    codes = {way: way(vault, token).code for way in WAYS}
    assert codes == {
        by_query: "I413UL",
        by_bearer: "I431HD",
        by_header: "I431HD",
        by_form: MALFORMED,
    }
    assert counted.hits == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ""),
        ({"iss": "https://b.test"}, INVALID),
        ({"iss": "https://a.test/"}, INVALID),
        ({"iss": None}, INVALID),
        ({"iss": ["https://a.test"]}, INVALID),
        ({"iss": 7}, INVALID),
        ({"aud": "other"}, INVALID),
        ({"aud": []}, INVALID),
        ({"aud": None}, INVALID),
        ({"aud": "an-app other"}, INVALID),
        ({"aud": ["other", "an-app"]}, ""),
        ({"sub": None}, INVALID),
        ({"exp": None}, INVALID),
        ({"exp": NOW_S - 1}, EXPIRED),
        ({"nbf": NOW_S + 600}, INVALID),
        ({"iat": NOW_S + 600}, INVALID),
    ],
)
def test_issuer_audience_and_required_claims_are_asked_for(
    vault: Gateway, counted: Backend, changes: dict[str, Any], code: str
) -> None:
    before = counted.hits
    token = mint({**GOOD, "iss": "https://a.test"}, **changes)
    reply = by_query(vault, token.encode(), b"/strict")
    assert (reply.code, reply.status) == (code, STATUS.get(code, 200))
    assert counted.hits == before + (not code)


# --- no token, and two


@pytest.mark.parametrize("target", [b"/in-query", b"/in-query?IdToken", b"/in-query?IdToken=%20"])
@pytest.mark.parametrize(
    "line", [b"X: y", b"Authorization: Bearer", b"Authorization:", b"Authorization: Basic YTpi"]
)
def test_a_token_must_be_there(
    vault: Gateway, counted: Backend, target: bytes, line: bytes
) -> None:
    before = counted.hits
    assert_our_refusal(get(vault, target, line), 400, REQUIRED)
    assert counted.hits == before


def test_two_tokens_in_one_call_are_refused(vault: Gateway, counted: Backend) -> None:
    first, second = mint(GOOD).encode(), mint(GOOD, userId="root").encode()
    before = counted.hits
    for one, other in ((first, second), (second, first), (first, b"x"), (b"x", first)):
        twice = b"/in-query?IdToken=" + one + b"&IdToken=" + other
        escaped = b"/in-query?IdToken=" + one + b"&%49dToken=" + other
        for reply in (
            get(vault, twice),
            get(vault, escaped),
            get(vault, b"/in-query?IdToken=" + one, b"Authorization: Bearer " + other),
            get(vault, b"/in-query?IdToken=" + one, b"authorization: bearer\t" + other),
            get(vault, b"/in-header", b"X-Id-Token: " + one, b"x-id-token: " + other),
            get(vault, b"/in-header", b"X-Id-Token: " + one, b"X_Id_Token: " + other),
        ):
            assert_our_refusal(reply, 403, INVALID)
            assert "more than one" in reply.headers["x-ca-error-message"]
        pair = (b"Authorization: Bearer " + one, b"Authorization: Bearer " + other)
        assert_our_refusal(get(vault, b"/in-query", *pair), 400, "I400HD")
    assert counted.hits == before


def test_one_token_given_twice_is_one(vault: Gateway) -> None:
    token = mint(GOOD).encode()
    target = b"/in-query?IdToken=" + token + b"&IdToken="
    assert get(vault, target, b"Authorization: Bearer " + token).status == 200


def test_blanks_around_a_token_are_not_part_of_it(vault: Gateway) -> None:
    token = mint(GOOD).encode()
    for line in (b"Authorization:   bearer   " + token + b"  ", b"Authorization: BEARER\t" + token):
        assert get(vault, b"/in-query", line).status == 200


# --- what a token brings along


@pytest.mark.parametrize("member", ["jku", "x5u", "jwk", "x5c", "x5t", "iss"])
@pytest.mark.parametrize("own", [True, False])
def test_a_header_cannot_bring_its_own_key(
    vault: Gateway, counted: Backend, member: str, own: bool
) -> None:
    """Nobody is asked for it; a good token that names one verifies by the released key."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/keys"
        forged = rsa_key(1)
        brought = {
            "jku": url,
            "x5u": url,
            "jwk": public_jwk(forged, kid=KID),
            "x5c": [b64(b"a certificate")],
            "x5t": "AAAA",
            "iss": url,
        }
        header = {"alg": "RS256", "kid": KID, member: brought[member]}
        claimed = {**GOOD, "iss": url}
        if own:
            token = signed(header, claimed, "RS256", forged)
            assert_refused(vault, counted, member, token, INVALID)
        else:
            assert (
                by_query(vault, signed(header, claimed, "RS256", rsa_key()).encode()).status == 200
            )
        with pytest.raises(TimeoutError):
            listening.accept()


def test_a_caller_cannot_send_the_claim_itself(vault: Gateway) -> None:
    token = mint(GOOD).encode()
    for name in (b"X-User-Id", b"x_user_id", b"X-USER_Id"):
        for given, expected in ((token, ["u-1"]), (mint(GOOD, userId=None).encode(), [])):
            reply = get(vault, b"/in-header", b"X-Id-Token: " + given, name + b": root")
            assert reply.status == 200
            fields = json.loads(reply.body)["headers"]
            found = [v for n, v in fields if n.lower().replace("_", "-") == "x-user-id"]
            assert found == expected


def test_a_claim_cannot_add_a_line_to_the_backends_request(
    vault: Gateway, counted: Backend
) -> None:
    before = counted.hits
    for value in ("u\r\nX-Admin: 1", "u\n", "\0", "\x7f"):
        assert_our_refusal(by_query(vault, claims(userId=value).encode()), 400, "I400IP")
    assert counted.hits == before
    reply = by_query(vault, claims(userId={"a": "\r\nX-Admin: 1"}).encode())
    assert reply.status == 200
    fields = json.loads(reply.body)["headers"]
    assert ["X-User-Id", '{"a":"\\r\\nX-Admin: 1"}'] in fields
    assert "x-admin" not in {name.lower() for name, _ in fields}


def test_a_connection_that_brought_bad_tokens_serves_the_next_call(vault: Gateway) -> None:
    def request(token: bytes) -> bytes:
        return b"GET /in-query?IdToken=" + token + b" HTTP/1.1\r\n" + HOST_LINE + b"\r\n"

    with socket.create_connection(("127.0.0.1", vault.port), timeout=10) as link:
        for token, status in (
            (b"x", 400),
            (mint(GOOD)[:-9].encode(), 403),
            (mint(GOOD).encode(), 200),
        ):
            link.sendall(request(token))
            assert read_reply(link).status == status
