"""OpenID Connect in a definition: keys read, and each rule with a bad file and the place."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from unit.definition.written import Written, api
from unit.minted import (
    KID,
    OTHER_KID,
    ec_key,
    private_jwk,
    public_jwk,
    rsa_key,
)

from apigateway.definition.load import load_project
from apigateway.model.api import Api, AuthType, BackendParameter, Location
from apigateway.model.openid import PublicKey, TokenIssuer, TokenRules

LOGIN = "definitions/weather/login.yaml"
OTHER = "definitions/weather/other.yaml"
JWK = public_jwk(rsa_key())
JWK_TEXT = json.dumps(JWK)
OF_HTTP = "type: http, address: 'http://127.0.0.1:9000', "
PRIVATE = "holds the private key, with which anyone can issue tokens"
UNFIT_MEND = "write a public RSA key of 2048 bits or EC key"
FILE_MEND = "write a JSON Web Key, or file:path"


def login(keys: str, *, kind: str = "app_openid", name: str = "LogIn") -> str:
    """An authorization API; `keys` are lines below `openid`."""
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    openid = f"auth:\n  type: {kind}\n  openid:\n    type: authorization\n{lines}"
    text = api(request=f"method: POST, path: /{name}", backend="type: mock", more=openid)
    return text.replace("TestApi", name)


def key(public_key: object, kid: str = KID) -> str:
    """One key as a line of YAML; `public_key` is YAML already, or data."""
    shown = public_key if isinstance(public_key, str) else json.dumps(public_key)
    return f'keys: [{{key_id: "{kid}", public_key: §{shown}}}]'


def service(
    openid: str = "token: IdToken",
    *,
    parameters: str = "name: IdToken, in: query",
    kind: str = "app_openid",
    **rest: str,
) -> str:
    auth = f"auth: {{type: {kind}, openid: {{type: service, {openid}}}}}\n"
    return api(parameters=parameters, more=auth, **rest)


def claim(line: str, path: str = "/b") -> str:
    return f"{OF_HTTP}path: {path}, claims: [{{{line}}}]"


def read(written: Written, path: str, text: str) -> Api:
    written.write(path, text.replace("§", ""))
    (found,) = [one for one in written.load().apis if one.name in ("LogIn", "TestApi")]
    return found


def issuer_of(written: Written, text: str) -> TokenIssuer:
    found = read(written, LOGIN, text).auth.openid
    assert isinstance(found, TokenIssuer)
    return found


def to_file(written: Written, name: str, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (written.root / "definitions" / "weather" / name).write_text(text)


# --- what is read


def test_a_key_may_be_written_as_it_is_as_text_or_in_a_file(written: Written) -> None:
    to_file(written, "login.jwk.json", JWK_TEXT + "\n")
    to_file(written, "login.jwks.json", {"keys": [{**JWK, "kid": KID}]})
    expected = TokenIssuer(keys=(PublicKey(key_id=KID, jwk=JWK),))
    for given in (JWK, f"'{JWK_TEXT}'", '"file:login.jwk.json"'):
        assert issuer_of(written, login(key(given))) == expected
    of_a_set = TokenIssuer(keys=(PublicKey(key_id=KID, jwk={**JWK, "kid": KID}),))
    for jwks in ("file:login.jwks.json", json.dumps({"keys": [{**JWK, "kid": KID}]})):
        assert issuer_of(written, login(f"jwks: {jwks}")) == of_a_set


def test_keys_of_the_list_and_of_the_set_hold_together(written: Written) -> None:
    jwks = {"keys": [{**public_jwk(ec_key()), "kid": OTHER_KID, "use": "sig"}]}
    both = f"{key(JWK)}\njwks: {json.dumps(jwks)}\nissuer: https://a.test"
    found = issuer_of(written, login(both))
    assert [public.key_id for public in found.keys] == [KID, OTHER_KID]
    assert found.issuer == "https://a.test"


def test_a_key_for_encryption_in_a_set_is_passed_over(written: Written) -> None:
    sealing = {**public_jwk(rsa_key(1)), "kid": "a", "use": "enc", "alg": "RSA-OAEP"}
    jwks = {"keys": [sealing, {**JWK, "kid": KID}]}
    found = issuer_of(written, login(f"jwks: {json.dumps(jwks)}"))
    assert [public.key_id for public in found.keys] == [KID]


def test_what_a_file_held_is_in_the_document_that_a_release_keeps(written: Written) -> None:
    to_file(written, "login.jwk.json", JWK_TEXT)
    found = read(written, LOGIN, login(key('"file:login.jwk.json"')))
    assert found.document["auth"]["openid"]["keys"] == [{"key_id": KID, "public_key": JWK}]
    to_file(written, "login.jwks.json", {"keys": [{**JWK, "kid": KID}]})
    found = read(written, LOGIN, login("jwks: file:login.jwks.json"))
    assert found.document["auth"]["openid"]["jwks"] == {"keys": [{**JWK, "kid": KID}]}
    assert "file:" not in json.dumps(found.document)


def test_a_service_api_says_what_it_asks_of_a_token(written: Written) -> None:
    openid = (
        "token: IdToken, issuers: [https://a.test], audiences: [x, y], leeway_s: 0, "
        "required_claims: [exp, sub]"
    )
    text = service(openid, backend=claim("from: sub; name: X-User; in: header"))
    found = read(written, OTHER, text.replace(";", ","))
    assert found.auth.type is AuthType.APP_OPENID
    assert found.auth.openid == TokenRules(
        parameter="IdToken",
        issuers=("https://a.test",),
        audiences=("x", "y"),
        leeway_s=0,
        required_claims=("exp", "sub"),
    )
    user = BackendParameter(source="sub", name="X-User", location=Location.HEADER)
    assert found.claims == (user,)


def test_a_service_api_that_names_its_token_alone_asks_for_exp(written: Written) -> None:
    found = read(written, OTHER, service(kind="openid"))
    assert found.auth.openid == TokenRules(parameter="IdToken")
    rules = found.auth.openid
    assert (rules.leeway_s, rules.required_claims) == (60, ("exp",))


def test_the_sign_of_a_service_needs_no_issuer_among_the_apis(written: Written) -> None:
    """The keys may be released from elsewhere, or later."""
    assert written.write(OTHER, service()).problems() == []


# --- what breaks a rule of the keys


def unfit(reason: str) -> str:
    return f'the key "{KID}" {reason}; {UNFIT_MEND}'


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            private_jwk(rsa_key()),
            unfit(PRIVATE),
        ),
        (public_jwk(rsa_key(0, 1024)), unfit("has 1024 bits, which is too weak")),
        ({"kty": "oct", "k": "c2VjcmV0"}, unfit("is a shared secret, not a public key")),
        ({"kty": "EC", "crv": "P-1"}, unfit("is on none of the curves P-256, P-384 and P-521")),
        ({"kty": "other"}, unfit("is neither RSA nor EC")),
        ({"n": "AQAB"}, unfit("is neither RSA nor EC")),
        ({"kty": "RSA", "n": "AQAB"}, unfit("cannot be read as a JSON Web Key")),
        ("{kty: RSA, n: 5, e: 7}", unfit("cannot be read as a JSON Web Key")),
        (
            {**JWK, "kid": OTHER_KID},
            f'the key "{KID}" calls itself "{OTHER_KID}"; write the same id in both places',
        ),
        (
            f'{{kty: RSA, kid: {KID}, n: "{JWK["n"]}", e: AQAB}}',
            f'the kid of the key "{KID}" is not text; put it in quotes',
        ),
        ("{}", f"auth.openid.keys[0].public_key is empty; {FILE_MEND}"),
        ("'{}'", f"auth.openid.keys[0].public_key is empty; {FILE_MEND}"),
        ("'[1]'", f"auth.openid.keys[0].public_key is not a JSON object; {FILE_MEND}"),
        (
            '\'{"kty": "RSA"\'',
            "auth.openid.keys[0].public_key is not JSON (not JSON); "
            'write JSON such as {"kty": "RSA", ...}, or file:path',
        ),
        (
            '\'{"kty": "RSA", "kty": "EC"}\'',
            "auth.openid.keys[0].public_key is not JSON (a key stands twice in one object); "
            'write JSON such as {"kty": "RSA", ...}, or file:path',
        ),
        (
            "env:LOGIN_KEY",
            "auth.openid.keys[0].public_key is not JSON (not JSON); "
            'write JSON such as {"kty": "RSA", ...}, or file:path',
        ),
    ],
)
def test_a_key_that_verifies_nothing_is_pointed_at(
    written: Written, given: object, message: str
) -> None:
    problems = written.write(LOGIN, login(key(given))).problems()
    assert problems == written.expected(message)


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
@pytest.mark.parametrize("form", ["inline", "text", "file", "set"])
def test_a_private_key_is_refused_and_its_parts_are_never_repeated(
    written: Written, member: str, form: str
) -> None:
    jwk = {**JWK, member: "VeryPrivate", "kid": KID}
    text = json.dumps(jwk)
    to_file(written, "login.jwk.json", text)
    if form == "set":
        given = login(f"jwks: {json.dumps({'keys': [jwk]})}")
    else:
        forms = {"inline": text, "text": f"'{text}'", "file": "file:login.jwk.json"}
        given = login(key(forms[form]))
    (problem,) = written.write(LOGIN, given).problems()
    assert "holds the private key" in problem
    assert "VeryPrivate" not in problem


def test_a_file_that_is_not_there_or_too_large_is_pointed_at(written: Written) -> None:
    written.write(LOGIN, login(key("file:none.json")))
    (problem,) = written.problems()
    assert problem.startswith(f"{written.marks[0]}: auth.openid.keys[0].public_key refers to the")
    assert problem.endswith("none.json, which does not exist; write a path relative to this file")
    to_file(written, "login.jwk.json", " " * 70_000 + JWK_TEXT)
    written.write(LOGIN, login(key("file:login.jwk.json")))
    (problem,) = written.problems()
    assert "which is larger than 65536 bytes" in problem


@pytest.mark.parametrize(
    ("jwks", "message"),
    [
        ({}, f"auth.openid.jwks is empty; {FILE_MEND}"),
        ([], "auth.openid.jwks must be text or a mapping, not a list; put the text in quotes"),
        ({"keys": {}}, 'the JWK Set has no list "keys"; write {"keys": [...]}'),
        ({"keys": ["a"]}, 'the JWK Set has no list "keys"; write {"keys": [...]}'),
        (JWK, 'the JWK Set has no list "keys"; write {"keys": [...]}'),
        (
            {"keys": [JWK]},
            "key 1 of the JWK Set has no kid of 1 to 256 characters; give it one, as text",
        ),
        (
            {"keys": [{**JWK, "kid": 7}]},
            "key 1 of the JWK Set has no kid of 1 to 256 characters; give it one, as text",
        ),
        (
            {"keys": [{**JWK, "kid": "x" * 257}]},
            "key 1 of the JWK Set has no kid of 1 to 256 characters; give it one, as text",
        ),
        (
            {"keys": [{**private_jwk(rsa_key(1)), "use": "enc"}, {**JWK, "kid": KID}]},
            "key 1 of the JWK Set holds a private key; write public keys only",
        ),
        (
            {"keys": [{**private_jwk(rsa_key(1)), "kid": KID}]},
            unfit(PRIVATE),
        ),
        (
            {"keys": [{"kty": "oct", "k": "AA", "kid": KID}]},
            unfit("is a shared secret, not a public key"),
        ),
        (
            {"keys": [{**JWK, "kid": KID}, {**public_jwk(ec_key()), "kid": KID}]},
            f'the key id "{KID}" stands twice; give each key an id of its own',
        ),
    ],
)
def test_a_set_that_is_none_or_holds_an_unfit_key_is_pointed_at(
    written: Written, jwks: object, message: str
) -> None:
    problems = written.write(LOGIN, login(f"jwks: §{json.dumps(jwks)}")).problems()
    assert problems == written.expected(message)


def test_an_authorization_api_without_keys_is_pointed_at(written: Written) -> None:
    text = login("").replace("  openid:\n    type", "  openid:\n    §type")
    mend = "add keys: [{key_id: ..., public_key: ...}] or jwks: file:path"
    assert written.write(LOGIN, text).problems() == written.expected(
        f"an authorization API needs the keys of its tokens; {mend}"
    )
    sealing = {"keys": [{**JWK, "use": "enc"}]}
    (problem,) = written.write(LOGIN, login(f"jwks: {json.dumps(sealing)}")).problems()
    assert "needs the keys of its tokens" in problem


def test_a_key_id_that_stands_twice_in_one_api_is_pointed_at(written: Written) -> None:
    second = json.dumps(public_jwk(rsa_key(1)))
    keys = (
        f'keys:\n  - {{key_id: "{KID}", public_key: {JWK_TEXT}}}\n'
        f'  - {{key_id: §"{KID}", public_key: {second}}}'
    )
    assert written.write(LOGIN, login(keys)).problems() == written.expected(
        f'the key id "{KID}" stands twice; give each key an id of its own'
    )


# --- between two APIs


def two_logins(written: Written, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    written.write(LOGIN, login(key(first).replace("§", "")))
    line = key(second).replace("§", "").replace("key_id: ", "key_id: §")
    return written.write(OTHER, login(line, name="Other")).problems()


def test_two_apis_cannot_give_one_key_id_to_two_keys(written: Written) -> None:
    message = f'the key id "{KID}" is already that of another key in {LOGIN}'
    problems = two_logins(written, JWK, public_jwk(rsa_key(1)))
    assert problems == written.expected(f"{message}; give one of them another")
    written.marks.clear()
    jwks = {"keys": [{**public_jwk(ec_key()), "kid": KID}]}
    written.write(OTHER, login(f"jwks: §{json.dumps(jwks)}", name="Other"))
    assert written.problems() == written.expected(f"{message}; give one of them another")


def test_two_apis_may_share_a_key_however_it_is_labelled(written: Written) -> None:
    assert two_logins(written, JWK, JWK) == []
    assert two_logins(written, JWK, {**JWK, "kid": KID, "use": "sig", "alg": "RS256"}) == []


def test_a_key_that_cannot_be_read_is_told_once(written: Written) -> None:
    written.write(LOGIN, login(key(JWK).replace("§", "")))
    problems = written.write(OTHER, login(key("file:none.json"), name="Other")).problems()
    assert len(problems) == 1


# --- what only looks wrong


@pytest.mark.parametrize("label", ["ES256", "HS256", "none", "RSA-OAEP"])
def test_a_label_that_does_not_fit_the_key_is_a_warning_that_says_what_it_found(
    written: Written, label: str
) -> None:
    """Case 10: the guide's own key is RSA and says ES256."""
    written.write(LOGIN, login(key({**JWK, "kid": KID, "alg": label})))
    assert written.warnings() == written.expected(
        f'the key "{KID}" is labelled {label} but is an RSA key; tokens signed RS256 are taken'
    )


