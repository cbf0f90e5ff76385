"""HTTPS to backends: who is believed to be one, who the gateway says it is, and that no connection
made for one is ever used for another."""

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.build import outbound
from unit.issued import client, leaf, pem, server_context
from unit.listening import EMPTY_ANSWER, opened, raw_backend, refused, request_of, signed

from apigateway.backends.tls import client_context, tls_profile
from apigateway.commands.cert import make_ca, make_leaf
from apigateway.errors import Fault, Refusal
from apigateway.exchange import Answer, Signed
from apigateway.model.catalog import TlsProfile
from apigateway.model.policy import BackendTls, ClientCertificate
from apigateway.model.secret import Secret

TODAY = datetime.now(UTC)
CA, OTHER_CA = make_ca(TODAY), make_ca(TODAY)
HOST = "backend.test"
GOOD = leaf(HOST, now=TODAY, ca=CA)


def profile(
    *,
    ca: str | None = pem(CA),
    server_name: str | None = None,
    certificate: tuple[str, str] | None = None,
) -> TlsProfile:
    shown = None
    if certificate is not None:
        shown = ClientCertificate(chain=certificate[0], key=Secret(certificate[1]))
    return tls_profile(
        BackendTls(name="internal", ca=ca, server_name=server_name, certificate=shown)
    )


OURS = profile()


