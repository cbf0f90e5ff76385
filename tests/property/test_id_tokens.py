"""Tokens, whatever they hold: claims or a refusal, and claims stay where they were put."""

import json
import string
from typing import Any
from urllib.parse import unquote, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.build import NOW_MS, a_pass, an_api, parameter, serve
from unit.minted import CLAIMS, KID, NOW_S, b64, ec_key, issuer, mint, public, rsa_key, signed

from apigateway.errors import Fault, Refusal
from apigateway.exchange import Outbound, Throttled
from apigateway.id_tokens.reading import without_scheme
from apigateway.id_tokens.verification import Claims, KeyRing, verified_claims
from apigateway.model.api import Auth, AuthType, BackendParameter, Location, Mode
from apigateway.model.openid import TokenRules
from apigateway.protocol.wire import parse_query
from apigateway.stages.mapping import Mapping
from apigateway.stages.validation import Validation

EC_KID = "1" * 32
RING = KeyRing([issuer(public(), public(ec_key(), EC_KID))])
RULES = TokenRules(parameter="t")
ANY = TokenRules(parameter="t", required_claims=())
TOKENS = {
    "RS256": mint(),
    "ES256": mint(key=ec_key(), algorithm="ES256", header={"kid": EC_KID}),
}
REFUSALS = {Fault.TOKEN_MALFORMED, Fault.TOKEN_INVALID, Fault.TOKEN_EXPIRED}
BASE64URL = string.ascii_letters + string.digits + "-_"

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**320), 10**320)
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([NOW_S, NOW_S + 60, NOW_S - 61, "RS256", KID, "https://a.test"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
odd_names = st.sampled_from(["exp", "nbf", "iat", "iss", "aud", "sub", "jti", ""])
claim_sets = st.dictionaries(odd_names | st.text(max_size=5), json_values, max_size=6)
headers = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["RS256", "ES256", "none", "HS256", "PS256"]) | json_values,
        "kid": st.sampled_from([KID, EC_KID]) | json_values,
        "crit": json_values,
        "b64": json_values,
        "typ": json_values,
        "jwk": json_values,
        "x5c": json_values,
        "zip": json_values,
    },
)
all_rules = st.builds(
    TokenRules,
    parameter=st.just("t"),
    issuers=st.sampled_from([(), ("https://a.test",), ("",)]),
    audiences=st.sampled_from([(), ("x",), ("",)]),
    leeway_s=st.integers(0, 3600),
    required_claims=st.sampled_from([(), ("exp",), ("exp", "sub"), ("",)]),
)


def judged(token: str, rules: TokenRules = RULES, now_ms: int = NOW_MS) -> Claims | None:
    """The claims, or None for a refusal; anything else comes out as it is."""
    try:
        return verified_claims(token, RING, rules, now_ms)
    except Refusal as refusal:
        assert refusal.fault in REFUSALS
        assert all(isinstance(part, str) for part in refusal.parts.values())
        return None


@settings(deadline=None, max_examples=300)
@given(token=st.text() | st.text(BASE64URL + ".=", max_size=60), rules=all_rules)
def test_any_text_is_refused(token: str, rules: TokenRules) -> None:
    assert judged(without_scheme(token), rules) is None


@settings(deadline=None, max_examples=300)
@given(header=headers | json_values, claims=claim_sets | json_values, ending=st.binary(max_size=80))
def test_any_token_without_a_signature_is_refused(header: Any, claims: Any, ending: bytes) -> None:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), ending)
    assert judged(".".join(map(b64, parts)), ANY) is None


@settings(deadline=None, max_examples=400)
@given(header=headers, claims=claim_sets | json_values, rules=all_rules)
def test_any_signed_token_gives_its_own_claims_or_a_refusal(
    header: dict[str, Any], claims: Any, rules: TokenRules
) -> None:
    head = {"alg": "RS256", "kid": KID, **header}
    found = judged(signed(head, json.dumps(claims), "RS256", rsa_key()), rules)
    if found is not None:
        assert found == claims
        assert (head["alg"], head["kid"]) == ("RS256", KID)
        assert not {"crit", "b64"} & head.keys()