def test_an_ec_key_labelled_otherwise_is_a_warning(written: Written) -> None:
    jwks = {"keys": [{**public_jwk(ec_key("P-384")), "kid": KID, "alg": "RS256"}]}
    written.write(LOGIN, login(f"jwks: §{json.dumps(jwks)}"))
    assert written.warnings() == written.expected(
        f'the key "{KID}" is labelled RS256 but is an EC key; tokens signed ES384 are taken'
    )


@pytest.mark.parametrize("label", [None, "RS256", "PS512"])
def test_a_label_that_fits_is_no_warning(written: Written, label: str | None) -> None:
    jwk = JWK if label is None else {**JWK, "alg": label}
    assert written.write(LOGIN, login(key(jwk))).warnings() == []


def test_a_key_id_shorter_than_the_product_takes_is_a_warning(written: Written) -> None:
    line = key(JWK, "x" * 31).replace("§", "").replace("key_id: ", "key_id: §")
    assert written.write(LOGIN, login(line)).warnings() == written.expected(
        "the key id has 31 characters; the product asks for 32; make a longer random one"
    )
    written.write(LOGIN, login(key(JWK, "x" * 32)))
    assert written.warnings() == []
    jwks = {"keys": [{**JWK, "kid": "1"}]}  # sets come from elsewhere, with the ids they have
    written.write(LOGIN, login(f"jwks: {json.dumps(jwks)}"))
    assert written.warnings() == []


