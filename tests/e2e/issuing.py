"""An account system behind the gateway, as the guide's "authorization server": it issues tokens at
/login, and remembers the bytes of every other request."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from e2e.running import Project
from unit.minted import KID, OTHER_KID, mint, public_jwk, rsa_key

HOST = "api.members.localhost"
ISSUER = "https://accounts.members.localhost"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "alice/../bob@host:1?#",
    "userId": "中é u-1",
    "count": 10**20,
    "ratio": 0.1,
    "admin": False,
    "roles": ["reader", "wri&ter=1"],
    "profile": {"名": "爱丽丝", "tags": [], "line": "a\r\nX-Admin: 1"},
    "nothing": None,
}
KEYS = {KID: rsa_key(), OTHER_KID: rsa_key(1)}


@dataclass
class Seen:
    """A request as it arrived. `fields` are bytes, names in lower case."""

    method: str
    target: str
    fields: list[tuple[str, bytes]]
    body: bytes

    def all(self, name: str) -> list[bytes]:
        return [value for found, value in self.fields if found == name.lower()]


@dataclass
class Accounts:
    """`kid` is the key that tokens are signed with from now on."""

    port: int = 0
    kid: str = KID
    seen: list[Seen] = field(default_factory=list)

    def token(self, *, ttl_s: int = 600, **changes: Any) -> str:
        """RS256, whatever the label of the key says; `changes` are claims, None leaves one out."""
        now_s = int(time.time())
        claims = {**CLAIMS, "iat": now_s, "exp": now_s + ttl_s, **changes}
        nothing = {"nothing": None} if "nothing" not in changes else {}
        kept = {name: value for name, value in claims.items() if value is not None}
        return mint({**kept, **nothing}, key=KEYS[self.kid], header={"kid": self.kid})

    def answer(self, request: Seen) -> tuple[int, dict[str, Any]]:
        if request.target != "/v1/login":
            self.seen.append(request)
            return 200, {"seen": len(self.seen)}
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form.get("password") != "wonder & land":
            return 401, {"error": "another password"}
        return 200, {"id_token": self.token(name=form["user"], ttl_s=int(form.get("ttl", 600)))}


@contextlib.contextmanager
def account_system() -> Iterator[Accounts]:
    accounts = Accounts()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            fields = [(n.lower(), v.encode("latin-1")) for n, v in self.headers.items()]
            request = Seen(self.command, self.path, fields, self.rfile.read(size))
            status, content = accounts.answer(request)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    accounts.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield accounts
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- the project

LOGIN = """\
name: LogIn
auth:
  type: app_openid
  openid: {{type: authorization, issuer: "{issuer}", jwks: "file:login.jwks.json"}}
request:
  method: POST
  path: /login
  parameters:
    - {{name: user, in: body, required: true}}
    - {{name: password, in: body, required: true}}
    - {{name: ttl, in: body, type: Int}}
backend: {{type: http, address: "http://127.0.0.1:{port}", path: /v1/login}}
"""

SERVICE = """\
name: {name}
auth:
  type: {kind}
  openid: {{type: service, token: IdToken, issuers: ["{issuer}"], required_claims: [exp, sub]}}
request:
  method: {method}
  path: {path}
  mode: mapping_passthrough
  parameters:
    - {{name: IdToken, in: query}}
backend:
  type: http
  address: "http://127.0.0.1:{port}"
  path: /v1/users/[user]{path}
  parameters:
    - {{from: IdToken, name: X-Id-Token, in: header}}
  claims:
    - {{from: sub, name: user, in: path}}
    - {{from: userId, name: X-User-Id, in: header}}
    - {{from: count, name: X-Count, in: header}}
    - {{from: profile, name: X-Profile, in: header}}
    - {{from: nothing, name: X-Nothing, in: header}}
    - {{from: absent, name: absent, in: query}}
    - {{from: roles, name: roles, in: query}}
    - {{from: ratio, name: ratio, in: query}}
    - {{from: admin, name: admin, in: query}}
{more}"""

STRANGER = """\
name: stranger
key: "111222333"
secret: file:stranger.secret
"""
STRANGER_KEY, STRANGER_SECRET = "111222333", "StrangersSecret-0123"


def write_keys(project: Project, *kids: str) -> None:
    """The file of public keys. They are RSA keys, and say ES256 as the guide's own does."""
    keys = [public_jwk(KEYS[kid], kid=kid, alg="ES256") for kid in kids]
    path = project.folder / "definitions/members/login.jwks.json"
    path.write_text(json.dumps({"keys": keys}))


def write_members(project: Project, port: int) -> None:
    """A group of its own: an authorization API, and services with an app and without."""
    folder: Path = project.folder / "definitions/members"
    folder.mkdir()
    (folder / "group.yaml").write_text(
        f"name: members\nsubdomain: members.apigw.localhost\ndomains: [{HOST}]\n"
    )
    known: dict[str, Any] = {"port": port, "issuer": ISSUER}
    (folder / "log-in.yaml").write_text(LOGIN.format(**known))
    services = {
        "GetProfile": ("GET", "/profile", "app_openid", ""),
        "GetMine": ("GET", "/mine", "openid", ""),
        "SaveNote": ("POST", "/note", "openid", "    - {from: userId, name: owner, in: body}\n"),
    }
    for name, (method, path, kind, more) in services.items():
        text = SERVICE.format(name=name, method=method, path=path, kind=kind, more=more, **known)
        (folder / f"{name}.yaml").write_text(text)
    write_keys(project, KID)
    apps = project.folder / "definitions/apps"
    (apps / "stranger.yaml").write_text(STRANGER)
    (apps / "stranger.secret").write_text(STRANGER_SECRET)
    grants = project.folder / "policies/grants.yaml"
    granted = "- {app: demo, group: members, apis: [LogIn, GetProfile]}\n"
    grants.write_text(grants.read_text() + granted)
