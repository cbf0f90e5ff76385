"""Tokens against keys and rules: what verifies, and every way not to."""

import json
from typing import Any

import pytest
from unit.build import NOW_MS, refusal_of
from unit.minted import (
    CLAIMS,
    KID,
    NOW_S,
    OTHER_KID,
    b64,
    ec_key,
    ed_key,
    issuer,
    mint,
    private_jwk,
    public,
    public_jwk,
    rsa_key,
    signature,
    signed,
)

from apigateway.errors import Fault
from apigateway.id_tokens.verification import (
    LONGEST_TOKEN,
    Claims,
    KeyRing,
    UnfitKey,
    algorithm_of,
    is_same_key,
    verification_key,
    verified_claims,
)
from apigateway.model.openid import PublicKey, TokenIssuer, TokenRules

RULES = TokenRules(parameter="IdToken")
RS256 = f'"alg": "RS256", "kid": "{KID}"'
ANY_TIME = TokenRules(parameter="IdToken", required_claims=())

# The guide's own example of a key, "KeyPair description": an RSA key labelled ES256.
GUIDES_KEY = {
    "kty": "RSA",
    "kid": "67174182967979709913950471789226181721",
    "alg": "ES256",
    "n": (
        "oH5WunqaqIopfOFBz9RfBVVIIcmk0WDJagAcROKFiLJScQ8N_nrexgbCMLu-dSCUWq7XMnp1ZSqw-XBS2-XEy4W"
        "4l2Q7rx3qDWY0cP8pY83hqxTZ6-8GErJm_0yOzR4WO4plIVVWt96-mxn3ZgK8kmaeotkS0zS0pYmb4EEoxFFnG"
        "FqjCThuO2pimF0imxiEWw5WCdREz1v8RW72WdEfLpTLJEOpP1FsFyG3OIDbTYOqowD1YQEf5Nk2TqN_7pYrGRK"
        "sK3BPpw4s9aXHbGrpwsCRwYbKYbmeJst8MQ4AgcorE3NPmp-E6RxASjLQ4axXrwC0T458LIVhypWhDqejUw"
    ),
    "e": "AQAB",
}


def claims_of(token: str, *issuers: TokenIssuer, rules: TokenRules = RULES) -> Claims:
    return verified_claims(token, KeyRing(issuers or (issuer(),)), rules, NOW_MS)


def refused(
    token: str,
    *issuers: TokenIssuer,
    fault: Fault = Fault.TOKEN_INVALID,
    rules: TokenRules = RULES,
) -> str:
    """The reason that the caller gets."""
    refusal = refusal_of(lambda: claims_of(token, *issuers, rules=rules), fault)
    assert len(token) < 9 or token not in refusal.detail + repr(refusal.parts)
    return refusal.parts.get("reason", "")


def malformed(token: str) -> str:
    return refused(token, fault=Fault.TOKEN_MALFORMED)


# --- what verifies


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_key_verifies_what_its_label_says(algorithm: str) -> None:
    key = public(alg=algorithm)
    assert claims_of(mint(algorithm=algorithm), issuer(key)) == CLAIMS


@pytest.mark.parametrize(
    ("curve", "algorithm"), [("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512")]
)
@pytest.mark.parametrize("label", [None, "ES256", "RS256"])
def test_an_ec_key_verifies_what_its_curve_says(
    curve: str, algorithm: str, label: str | None
) -> None:
    more = {} if label is None else {"alg": label}
    token = mint(key=ec_key(curve), algorithm=algorithm)
    assert claims_of(token, issuer(public(ec_key(curve), **more))) == CLAIMS


def test_an_ed25519_key_verifies_eddsa() -> None:
    assert claims_of(mint(key=ed_key(), algorithm="EdDSA"), issuer(public(ed_key()))) == CLAIMS