def test_a_nonce_of_an_api_without_apps_is_a_warning(written: Written) -> None:
    text = service(kind="openid").replace("type: openid", "type: openid, §force_nonce: true")
    assert written.write(OTHER, text).warnings() == written.expected(
        "force_nonce has no effect on type openid; remove it, or write type: app"
    )


def test_the_token_of_an_api_that_passes_all_on_is_read_all_the_same(written: Written) -> None:
    parameters = "name: IdToken, in: query\nname: §days, in: query"
    text = service(parameters=parameters, request="method: GET, path: /a, mode: passthrough")
    assert written.write(OTHER, text).warnings() == written.expected(
        'the parameter "days" is not checked in mode passthrough; '
        "remove it, or write mode: mapping_passthrough"
    )


# --- what breaks a rule of a service


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            service("token: §Token", parameters="name: days, in: query"),
            'the request has no parameter "Token"; '
            "add {name: Token, in: query} to request.parameters",
            id="token-not-declared",
        ),
        pytest.param(
            service("token: §IDToken"),
            'the request has no parameter "IDToken"; did you mean "IdToken"? '
            "Add {name: IDToken, in: query} to request.parameters",
            id="token-misspelt",
        ),
        pytest.param(
            service(
                "token: §t",
                parameters="name: t, in: body",
                request="method: POST, path: /a, body: {format: multipart}",
            ),
            'the token "t" cannot be read from a multipart body; '
            "put it into the query, a header or a form",
            id="token-in-multipart",
        ),
        pytest.param(
            service(backend=claim("from: §sub; name: user; in: path", "'/[user]'")).replace(
                ";", ","
            ),
            'the claim "sub" fills the backend path but may be absent; '
            "add it to auth.openid.required_claims",
            id="claim-in-path",
        ),
        pytest.param(
            api(
                backend=claim("from: sub; name: X-User; in: header").replace("claims", "§claims")
            ).replace(";", ","),
            "only a service API of OpenID Connect has claims for its backend; "
            "remove them, or write auth.openid",
            id="claims-without-openid",
        ),
        pytest.param(
            service(
                "token: IdToken, required_claims: [sub]",
                backend=claim("from: sub; name: §user; in: path"),
            ).replace(";", ","),
            'the backend path has no [user] for "user"; '
            "put it into backend.path, or change the place",
            id="no-room-in-path",
        ),
        pytest.param(
            service(backend=claim("from: sub; name: §X-Ca-Key; in: header")).replace(";", ","),
            "the header X-Ca-Key belongs to the gateway; choose another name",
            id="header-of-the-gateway",
        ),
        pytest.param(
            service(backend=claim("from: sub; name: §IdToken; in: query")).replace(";", ","),
            'the backend gets "IdToken" twice in query; give one of them another name',
            id="name-taken",
        ),
        pytest.param(
            service(
                backend=OF_HTTP + "path: /b, system: [{from: CaAppId; name: X-User; in: header}], "
                "claims: [{from: sub; name: §x_user; in: header}]"
            ).replace(";", ","),
            'the backend gets "x_user" twice in header; give one of them another name',
            id="header-taken",
        ),
        pytest.param(
            service(
                request="method: POST, path: /a, body: {format: stream}",
                backend=claim("from: sub; name: §u; in: body"),
            ).replace(";", ","),
            '"u" cannot be a form field at the backend: the body is a stream; '
            "choose query or header",
            id="field-of-a-stream",
        ),
        pytest.param(
            api(more="auth: {type: §app_openid}\n"),
            "type app_openid needs auth.openid; "
            "add openid: {type: service, token: ...} or {type: authorization, keys: [...]}",
            id="openid-missing",
        ),
        pytest.param(
            api(more="auth: {type: §openid}\n"),
            "type openid needs auth.openid; "
            "add openid: {type: service, token: ...} or {type: authorization, keys: [...]}",
            id="openid-missing-without-app",
        ),
        pytest.param(
            service(kind="app").replace("openid:", "§openid:"),
            "auth.openid has no effect with type app; "
            "write type: app_openid, or openid, or remove it",
            id="openid-of-app",
        ),
        pytest.param(
            service(kind="anonymous").replace("openid:", "§openid:"),
            "auth.openid has no effect with type anonymous; "
            "write type: app_openid, or openid, or remove it",
            id="openid-of-anonymous",
        ),
        pytest.param(
            api(
                parameters="name: t, in: query",
                more="auth: {type: openid, openid: {type: §sevice, token: t}}\n",
            ),
            'auth.openid.type is "sevice"; did you mean "service"? '
            "Write one of: authorization, service",
            id="kind-misspelt",
        ),
        pytest.param(
            service("token: IdToken, §keys: []"),
            'unknown key "keys" in auth.openid; '
            "known keys: type, token, issuers, audiences, leeway_s, required_claims",
            id="keys-of-a-service",
        ),
        pytest.param(
            service("token: IdToken, leeway_s: §3601"),
            "auth.openid.leeway_s is 3601, more than 3600; write 0 to 3600",
            id="leeway",
        ),
        pytest.param(
            service("token: IdToken, audiences: §[]"),
            "auth.openid.audiences is an empty list; write at least one, for example "
            '["weather-app"]',
            id="no-audiences",
        ),
    ],
)
def test_what_breaks_a_rule_is_pointed_at(written: Written, text: str, message: str) -> None:
    assert written.write(OTHER, text).problems() == written.expected(message)


