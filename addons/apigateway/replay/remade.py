"""id_tokens of a scrubbed capture, signed again for the offline chain.

A scrubbed token has its header and the claims that decide, and no signature: it lets nobody in
anywhere. Offline it is signed with a key of this process, which is taken for every key that the
catalog has, so that a token is refused where its key is not released any more.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.utils import base64url_decode, base64url_encode

from apigateway.id_tokens.verification import KeyRing, VerificationKey
from apigateway.model.catalog import Catalog
from apigateway.replay.placeholders import TOKEN

_ALGORITHM = "EdDSA"
_ED25519 = jwt.algorithms.OKPAlgorithm()


@cache
def _own_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


class ReplayRing(KeyRing):
    """The keys of another ring, each with the replay's own beside it."""

    def __init__(self, ring: KeyRing) -> None:
        super().__init__()
        self._ring = ring

    def __len__(self) -> int:
        return len(self._ring)

    def find(self, key_id: str) -> Iterable[VerificationKey]:
        found = tuple(self._ring.find(key_id))
        public = _own_key().public_key() if found else None
        own = (VerificationKey(key_id, _ALGORITHM, public, key.issuer) for key in found)
        return (*found, *own)


def with_own_keys(catalog: Catalog) -> Catalog:
    """A catalog for which tokens that were made again verify."""
    rings = {one: ReplayRing(ring) for one, ring in catalog.key_rings.items()}
    return replace(catalog, key_rings=rings)


def tokens_made_again(text: str) -> str:
    """A text with each scrubbed token signed. One that did not verify stays as it is."""
    return TOKEN.sub(
        lambda found: found[0] if found["unverified"] else _signed(found[1], found[2]), text
    )


@lru_cache(maxsize=4096)
def _signed(header: str, claims: str) -> str:
    try:
        fields = json.loads(base64url_decode(header))
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return f"{header}.{claims}."
    header = _encoded({**fields, "alg": _ALGORITHM})
    text = f"{header}.{claims}"
    signature = _ED25519.sign(text.encode("ascii"), _own_key())
    return f"{text}.{base64url_encode(signature).decode('ascii')}"


def _encoded(document: object) -> str:
    raw = json.dumps(document, separators=(",", ":")).encode()
    return base64url_encode(raw).decode("ascii")
