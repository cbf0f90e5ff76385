"""mitmweb of mitmproxy 11 behind a token: judged by a real Tornado application."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import tornado.httpclient
import tornado.web
from mitmproxy.test import taddons
from tornado.httpserver import HTTPServer
from tornado.httputil import url_concat
from tornado.netutil import bind_sockets

from apigateway.proxy.listener import StartError
from apigateway.web.addon import lets_everybody_in
from apigateway.web.lock import Lock, lock_mitmweb

COOKIE_SECRET = b"a-secret-of-the-process"


class Page(tornado.web.RequestHandler):
    def get(self) -> None:
        self.finish("inside")

    def post(self) -> None:
        self.finish("done")


class Master:
    """As much of mitmweb's master as the lock sees."""

    def __init__(self, app: Any = None) -> None:
        self.app = app or tornado.web.Application(
            [("/", Page), ("/flows", Page)], cookie_secret=COOKIE_SECRET
        )
        self.addons: dict[str, object] = {}


Ask = Callable[..., Awaitable[tornado.httpclient.HTTPResponse]]


def behind_the_lock(visit: Callable[[Lock, Ask], Awaitable[None]], password: str = "") -> None:
    """Let a test visit a locked application over its port."""

    async def run() -> None:
        with taddons.context() as context:
            context.options.add_option("web_password", str, password, "")
            context.options.add_option("web_host", str, "127.0.0.1", "")
            context.options.add_option("web_port", int, 8081, "")
            master = Master()
            lock = lock_mitmweb(master)
            assert lock_mitmweb(master) is lock
            (socket,) = bind_sockets(0, "127.0.0.1")
            server = HTTPServer(master.app)
            server.add_sockets([socket])
            origin = f"http://127.0.0.1:{socket.getsockname()[1]}"
            client = tornado.httpclient.AsyncHTTPClient()

            async def ask(path: str, **options: Any) -> tornado.httpclient.HTTPResponse:
                return await client.fetch(origin + path, raise_error=False, **options)

            try:
                await visit(lock, ask)
            finally:
                server.stop()
                client.close()

    asyncio.run(run())


def test_only_who_has_the_token_gets_in() -> None:
    async def visit(lock: Lock, ask: Ask) -> None:
        for path in ("/", "/flows", "/nowhere", "/flows?token=", "/flows?token=guessed"):
            assert (await ask(path)).code == 403
        assert (await ask("/flows", method="POST", body="x" * 100_000)).code == 403
        for headers in ({"Authorization": "Bearer guessed"}, {"Authorization": lock.password}):
            assert (await ask("/flows", headers=headers)).code == 403
        assert (await ask(url_concat("/flows", {"token": lock.password}))).body == b"inside"
        bearer = {"Authorization": f"Bearer {lock.password}"}
        assert (await ask("/flows", headers=bearer)).body == b"inside"
        assert (await ask("/flows", headers=bearer, method="POST", body="")).body == b"done"
        assert (await ask("/nowhere", headers=bearer)).code == 404

    behind_the_lock(visit)


def test_the_first_page_gives_a_cookie_that_opens_the_others() -> None:
    async def visit(lock: Lock, ask: Ask) -> None:
        assert lock.url == f"http://127.0.0.1:8081/?token={lock.password}"
        first = await ask(f"/?token={lock.password}")
        kept = first.headers["Set-Cookie"].partition(";")[0]
        assert first.code == 200
        assert lock.password not in kept
        assert (await ask("/flows", headers={"Cookie": kept})).body == b"inside"
        assert (await ask("/", headers={"Cookie": kept})).body == b"inside"
        name, _, value = kept.partition("=")
        other = tornado.web.create_signed_value(b"another-secret", name, "inside").decode()
        for forged in (f"{name}=inside", f"{name}={other}", f"{name}={value}0", f"{name}="):
            assert (await ask("/flows", headers={"Cookie": forged})).code == 403

    behind_the_lock(visit)


def test_the_form_takes_the_password_and_no_more_than_that() -> None:
    async def visit(lock: Lock, ask: Ask) -> None:
        assert lock.url == "http://127.0.0.1:8081/"
        assert b"<form" in (await ask("/")).body
        right = await ask("/", method="POST", body="token=open+sesame")
        assert (right.code, "Set-Cookie" in right.headers) == (200, True)
        for body in ("token=guessed", "", "token=" + "x" * 5_000):
            wrong = await ask("/", method="POST", body=body)
            assert (wrong.code, "Set-Cookie" in wrong.headers) == (403, False)

    behind_the_lock(visit, "open sesame")


def test_a_hash_which_nobody_can_check_lets_nobody_in() -> None:
    async def visit(lock: Lock, ask: Ask) -> None:
        assert (await ask(url_concat("/flows", {"token": "$argon2id$x"}))).code == 403

    behind_the_lock(visit, "$argon2id$x")


def test_an_application_that_cannot_be_locked_is_refused_with_what_to_do() -> None:
    for app in (object(), tornado.web.Application()):
        with pytest.raises(StartError, match="use mitmdump or mitmproxy, or Python"):
            lock_mitmweb(Master(app))


def test_only_a_mitmweb_without_a_password_of_its_own_is_locked() -> None:
    master = Master()
    assert lets_everybody_in(master)
    master.addons["webauth"] = object()
    assert not lets_everybody_in(master)
    with taddons.context() as context:
        assert not lets_everybody_in(context.master)
