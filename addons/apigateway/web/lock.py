"""mitmweb of mitmproxy 11 behind a token, as mitmproxy 12 has it (CVE-2025-23217).

Its interface can read every call and run every command, and answers anybody who reaches its port,
other users of the machine and pages in a browser too. Here every request is judged where Tornado
chooses who answers it, before any of mitmweb's handlers: pages, the REST API, the WebSocket, static
files and what does not exist alike.
"""

import hmac
import logging
import secrets
from typing import Any
from urllib.parse import parse_qs

import tornado.web
from mitmproxy import ctx
from mitmproxy.tools.web import webaddons
from tornado.httputil import HTTPServerRequest

from apigateway.proxy.listener import StartError

logger = logging.getLogger(__name__)

COOKIE_DAYS = 400
_INSIDE = b"inside"
"""What the cookie says, signed with a secret of this process."""

LONGEST_FORM = 4_096

PAGE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>mitmweb</title>
<body><h1>mitmweb asks for its token</h1>
<p>Open the address that was printed when the gateway started; it ends in <code>?token=...</code>.
With <code>--set web_password=...</code> the password is the token.</p>
<form method="post" action="/"><input type="password" name="token" autofocus>
<button>Open</button></form></body></html>
"""

WELCOME = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>mitmweb</title>
<meta http-equiv="refresh" content="0; url=/"><body><a href="/">mitmweb</a></body></html>
"""


class Lock:
    """One of the process: it stays on mitmweb's application when the script is loaded anew."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(16)

    @property
    def password(self) -> str:
        chosen: str = ctx.options.web_password
        return chosen or self._token

    @property
    def url(self) -> str:
        """With the token, unless somebody chose it."""
        host = ctx.options.web_host or "127.0.0.1"
        host = f"[{host}]" if ":" in host else host
        token = "" if ctx.options.web_password else f"?token={self._token}"
        return f"http://{host}:{ctx.options.web_port}/{token}"

    @property
    def cookie(self) -> str:
        return f"mitmproxy-auth-{ctx.options.web_port}"

    def opens(self, given: str) -> bool:
        if self.password.startswith("$"):
            return False  # a hash, which only mitmproxy 12 can check
        return hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"),
            self.password.encode("utf-8", "surrogateescape"),
        )

    def open_browser(self) -> None:
        """As mitmweb does at its start, but with the token."""
        if not webaddons.open_browser(self.url):
            logger.info("No web browser was found; open the address by hand")

    def lets_in(self, request: HTTPServerRequest, cookie_secret: bytes) -> bool:
        """By its cookie, its Authorization header or its query."""
        kept = request.cookies.get(self.cookie)
        if kept is not None:
            name, value = self.cookie, kept.value
            found = tornado.web.decode_signed_value(
                cookie_secret, name, value, max_age_days=COOKIE_DAYS, min_version=2
            )
            if found == _INSIDE:
                return True
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and self.opens(bearer):
            return True
        return self.opens(token_of(request))


def token_of(request: HTTPServerRequest) -> str:
    try:
        return parse_qs(request.query).get("token", [""])[-1]
    except ValueError:  # too many fields
        return ""


def lock_mitmweb(master: Any) -> Lock:
    """The lock of this mitmweb; the first call puts it there.

    Raises:
        StartError: its application is another one than is known: it is not let run open.
    """
    app = master.app
    kept = getattr(app, "gateway_lock", None)
    if isinstance(kept, Lock):
        return kept
    secret = getattr(app, "settings", {}).get("cookie_secret")
    if not isinstance(app, tornado.web.Application) or not secret:
        raise StartError(
            "this mitmweb lets everybody in who reaches its port (CVE-2025-23217) and cannot be "
            "locked; use mitmdump or mitmproxy, or Python 3.12 with mitmproxy 12"
        )
    lock = Lock()
    judge_first(app, lock, secret)
    app.gateway_lock = lock  # type: ignore[attr-defined]
    return lock


def judge_first(app: tornado.web.Application, lock: Lock, cookie_secret: bytes) -> None:
    choose = app.find_handler

    def find_handler(request: HTTPServerRequest, **others: Any) -> Any:
        if _asks_for_a_cookie(request, lock):
            return app.get_handler_delegate(request, Login, {"lock": lock})
        if lock.lets_in(request, cookie_secret):
            return choose(request, **others)
        return app.get_handler_delegate(request, Refused)

    app.find_handler = find_handler  # type: ignore[method-assign]


def _asks_for_a_cookie(request: HTTPServerRequest, lock: Lock) -> bool:
    """The first page with the right token in its address, or the form of the page that refuses."""
    if request.path != "/":
        return False
    if request.method == "GET":
        return lock.opens(token_of(request))
    length = request.headers.get("Content-Length", "")
    is_short = length.isascii() and length.isdecimal() and int(length[:9]) <= LONGEST_FORM
    return request.method == "POST" and is_short


class _Page(tornado.web.RequestHandler):
    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", "default-src 'none'; form-action 'self'")
        self.set_header("X-Frame-Options", "DENY")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        self.clear_header("Server")

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here but to look at the token that came with the request."""

    def refuse(self) -> None:
        self.set_status(403)
        self.finish(PAGE)


@tornado.web.stream_request_body
class Refused(_Page):
    """Answers before the body is read, which is not kept."""

    def prepare(self) -> None:
        self.refuse()

    def data_received(self, chunk: bytes) -> None:
        pass


class Login(_Page):
    """Gives the cookie and leads on to mitmweb's first page, whose requests then bring it."""

    def initialize(self, lock: Lock) -> None:
        self._lock = lock

    def get(self) -> None:
        self._let_in()

    def post(self) -> None:
        if self._lock.opens(self.get_body_argument("token", "", strip=False) or ""):
            self._let_in()
        else:
            self.refuse()

    def _let_in(self) -> None:
        self.set_signed_cookie(
            self._lock.cookie,
            _INSIDE,
            expires_days=COOKIE_DAYS,
            httponly=True,
            samesite="Strict",
        )
        self.finish(WELCOME)