@settings(deadline=None, max_examples=200)
@given(claims=st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_that_were_signed_give_claims_or_a_refusal(claims: bytes) -> None:
    found = judged(mint(claims), ANY)
    assert found is None or found == json.loads(claims)


@settings(deadline=None, max_examples=400)
@given(algorithm=st.sampled_from(sorted(TOKENS)), data=st.data())
def test_a_token_with_one_character_changed_is_refused_or_says_the_same(
    algorithm: str, data: st.DataObject
) -> None:
    """Padding bits at the end of base64url carry nothing, so the last character may have two
    spellings; header and claims are signed as they are spelled."""
    token = TOKENS[algorithm]
    at = data.draw(st.integers(0, len(token) - 1))
    put = data.draw(st.sampled_from([*BASE64URL, ".", "=", "", " ", "\n", "+", "/", "é"]))
    keep = data.draw(st.booleans())  # put it before the character, or in its place
    changed = token[:at] + put + token[at + (not keep) :]
    found = judged(changed)
    if changed == token:
        assert found == CLAIMS
    elif found is not None:
        assert found == CLAIMS
        assert at >= token.rindex("."), "only how the signature is spelled may differ"


@settings(deadline=None, max_examples=400)
@given(algorithm=st.sampled_from(sorted(TOKENS)), data=st.data())
def test_a_token_with_one_bit_changed_is_refused(algorithm: str, data: st.DataObject) -> None:
    token = TOKENS[algorithm]
    at = data.draw(st.integers(0, len(token) - 1))
    changed = chr(ord(token[at]) ^ (1 << data.draw(st.integers(0, 6))))
    found = judged(token[:at] + changed + token[at + 1 :])
    assert found is None or (found == CLAIMS and at == len(token) - 1)


@settings(deadline=None, max_examples=200)
@given(
    first=st.sampled_from(sorted(TOKENS)), cuts=st.lists(st.integers(0, 2), min_size=3, max_size=3)
)
def test_parts_of_several_tokens_make_none(first: str, cuts: list[int]) -> None:
    others = [TOKENS[first], mint(sub="mallory"), *TOKENS.values()]
    parts = [others[cut].split(".")[index] for index, cut in enumerate(cuts)]
    made = ".".join(parts)
    assert judged(made) is None or made in others


@settings(deadline=None, max_examples=300)
@given(
    exp=st.integers(-200, 200),
    nbf=st.none() | st.integers(-200, 200),
    iat=st.none() | st.integers(-200, 200),
    leeway_s=st.integers(0, 120),
    now_ms=st.integers(-2000, 2000),
)
def test_times_are_judged_to_the_millisecond_and_by_the_clock_of_the_call(
    exp: int, nbf: int | None, iat: int | None, leeway_s: int, now_ms: int
) -> None:
    given_s = {"exp": exp, "nbf": nbf, "iat": iat}
    claims = {name: NOW_S + value for name, value in given_s.items() if value is not None}
    rules = TokenRules(parameter="t", leeway_s=leeway_s)
    found = judged(mint(claims), rules, NOW_MS + now_ms)
    good = now_ms < (exp + leeway_s) * 1000
    good &= all(v is None or v * 1000 <= now_ms + leeway_s * 1000 for v in (nbf, iat))
    assert (found is not None) == good


# --- claims on their way to the backend

evil = st.sampled_from(
    ["/", "..", ".", "?", "#", "\r\n", "%2f", "@host:1/", ";", "\\", "\x00", "&", "=", "://", " "]
)
utf8 = st.text(st.characters(codec="utf-8"), max_size=12)
claim_values = st.one_of(
    utf8,
    st.lists(evil | utf8, max_size=5).map("".join),
    st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    st.lists(utf8, max_size=3),
    st.dictionaries(utf8, utf8 | st.none(), max_size=3),
    st.none(),
)
NAME = "X-Claim"


def served_with(place: Location, mode: Mode) -> Any:
    return serve(
        an_api(
            method="ANY",
            backend_path=f"/v3/[{NAME}]/end" if place is Location.PATH else "/v3/end",
            auth=Auth(type=AuthType.OPENID, openid=TokenRules(parameter="t")),
            request={"parameters": (parameter("t", Location.HEADER),), "mode": mode},
            claims=(BackendParameter(source="c", name=NAME, location=place),),
        )
    )


SERVED = {(place, mode): served_with(place, mode) for place in Location for mode in Mode}


@settings(deadline=None, max_examples=500)
@given(
    place=st.sampled_from(Location), mode=st.sampled_from(Mode), claim=claim_values, data=st.data()
)
def test_a_claim_stays_in_its_place_and_the_caller_cannot_send_another(
    place: Location, mode: Mode, claim: Any, data: st.DataObject
) -> None:
    if place is Location.PATH and claim is None:
        return  # `check` asks for such a claim to be required
    spelling = data.draw(st.sampled_from([NAME, "x_claim", "X-CLAIM"]))
    call = a_pass(
        Throttled,
        SERVED[place, mode],
        method="POST",
        token="a.b.c",
        claims={"c": claim},
        headers=[
            ("Content-Type", "application/x-www-form-urlencoded"),
            *([(spelling, "forged")] if place is Location.HEADER else []),
        ],
        query=f"{NAME}=forged" if place is Location.QUERY else "",
        body=f"{NAME}=forged".encode() if place is Location.BODY else b"",
    )
    try:
        sent = Mapping()(Validation()(call)).outbound
    except Refusal as refusal:
        assert refusal.fault is Fault.INVALID_PARAMETER
        assert place in (Location.PATH, Location.HEADER)
        return
    assert_shape(sent, place)
    found = {
        Location.PATH: [unquote(sent.path.split("/")[2])],
        Location.QUERY: [value for _, value in parse_query(sent.query)],
        Location.HEADER: [value for name, value in sent.headers if name == NAME],
        Location.BODY: [value for _, value in parse_query(sent.body.decode())],
    }[place]
    if isinstance(claim, str):
        assert found == [claim.strip(" \t") if place is Location.HEADER else claim]
    else:
        assert [json.loads(value) for value in found] == ([] if claim is None else [claim])


def assert_shape(sent: Outbound, place: Location) -> None:
    """Host, port, number of segments and names of fields are those of the definition."""
    assert sent.target.isascii()
    assert sent.target.isprintable()
    assert not set(sent.target) & set("#\\ ")
    url = urlsplit(f"http://backend.test:9000{sent.target}")
    assert (url.hostname, url.port, url.username) == ("backend.test", 9000, None)
    assert (url.path, url.query) == (sent.path, sent.query)
    segments = url.path.split("/")
    expected = ["", "v3", "end"]
    assert segments[:2] + segments[-1:] == expected
    assert len(segments) == (4 if place is Location.PATH else 3)
    names = {name for name, _ in sent.headers}
    assert names <= {NAME, "t", "Content-Type", "X-Ca-Request-Id", "X-Forwarded-For"}
    assert len(sent.headers) == len(names)
    for name, value in sent.headers:
        assert not set(name + value) & set("\r\n\x00")
    assert {name for name, _ in parse_query(sent.query)} <= {NAME}
    assert {name for name, _ in parse_query(sent.body.decode())} <= {NAME}
