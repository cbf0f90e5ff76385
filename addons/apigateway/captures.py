"""Captured requests, from where people have them: a curl line, a HAR, mitmproxy's own flows, the
text of a request, the answer of the demo backend (which says what it received)."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from mitmproxy import exceptions, http
from mitmproxy.io import FlowReader

from apigateway.flows import caller_request
from apigateway.signature import SIGNATURE, SignableRequest
from apigateway.wire import FORM_MEDIA_TYPE, Headers, is_token


class CaptureError(ValueError):
    """The capture cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class SentRequest(SignableRequest):
    """With where it was sent by its URL; "" where none is known."""

    scheme: str = ""
    authority: str = ""


def read_capture(content: bytes) -> Sequence[SignableRequest]:
    """All requests of a capture, told by its content.

    Raises:
        CaptureError: none of these kinds, or broken.
    """
    text = content.decode("utf-8", "surrogateescape").lstrip("\ufeff \t\r\n")
    if not text:
        raise CaptureError("the capture is empty")
    if re.match(r"curl(\s|$)", text):
        return [_curl_request(words) for words in _curl_commands(text)]
    if text.startswith("{"):
        return list(_json_requests(text))
    if _REQUEST_LINE.match(text):
        return [_text_request(text)]
    try:
        return list(_flow_requests(content))
    except exceptions.FlowReadException:
        problem = (
            "neither a curl line, a HAR (JSON), an HTTP/1.1 request nor mitmproxy flows (.mitm)"
        )
    except Exception as found:  # what looks like a flow and is none: its reader raises anything
        problem = f"mitmproxy flows (.mitm) that are broken: {type(found).__name__} {found}"
    raise CaptureError(problem)


def signed_request(requests: Sequence[SignableRequest], number: int | None) -> SignableRequest:
    """The request of that number (from 1), or the last one that carries a signature.

    Raises:
        CaptureError: there is none.
    """
    if number is not None:
        if not 1 <= number <= len(requests):
            raise CaptureError(f"there is no request {number}, only {len(requests)}")
        return requests[number - 1]
    for request in reversed(requests):
        if SIGNATURE in request.headers:
            return request
    raise CaptureError(f"none of {len(requests)} requests has {SIGNATURE}")