@pytest.mark.parametrize("label", ["ES256", "none", "HS256", "RSA-OAEP", 7, ["RS256"]])
def test_an_rsa_key_with_a_label_that_does_not_fit_verifies_rs256(label: Any) -> None:
    key = issuer(public(alg=label))
    assert claims_of(mint(), key) == CLAIMS
    assert refused(mint(algorithm="RS384"), key) == "its algorithm is not the key's"


def test_the_guides_own_key_which_says_es256_is_taken_for_rs256() -> None:
    key = verification_key(KID, GUIDES_KEY)
    assert key.algorithm == "RS256"
    assert key.key.key_size == 2048


def test_claims_come_back_as_they_were_signed() -> None:
    claims = {**CLAIMS, "n": 1.5, "list": [1, None], "object": {"a": {"b": "é\u4e2d"}}, "": ""}
    assert claims_of(mint(claims)) == claims


def test_a_padded_token_is_one_since_some_issuers_pad() -> None:
    claims = b'{"exp": %d}' % (NOW_S + 9)
    head = f"{b64(json.dumps({'alg': 'RS256', 'kid': KID, 'x': 1}).encode())}"
    head += "=" * (-len(head) % 4)
    body = b64(claims)
    body += "=" * (-len(body) % 4)
    made = b64(signature(f"{head}.{body}".encode(), "RS256", rsa_key()))
    assert "=" in head + body
    assert claims_of(f"{head}.{body}.{made}==")["exp"] == NOW_S + 9


def test_unknown_members_of_a_header_are_passed_over() -> None:
    header = {"typ": "JWT", "cty": "x", "jku": "http://a.test", "jwk": public_jwk(rsa_key(1))}
    assert claims_of(mint(header=header)) == CLAIMS


# --- the form of a token


@pytest.mark.parametrize(
    "token",
    [
        "e",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "a b.c.d",
        "a.b.c\n",
        "\na.b.c",
        "a.b.c\x00",
        "a.b.cé",
        "a.b.c\u0661",
        "a.b.c\udcff",
        "a.b+.c",
        "a.b.c/",
        "a,.b.c",
        "a===.b.c",
        "a=b.c.d",
    ],
)
def test_what_is_not_three_parts_of_base64url_is_malformed(token: str) -> None:
    assert malformed(token) == "not a signed token of three parts"


def test_other_characters_within_a_signature_are_not_passed_over() -> None:
    start, _, end = mint().rpartition(".")
    for odd in ("!", " ", "\n", "\t", "%", "*", "~", "é"):
        assert malformed(f"{start}.{end[:9]}{odd}{end[9:]}")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"a"',
        b"1",
        b"\xff\xfe",
        b'{"alg": "RS256"',
        b"[" * 9000,
        b'{"a":' * 2000,
        b'{"kid": 1' + b"0" * 5000 + b"}",
    ],
)
def test_a_header_that_is_no_object_of_json_is_malformed(header: bytes) -> None:
    assert malformed(f"{b64(header)}.{b64(b'{}')}.{b64(b'x')}")


