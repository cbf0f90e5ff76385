"""id_tokens: which key verifies one, and whether its claims let the call in.

Guide, "OpenID Connect authentication"; OpenID Connect Core 1.0, 3.1.3.7; RFC 7515 and 8725. The
algorithm follows from the key, never from the token alone: a token that names another algorithm
than its key's is refused, whatever it was signed with. Times are compared with the clock of the
call, not with the machine's.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import jwt
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.utils import base64url_decode

from apigateway.errors import Fault, Refusal
from apigateway.model.openid import TokenIssuer, TokenRules
from apigateway.protocol.documents import DocumentError, parse_json

LONGEST_TOKEN = 16 * 1024
MIN_RSA_BITS = 2048
LATEST_S = 253_402_300_799
"""The last second of the year 9999: no date is written beyond it."""

PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")

_OF_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_OF_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_OF_THE_KEY_ITSELF = ("kty", "crv", "n", "e", "x", "y")
_THREE_PARTS = re.compile(r"[A-Za-z0-9_-]+={0,2}(?:\.[A-Za-z0-9_-]*={0,2}){2}")
"""Checked here, since a version of PyJWT may pass over any other character (RFC 7519, 7.2: none
may be there). Some issuers pad their parts with `=`."""

Claims = Mapping[str, Any]


class UnfitKey(ValueError):
    """A JSON Web Key that verifies no token; the text says why."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key with the one algorithm that its tokens are signed with.

    `issuer` is the `iss` of the tokens it may sign, None for any.
    """

    key_id: str
    algorithm: str
    key: Any
    issuer: str | None = None


def algorithm_of(jwk: Mapping[str, Any]) -> str:
    """What tokens of this key are signed with: the key's own `alg` where that fits its kind, else
    the usual one of the kind.

    The guide's own example is an RSA key labelled ES256 whose tokens are RS256 (reference:
    protocol 6), so a label that does not fit is no reason to refuse the key.

    Raises:
        UnfitKey: a kind of key that verifies no public-key signature.
    """
    kind, label = jwk.get("kty"), jwk.get("alg")
    if kind == "RSA":
        return label if label in _OF_RSA else "RS256"
    if kind == "EC":
        algorithm = _OF_CURVE.get(str(jwk.get("crv")))
        if algorithm is None:
            raise UnfitKey("is on none of the curves P-256, P-384 and P-521")
        return algorithm
    if kind == "OKP" and jwk.get("crv") == "Ed25519":
        return "EdDSA"
    if kind == "oct":
        raise UnfitKey("is a shared secret, not a public key")
    raise UnfitKey("is neither RSA nor EC")


def is_same_key(jwk: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether both are one key, whatever else is written beside it (RFC 7638, 3.2)."""
    return all(jwk.get(member) == other.get(member) for member in _OF_THE_KEY_ITSELF)


def verification_key(
    key_id: str, jwk: Mapping[str, Any], issuer: str | None = None
) -> VerificationKey:
    """
    Raises:
        UnfitKey: private, weak, or no key at all.
    """
    algorithm = algorithm_of(jwk)
    if any(member in jwk for member in PRIVATE_MEMBERS):
        raise UnfitKey("holds the private key, with which anyone can issue tokens")
    kinds: dict[str, type[Algorithm]] = {
        "RSA": RSAAlgorithm,
        "EC": ECAlgorithm,
        "OKP": OKPAlgorithm,
    }
    try:
        key: Any = kinds[str(jwk["kty"])].from_jwk(dict(jwk))
    except (jwt.InvalidKeyError, ValueError, TypeError, KeyError, AttributeError):
        raise UnfitKey("cannot be read as a JSON Web Key") from None
    if jwk["kty"] == "RSA" and key.key_size < MIN_RSA_BITS:
        raise UnfitKey(f"has {key.key_size} bits, which is too weak")
    return VerificationKey(key_id, algorithm, key, issuer)


class KeyRing:
    """The keys that hold in one environment, by key id."""

    def __init__(self, issuers: Iterable[TokenIssuer] = ()) -> None:
        """
        Raises:
            UnfitKey: a key that `check` would not have let in.
        """
        self._keys: dict[str, list[VerificationKey]] = {}
        for issuer in issuers:
            for public in issuer.keys:
                key = verification_key(public.key_id, public.jwk, issuer.issuer)
                self._keys.setdefault(public.key_id, []).append(key)

    def __len__(self) -> int:
        return sum(map(len, self._keys.values()))

    def find(self, key_id: str) -> Iterable[VerificationKey]:
        """The keys of that id: one, unless two released APIs gave it to two keys."""
        return self._keys.get(key_id, ())


_JWS = jwt.PyJWS()


