"""Raw requests, by socket and by HTTP/2 frame, and an open API to send them to.

The API `Echo` is anonymous and goes to the real backend: whatever gets past the edge is seen
there, so an unchanged hit count says that nothing did.
"""

import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import h2.config
import h2.connection
import h2.events
from e2e.running import HOST, Project

from apigateway.commands.cert import make_ca, make_leaf

Field = tuple[str | bytes, str | bytes]

PATIENCE_S = 20.0
"""For what is to come. A busy machine may make anyone wait for seconds."""

HOST_LINE = f"Host: {HOST}\r\n".encode()
REQUEST_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")

ECHO = """\
name: Echo
description: Open to anyone, and served by a backend
visibility: public
auth: {{type: anonymous}}
request:
  method: {method}
  protocols: [http, https]
  path: /echo
  mode: passthrough
backend:
  type: http
  address: http://127.0.0.1:{port}
  path: /echo
  timeout_ms: 5000
"""


def with_certificate(project: Project) -> None:
    """The domain is served over HTTPS too."""
    now = datetime.now(UTC)
    leaf = make_leaf(make_ca(now), HOST, now, 30)
    folder = project.folder / "certificates"
    folder.mkdir()
    (folder / "leaf.pem").write_bytes(leaf.pem)
    (folder / "leaf.key").write_bytes(leaf.key_pem)
    (folder / "leaf.key").chmod(0o600)
    files = "chain: file:../../certificates/leaf.pem, key: file:../../certificates/leaf.key"
    (project.folder / "definitions/weather/group.yaml").write_text(
        "name: weather\nsubdomain: weather.apigw.localhost\ndomains:\n"
        f"  - {{name: {HOST}, certificate: {{name: weather, {files}}}}}\n"
    )


def open_api(project: Project, settings: str = "") -> Project:
    """The project with the API `Echo`, over HTTPS too, and more lines in gateway.yaml."""
    with_certificate(project)
    for method in ("GET", "POST"):
        text = ECHO.format(method=method, port=project.backend_port)
        text = text.replace("name: Echo", f"name: Echo{method.title()}")
        (project.folder / f"definitions/weather/echo-{method.lower()}.yaml").write_text(text)
    path = project.folder / "definitions" / "gateway.yaml"
    path.write_text(path.read_text() + "limits: {client_ip_per_second: 100000}\n" + settings)
    return project


@dataclass
class Reply:
    """`closed` if the gateway ended the connection; `seconds` until the first byte."""

    raw: bytes
    closed: bool
    seconds: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        head, _, self.body = self.raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        if first:
            self.status = int(first.split(" ")[1])
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    @property
    def code(self) -> str:
        return self.headers.get("x-ca-error-code", "")


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as link:
        yield link


def read_reply(link: socket.socket, *, silence: float = PATIENCE_S) -> Reply:
    """What comes until the other side closes, the announced body is whole, or it is silent."""
    link.settimeout(silence)
    raw, closed, start, first = b"", False, time.monotonic(), 0.0
    while not closed and not _is_whole(raw):
        try:
            piece = link.recv(65536)
        except TimeoutError:
            break
        except ConnectionError:
            closed = True
            break
        first = first or time.monotonic() - start
        raw, closed = raw + piece, not piece
    return Reply(raw, closed, first)


def _is_whole(raw: bytes) -> bool:
    head, blank, body = raw.partition(b"\r\n\r\n")
    if not blank or b"connection: close" in head.lower():
        return False
    if re.match(rb"HTTP/1\.1 (204|304) ", head):
        return True
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return length is not None and len(body) >= int(length[1])


def send(port: int, raw: bytes, *, silence: float = PATIENCE_S) -> Reply:
    with connected(port) as link:
        with contextlib.suppress(ConnectionError):
            link.sendall(raw)
        return read_reply(link, silence=silence)


def assert_our_refusal(reply: Reply, status: int, code: str = "") -> None:
    """Status, header fields and JSON body, as the gateway itself refuses."""
    assert reply.status == status, reply.raw[:500]
    assert REQUEST_ID.fullmatch(reply.headers["x-ca-request-id"])
    assert reply.headers["x-ca-error-message"]
    if code:
        assert reply.code == code
    document = json.loads(reply.body)
    assert document["code"] == reply.code
    assert document["requestId"] == reply.headers["x-ca-request-id"]


class Http2:
    """An HTTP/2 client over TLS that checks nothing of what it sends."""

    def __init__(self, port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.link = context.wrap_socket(plain, server_hostname=HOST)
        assert self.link.selected_alpn_protocol() == "h2"
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.frames = h2.connection.H2Connection(config)
        self.frames.initiate_connection()
        self.replies: dict[int, Reply] = {}
        self.resets: dict[int, int] = {}
        self.closed = False
        self.flush()
        self.read_until(lambda: self.frames.max_outbound_frame_size > 16384)

    def flush(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.link.sendall(self.frames.data_to_send())

    def fields(
        self, *more: Field, method: str = "GET", path: str | bytes = "/echo", **pseudo: str | bytes
    ) -> list[Field]:
        """A plain request's fields; `pseudo` replaces or adds pseudo-fields."""
        fields: dict[str, str | bytes] = {
            ":method": method,
            ":scheme": "https",
            ":authority": HOST,
            ":path": path,
        }
        fields.update({f":{name}": value for name, value in pseudo.items()})
        return [*fields.items(), *more]

    def ask(self, fields: Sequence[Field], body: bytes = b"", *, end: bool = True) -> int:
        stream_id: int = self.frames.get_next_available_stream_id()
        sent = [(_bytes(name), _bytes(value)) for name, value in fields]
        self.frames.send_headers(stream_id, sent, end_stream=end and not body)
        for at in range(0, len(body), 16_000):
            piece = body[at : at + 16_000]
            self.frames.send_data(stream_id, piece, end_stream=end and at + 16_000 >= len(body))
        self.flush()
        return stream_id

    def read_until(self, condition: object, patience: float = PATIENCE_S) -> None:
        assert callable(condition)
        deadline = time.monotonic() + patience
        while not condition() and not self.closed and time.monotonic() < deadline:
            self.link.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self.link.recv(65536)
            except TimeoutError:
                return
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                self.closed = True
                return
            for event in self.frames.receive_data(data):
                self._take(event)
            self.flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            reply = Reply(b"", False, 0.0)
            fields = {bytes(n).decode(): bytes(v).decode("latin-1") for n, v in event.headers or ()}
            reply.status, reply.headers = int(fields.pop(":status")), fields
            self.replies[event.stream_id or 0] = reply
        elif isinstance(event, h2.events.DataReceived):
            self.replies[event.stream_id or 0].body += event.data or b""
            size = event.flow_controlled_length or 0
            self.frames.acknowledge_received_data(size, event.stream_id or 0)
        elif isinstance(event, h2.events.StreamEnded):
            self.replies[event.stream_id or 0].closed = True
        elif isinstance(event, h2.events.StreamReset):
            self.resets[event.stream_id or 0] = int(event.error_code or 0)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.closed = True

    def reply_to(self, stream_id: int, patience: float = PATIENCE_S) -> Reply | None:
        """The answer, or None for a stream that was reset or a connection that was ended."""

        def over() -> bool:
            reply = self.replies.get(stream_id)
            return (reply is not None and reply.closed) or stream_id in self.resets

        self.read_until(over, patience)
        reply = self.replies.get(stream_id)
        return reply if reply is not None and reply.closed else None

    def close(self) -> None:
        self.link.close()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