def test_a_token_is_at_most_16_kb() -> None:
    def of_length(length: int) -> str:
        token = mint()
        token = mint(pad="x" * ((length - len(token)) * 3 // 4 - 12))
        assert length - 12 < len(token) <= length
        return token

    claims_of(of_length(LONGEST_TOKEN))
    assert malformed("a" * (LONGEST_TOKEN + 1)) == "longer than 16384 characters"


@pytest.mark.parametrize("depth", [10, 63, 64, 330, 900, *range(940, 1010), 3000])
def test_a_header_of_any_depth_is_refused_or_passed_over(depth: int) -> None:
    """Also one that just fits on the stack the first time it is read, and not the second."""
    head = "{" + RS256 + ', "x": ' + "[" * depth + "]" * depth + "}"
    token = signed(head, dict(CLAIMS), "RS256", rsa_key())
    if depth < 64:
        assert claims_of(token) == CLAIMS
    else:
        assert malformed(token) == "its header cannot be read"


def test_a_header_that_can_be_read_in_two_ways_is_malformed() -> None:
    for head in (
        '{"alg": "none", ' + RS256 + "}",
        ("{" + RS256 + "}").encode("utf-16"),
        "{" + RS256 + ', "x": NaN}',
    ):
        assert malformed(signed(head, dict(CLAIMS), "RS256", rsa_key()))


# --- key and algorithm


@pytest.mark.parametrize("kid", [None, "", 7, True, [], ["x"], {}, {"a": KID}, [KID]])
def test_a_kid_that_is_no_text_finds_no_key(kid: Any) -> None:
    assert refused(mint(header={"kid": kid})) == "its header names no key (kid)"


@pytest.mark.parametrize(
    "kid",
    [
        OTHER_KID,
        KID + " ",
        KID.upper() + "A",
        "../../../../dev/null",
        "' OR 1=1 --",
        "x" * 8000,
        "\u0000",
        "é",
        "file:///etc/passwd",
    ],
)
def test_a_kid_that_no_released_key_has_is_not_known(kid: str) -> None:
    assert refused(mint(header={"kid": kid})) == "its key (kid) is not known"


def test_the_operator_reads_which_kid_it_was_and_not_all_of_a_long_one() -> None:
    refusal = refusal_of(lambda: claims_of(mint(header={"kid": "x" * 999})), Fault.TOKEN_INVALID)
    assert refusal.detail.endswith(f"has the key id {'x' * 100!r}")


def test_without_released_keys_nothing_verifies() -> None:
    refusal = refusal_of(
        lambda: verified_claims(mint(), KeyRing(), RULES, NOW_MS), Fault.TOKEN_INVALID
    )
    assert refusal.parts == {"reason": "its key (kid) is not known"}


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 7, [], ["RS256"], {}])
@pytest.mark.parametrize("ending", ["", "x", "signed"])
def test_no_algorithm_is_no_way_in(alg: Any, ending: str) -> None:
    token = signed({"alg": alg, "kid": KID}, dict(CLAIMS), "RS256", rsa_key())
    if ending != "signed":
        token = token.rpartition(".")[0] + "." + (b64(ending.encode()))
    assert refused(token) == "its algorithm is not the key's"


