"""OpenID Connect of one API: its keys and files read, and the rules it must keep.

Guide, "Configure an API in the API gateway": an authorization API has key ids and public keys, a
service API names the parameter that holds the token, which must be declared.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from apigateway.definition import secrets
from apigateway.definition.document import Key
from apigateway.definition.problems import DocumentReport
from apigateway.definition.wording import did_you_mean, place
from apigateway.id_tokens.verification import (
    PRIVATE_MEMBERS,
    UnfitKey,
    algorithm_of,
    verification_key,
)
from apigateway.model.api import Api, BodyFormat, Location, Parameter
from apigateway.model.openid import OpenId, PublicKey, TokenIssuer, TokenRules
from apigateway.protocol.documents import DocumentError, parse_json

MAX_KEY_BYTES = 64 * 1024
SHORTEST_KEY_ID = 32
LONGEST_KEY_ID = 256
AT = ("auth", "openid")

_Data = Mapping[str, Any]


def read_openid(data: _Data, report: DocumentReport) -> tuple[OpenId, _Data]:
    """The configuration at `auth.openid`, and its data with files replaced by what they hold."""
    if data["type"] == "authorization":
        keys, whole = _read_keys(data, report)
        return TokenIssuer(keys=keys, issuer=data.get("issuer")), whole
    rules = TokenRules(
        parameter=data["token"],
        issuers=tuple(data.get("issuers", ())),
        audiences=tuple(data.get("audiences", ())),
        leeway_s=data.get("leeway_s", 60),
        required_claims=tuple(data.get("required_claims", ("exp",))),
    )
    return rules, data


def _read_keys(data: _Data, report: DocumentReport) -> tuple[tuple[PublicKey, ...], _Data]:
    whole, keys = dict(data), []
    if "keys" in data:
        whole["keys"] = []
        for index, item in enumerate(data["keys"]):
            jwk = _document_at(item["public_key"], report, *AT, "keys", index, "public_key")
            whole["keys"].append({**item, "public_key": jwk})
            keys.append(PublicKey(key_id=item["key_id"], jwk=jwk))
    if "jwks" in data:
        whole["jwks"] = _document_at(data["jwks"], report, *AT, "jwks")
        keys.extend(_keys_of_set(whole["jwks"], report))
    if not keys and not report.failed:
        mend = "add keys: [{key_id: ..., public_key: ...}] or jwks: file:path"
        report.error("an authorization API needs the keys of its tokens", mend, *AT)
    return tuple(keys), whole


def _document_at(given: str | _Data, report: DocumentReport, *keys: Key) -> _Data:
    """The JSON object that stands there, as it is, as text or in a file; {} when reported."""
    document: Any = given
    if isinstance(given, str):
        text = given
        if given.startswith("file:") and report.document.source is None:
            what = f"{place(keys)} refers to a file, and this document lies beside none"
            report.error(what, "write the key itself", *keys)
            return {}
        if given.startswith("file:"):
            name = given.removeprefix("file:")
            mend, shorten = "write a path relative to this file", "keep public keys alone in it"
            text = secrets.text_of_file(
                name, report, *keys, most_bytes=MAX_KEY_BYTES, mend=mend, shorten=shorten
            )
            if not text:
                return {}
        try:
            document = parse_json(text.encode("utf-8", "replace"))
        except DocumentError as problem:
            mend = 'write JSON such as {"kty": "RSA", ...}, or file:path'
            report.error(f"{place(keys)} is not JSON ({problem})", mend, *keys)
            return {}
    if isinstance(document, dict) and document:
        return document
    what = "is empty" if document == {} else "is not a JSON object"
    report.error(f"{place(keys)} {what}", "write a JSON Web Key, or file:path", *keys)
    return {}


def _keys_of_set(document: _Data, report: DocumentReport) -> Iterator[PublicKey]:
    keys = (*AT, "jwks")
    listed = document.get("keys")
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed):
        if document:  # of one that cannot be read was told
            report.error('the JWK Set has no list "keys"', 'write {"keys": [...]}', *keys)
        return
    for number, jwk in enumerate(listed, 1):
        if jwk.get("use", "sig") != "sig":  # a key for encryption
            if any(member in jwk for member in PRIVATE_MEMBERS):
                what = f"key {number} of the JWK Set holds a private key"
                report.error(what, "write public keys only", *keys)
            continue
        key_id = jwk.get("kid")
        if not isinstance(key_id, str) or not 0 < len(key_id) <= LONGEST_KEY_ID:
            what = f"key {number} of the JWK Set has no kid of 1 to {LONGEST_KEY_ID} characters"
            report.error(what, "give it one, as text", *keys)
        else:
            yield PublicKey(key_id=key_id, jwk=jwk)


def is_token(parameter: Parameter, api: Api) -> bool:
    """Whether it holds the token of `api`; it is read in passthrough mode too."""
    openid = api.auth.openid
    return isinstance(openid, TokenRules) and openid.parameter == parameter.name


def check_openid(api: Api, report: DocumentReport) -> None:
    """Put everything that is wrong with the OpenID Connect of `api` on the report."""
    openid, kind = api.auth.openid, api.auth.type
    if openid is not None and not kind.has_openid:
        what = f"auth.openid has no effect with type {kind}"
        report.error(what, "write type: app_openid, or openid, or remove it", *AT, at_key=True)
    elif openid is None and kind.has_openid:
        mend = "add openid: {type: service, token: ...} or {type: authorization, keys: [...]}"
        report.error(f"type {kind} needs auth.openid", mend, "auth", "type")
    if isinstance(openid, TokenIssuer):
        _check_keys(openid, report)
    elif isinstance(openid, TokenRules):
        _check_rules(api, openid, report)
    if api.claims and not isinstance(openid, TokenRules):
        what = "only a service API of OpenID Connect has claims for its backend"
        report.error(what, "remove them, or write auth.openid", "backend", "claims", at_key=True)


def place_of_key(report: DocumentReport, index: int, part: str) -> tuple[Key, ...]:
    """Where the `part` of a key stands in its document: in the list, or somewhere in the set."""
    declared = len(report.document.data["auth"]["openid"].get("keys", ()))
    return (*AT, "keys", index, part) if index < declared else (*AT, "jwks")


def _check_keys(openid: TokenIssuer, report: DocumentReport) -> None:
    seen: set[str] = set()
    for index, public in enumerate(openid.keys):
        where = place_of_key(report, index, "key_id")
        if public.key_id in seen:
            mend = "give each key an id of its own"
            report.error(f'the key id "{public.key_id}" stands twice', mend, *where)
        seen.add(public.key_id)
        if where[-1] == "key_id" and len(public.key_id) < SHORTEST_KEY_ID:
            what = f"the key id has {len(public.key_id)} characters; the product asks for 32"
            report.warn(what, "make a longer random one", *where)
        if public.jwk:  # of one that cannot be read was told
            _check_key(public, report, place_of_key(report, index, "public_key"))


def _check_key(public: PublicKey, report: DocumentReport, at: tuple[Key, ...]) -> None:
    jwk, called = public.jwk, f'the key "{public.key_id}"'
    try:
        verification_key(public.key_id, jwk)
    except UnfitKey as reason:
        report.error(f"{called} {reason}", "write a public RSA key of 2048 bits or EC key", *at)
        return
    label = jwk.get("alg")
    if label is not None and label != algorithm_of(jwk):
        what = f"{called} is labelled {label} but is an {jwk['kty']} key"
        report.warn(what, f"tokens signed {algorithm_of(jwk)} are taken", *at)
    kid = jwk.get("kid", public.key_id)
    if not isinstance(kid, str):
        report.error(f"the kid of {called} is not text", "put it in quotes", *at)
    elif kid != public.key_id:
        what = f'{called} calls itself "{kid}"'
        report.error(what, "write the same id in both places", *at)


def _check_rules(api: Api, rules: TokenRules, report: DocumentReport) -> None:
    declared = {item.name: item for item in api.request.parameters}
    holder = declared.get(rules.parameter)
    if holder is None:
        example = f"{{name: {rules.parameter}, in: query}}"
        mend = did_you_mean(rules.parameter, declared, f"add {example} to request.parameters")
        report.error(f'the request has no parameter "{rules.parameter}"', mend, *AT, "token")
    elif holder.location is Location.BODY and api.request.body.format is not BodyFormat.FORM:
        what = f'the token "{rules.parameter}" cannot be read from a {api.request.body.format} body'
        report.error(what, "put it into the query, a header or a form", *AT, "token")
    for index, claim in enumerate(api.claims):
        if claim.location is Location.PATH and claim.source not in rules.required_claims:
            what = f'the claim "{claim.source}" fills the backend path but may be absent'
            mend = "add it to auth.openid.required_claims"
            report.error(what, mend, "backend", "claims", index, "from")