def test_a_token_cannot_be_read_from_a_stream(written: Written) -> None:
    text = service(
        "token: §t",
        parameters="name: t, in: §body",
        request="method: POST, path: /a, body: {format: stream}",
    )
    problems = written.write(OTHER, text).problems()
    assert sorted(problems) == sorted(
        written.expected(
            'the body parameter "t" needs a form, and the body is a stream; '
            "write body: {format: form}, or move the parameter",
            'the token "t" cannot be read from a stream body; '
            "put it into the query, a header or a form",
        )
    )


@pytest.mark.parametrize("required", ["[exp, sub]", "[sub]"])
def test_a_required_claim_may_fill_the_path(written: Written, required: str) -> None:
    text = service(
        f"token: IdToken, required_claims: {required}",
        backend=claim("from: sub; name: user; in: path", "'/[user]'"),
    )
    assert written.write(OTHER, text.replace(";", ",")).problems() == []


def test_a_token_may_stand_in_every_place_but_a_stream(written: Written) -> None:
    for place, more in (("query", ""), ("header", ""), ("body", ", body: {format: form}")):
        text = service(
            parameters=f"name: IdToken, in: {place}", request=f"method: POST, path: /a{more}"
        )
        assert written.write(OTHER, text).problems() == []
    text = service(
        parameters="name: IdToken, in: path",
        request="method: GET, path: '/a/[IdToken]'",
        backend=OF_HTTP + "path: '/b/[IdToken]'",
    )
    assert written.write(OTHER, text).problems() == []