def public_texts() -> list[bytes]:
    """The public key in each form that somebody may take for a shared secret."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa_key().public_key()
    kinds = (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
    pems = [key.public_bytes(Encoding.PEM, kind) for kind in kinds]
    ders = [key.public_bytes(Encoding.DER, kind) for kind in kinds]
    jwk = public_jwk(rsa_key())
    texts = [json.dumps(jwk), json.dumps(jwk, separators=(",", ":")), jwk["n"], KID, ""]
    ssh = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return [*pems, *(pem.strip() for pem in pems), *ders, ssh, *(text.encode() for text in texts)]


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_shared_secret(algorithm: str) -> None:
    for secret in public_texts():
        token = mint(key=secret, algorithm=algorithm)
        assert refused(token) == "its algorithm is not the key's"


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_a_token_is_signed_as_its_key_says_and_not_otherwise(algorithm: str) -> None:
    refusal = refusal_of(lambda: claims_of(mint(algorithm=algorithm)), Fault.TOKEN_INVALID)
    assert refusal.parts == {"reason": "its algorithm is not the key's"}
    assert refusal.detail == "tokens of this key are signed RS256"


@pytest.mark.parametrize("alg", ["ES256", "ES384", "EdDSA", "rs256", "RS256 ", "RS999", "RSA"])
def test_an_algorithm_of_another_kind_of_key_is_not_tried(alg: str) -> None:
    token = signed({"alg": alg, "kid": KID}, dict(CLAIMS), "RS256", rsa_key())
    assert refused(token) == "its algorithm is not the key's"


def test_a_signature_of_another_algorithm_than_the_header_says_does_not_verify() -> None:
    for algorithm in ("RS384", "PS256"):
        token = signed({"alg": "RS256", "kid": KID}, dict(CLAIMS), algorithm, rsa_key())
        assert refused(token) == "its signature does not verify"


def test_a_token_of_another_key_does_not_verify() -> None:
    assert refused(mint(key=rsa_key(1))) == "its signature does not verify"
    assert refused(mint(header={"kid": OTHER_KID}), issuer(public(), public(rsa_key(1), OTHER_KID)))


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_the_token_brings_is_not_used(member: str) -> None:
    brought = {
        "jwk": public_jwk(rsa_key(1), kid=KID),
        "jku": "http://127.0.0.1:1/jwks",
        "x5u": "http://127.0.0.1:1/x5u",
        "x5c": ["AAAA"],
    }
    token = mint(key=rsa_key(1), header={member: brought[member]})
    assert refused(token) == "its signature does not verify"


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"crit": "b64"}, {"b64": True}, {"crit": None}]
)
def test_extensions_of_a_header_that_must_be_understood_are_refused(header: dict[str, Any]) -> None:
    head = {"alg": "RS256", "kid": KID, **header}
    token = signed(head, dict(CLAIMS), "RS256", rsa_key())
    assert refused(token) == "extensions of its header are not known"


def test_an_unencoded_payload_is_refused() -> None:
    head = {"alg": "RS256", "kid": KID, "b64": False, "crit": ["b64"]}
    detached = f"{b64(json.dumps(head).encode())}.."
    over = detached.removesuffix(".").encode() + json.dumps(dict(CLAIMS)).encode()
    detached += b64(signature(over, "RS256", rsa_key()))
    for token in (signed(head, dict(CLAIMS), "RS256", rsa_key()), detached):
        assert refused(token) == "extensions of its header are not known"


def test_malformed_signatures_of_an_ec_key_do_not_verify() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = issuer(public(ec_key()))
    start = mint(key=ec_key(), algorithm="ES256").rpartition(".")[0]
    good = signature(start.encode(), "ES256", ec_key())
    der = ec_key().sign(start.encode(), ec.ECDSA(hashes.SHA256()))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    n = order.to_bytes(32, "big")
    zero, one = bytes(32), (1).to_bytes(32, "big")
    odd = [b"", b"\0", bytes(64), der, good[:63], good[:-32], good + b"\0", good[32:] + good[:32]]
    odd += [zero + good[32:], good[:32] + zero, n + n, n + one, one + zero, b"\xff" * 64, bytes(65)]
    for made in odd:
        assert refused(f"{start}.{b64(made)}", key) == "its signature does not verify"
    assert claims_of(f"{start}.{b64(good)}", key) == CLAIMS
    high = good[:32] + (order - int.from_bytes(good[32:], "big")).to_bytes(32, "big")
    assert claims_of(f"{start}.{b64(high)}", key) == CLAIMS  # ECDSA itself takes both


def test_malformed_signatures_of_an_rsa_key_do_not_verify() -> None:
    start = mint().rpartition(".")[0]
    good = signature(start.encode(), "RS256", rsa_key())
    size = len(good)
    odd = [b"", b"\0", bytes(size), (1).to_bytes(size, "big"), b"\xff" * size, good[:-1]]
    odd += [good + b"\0", b"\0" + good, good[::-1], bytes(16 * 512)]
    for made in odd:
        assert refused(f"{start}.{b64(made)}") == "its signature does not verify"


def test_of_two_keys_with_one_id_either_verifies() -> None:
    issuers = (issuer(), issuer(public(rsa_key(1))), issuer(public(ec_key())))
    assert claims_of(mint(), *issuers) == CLAIMS
    assert claims_of(mint(key=rsa_key(1)), *issuers) == CLAIMS
    assert claims_of(mint(key=ec_key(), algorithm="ES256"), *issuers) == CLAIMS
    assert refused(mint(key=rsa_key(2)), *issuers) == "its signature does not verify"


def test_while_one_key_replaces_another_both_hold() -> None:
    both = issuer(public(), public(rsa_key(1), OTHER_KID))
    assert claims_of(mint(), both) == CLAIMS
    assert claims_of(mint(key=rsa_key(1), header={"kid": OTHER_KID}), both) == CLAIMS
    assert refused(mint(key=rsa_key(1)), both) == "its signature does not verify"


# --- claims


@pytest.mark.parametrize(
    "claims",
    [
        b"",
        b"null",
        b"[]",
        b'"a"',
        b"7",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"exp": NaN}',
        b'{"exp": Infinity}',
        b'{"exp": -Infinity}',
        b'{"exp": 1e999}',
        b'{"exp": 1' + b"0" * 400 + b"}",
        b'{"exp": 1, "exp": 9999999999}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"sub": "\\ud800"}',
        b"[" * 6000,
        b'{"a":' * 1500 + b"1" + b"}" * 1500,
        '{"exp": 9999999999}'.encode("utf-16"),
    ],
)
def test_signed_claims_that_are_no_plain_json_are_malformed(claims: bytes) -> None:
    assert malformed(mint(claims)).startswith("its claims are no")


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["9999999999", "", True, False, [], [1], {}, {"a": 1}, "1e9"])
def test_a_time_that_is_no_number_is_refused(name: str, value: Any) -> None:
    assert refused(mint({**CLAIMS, name: value})) == f"claim {name} is no time"


@pytest.mark.parametrize(
    ("ends_s", "good"), [(300, True), (0, True), (-59, True), (-60, False), (-61, False)]
)
def test_a_token_holds_until_it_expires_and_a_leeway_longer(ends_s: int, good: bool) -> None:
    token = mint(exp=NOW_S + ends_s)
    if good:
        assert claims_of(token)["exp"] == NOW_S + ends_s
    else:
        refused(token, fault=Fault.TOKEN_EXPIRED)


def test_without_a_leeway_the_second_of_exp_is_too_late() -> None:
    strict = TokenRules(parameter="t", leeway_s=0)
    assert claims_of(mint(exp=NOW_S + 0.001), rules=strict)
    assert claims_of(mint(exp=NOW_S + 1), rules=strict)
    for moment in (NOW_S, NOW_S - 0.001):
        refused(mint(exp=moment), fault=Fault.TOKEN_EXPIRED, rules=strict)


@pytest.mark.parametrize(
    ("moment", "date"),
    [
        (1480596879, "Thu, 01 Dec 2016 12:54:39 GMT"),
        (1480596879.9, "Thu, 01 Dec 2016 12:54:39 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1e308, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-(10**300), "Thu, 01 Jan 1970 00:00:00 GMT"),
    ],
)
def test_an_expired_token_says_when_it_did(moment: float, date: str) -> None:
    refusal = refusal_of(lambda: claims_of(mint(exp=moment)), Fault.TOKEN_EXPIRED)
    assert refusal.parts == {"date": date}
    assert refusal.detail.endswith(" s ago")


def test_a_time_beyond_any_calendar_never_comes() -> None:
    assert claims_of(mint(exp=10**300))
    assert claims_of(mint(exp=1e308))
    for name in ("nbf", "iat"):
        assert refused(mint({**CLAIMS, name: 10**300}))


def test_a_time_beyond_any_calendar_that_has_passed_is_dated_all_the_same() -> None:
    late_ms = (10**15) * 1000
    refusal = refusal_of(
        lambda: verified_claims(mint(exp=10**14), KeyRing([issuer()]), RULES, late_ms),
        Fault.TOKEN_EXPIRED,
    )
    assert refusal.parts == {"date": "Fri, 31 Dec 9999 23:59:59 GMT"}


@pytest.mark.parametrize(
    ("name", "reason"), [("nbf", "not valid yet (nbf)"), ("iat", "issued in the future (iat)")]
)
def test_a_token_of_the_future_waits_but_for_the_leeway(name: str, reason: str) -> None:
    assert claims_of(mint({**CLAIMS, name: NOW_S + 60}))
    assert refused(mint({**CLAIMS, name: NOW_S + 61})) == reason


def test_a_null_time_is_an_absent_one() -> None:
    claims = {**CLAIMS, "exp": None, "nbf": None, "iat": None}
    assert refused(mint(claims)) == "claim exp is missing"
    assert claims_of(mint(claims), rules=ANY_TIME) == claims


def test_a_claim_that_the_api_requires_must_be_there() -> None:
    rules = TokenRules(parameter="t", required_claims=("exp", "sub", "user"))
    assert refused(mint(), rules=rules) == "claim user is missing"
    assert refused(mint({**CLAIMS, "user": None}), rules=rules) == "claim user is missing"
    given: list[Any] = ["", 0, False, [], "u"]
    for value in given:
        assert claims_of(mint(user=value), rules=rules)["user"] == value


# --- issuer and audience


def test_a_token_is_of_an_issuer_that_the_api_takes() -> None:
    rules = TokenRules(parameter="t", issuers=("https://a.test", "https://b.test"))
    assert claims_of(mint(iss="https://b.test"), rules=rules)
    odd: list[Any] = ["https://a.test/", "https://A.test", "", None, ["https://a.test"], 7, {}]
    for value in odd:
        assert refused(mint(iss=value), rules=rules) == "its issuer (iss) is not taken here"


def test_a_key_signs_for_the_issuer_of_its_api_only() -> None:
    own = issuer(name="https://a.test")
    assert claims_of(mint(iss="https://a.test"), own)
    odd: list[Any] = ["https://b.test", None, "", ["https://a.test"]]
    for value in odd:
        assert refused(mint(iss=value), own) == "its issuer (iss) is not that of its key"


def test_a_key_that_two_apis_share_signs_for_both_of_their_issuers() -> None:
    a, b = issuer(name="https://a.test"), issuer(name="https://b.test")
    for issuers in ((a, b), (b, a)):
        for name in ("https://a.test", "https://b.test"):
            assert claims_of(mint(iss=name), *issuers)
        assert refused(mint(iss="https://c.test"), *issuers)
    assert claims_of(mint(iss="https://c.test"), a, issuer())


@pytest.mark.parametrize(
    ("audience", "good"),
    [
        ("x", True),
        (["x"], True),
        (["y", "x"], True),
        ("y", False),
        ("", False),
        ([], False),
        (["X"], False),
        ("x y", False),
        (None, False),
    ],
)
def test_a_token_is_for_an_audience_of_the_api(audience: Any, good: bool) -> None:
    rules = TokenRules(parameter="t", audiences=("w", "x"))
    if good:
        assert claims_of(mint(aud=audience), rules=rules)
    else:
        assert refused(mint(aud=audience), rules=rules) == "it is for another audience (aud)"


@pytest.mark.parametrize("audience", [7, True, {}, {"x": 1}, ["x", 7], [["x"]], [None]])
@pytest.mark.parametrize("rules", [RULES, TokenRules(parameter="t", audiences=("x",))])
def test_an_audience_of_another_type_is_refused(audience: Any, rules: TokenRules) -> None:
    reason = refused(mint(aud=audience), rules=rules)
    assert reason == "claim aud is neither text nor a list of texts"


def test_an_api_that_names_no_audience_takes_any() -> None:
    for audience in ("x", ["y"], [], None):
        assert claims_of(mint(aud=audience))


# --- keys


@pytest.mark.parametrize(
    ("jwk", "algorithm"),
    [
        ({"kty": "RSA"}, "RS256"),
        ({"kty": "RSA", "alg": "PS384"}, "PS384"),
        ({"kty": "RSA", "alg": "HS256"}, "RS256"),
        ({"kty": "EC", "crv": "P-256"}, "ES256"),
        ({"kty": "EC", "crv": "P-384", "alg": "ES256"}, "ES384"),
        ({"kty": "EC", "crv": "P-521"}, "ES512"),
        ({"kty": "OKP", "crv": "Ed25519"}, "EdDSA"),
    ],
)
def test_the_algorithm_follows_from_the_kind_of_key(jwk: dict[str, Any], algorithm: str) -> None:
    assert algorithm_of(jwk) == algorithm


SHORT = public_jwk(rsa_key(0, 1024))
BROKEN = "cannot be read as a JSON Web Key"


@pytest.mark.parametrize(
    ("jwk", "reason"),
    [
        ({}, "is neither RSA nor EC"),
        ({"kty": "rsa"}, "is neither RSA nor EC"),
        ({"kty": ["RSA"]}, "is neither RSA nor EC"),
        ({"kty": "OKP", "crv": "X25519", "x": "AA"}, "is neither RSA nor EC"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "is a shared secret, not a public key"),
        (public_jwk(ec_key("secp256k1")), "is on none of the curves P-256, P-384 and P-521"),
        ({"kty": "EC", "crv": ["P-256"]}, "is on none of the curves P-256, P-384 and P-521"),
        (private_jwk(rsa_key()), "holds the private key, with which anyone can issue tokens"),
        (
            {"kty": "RSA", "p": None},
            "holds the private key, with which anyone can issue tokens",
        ),
        (SHORT, "has 1024 bits, which is too weak"),
        ({"kty": "RSA"}, BROKEN),
        ({"kty": "RSA", "n": "AQAB"}, BROKEN),
        ({"kty": "RSA", "n": 7, "e": "AQAB"}, BROKEN),
        ({"kty": "RSA", "n": "é", "e": "AQAB"}, BROKEN),
        ({"kty": "RSA", "n": "", "e": ""}, BROKEN),
        (public_jwk(rsa_key()) | {"e": "AA"}, BROKEN),
        (public_jwk(rsa_key()) | {"e": "AQ"}, BROKEN),
        (public_jwk(rsa_key()) | {"e": "Ag"}, BROKEN),
        ({"kty": "EC", "crv": "P-256"}, BROKEN),
        ({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, BROKEN),
        ({"kty": "EC", "crv": "P-256", "x": 1, "y": None}, BROKEN),
        (public_jwk(ec_key()) | {"y": b64(bytes(32))}, BROKEN),
        (public_jwk(ec_key()) | {"crv": "P-384"}, BROKEN),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AA"}, BROKEN),
        ({"kty": "OKP", "crv": "Ed25519"}, BROKEN),
    ],
)
def test_a_key_that_verifies_nothing_says_why(jwk: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnfitKey) as caught:
        verification_key(KID, jwk)
    assert str(caught.value) == reason
    with pytest.raises(UnfitKey):
        KeyRing([issuer(PublicKey(key_id=KID, jwk=jwk))])


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_any_private_member_makes_a_key_unfit(member: str) -> None:
    with pytest.raises(UnfitKey):
        verification_key(KID, public_jwk(rsa_key(), **{member: "AA"}))


def test_a_key_is_the_same_whatever_is_written_beside_it() -> None:
    jwk = public_jwk(rsa_key())
    assert is_same_key(jwk, {**jwk, "kid": KID, "alg": "ES256", "use": "sig"})
    assert not is_same_key(jwk, public_jwk(rsa_key(1)))
    assert not is_same_key(public_jwk(ec_key()), public_jwk(ec_key("P-384")))


def test_a_ring_finds_keys_by_their_id_and_counts_them() -> None:
    ring = KeyRing([issuer(public(), public(ec_key(), OTHER_KID)), issuer(public(rsa_key(1)))])
    assert len(ring) == 3
    assert [key.algorithm for key in ring.find(KID)] == ["RS256", "RS256"]
    assert [key.algorithm for key in ring.find(OTHER_KID)] == ["ES256"]
    assert list(ring.find("")) == []
    assert len(KeyRing()) == 0
