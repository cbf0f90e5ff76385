"""Keys and id_tokens for tests, made with `cryptography` alone: also what no library would make."""

import hmac as mac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from unit.build import NOW_MS

from apigateway.model.openid import PublicKey, TokenIssuer

KID = "67174182967979709913950471789226181721"
OTHER_KID = "88483727556929326703309904351185815489"
NOW_S = NOW_MS // 1000
CLAIMS: Mapping[str, Any] = {"sub": "alice", "exp": NOW_S + 300, "iat": NOW_S, "aud": "an-app"}

Json = Mapping[str, Any]

_CURVES: dict[str, tuple[type[ec.EllipticCurve], int]] = {
    "P-256": (ec.SECP256R1, 32),
    "P-384": (ec.SECP384R1, 48),
    "P-521": (ec.SECP521R1, 66),
    "secp256k1": (ec.SECP256K1, 32),
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of its own for each number."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(_CURVES[curve][0]())


@cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int, size: int = 0) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def public_jwk(private: Any, **more: Any) -> dict[str, Any]:
    """The public part as a JSON Web Key (RFC 7518, 6), with more members."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        raw = private.public_key().public_bytes_raw()
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **more}
    numbers = private.public_key().public_numbers()
    if isinstance(private, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **more}
    (curve,) = [name for name, (kind, _) in _CURVES.items() if kind.name == private.curve.name]
    size = _CURVES[curve][1]
    x, y = _number(numbers.x, size), _number(numbers.y, size)
    return {"kty": "EC", "crv": curve, "x": x, "y": y, **more}


def private_jwk(private: rsa.RSAPrivateKey, **more: Any) -> dict[str, Any]:
    return public_jwk(private, d=_number(private.private_numbers().d), **more)


def issuer(*keys: PublicKey, name: str | None = None) -> TokenIssuer:
    """An authorization API with one RSA key unless told otherwise."""
    return TokenIssuer(keys=keys or (public(),), issuer=name)


def public(private: Any = None, kid: str = KID, **more: Any) -> PublicKey:
    return PublicKey(key_id=kid, jwk=public_jwk(private or rsa_key(), **more))


def signature(signed: bytes, algorithm: str, key: Any) -> bytes:
    """As JWS has it (RFC 7518, 3). The key of HS... is bytes; `none` signs with nothing."""
    if algorithm.lower() == "none":
        return b""
    if algorithm == "EdDSA":
        made: bytes = key.sign(signed)
        return made
    kind, hash_with = algorithm[:2], _HASHES[algorithm[2:]]
    if kind == "HS":
        return mac.digest(key, signed, hash_with.name)
    if kind == "ES":
        size = _CURVES[public_jwk(key)["crv"]][1]
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hash_with)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    pad: Any = padding.PKCS1v15()
    if kind == "PS":
        pad = padding.PSS(padding.MGF1(hash_with), hash_with.digest_size)
    made = key.sign(signed, pad, hash_with)
    return made


def text_of(part: Json | str | bytes) -> bytes:
    if isinstance(part, bytes):
        return part
    return part.encode() if isinstance(part, str) else json.dumps(part).encode()


def signed(header: Json | str | bytes, claims: Json | str | bytes, algorithm: str, key: Any) -> str:
    """A token of any header and claims, right or not, with a good signature over them."""
    start = f"{b64(text_of(header))}.{b64(text_of(claims))}"
    return f"{start}.{b64(signature(start.encode(), algorithm, key))}"


def mint(
    claims: Json | str | bytes | None = None,
    *,
    key: Any = None,
    algorithm: str = "RS256",
    header: Json | None = None,
    **more: Any,
) -> str:
    """A token that verifies unless told otherwise; `more` are claims, one of None is left out."""
    if claims is None or more:
        assert not isinstance(claims, str | bytes)
        merged = {**(CLAIMS if claims is None else claims), **more}
        claims = {name: value for name, value in merged.items() if value is not None}
    head = {"alg": algorithm, "kid": KID, **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    return signed(head, claims, algorithm, rsa_key() if key is None else key)
