"""OpenID Connect as an API declares it (guide, "OpenID Connect authentication").

An authorization API gives tokens to callers, and tells the gateway with which public keys they
are signed. A service API takes such a token as one of its parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """`jwk` is a JSON Web Key (RFC 7517) without private parts; tokens name it as `kid`."""

    key_id: str
    jwk: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """What an authorization API says: its keys, and the `iss` of the tokens they sign (None: any).

    The keys hold in each environment that the API is released to, from its release on.
    """

    keys: tuple[PublicKey, ...]
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What a service API asks of a token. `parameter` is the declared parameter that holds it.

    Empty `issuers` or `audiences` mean any. `leeway_s` is how many seconds the issuer's clock may
    be off. Tokens without one of `required_claims` are refused.
    """

    parameter: str
    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    leeway_s: int = 60
    required_claims: tuple[str, ...] = ("exp",)


OpenId = TokenIssuer | TokenRules