class Listening:
    """A backend that answers every request, and remembers what it heard of whom."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.heard = b""
        self.connections = 0
        self.names: list[str | None] = []
        self.protocol: str | None = None
        self.clients: list[Any] = []
        if context is not None:
            context.sni_callback = lambda _, name, __: self.names.append(name)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        encrypted = writer.get_extra_info("ssl_object")
        if encrypted is None:
            self.heard += await reader.read(65536)
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        self.protocol = encrypted.selected_alpn_protocol()
        while True:
            self.heard += await request_of(reader)
            self.clients.append(encrypted.getpeercert(binary_form=True))
            writer.write(EMPTY_ANSWER)


def call(backend: Listening, **changes: Any) -> Answer:
    return asyncio.run(_all_of(backend, [changes]))[0]


async def _all_of(backend: Listening, calls: list[dict[str, Any]]) -> list[Answer]:
    async with raw_backend(backend.talk, backend.context) as port, opened() as backends:
        return [await backends.send(_https(port, **changes)) for changes in calls]


def _https(port: int, **changes: Any) -> Signed:
    return signed(port, outbound(), **{"scheme": "https", "tls": OURS, **changes})


# --- who is believed


def test_a_backend_of_the_profiles_ca_is_called_by_its_own_name() -> None:
    backend = Listening(server_context(GOOD))
    assert call(backend).status == 200
    assert backend.names == [HOST]
    assert b"\r\nHost: backend.test:" in backend.heard


def test_http_1_is_agreed_on() -> None:
    backend = Listening(server_context(GOOD))
    assert backend.context is not None
    backend.context.set_alpn_protocols(["h2", "http/1.1"])
    assert call(backend).status == 200
    assert backend.protocol == "http/1.1"


EXPIRED = make_leaf(CA, HOST, TODAY - timedelta(days=10), 5)
FUTURE = make_leaf(CA, HOST, TODAY + timedelta(days=5), 5)


def old_version() -> ssl.SSLContext:
    context = server_context(GOOD)
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(
            lambda: server_context(leaf("other.test", now=TODAY, ca=CA)), id="another name"
        ),
        pytest.param(lambda: server_context(EXPIRED), id="expired"),
        pytest.param(lambda: server_context(FUTURE), id="not yet valid"),
        pytest.param(lambda: server_context(leaf(HOST, now=TODAY, ca=OTHER_CA)), id="another CA"),
        pytest.param(lambda: None, id="plain HTTP"),
        pytest.param(
            old_version,
            id="TLS 1.1",
            marks=pytest.mark.filterwarnings("ignore::DeprecationWarning"),
        ),
    ],
)
def test_who_is_not_the_backend_gets_no_byte_of_the_request(
    context: Callable[[], ssl.SSLContext | None],
) -> None:
    backend = Listening(context())
    refusal = refused(lambda: call(backend), Fault.BACKEND_TLS)
    assert (refusal.fault.value.code, refusal.fault.value.status) == ("D504CS", 504)
    assert b"GET" not in backend.heard and b"forecast" not in backend.heard
    assert "Error" in refusal.detail and "object at 0x" not in refusal.detail


def test_without_a_profile_only_the_systems_cas_are_believed() -> None:
    backend = Listening(server_context(GOOD))
    refused(lambda: call(backend, tls=None), Fault.BACKEND_TLS)
    assert backend.heard == b""


def test_with_a_ca_of_its_own_a_profile_believes_the_systems_no_longer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "system.pem").write_text(pem(CA))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    backend = Listening(server_context(GOOD))
    assert call(backend, tls=None).status == 200
    assert call(backend, tls=profile(ca=None)).status == 200
    refused(lambda: call(backend, tls=profile(ca=pem(OTHER_CA))), Fault.BACKEND_TLS)


def test_any_ca_of_a_bundle_may_vouch() -> None:
    assert call(Listening(server_context(GOOD)), tls=profile(ca=pem(OTHER_CA, CA))).status == 200


def test_a_backends_own_certificate_may_be_all_that_is_trusted() -> None:
    pinned = profile(ca=pem(GOOD))
    assert call(Listening(server_context(GOOD)), tls=pinned).status == 200
    sibling = Listening(server_context(leaf(HOST, now=TODAY, ca=CA)))
    refused(lambda: call(sibling, tls=pinned), Fault.BACKEND_TLS)
    assert sibling.heard == b""


def test_the_server_name_is_asked_for_and_verified_instead_of_the_host() -> None:
    backend = Listening(server_context(leaf("billing.internal", now=TODAY, ca=CA)))
    named = profile(server_name="billing.internal")
    assert call(backend, tls=named).status == 200
    assert backend.names == ["billing.internal"]
    assert b"\r\nHost: backend.test:" in backend.heard
    by_its_host = Listening(server_context(GOOD))
    refused(lambda: call(by_its_host, tls=named), Fault.BACKEND_TLS)
    assert by_its_host.heard == b""


def test_a_redirect_is_the_answer() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
        assert await reader.read() == b""

    async def run() -> Answer:
        async with raw_backend(talk, server_context(GOOD)) as port, opened() as backends:
            return await backends.send(_https(port))

    assert asyncio.run(run()).status == 302


# --- who the gateway says it is


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_backend_that_asks_is_shown_the_profiles_certificate(version: ssl.TLSVersion) -> None:
    context = server_context(GOOD, clients_of=OTHER_CA)
    context.minimum_version = context.maximum_version = version
    backend = Listening(context)
    chain, key = client(OTHER_CA, TODAY)
    assert call(backend, tls=profile(certificate=(chain, key))).status == 200
    assert backend.clients == [ssl.PEM_cert_to_DER_cert(chain)]


@contextlib.contextmanager
def strict_backend(context: ssl.SSLContext, heard: list[bytes]) -> Iterator[int]:
    """A backend that tells in an alert what it misses, as OpenSSL does by itself (and asyncio does
    not); its port."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = listener.accept()
                with link, link.dup() as rest:
                    try:
                        heard.append(context.wrap_socket(link, server_side=True).recv(65536))
                    except OSError:
                        rest.shutdown(socket.SHUT_WR)
                        while rest.recv(65536):  # else a reset overtakes the alert
                            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("certificate", [None, client(CA, TODAY)], ids=["none", "of another CA"])
def test_without_the_certificate_it_asks_for_it_is_a_failed_handshake(
    version: ssl.TLSVersion, certificate: tuple[str, str] | None
) -> None:
    context = server_context(GOOD, clients_of=OTHER_CA)
    context.minimum_version = context.maximum_version = version
    heard: list[bytes] = []

    async def run(port: int) -> None:
        async with opened() as backends:
            await backends.send(_https(port, tls=profile(certificate=certificate)))

    with strict_backend(context, heard) as port:
        refused(lambda: asyncio.run(run(port)), Fault.BACKEND_TLS)
    assert heard == []


def test_a_chain_is_shown_whole() -> None:
    above = make_ca(TODAY)
    chain, key = client(above, TODAY)
    backend = Listening(server_context(GOOD, clients_of=above))
    assert call(backend, tls=profile(certificate=(chain + pem(above), key))).status == 200


# --- whose connection it is


