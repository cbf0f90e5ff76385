"""What another way to prove who calls does to those who call today."""

from collections.abc import Iterator

from apigateway.id_tokens.verification import is_same_key
from apigateway.lifecycle.breaking.finding import Effect, breaking, listed, notice
from apigateway.lifecycle.compare import Path
from apigateway.model.api import Api, AppCodeUse, Auth, AuthType
from apigateway.model.openid import TokenIssuer, TokenRules

_APP_CODES = (AppCodeUse.DISABLED, AppCodeUse.HEADER, AppCodeUse.HEADER_OR_QUERY)
"""Each takes what those before it take."""

OPENID: Path = ("auth", "openid")


def effects_of_auth(before: Api, after: Api) -> Iterator[Effect]:
    old, new = before.auth, after.auth
    if new.type.asks_for_app and not old.type.asks_for_app:
        what = "calls without an app's signature are refused, and so are apps without a grant"
        yield breaking(("auth", "type"), what)
    elif old.type.asks_for_app and not new.type.asks_for_app:
        who = "anyone" if new.type is AuthType.ANONYMOUS else "whoever holds a token"
        yield notice(("auth", "type"), f"{who} can call: neither an app nor a grant is asked for")
    elif new.type.asks_for_app:
        yield from _app_rules(old, new)
    yield from _token_rules(old, new)
    yield from _issuer(old, new)


def _app_rules(old: Auth, new: Auth) -> Iterator[Effect]:
    if lost := sorted(old.signature_methods - new.signature_methods):
        what = f"calls signed with {listed(lost)} are refused"
        yield breaking(("auth", "signature_methods"), what)
    if new.force_nonce and not old.force_nonce:
        what = "calls without a signed X-Ca-Nonce are refused"
        yield breaking(("auth", "force_nonce"), what)
    if _APP_CODES.index(new.app_code) < _APP_CODES.index(old.app_code):
        where = "" if new.app_code is AppCodeUse.DISABLED else " in the query"
        what = f"calls with an AppCode{where} and no signature are refused"
        yield breaking(("auth", "app_code"), what)


def _token_rules(old: Auth, new: Auth) -> Iterator[Effect]:
    """What a service API asks of tokens."""
    after = new.openid
    if not isinstance(after, TokenRules):
        if isinstance(old.openid, TokenRules):
            yield notice(OPENID, "a token is not asked for any more")
        return
    before = old.openid
    if not isinstance(before, TokenRules):
        yield breaking(OPENID, "calls without a token are refused")
        return
    if after.parameter != before.parameter:
        what = f"the token is read in {after.parameter}, and was in {before.parameter}"
        yield breaking((*OPENID, "token"), f"{what}; Authorization: Bearer works as before")
    for name in ("issuers", "audiences"):
        allowed, were = getattr(after, name), getattr(before, name)
        if allowed and not were:
            what = f"tokens of other {name} than {listed(allowed)} are refused"
            yield breaking((*OPENID, name), what)
        elif allowed and (lost := [one for one in were if one not in allowed]):
            yield breaking((*OPENID, name), f"tokens of {listed(lost)} are refused")
    if more := [one for one in after.required_claims if one not in before.required_claims]:
        what = f"tokens without the claim {listed(more)} are refused"
        yield breaking((*OPENID, "required_claims"), what)
    if after.leeway_s < before.leeway_s:
        what = f"clocks may be {after.leeway_s} s apart, and might be {before.leeway_s} s"
        yield notice((*OPENID, "leeway_s"), what)


def _issuer(old: Auth, new: Auth) -> Iterator[Effect]:
    """What an authorization API vouches for: its keys verify the tokens of service APIs."""
    before, after = old.openid, new.openid
    if not isinstance(before, TokenIssuer):
        return
    if not isinstance(after, TokenIssuer):
        yield breaking(OPENID, "tokens that this API gave are refused by every service API")
        return
    keys = {key.key_id: key for key in after.keys}
    for key in before.keys:
        path = (*OPENID, "keys", key.key_id)
        if (stays := keys.get(key.key_id)) is None:
            yield breaking(path, "tokens signed with this key are refused")
        elif not is_same_key(key.jwk, stays.jwk):
            what = "tokens signed with the key that had this id are refused"
            yield breaking(path, what)
    if after.issuer is not None and after.issuer != before.issuer:
        what = f"tokens of other issuers than {after.issuer} are refused"
        yield breaking((*OPENID, "issuer"), what)
