"""What a stage decided, in words: each function takes its values and gives a few short lines.

A value that is not there is not spoken of: a refused stage knows only some of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Decided = Mapping[str, Any]

_CHOSEN_BY = {"domain": "by the domain", "default": "by default"}


def told(stage: str, decided: Decided) -> list[str]:
    """Lines of any length."""
    tell = _TELL.get(stage)
    return [] if tell is None else list(tell(decided))


def duration(ms: float) -> str:
    if ms < 1_000:
        return f"{ms:.0f} ms"
    seconds = ms / 1_000
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts) or "none"


# --- Routing, Access


def _routing(decided: Decided) -> Iterator[str]:
    host = decided.get("host", "")
    if "group" not in decided:
        if host:
            yield f"{host} is a domain of no group"
        return
    where = f"{host} is a domain ({decided['domain']}) of group {decided['group']}"
    if "environment" in decided:
        chosen = decided["environment_from"]
        where += f"; {decided['environment']} {_CHOSEN_BY.get(chosen, f'by {chosen}')}"
    yield where
    call = f"{decided['method']} {decided['path']}"
    if "api" in decided:
        yield f"{call} is {decided['api']} ({decided['pattern']}), version {decided['version']}"
    elif "preflight_for" in decided:
        yield f"{call} is a preflight for {decided['preflight_for']} from {decided['origin']}"
        methods, origins = decided["allowed_methods"], decided["allowed_origins"]
        yield f"allowed: {_listed(methods)} from {_listed(origins)}"
    elif "other_methods" in decided:
        yield f"no API for {call}; methods at this path: {_listed(decided['other_methods'])}"
        if decided["other_environments"]:
            yield f"released to {_listed(decided['other_environments'])}"
    if "handshake_for" in decided:
        yield f"the TLS handshake was for {decided['handshake_for'] or 'no domain'}"
    if "asked_for" in decided:
        yield f"X-Ca-Stage asks for {decided['asked_for']!r}"
    values = [f"{name} = {value}" for name, value in decided.get("path_values", {}).items()]
    if "path_rest" in decided:
        values.append(f"* = {'/'.join(decided['path_rest'])}")
    if values:
        yield ", ".join(values)


def _access(decided: Decided) -> Iterator[str]:
    if "client_ip" not in decided:
        return
    who = f"{decided['protocol']} from {decided['client_ip']}"
    if "proxy" in decided:
        found = [decided[name] for name in ("client_ip_from", "protocol_from") if name in decided]
        who += f", through the trusted proxy {decided['proxy']} ({', '.join(found)})"
    yield f"{who}; IP control: {decided['ip_control'] or 'none'}"
    if "denied_by" in decided:
        yield f"denied by {decided['denied_by']}"
    if "protocols" in decided:
        yield f"the API takes {_listed(decided['protocols'])}"
    sizes = f"URL {decided['url_bytes']}, head {decided['head_bytes']}"
    sizes += f", body {decided['body_bytes']} bytes"
    if "allowed_bytes" in decided:
        sizes += f"; allowed: {decided['allowed_bytes']}"
    yield sizes
    yield from _broken_header(decided)


def _broken_header(decided: Decided) -> Iterator[str]:
    if "header" in decided:
        yield f"{decided['header']} {decided['rule']}"


# --- Authentication, Authorization


def _authentication(decided: Decided) -> Iterator[str]:
    if "app_key" in decided:
        app = f"app {decided['app']}" if decided["app"] else "no app"
        how = decided.get("proof") or decided.get("method", "")
        yield f"{app} (AppKey {decided['app_key']}), {how}"
    elif "proof" in decided:
        yield decided["proof"]
    elif "asks_for" in decided:
        yield f"the API asks for {decided['asks_for']}"
    if "app_code" in decided:
        yield f"AppCode {decided['app_code']} in {decided['app_code_from']}"
    elif "app_code_use" in decided:
        yield f"neither AppKey nor AppCode; AppCodes: {decided['app_code_use']}"
    fresh = []
    if "timestamp_age_ms" in decided:
        age_ms = decided["timestamp_age_ms"]
        fresh.append(f"timestamp {duration(abs(age_ms))} {'old' if age_ms >= 0 else 'ahead'}")
    if "timestamp" in decided:
        fresh.append(f"timestamp {decided['timestamp']!r}")
    if "nonce" in decided:
        fresh.append(f"nonce {decided['nonce']}")
    if fresh:
        yield ", ".join(fresh)
    yield from _broken_header(decided)
    if "methods" in decided:
        yield f"the API takes {_listed(decided['methods'])}"
    if "token" in decided:
        yield from _token(decided["token"])
    for token in decided.get("tokens", ()):
        yield from _token(token)
    if decided.get("tokens") == []:
        yield f"no token in {decided['token_parameter']}, and no Bearer token"


def _token(token: Decided) -> Iterator[str]:
    unproved = "" if token.get("verified", True) else " (not verified)"
    says = f"token{unproved} of issuer {token['issuer']}, key id {token['key_id']}"
    if "expires_in_s" in token:
        left_ms = token["expires_in_s"] * 1_000
        says += f", {'expires in' if left_ms > 0 else 'expired for'} {duration(abs(left_ms))}"
    yield says
    yield f"claims: {_listed(token['claims'])}"


def _authorization(decided: Decided) -> Iterator[str]:
    if "authorized_by" in decided:
        yield decided["authorized_by"]
    elif "granted_in" in decided:
        yield f"no grant of {decided['api']} to app {decided['app']} in {decided['environment']}"
        if decided["granted_in"]:
            yield f"it has one in {_listed(decided['granted_in'])}"


# --- Throttling, Validation


def _throttling(decided: Decided) -> Iterator[str]:
    full = decided.get("full")
    for limit in decided.get("limits", ()):
        says = f"{limit['dimension']}: {limit['used']} of {limit['ceiling']} a {limit['unit']}, "
        says += f"{limit['remaining']} left, resets in {duration(limit['resets_in_ms'])}"
        if limit.get("wait_ms"):
            says += f", waited {duration(limit['wait_ms'])} for its turn"
        yield f"{says} (full)" if limit == full else says
    if decided.get("policy"):
        yield f"policy {decided['policy']}"
    if "retry_after_s" in decided:
        yield f"try again in {decided['retry_after_s']} s"


def _validation(decided: Decided) -> Iterator[str]:
    for argument in decided.get("arguments", ()):
        kind = f" ({argument['type']} in {argument['in']})" if argument["type"] else ""
        says = f"{argument['name']}{kind} = {argument['value']}"
        if "bytes" in argument:
            says += f", {argument['bytes']} bytes"
        yield f"{says}, by default" if argument.get("default") else says
    if "body" in decided:
        yield f"the body {decided['body']}"
    if "parameter" in decided:
        kind = f" ({decided['type']} in {decided['in']})" if "type" in decided else ""
        yield f"{decided['parameter']}{kind} {decided['rule']}"
        yield f"given: {decided['value']}" if "value" in decided else "not given"
    elif "body_rule" in decided:
        yield f"the body of {decided['body_bytes']} bytes: {decided['body_rule']}"
        yield f"Content-Type: {decided['content_type'] or 'none'}"


# --- Mapping to Dispatch


def _mapping(decided: Decided) -> Iterator[str]:
    if "mode" in decided:
        yield f"mode {decided['mode']}"
    for move in decided.get("mapped", ()):
        yield f"{move['from']} ({move['from_in']}) -> {move['to']} ({move['in']})"
    for kind, name in (("system", "system parameter"), ("claims", "claim")):
        for move in decided.get(kind, ()):
            yield f"{name} {move['from']} -> {move['to']} ({move['in']})"
    for constant in decided.get("constants", ()):
        yield f"constant {constant['name']} ({constant['in']})"
    if "rule" in decided:
        yield f"{decided.get('to', 'the body')}: {decided['rule']}"


def _resolution(decided: Decided) -> Iterator[str]:
    if decided.get("backend") == "mock":
        yield "a mock: the definition's own answer"
        return
    parts = []
    if "vpc_access" in decided:
        parts.append(f"VPC authorization {decided['vpc_access']}")
    if "address" in decided:
        parts.append(decided["address"])
    if "timeout_ms" in decided:
        parts.append(f"at most {duration(decided['timeout_ms'])}")
    if "server_name" in decided:
        profile = decided["tls_profile"] or "the system's"
        parts.append(f"TLS profile {profile}, server name {decided['server_name']}")
    elif decided.get("tls_profile"):
        parts.append(f"TLS profile {decided['tls_profile']}")
    if parts:
        yield "; ".join(parts)


def _vpc_allow_list(decided: Decided) -> Iterator[str]:
    if decided.get("pinned"):
        yield f"{decided['host']}:{decided['port']} is {decided['pinned']}"
        yield f"allowed: {decided['allowed_by']}"
    elif "host" in decided:
        yield f"{decided['host']}:{decided['port']}"
        if "vpc_access" in decided:
            yield f"VPC authorization {decided['vpc_access']}"
        if "backend_networks" in decided:
            yield f"networks for backends: {_listed(decided['backend_networks'])}"


def _signing(decided: Decided) -> Iterator[str]:
    if decided.get("key"):
        key_id = f" ({decided['key_id']})" if "key_id" in decided else ""
        yield f"key {decided['key']}{key_id}"
    elif "key" in decided:
        yield "no key is bound"
    if "signed_headers" in decided:
        yield f"signed headers: {_listed(decided['signed_headers'])}"


def _dispatch(decided: Decided) -> Iterator[str]:
    if "status" in decided:
        who = "the mock" if decided.get("backend") == "mock" else decided["address"]
        yield f"{who} answers {decided['status']} with {decided['answer_bytes']} bytes"
    elif "address" in decided:
        yield f"{decided['address']}, at most {duration(decided['timeout_ms'])}"


_TELL: dict[str, Callable[[Decided], Iterator[str]]] = {
    "Routing": _routing,
    "Access": _access,
    "Authentication": _authentication,
    "Authorization": _authorization,
    "Throttling": _throttling,
    "Validation": _validation,
    "Mapping": _mapping,
    "Resolution": _resolution,
    "VpcAllowList": _vpc_allow_list,
    "Signing": _signing,
    "Dispatch": _dispatch,
}
