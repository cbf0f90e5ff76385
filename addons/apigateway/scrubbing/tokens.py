"""id_tokens without what makes them tokens: the signature, and claims that decide nothing."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jwt
from jwt.utils import base64url_decode, base64url_encode

from apigateway.model.catalog import Catalog
from apigateway.model.openid import TokenRules
from apigateway.replay.placeholders import MARK, TOKEN

JWT = re.compile(r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*={0,2}){2,4}")
"""A token wherever it stands; most begin so, since their header is a JSON object."""

THREE_PARTS = re.compile(r"[A-Za-z0-9_-]+={0,2}(?:\.[A-Za-z0-9_-]*={0,2}){2}")

_HEADER = ("alg", "kid", "typ", "crit", "b64")
_DECIDING = ("iss", "aud", "exp", "nbf", "iat")
_JWS = jwt.PyJWS()

Claims = dict[str, Any]


class TokenMarks:
    """What stands for tokens, by the keys and the definitions of a catalog.

    Of the claims stay those that the gateway decides by (issuer, audience, times, required ones)
    and those that a definition gives to a backend; `scrub` are names of claims whose texts go too.
    """

    def __init__(self, catalog: Catalog, scrub: Iterable[str] = ()) -> None:
        self._rings = tuple(catalog.key_rings.values())
        self._kept = frozenset(_kept_claims(catalog))
        self._scrub = frozenset(scrub)

    def mark(self, token: str, number: int = 1) -> str:
        """`number` tells tokens of one call apart that would be one placeholder. A token that is
        one stays."""
        if TOKEN.fullmatch(token):
            return token
        suffix = f"-{number}" if number > 1 else ""
        header = _object(token.partition(".")[0])
        if header is None:
            return f"{MARK}{suffix}.{MARK}.{MARK}"  # it cannot be read either
        kept = _encoded({name: header[name] for name in _HEADER if name in header})
        claims = self._verified_claims(token, header)
        if claims is None:
            return f"{kept}.{_encoded({})}.{MARK}-unverified{suffix}"
        return f"{kept}.{_encoded(self._kept_of(claims))}.{MARK}{suffix}"

    def _verified_claims(self, token: str, header: Claims) -> Claims | None:
        """None where none of the released keys signed it."""
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            return None
        for ring in self._rings:
            for key in ring.find(key_id):
                try:
                    found = _JWS.decode_complete(token, key.key, algorithms=[key.algorithm])
                    claims = json.loads(found["payload"])
                except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
                    continue
                return claims if isinstance(claims, dict) else None
        return None

    def _kept_of(self, claims: Claims) -> Claims:
        return {
            name: f"{MARK}:{name}" if name in self._scrub and isinstance(value, str) else value
            for name, value in claims.items()
            if name in self._kept
        }


def _kept_claims(catalog: Catalog) -> Iterable[str]:
    yield from _DECIDING
    for served in catalog.served:
        yield from (claim.source for claim in served.api.claims)
        if isinstance(rules := served.api.auth.openid, TokenRules):
            yield from rules.required_claims


def _object(part: str) -> Claims | None:
    try:
        found = json.loads(base64url_decode(part))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _encoded(document: Mapping[str, Any]) -> str:
    raw = json.dumps(document, separators=(",", ":")).encode("utf-8", "replace")
    return base64url_encode(raw).decode("ascii")