def connections(*calls: dict[str, Any], context: ssl.SSLContext | None = None) -> Listening:
    """The backend after these calls, one after the other, to one address and port."""
    backend = Listening(context or server_context(GOOD))
    asyncio.run(_all_of(backend, list(calls)))
    return backend


def test_a_connection_of_the_same_profile_and_name_is_used_again() -> None:
    assert connections({}, {}, {}).connections == 1


def test_two_profiles_share_no_connection_even_if_they_say_the_same() -> None:
    one, two = profile(), profile()
    assert connections({"tls": one}, {"tls": two}, {"tls": one}, {"tls": two}).connections == 2


def test_two_server_names_share_no_connection() -> None:
    both = leaf("*.names.test", now=TODAY, ca=CA)
    hosts = ({"host": "a.names.test"}, {"host": "b.names.test"})
    backend = connections(*hosts, *hosts, context=server_context(both))
    assert backend.connections == 2
    assert backend.names == ["a.names.test", "b.names.test"]
    context = OURS.context
    named = [
        {"tls": TlsProfile(name="one", context=context, server_name=f"{name}.names.test")}
        for name in "ab"
    ]
    assert connections(*named, *named, context=server_context(both)).connections == 2


def test_a_connection_that_was_verified_for_one_name_does_not_stand_for_another() -> None:
    backend = Listening(server_context(GOOD))

    async def run() -> None:
        async with raw_backend(backend.talk, backend.context) as port, opened() as backends:
            await backends.send(_https(port))
            before = backend.heard
            others: list[dict[str, Any]] = [
                {"host": "other.test"},
                {"tls": profile(server_name="other.test")},
                {"tls": profile(ca=pem(OTHER_CA))},
                {"tls": None},
            ]
            for other in others:
                with pytest.raises(Refusal) as caught:
                    await backends.send(_https(port, **other))
                assert caught.value.fault is Fault.BACKEND_TLS
            assert backend.heard == before

    asyncio.run(run())


def test_a_connection_made_with_a_client_certificate_serves_no_profile_without_it() -> None:
    context = server_context(GOOD, clients_of=OTHER_CA)
    context.verify_mode = ssl.CERT_OPTIONAL
    shown, other = client(OTHER_CA, TODAY), client(OTHER_CA, TODAY)
    with_one, with_other = profile(certificate=shown), profile(certificate=other)
    backend = connections(
        {"tls": with_one}, {"tls": OURS}, {"tls": with_other}, {"tls": with_one}, context=context
    )
    der = ssl.PEM_cert_to_DER_cert
    assert backend.clients == [der(shown[0]), None, der(other[0]), der(shown[0])]
    assert backend.connections == 3


def test_plain_http_and_https_share_no_connection() -> None:
    async def run() -> int:
        backend = Listening(server_context(GOOD))
        async with raw_backend(backend.talk, backend.context) as port, opened() as backends:
            await backends.send(_https(port))
            with pytest.raises(Refusal):
                await backends.send(signed(port, outbound(), scheme="http"))
            return backend.heard.count(b"GET")

    assert asyncio.run(run()) == 1


# --- the context itself


@pytest.mark.parametrize("context", [client_context(), OURS.context, profile(ca=None).context])
def test_verification_is_on_and_old_versions_are_off(context: ssl.SSLContext) -> None:
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAA\n"])
def test_a_ca_that_is_none_never_means_the_systems(text: str) -> None:
    with pytest.raises(ValueError):
        client_context(text)


def test_text_around_the_certificates_changes_nothing() -> None:
    chain, key = client(OTHER_CA, TODAY)
    other, other_key = client(CA, TODAY)
    noisy = f"Größe: ä\n{chain}", f"comment\n{key}{other}{other_key}"
    backend = Listening(server_context(GOOD, clients_of=OTHER_CA))
    assert call(backend, tls=profile(ca=f"für uns\n{pem(CA)}", certificate=noisy)).status == 200
    assert backend.clients == [ssl.PEM_cert_to_DER_cert(chain)]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file is needed")
def test_a_key_is_written_to_no_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    certificate = client(CA, TODAY)
    opened_before = set(os.listdir("/proc/self/fd"))
    profile(certificate=certificate)
    assert set(os.listdir("/proc/self/fd")) <= opened_before  # those of other tests may be closed


def test_where_a_file_is_needed_for_a_key_it_is_gone_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    profile(certificate=client(CA, TODAY))
    assert list(tmp_path.iterdir()) == []
