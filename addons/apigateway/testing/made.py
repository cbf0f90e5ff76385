"""Calls that a test makes: a request as a client of the product would send it, as a value."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from apigateway.definition.wording import did_you_mean
from apigateway.errors import BACKEND_FAULTS, Fault, Refusal
from apigateway.exchange import Answer
from apigateway.model.app import App
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.protocol.matching import PathError, split_path
from apigateway.protocol.wire import FORM_MEDIA_TYPE, Headers, Pairs, host_name
from apigateway.reception import CallerRequest
from apigateway.replay.sent import server_name
from apigateway.signatures.caller import STAGE, SignableRequest, signing_headers

__tracebackhide__ = True  # as in `gateway`

Fields = Mapping[str, str] | Iterable[tuple[str, str]]

_URL_SAFE = "%/:=&?~#+!$,;'@()*[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """By which app a request is signed, and when; `secret` instead of the app's own."""

    app: App
    now_ms: int
    secret: str | None = None

    def sign(self, request: SignableRequest) -> Pairs:
        secret = self.app.secret.reveal() if self.secret is None else self.secret
        nonce = str(uuid.uuid4())
        signed = signing_headers(
            request, key=self.app.key, secret=secret, timestamp_ms=self.now_ms, nonce=nonce
        )
        return tuple(signed)


def made_request(
    method: str,
    url: str,
    *,
    headers: Fields = (),
    body: bytes | str = b"",
    form: Fields | None = None,
    document: Any = None,
    stage: str = "",
    client: str,
    signer: Signer | None = None,
) -> CallerRequest:
    """`url` is whole, with its host. A form or a JSON document is sent as such where the headers
    tell no other Content-Type; Accept is application/json where they tell none.

    Raises:
        ValueError: no URL of HTTP, or more than one body.
    """
    parts = urlsplit(quote(url, safe=_URL_SAFE))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http:// or https:// URL")
    content, kind = _content(body, form, document)
    fields = [("Host", parts.netloc), *_pairs(headers)]
    names = {name.lower() for name, _ in fields}
    if kind and "content-type" not in names:
        fields.append(("Content-Type", kind))
    if "accept" not in names:
        fields.append(("Accept", "application/json"))
    if stage:
        fields.append((STAGE, stage))
    if content and "content-length" not in names:
        fields.append(("Content-Length", str(len(content))))
    path = parts.path or "/"
    if signer is not None:
        signable = SignableRequest(method, path, parts.query, Headers(fields), content)
        fields += signer.sign(signable)
    return CallerRequest(
        method=method,
        target=f"{path}?{parts.query}" if parts.query else path,
        headers=Headers(fields),
        body=content,
        scheme=parts.scheme,
        sni=server_name(host_name(parts.netloc)) if parts.scheme == "https" else "",
        peer=client,
    )


def _content(body: bytes | str, form: Fields | None, document: Any) -> tuple[bytes, str]:
    """The body, and the Content-Type that it has of itself."""
    if sum((bool(body), form is not None, document is not None)) > 1:
        raise ValueError("a call has one body: give body, form or json")
    if form is not None:
        return urlencode(_pairs(form)).encode("ascii"), f"{FORM_MEDIA_TYPE}; charset=UTF-8"
    if document is not None:
        text = json.dumps(document, ensure_ascii=False)
        return text.encode(), "application/json; charset=UTF-8"
    return body.encode() if isinstance(body, str) else body, ""


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    return list(fields.items() if isinstance(fields, Mapping) else fields)


def host_of(catalog: Catalog, method: str, target: str, stage: str) -> str:
    """The host that a path without one is called at: that of the one group which has the API.

    Raises:
        ValueError: no group has it, or several do.
    """
    try:
        segments = split_path(target.partition("?")[0])
    except PathError:
        segments = ()
    environment = next((one for one in Environment if one == stage.upper()), Environment.RELEASE)
    tables = [
        (bound, catalog.routes.get((bound.group.id, environment)))
        for bound in catalog.domains.values()
        if bound.domain.environment in (None, environment)
    ]
    hosts: dict[str, str] = {}
    for bound, table in tables:
        if table is not None and table.match(method.upper(), segments) is not None:
            hosts[bound.group.name] = bound.domain.name  # its own domains come last
    if not hosts:  # then any host of the only group shows that it is not there
        hosts = {bound.group.name: bound.domain.name for bound, _ in tables}
    if len(hosts) != 1:
        found = ", ".join(f"{host} (group {name})" for name, host in sorted(hosts.items()))
        raise ValueError(
            f"{method} {target} does not tell the group: give host=, one of {found}"
            if hosts
            else "there is no group in the definitions"
        )
    return next(iter(hosts.values()))


def app_of(apps: Mapping[str, App], name: str) -> App:
    """
    Raises:
        ValueError: there is no such app.
    """
    if name not in apps:
        mend = did_you_mean(name, sorted(apps), "see definitions/apps")
        raise ValueError(f'there is no app "{name}" in the definitions; {mend}')
    return apps[name]


def made_answer(
    status: int = 200, body: bytes | str = b"", *, headers: Fields = (), document: Any = None
) -> Answer:
    content, kind = _content(body, None, document)
    fields = _pairs(headers)
    if kind and "content-type" not in {name.lower() for name, _ in fields}:
        fields.append(("Content-Type", kind))
    return Answer(status=status, reason="", headers=tuple(fields), body=content, elapsed_ms=0.0)


def backend_failure(fault: Fault) -> Refusal:
    """
    Raises:
        ValueError: a fault that no backend causes.
    """
    if fault not in BACKEND_FAULTS:
        known = ", ".join(f"Fault.{one.name}" for one in BACKEND_FAULTS)
        raise ValueError(f"a backend does not fail by Fault.{fault.name}; it does by {known}")
    return Refusal(fault, "as the test has it")