def test_an_authorization_api_has_no_claims_to_send(written: Written) -> None:
    text = login(key(JWK).replace("§", "")).replace(
        "backend:\n  type: mock\n",
        "backend:\n  type: http\n  address: http://a\n  path: /b\n"
        "  §claims: [{from: sub, name: u, in: query}]\n",
    )
    assert written.write(LOGIN, text).problems() == written.expected(
        "only a service API of OpenID Connect has claims for its backend; "
        "remove them, or write auth.openid"
    )


def test_every_problem_of_a_file_is_told_at_once(written: Written) -> None:
    keys = (
        f'keys:\n  - {{key_id: "{KID}", public_key: §{{}}}}\n'
        f'  - {{key_id: "{OTHER_KID}", public_key: §{{kty: oct}}}}\n'
        '  - {key_id: "' + "7" * 32 + '", public_key: §"x"}'
    )
    assert len(written.write(LOGIN, login(keys)).problems()) == 3


def test_keys_are_read_beside_the_definition_wherever_the_start_is_from(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_file(written, "login.jwk.json", JWK_TEXT)
    written.write(LOGIN, login(key("file:login.jwk.json").replace("§", "")))
    monkeypatch.chdir("/")
    project = load_project(written.root / "definitions", written.root / "policies", written.environ)
    assert len(project.apis) == 2