def verified_claims(token: str, ring: KeyRing, rules: TokenRules, now_ms: int) -> Claims:
    """The claims of a token that a released key signed and that keeps the API's rules.

    Raises:
        Refusal: TOKEN_MALFORMED, TOKEN_INVALID, TOKEN_EXPIRED. No text of them, and no detail,
            repeats the token.
    """
    key, claims = _signed_claims(token, ring)
    _check_times(claims, rules, now_ms / 1000)
    _check_parties(claims, rules, key)
    for name in rules.required_claims:
        if claims.get(name) is None:
            raise _invalid(f"claim {name} is missing")
    return claims


def _malformed(reason: str) -> Refusal:
    return Refusal(Fault.TOKEN_MALFORMED, reason, reason=reason)


def _invalid(reason: str, detail: str = "") -> Refusal:
    return Refusal(Fault.TOKEN_INVALID, detail or reason, reason=reason)


def _signed_claims(token: str, ring: KeyRing) -> tuple[VerificationKey, dict[str, Any]]:
    if len(token) > LONGEST_TOKEN:
        raise _malformed(f"longer than {LONGEST_TOKEN} characters")
    if _THREE_PARTS.fullmatch(token) is None:
        raise _malformed("not a signed token of three parts")
    header = _header_of(token)
    if "crit" in header or "b64" in header:
        raise _invalid("extensions of its header are not known")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise _invalid("its header names no key (kid)")
    keys = tuple(ring.find(key_id))
    if not keys:
        detail = f"no released authorization API has the key id {key_id[:100]!r}"
        raise _invalid("its key (kid) is not known", detail)
    allowed = [key for key in keys if key.algorithm == header.get("alg")]
    if not allowed:
        detail = f"tokens of this key are signed {keys[0].algorithm}"
        raise _invalid("its algorithm is not the key's", detail)
    signed = [(key, payload) for key in allowed if (payload := _payload(token, key)) is not None]
    if not signed:
        raise _invalid("its signature does not verify")
    claims = _claims(signed[0][1])
    # Two APIs may share a key and name two issuers: the token is of one of them.
    fitting = (key for key, _ in signed if key.issuer in (None, claims.get("iss")))
    return next(fitting, signed[0][0]), claims


def _header_of(token: str) -> dict[str, Any]:
    """Read as strictly as claims are: nothing in it may be readable in two ways."""
    try:
        header = parse_json(base64url_decode(token.partition(".")[0]))
    except ValueError:
        raise _malformed("its header cannot be read") from None
    if not isinstance(header, dict):
        raise _malformed("its header is no object")
    return header


def _payload(token: str, key: VerificationKey) -> bytes | None:
    """The signed bytes, or None when this key did not sign them."""
    try:
        decoded = _JWS.decode_complete(token, key.key, algorithms=[key.algorithm])
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    payload = decoded["payload"]
    return payload if isinstance(payload, bytes) else None


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = parse_json(payload)
    except DocumentError as problem:
        raise _malformed(f"its claims are no JSON: {problem}") from None
    if not isinstance(claims, dict):
        raise _malformed("its claims are no object")
    return claims


def _check_times(claims: Claims, rules: TokenRules, now_s: float) -> None:
    """`exp`, `nbf` and `iat`, each a number of seconds since 1970 (RFC 7519, 4.1)."""
    expires_s = _moment(claims, "exp")
    if expires_s is not None and now_s >= expires_s + rules.leeway_s:
        date = formatdate(min(max(expires_s, 0), LATEST_S), usegmt=True)
        raise Refusal(Fault.TOKEN_EXPIRED, f"{now_s - expires_s:.0f} s ago", date=date)
    for name, meaning in (("nbf", "not valid yet"), ("iat", "issued in the future")):
        moment_s = _moment(claims, name)
        if moment_s is not None and moment_s > now_s + rules.leeway_s:
            raise _invalid(f"{meaning} ({name})", f"{name} is {moment_s - now_s:.0f} s ahead")


def _moment(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(f"claim {name} is no time")
    return float(value)


def _check_parties(claims: Claims, rules: TokenRules, key: VerificationKey) -> None:
    """`iss` and `aud`: who issued the token, and for whom."""
    issuer = claims.get("iss")
    if key.issuer is not None and issuer != key.issuer:
        raise _invalid("its issuer (iss) is not that of its key")
    if rules.issuers and issuer not in rules.issuers:
        raise _invalid("its issuer (iss) is not taken here")
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if named is not None and not (
        isinstance(named, list) and all(isinstance(one, str) for one in named)
    ):
        raise _invalid("claim aud is neither text nor a list of texts")
    if rules.audiences and not set(rules.audiences).intersection(named or ()):
        raise _invalid("it is for another audience (aud)")