def _signable(
    method: str, url: str, fields: Iterable[tuple[str, str]], body: bytes, more_query: str = ""
) -> SentRequest:
    """
    Raises:
        CaptureError: a URL that is none, or text that cannot have been on the wire.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        query = "&".join(text for text in (parts.query, more_query) if text)
        headers = Headers(fields)
        texts = [text for field in headers.fields for text in field]
        for text in (method, parts.path, query, *texts):
            text.encode("utf-8", "surrogateescape")
    except ValueError as problem:
        raise CaptureError(f"{url[:200]!a} cannot have been sent: {problem}") from None
    authority = parts.netloc.rpartition("@")[2]
    scheme = parts.scheme if authority else ""
    return SentRequest(method, parts.path or "/", query, headers, body, scheme, authority)


# --- curl

_PIECE = re.compile(
    r"""\\\r?\n
    | \\(?P<escaped>.)
    | (?P<space>\s+)
    | '(?P<single>[^']*)'
    | \$'(?P<ansi>(?:[^'\\]|\\.)*)'
    | "(?P<double>(?:[^"\\]|\\.)*)"
    | (?P<operator>[|;]|\d?[<>]|&&?(?=\s|$))
    | (?P<plain>[^\s'"\\$|;<>&]+|[$&])""",
    re.DOTALL | re.VERBOSE,
)
_ANSI = re.compile(
    r"\\(?:u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u(?P<short>[0-9a-fA-F]{1,4})|U(?P<long>[0-9a-fA-F]{1,8})|x(?P<hex>[0-9a-fA-F]{1,2})"
    r"|(?P<octal>[0-7]{1,3})|(?P<sign>.))",
    re.DOTALL,
)
_SIGNS = dict(zip("abeEfnrtv", "\a\b\x1b\x1b\f\n\r\t\v", strict=True))


def _curl_commands(text: str) -> list[list[str]]:
    """The words behind each `curl`. What its answer is piped to is left out."""
    commands: list[list[str]] = []
    words: list[str] | None = None
    for word in _shell_words(text):
        if word is None:
            words = None
        elif words is not None:
            words.append(word)
        elif word == "curl":
            words = []
            commands.append(words)
    return commands


def _shell_words(text: str) -> Iterator[str | None]:
    """The words that a shell makes of a text; None for what ends a command."""
    word: str | None = None
    at = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:
            problem = f"the {text[at]} at character {at + 1} has no other end"
            raise CaptureError(f"the curl line cannot be read: {problem}")
        at, kind = piece.end(), piece.lastgroup
        if kind in ("space", "operator"):
            if word is not None:
                yield word
            word = None
            if kind == "operator":
                yield None
        elif kind is not None:
            word = (word or "") + _unquoted(kind, piece[kind])
    if word is not None:
        yield word


def _unquoted(kind: str, text: str) -> str:
    if kind == "double":
        return re.sub(r'\\(?:\r?\n|(["\\$`]))', lambda found: found[1] or "", text)
    if kind == "ansi":
        text = _ANSI.sub(_ansi_character, text)
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return text


def _ansi_character(found: re.Match[str]) -> str:
    """An escape of `$'...'`; browsers write what is beyond 16 bits as two of them."""
    if found["high"]:
        pair = bytes.fromhex(found["high"] + found["low"])
        return pair.decode("utf-16-be")
    if found["hex"] or found["octal"]:
        byte = int(found["hex"], 16) if found["hex"] else int(found["octal"], 8) & 0xFF
        return bytes([byte]).decode("utf-8", "surrogateescape")
    if code := found["short"] or found["long"]:
        number = int(code, 16)
        character = chr(number) if number <= 0x10FFFF else "\ufffd"
        return character.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    return _SIGNS.get(found["sign"], found["sign"])


_SHORT_WITH_VALUE = frozenset("AbcCdDeEFHKmoPQrTtuUwxXyYz")
_LONG_WITH_VALUE = frozenset(
    """
    aws-sigv4 cacert capath cert cert-type ciphers config connect-timeout connect-to cookie
    cookie-jar crlfile curves data data-ascii data-binary data-raw data-urlencode dns-servers
    doh-url dump-header form form-string header interface json keepalive-time key key-type
    limit-rate local-port max-filesize max-redirs max-time noproxy oauth2-bearer output
    output-dir pass pinnedpubkey preproxy proto proto-default proxy proxy-cacert proxy-header
    proxy-user range referer request request-target resolve retry retry-delay retry-max-time
    socks4 socks4a socks5 socks5-hostname speed-limit speed-time stderr time-cond tls-max
    tls13-ciphers trace trace-ascii unix-socket upload-file url url-query user user-agent
    write-out
    """.split()  # noqa: SIM905
)
_LONG_OF = {
    "A": "user-agent",
    "b": "cookie",
    "d": "data",
    "e": "referer",
    "F": "form",
    "G": "get",
    "H": "header",
    "I": "head",
    "T": "upload-file",
    "X": "request",
}


def _curl_options(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each option by its long name with its value, and each URL as `url`."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name = word[2:]
            yield name, next(rest, "") if name in _LONG_WITH_VALUE else ""
        elif word.startswith("-") and word != "-":
            for at, letter in enumerate(word[1:], 2):
                if letter in _SHORT_WITH_VALUE:
                    yield _LONG_OF.get(letter, letter), word[at:] or next(rest, "")
                    break
                yield _LONG_OF.get(letter, letter), ""
        else:
            yield "url", word


def _curl_request(words: Iterable[str]) -> SignableRequest:
    """The request that a curl command makes, with the fields that curl adds itself.

    Raises:
        CaptureError: no URL, or a body that is not in the line.
    """
    method, implied, url = "", "GET", ""
    fields: list[tuple[str, str | None]] = []
    data: list[str] = []
    query: list[str] = []
    kind = FORM_MEDIA_TYPE
    as_query = False
    for name, value in _curl_options(words):
        if name == "request":
            method = value
        elif name == "header":
            fields.append(_curl_field(value))
        elif name in ("data", "data-raw", "data-binary", "data-ascii", "json", "data-urlencode"):
            implied = "POST"
            if name != "data-raw":
                _refuse_file(name, value)
            if name == "json":
                kind = "application/json"
                fields.append(("Accept", kind))
                value = data.pop() + value if data else value
            data.append(_url_encoded(value) if name == "data-urlencode" else value)
        elif name == "url-query":
            query.append(_url_encoded(value))
        elif name in ("form", "form-string"):
            implied, kind = "POST", "multipart/form-data"
            data.append("")
        elif name == "upload-file":
            _refuse_file(name, f"@{value}")
        elif name == "head":
            implied = "HEAD"
        elif name == "get":
            as_query = True
        elif name in ("user-agent", "referer") or (name == "cookie" and "=" in value):
            fields.append((name.title(), value))
        elif name == "url":
            url = value
    if not url:
        raise CaptureError("the curl line has no URL")
    body = "&".join(data)
    if as_query:
        query, body, implied = [*query, body], "", "GET" if implied == "POST" else implied
    names = {name.lower() for name, _ in fields}
    if "accept" not in names:
        fields.append(("Accept", "*/*"))
    if data and not as_query and "content-type" not in names:
        fields.append(("Content-Type", kind))
    return _signable(
        method or implied,
        url,
        [(name, value) for name, value in fields if value is not None],
        body.encode("utf-8", "surrogateescape"),
        "&".join(filter(None, query)),
    )


def _refuse_file(name: str, value: str) -> None:
    is_file = "@" in value.partition("=")[0] if name == "data-urlencode" else value[:1] == "@"
    if is_file:
        raise CaptureError(
            f"the curl line takes its body from a file (--{name} {value}): write the body in its "
            "place, or capture the request with mitmdump -w"
        )


def _url_encoded(text: str) -> str:
    name, equals, value = text.partition("=") if "=" in text else ("", "", text)
    encoded = quote_plus(value, errors="surrogateescape")
    return f"{name}{equals}{encoded}" if name else encoded


def _curl_field(text: str) -> tuple[str, str | None]:
    """`Name: value`; `Name;` is an empty one, and `Name:` takes the field away."""
    name, colon, value = text.partition(":")
    if not colon:
        return text.rstrip("; "), ""
    return name.strip(), value.strip() or None


# --- HAR, and the demo backend


def _json_requests(text: str) -> Iterator[SignableRequest]:
    kind = "a HAR"
    try:
        document = json.loads(text)
        if "log" not in document and "backend_signature" in document:
            kind = "an answer of the demo backend"
            yield _echoed_request(document)
            return
        for entry in document["log"]["entries"]:
            request = entry["request"]
            fields = [(str(field["name"]), str(field["value"])) for field in request["headers"]]
            yield _signable(
                str(request["method"]),
                str(request["url"]),
                [field for field in fields if not field[0].startswith(":")],
                _har_body(request.get("postData") or {}),
            )
    except CaptureError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise CaptureError(f"not {kind}: {type(problem).__name__} {problem}") from None


def _echoed_request(document: Mapping[str, Any]) -> SignableRequest:
    """What the demo backend says it received; the query is there decoded."""
    body = str(document["body"])
    return _signable(
        str(document["method"]),
        _NO_HOST + str(document["path"]),
        [(str(name), str(value)) for name, value in document["headers"]],
        base64.b64decode(body) if document["body_encoding"] == "base64" else _bytes(body),
        urlencode([(str(name), str(value)) for name, value in document["query"]]),
    )


def _har_body(posted: dict[str, object]) -> bytes:
    """The text, or the fields (their values decoded, as the format has them) as a form."""
    text = str(posted.get("text") or "")
    if posted.get("encoding") == "base64":
        return base64.b64decode(text)
    params = posted.get("params")
    if not text and isinstance(params, list):
        pairs = [(str(one["name"]), str(one.get("value") or "")) for one in params]
        text = urlencode(pairs, errors="surrogateescape")
    return _bytes(text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


# --- the text of a request

_NO_HOST = "http://"
_REQUEST_LINE = re.compile(r"\S+ \S+ HTTP/1\.[01]\r?(?:\n|$)")


def _text_request(text: str) -> SignableRequest:
    """An HTTP/1.1 request, its lines ended by CR LF or LF. What stands behind the body is dropped
    where Content-Length tells: editors end a file with a line feed."""
    head, *rest = re.split(r"\r?\n\r?\n", text, maxsplit=1)
    request_line, *lines = re.split(r"\r?\n", head)
    method, target, _ = request_line.split(" ")
    fields = []
    for number, line in enumerate((line for line in lines if line), 2):
        name, colon, value = line.partition(":")
        if not colon or not is_token(name):
            raise CaptureError(f"line {number} of the request is no header field: {line[:60]!a}")
        fields.append((name, value.strip(" \t")))
    body = _bytes("".join(rest))
    length = Headers(fields).first("Content-Length") or ""
    if "chunked" in (Headers(fields).first("Transfer-Encoding") or "").lower():
        raise CaptureError("the body is in chunks: write it whole, with a Content-Length instead")
    if length.isascii() and length.isdecimal() and len(length) < 10:
        body = body[: int(length)]
    return _signable(method, target if "://" in target else _NO_HOST + target, fields, body)


# --- mitmproxy


def _flow_requests(content: bytes) -> Iterator[SignableRequest]:
    for flow in FlowReader(BytesIO(content)).stream():
        if isinstance(flow, http.HTTPFlow):
            yield caller_request(flow).signable
