"""curl lines: words as a shell makes them, options as curl takes them."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote_plus

from apigateway.captures.sent import CaptureError, signable, to_bytes
from apigateway.protocol.wire import FORM_MEDIA_TYPE
from apigateway.signatures.caller import SignableRequest

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


def curl_requests(text: str) -> list[SignableRequest]:
    """The request of every curl command in a text.

    Raises:
        CaptureError: a command that cannot be read.
    """
    return [_request(words) for words in _commands(text)]


def _commands(text: str) -> list[list[str]]:
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


def _options(words: Iterable[str]) -> Iterator[tuple[str, str]]:
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


def _request(words: Iterable[str]) -> SignableRequest:
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
    for name, value in _options(words):
        if name == "request":
            method = value
        elif name == "header":
            fields.append(_field(value))
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
    return signable(
        method or implied,
        url,
        [(name, value) for name, value in fields if value is not None],
        to_bytes(body),
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


def _field(text: str) -> tuple[str, str | None]:
    """`Name: value`; `Name;` is an empty one, and `Name:` takes the field away."""
    name, colon, value = text.partition(":")
    if not colon:
        return text.rstrip("; "), ""
    return name.strip(), value.strip() or None
