"""Verifies the gateway's signature at a backend: the standard library, Python 3.8 or later.

    ok, reason = verify(method, target, headers, body, {"WeatherBackendKey": secret})

Answer 403 and log the reason when `ok` is False.
"""

import base64
import hashlib
import hmac
import re
import time
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

FORM = "application/x-www-form-urlencoded"


def verify(method, target, headers, body, keys, time_header=None, max_age_s=300):
    """(True, "ok"), or (False, why not).

    target       path and query as received, not decoded: "/v3/notes?q=a%20b"
    headers      pairs of name and value, or a mapping; as bytes, or as text that was read as
                 ISO-8859-1 (WSGI and http.server do so)
    body         bytes as received
    keys         {name: secret}; old and new key while one is replaced
    time_header  the header that carries CaRequestHandleTime, to refuse what is older than
                 max_age_s
    """
    fields, repeated = {}, set()
    for name, value in headers.items() if hasattr(headers, "items") else headers:
        name = _text(name).lower()
        if name in fields:
            repeated.add(name)
        fields.setdefault(name, _text(value))
    key = fields.get("x-ca-proxy-signature-secret-key", "")
    given = fields.get("x-ca-proxy-signature") or fields.get("x-ca-signature")
    if not given:
        return False, "no X-Ca-Proxy-Signature"
    if key not in keys:
        return False, f"unknown key {key!r}"
    listed = {name.strip() for name in fields.get("x-ca-proxy-signature-headers", "").split(",")}
    for name in listed | {"Content-Type"}:
        if name.lower() in repeated:  # the gateway sends each once
            return False, f"{name} was received twice"
    try:
        text = _string_to_sign(method.upper(), target, fields, listed, body)
    except (LookupError, ValueError) as problem:
        return False, f"cannot be read: {problem}"
    expected = base64.b64encode(hmac.new(keys[key].encode(), text, hashlib.sha256).digest())
    if not hmac.compare_digest(expected, given.strip().encode("utf-8", "replace")):
        return False, "the signature differs"
    if time_header is not None:  # leave this out if your API sends no CaRequestHandleTime
        if time_header.lower() not in {name.lower() for name in listed}:
            return False, f"{time_header} is not signed"
        try:
            sent = parsedate_to_datetime(fields.get(time_header.lower(), "")).timestamp()
        except (TypeError, ValueError):
            return False, f"{time_header} is no time"
        if abs(time.time() - sent) > max_age_s:
            return False, f"{time_header} is too old"
    return True, "ok"


def _string_to_sign(method, target, fields, listed, body):
    """METHOD LF Content-MD5 LF name:value LF ... path?k=v&..., as bytes."""
    content_type = fields.get("content-type", "").lower()
    is_form = FORM in content_type
    md5 = b""
    if method in ("POST", "PUT") and body and not is_form:
        md5 = base64.b64encode(hashlib.md5(body).digest())
    lines = [method.encode("ascii"), md5]
    for name in sorted(listed):  # sorted as spelled, then lower-cased; what is missing is skipped
        if name.lower() in fields:
            lines.append((name.lower() + ":" + fields[name.lower()]).encode("latin-1"))

    path, _, query = target.encode("ascii").partition(b"?")
    charset = re.search(r"charset\s*=\s*[\"']?([\w:.-]+)", content_type)
    values = {}
    for items, encoding in (
        (query, "utf-8"),
        (body if is_form else b"", charset.group(1) if charset else "utf-8"),
    ):
        for item in items.split(b"&"):
            name, _, value = item.partition(b"=")
            if name:  # the first value of a name counts; "k" and "k=" are the same
                values.setdefault(_decoded(name, encoding), _decoded(value, encoding))
    names = sorted(values, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    resource = "&".join(f"{name}={values[name]}" for name in names).encode("utf-8")
    lines.append(path + (b"?" + resource if names else b""))
    return b"\n".join(lines)


def _decoded(raw, encoding):
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode(encoding, "replace")


def _text(part):
    return part.decode("latin-1") if isinstance(part, bytes) else part
