"""How each part of the string could have been sent, from what was received.

Each function gives the part as received and then, with what befell it on the way, each text that
the gateway may have signed instead.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from urllib.parse import quote, unquote

from apigateway.protocol.wire import Headers, decode_form_text, is_form, parse_query
from apigateway.signatures.backend import (
    document_md5,
    header_lines,
    listed_names,
    received_fields,
    received_form,
    resource_query,
)
from apigateway.signatures.caller import SignableRequest, content_md5
from apigateway.signatures.caller_explain import Variant, distinct

FEW = 4
"""How many names a cause holds."""

_MOST = 50
"""How many places of one kind are tried: a path or a form may have thousands."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_WHERE_FROM = (
    "X-Original-URI",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Uri",
    "X-Envoy-Original-Path",
)
_PATH_SAFE = "/!$&'()*+,;=:@~"


def some(texts: Sequence[str]) -> str:
    more = len(texts) - FEW
    return ", ".join(texts[:FEW]) + (f" and {more} more" if more > 0 else "")


def method_cause(method: str, request: SignableRequest) -> str:
    return f"the method was changed: {method} was signed, {request.method} was received"


def fronts(request: SignableRequest) -> list[Variant]:
    """`METHOD LF Content-MD5 LF`."""
    found: dict[str, str] = {}
    for method in dict.fromkeys([request.method.upper(), *_METHODS]):
        changed = "" if method == request.method.upper() else method_cause(method, request)
        for cause, md5 in _md5s(request, method):
            causes = " and ".join(text for text in (changed, cause) if text)
            found.setdefault(causes, f"{method}\n{md5}\n")
    return distinct(found)


def _md5s(request: SignableRequest, method: str) -> Iterator[Variant]:
    body, came = request.body, request.headers.first("Content-MD5") or ""
    md5 = document_md5(method, body, request.headers.first("Content-Type") or "")
    yield "", md5
    if method not in ("POST", "PUT"):
        return
    if md5:
        lines = body.replace(b"\r\n", b"\n")
        for cause, sent in (
            ("a line feed at the end of the body was lost", body + b"\n"),
            ("a line feed was added at the end of the body", body.removesuffix(b"\n")),
            ("CR LF in the body became LF", lines.replace(b"\n", b"\r\n")),
            ("LF in the body became CR LF", lines),
        ):
            yield cause, content_md5(sent) if sent else ""
        if came:
            yield f"the body was changed: its MD5 is {md5}, but Content-MD5 says {came}", came
        yield "the gateway signed no Content-MD5: what it sent was a form, or had no body", ""
    elif body:
        yield "the gateway signed a document, but a form was received", content_md5(body)
    if came and not body:
        yield f"the body was lost: Content-MD5 says {came}", came


def header_blocks(headers: Headers) -> list[Variant]:
    """`name:value LF ...`: one header sent otherwise, or all that the same thing can befall."""
    fields = dict(received_fields(headers))
    listed = {name: list(_sent_values(headers, name)) for name in listed_names(headers)}
    found = {"": header_lines(tuple(fields.items()))}
    alike: dict[str, list[tuple[str, str]]] = {}
    for name, values in listed.items():
        for kind, value in values:
            found[kind.replace("{}", name)] = header_lines(tuple({**fields, name: value}.items()))
            alike.setdefault(kind, []).append((name, value))
    for kind, changed in alike.items():
        names = some([name for name, _ in changed])
        found[kind.replace("{}", names)] = header_lines(tuple({**fields, **dict(changed)}.items()))
    return distinct(found)


def _sent_values(headers: Headers, name: str) -> Iterator[tuple[str, str]]:
    """(what befell it, with the name left open; the value that the gateway then sent)."""
    received = headers.first(name)
    if received is None:
        for other, value in headers.fields:
            if other.lower().replace("_", "-") == name.lower().replace("_", "-"):
                yield "{} was received as " + other, value
        yield "{} was sent empty and was not received", ""
        return
    if len(headers.all(name)) > 1:
        yield "{} was received more than once; the last was signed", headers.all(name)[-1]
    if "," in received:
        yield "something was put behind the value of {}", received.rpartition(",")[0].rstrip()
        yield "something was put before the value of {}", received.partition(",")[2].lstrip()
    try:
        yield "{} was read as ISO-8859-1, not as UTF-8", received.encode("latin-1").decode()
    except UnicodeError:
        return


def stripped(prefix: str) -> str:
    return f"a proxy took {prefix} from the front of the path"


def paths(request: SignableRequest, prefixes: Sequence[str]) -> list[Variant]:
    raw = request.path
    pieces = re.split(r"%2[Ff]", raw)
    plain = [unquote(piece, errors="surrogateescape") for piece in pieces]
    is_partly_decoded = quote(raw, safe=_PATH_SAFE + "%", errors="surrogateescape") != raw
    how = "partly decoded" if is_partly_decoded else "encoded otherwise"
    found = {
        "": raw,
        "the path was encoded again on its way": "%2F".join(plain),
        "the path was decoded on its way": _quoted(raw),
        f"the path was {how} on its way": "%2F".join(map(_quoted, plain)),
        "a slash was added at the end of the path": raw.rstrip("/"),
        "a slash was taken from the end of the path": raw + "/",
    }
    for name in _WHERE_FROM:
        if target := request.headers.first(name):
            path = re.sub(r"^\w+://[^/]*", "", target).partition("?")[0]
            found[f"a proxy rewrote the path: {name} says {path}"] = path
    forwarded = request.headers.first("X-Forwarded-Prefix") or ""
    for prefix in (forwarded.rstrip("/"), *prefixes):
        if prefix:
            found[stripped(prefix)] = prefix + raw
    for slash in islice(re.finditer("/", raw[1:]), _MOST):
        added = raw[: slash.start() + 1]
        found[f"a proxy put {added} before the path"] = raw[slash.start() + 1 :]
    return distinct(found)


def _quoted(text: str) -> str:
    return quote(text, safe=_PATH_SAFE, errors="surrogateescape")


def parameters(request: SignableRequest) -> list[Variant]:
    raw = [
        item.partition("=")[::2] for item in request.query.split("&") if item[:1] not in ("", "=")
    ]
    query, form = parse_query(request.query), received_form(request)
    both = (*query, *form)
    text = request.body.decode("utf-8", "surrogateescape")
    twice = [(decode_form_text(name), decode_form_text(value)) for name, value in query]
    plus = parse_query(request.query.replace("+", "%2B"))
    found = {
        "": both,
        "%2B in the query became + on its way": (*plus, *form),
        "the query was decoded on its way": (*raw, *form),
        "the query was encoded again on its way": (*twice, *form),
        "the values of a repeated name came in another order": (*query[::-1], *form[::-1]),
        "the query was added on its way": form,
        "the gateway signed no fields of a form: what it sent was none": query,
    }
    for name in islice(dict(both), _MOST):
        found[f"the parameter {name} was added"] = tuple(one for one in both if one[0] != name)
    content_type = request.headers.first("Content-Type") or ""
    if is_form(content_type):
        for charset in ("utf-8", "gbk"):
            fields = (*query, *parse_query(text, charset))
            found[f"the gateway read the form as {charset}, not as Content-Type says"] = fields
    elif request.body:
        cause = f"the gateway signed a form, but Content-Type was received as {content_type!r}"
        found[cause] = (*query, *parse_query(text))
    return distinct({cause: resource_query(pairs) for cause, pairs in found.items()})
