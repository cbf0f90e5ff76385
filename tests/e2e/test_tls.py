"""HTTPS through a real gateway: certificates, HTTP/2, and what is refused.

The certificates are those of `apigateway cert dev`. Names under .localhost lead nowhere for
Python, so a connection goes to 127.0.0.1 and the handshake names the domain; the PyPI client
calls the domain `localhost`.
"""

import contextlib
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aliyun_api_gateway import ApiGatewayClient
from click.testing import CliRunner
from cryptography import x509
from e2e.running import (
    GATEWAY,
    HOST,
    KEY,
    PATIENCE_S,
    SECRET,
    Backend,
    Gateway,
    Project,
    Reply,
    ask,
    gateway,
    put,
    send_raw,
    until,
)
from e2e.test_capture import command
from unit.issued import CA, leaf, pem

from apigateway.cli import main

OTHER, PLAIN = "api.other.localhost", "plain.weather.localhost"
UNRECOGNIZED_NAME = bytes.fromhex("15030300020270")

CURL = shutil.which("curl") or ""
CURL_HTTP2 = bool(CURL) and b"HTTP2" in subprocess.run([CURL, "-V"], capture_output=True).stdout


def make(project: Project, domain: str, *words: str) -> None:
    options = ["--definitions", str(project.folder / "definitions")]
    done = CliRunner().invoke(main, ["cert", "dev", domain, *options, *words])
    assert done.exit_code == 0, done.output


def entry(domain: str) -> str:
    place = f"file:../../certificates/{domain}"
    files = f"{{name: a_certificate, chain: {place}.pem, key: {place}.key}}"
    return f"  - name: {domain}\n    certificate: {files}\n"


def with_certificates(project: Project) -> Project:
    """Two groups over HTTPS, and a domain that is not."""
    for domain in (HOST, OTHER, "localhost"):
        make(project, domain)
    definitions = project.folder / "definitions"
    with (definitions / "gateway.yaml").open("a") as settings:
        settings.write("limits: {client_ip_per_second: 100000}\n")
    (definitions / "weather" / "group.yaml").write_text(
        f"name: weather\ndomains:\n{entry(HOST)}{entry('localhost')}  - {PLAIN}\n"
    )
    (definitions / "other").mkdir()
    (definitions / "other" / "group.yaml").write_text(f"name: other\ndomains:\n{entry(OTHER)}")
    for name, protocols in (("secure-only", "[https]"), ("plain-only", "[http]")):
        (definitions / "weather" / f"{name}.yaml").write_text(
            f"name: {name.title().replace('-', '')}\nauth: {{type: anonymous}}\n"
            f"request: {{protocols: {protocols}, method: GET, path: /{name}}}\n"
            "backend: {type: mock, body: good}\n"
        )
    return project


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, demo_backend: Backend) -> Iterator[Gateway]:
    project = Project(tmp_path_factory.mktemp("secure"), demo_backend.port)
    with gateway(with_certificates(project)) as running:
        yield running


def authority(running: Gateway) -> Path:
    return running.project.folder / "certificates" / "ca.pem"


def trusting(running: Gateway, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority(running)))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


@contextlib.contextmanager
def handshake(
    running: Gateway, context: ssl.SSLContext, sni: str | None = HOST
) -> Iterator[ssl.SSLSocket]:
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE_S) as link:
        with context.wrap_socket(link, server_hostname=sni) as wrapped:
            yield wrapped


def ask_https(
    running: Gateway,
    target: str = "/status",
    *,
    sni: str = HOST,
    host: str = "",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    with handshake(running, trusting(running, "http/1.1"), sni) as wrapped:
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        connection.sock = wrapped
        connection.request("GET", target, headers={"Host": host or sni, **(headers or {})})
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, fields, response.read())


def curl(running: Gateway, target: str, *words: str, domain: str = HOST) -> tuple[int, str]:
    """The exit code, and the protocol, status, names of header fields and body of an answer."""
    url = f"https://{domain}:{running.port}{target}"
    to = ["--connect-to", f"{domain}:{running.port}:127.0.0.1:{running.port}"]
    to += ["--cacert", str(authority(running))]
    shown = ["-sS", "-i", "-w", "\n%{http_version} %{http_code}"]
    done = subprocess.run([CURL, *shown, *to, *words, url], capture_output=True, timeout=PATIENCE_S)
    return done.returncode, (done.stdout + done.stderr).decode()


def serial_shown(running: Gateway, sni: str = HOST, context: ssl.SSLContext | None = None) -> int:
    with handshake(running, context or trusting(running), sni) as wrapped:
        shown = wrapped.getpeercert(binary_form=True)
        assert shown is not None
        return x509.load_der_x509_certificate(shown).serial_number


def serial_in(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_each_domain_shows_its_own_certificate(secure: Gateway) -> None:
    folder = secure.project.folder / "certificates"
    for domain in (HOST, OTHER, "localhost"):
        assert serial_shown(secure, domain) == serial_in(folder / f"{domain}.pem")


def test_http_and_https_share_the_port(secure: Gateway) -> None:
    for reply in (secure.ask(), ask_https(secure)):
        assert (reply.status, reply.json) == (200, {"status": "ok"})


def test_the_pypi_client_calls_over_https(secure: Gateway, demo_backend: Backend) -> None:
    client = ApiGatewayClient(
        f"https://localhost:{secure.port}", KEY, SECRET, ca_file=str(authority(secure))
    )
    response = client.request("GET", "/forecast/hangzhou", query={"days": "3"})
    assert response.status == 200, response.body
    seen = json.loads(response.body)
    assert seen["path"] == "/v3/cities/hangzhou/forecast"
    assert seen["backend_signature"]["verified"]


def test_the_pypi_client_may_name_another_domain_of_the_group(secure: Gateway) -> None:
    client = ApiGatewayClient(
        f"https://localhost:{secure.port}", KEY, SECRET, ca_file=str(authority(secure))
    )
    response = client.request("GET", "/forecast/hangzhou", headers={"Host": HOST})
    assert response.status == 200, response.body


@pytest.mark.skipif(not CURL_HTTP2, reason="this curl has no HTTP/2")
def test_http2_and_http1_give_the_same_answers(secure: Gateway) -> None:
    def told(version: str, target: str) -> tuple[str, list[str], str]:
        code, text = curl(secure, target, version)
        assert code == 0, text
        head, _, rest = text.partition("\r\n\r\n")
        body, _, last = rest.rpartition("\n")
        assert last.split()[0] == version.removeprefix("--http").removesuffix(".0")
        fields = sorted(line.lower() for line in head.splitlines()[1:])
        fields = [line for line in fields if not line.startswith("x-ca-request-id")]
        if body.startswith('{"requestId"'):
            body = body.partition(", ")[2]
        return last.split()[1], fields, body

    for target in ("/status", "/nowhere", "/forecast/hangzhou", "/secure-only", "/plain-only"):
        assert told("--http2", target) == told("--http1.1", target)


@pytest.mark.skipif(not CURL_HTTP2, reason="this curl has no HTTP/2")
def test_many_streams_of_one_connection_are_answered(secure: Gateway) -> None:
    url = f"https://{HOST}:{secure.port}/status?n=[1-40]"
    to = ["--connect-to", f"{HOST}:{secure.port}:127.0.0.1:{secure.port}"]
    shown = ["-sS", "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{num_connects}\n"]
    many = ["--http2", "--parallel", "--parallel-max", "20", "--cacert", str(authority(secure))]
    done = subprocess.run([CURL, *shown, *many, *to, url], capture_output=True, timeout=PATIENCE_S)
    lines = done.stdout.decode().split("\n")[:-1]
    assert [line[:5] for line in lines] == ["2 200"] * 40, done.stderr
    assert sum(int(line.split()[2]) for line in lines) < 5


def test_alpn_chooses_http2_then_http1_and_nothing_else(secure: Gateway) -> None:
    for offers, chosen in ((("http/1.1", "h2"), "h2"), (("http/1.1",), "http/1.1"), ((), None)):
        with handshake(secure, trusting(secure, *offers)) as wrapped:
            assert wrapped.selected_alpn_protocol() == chosen
    with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
        with handshake(secure, trusting(secure, "ftp")):
            pass


def test_the_host_of_another_group_is_misdirected(secure: Gateway, demo_backend: Backend) -> None:
    before = demo_backend.hits
    reply = ask_https(secure, "/forecast/hangzhou", sni=OTHER, host=HOST)
    assert (reply.status, reply.code) == (421, "I421MR")
    assert reply.json["message"] == (
        f"Misdirected Request, `{HOST}` is not served on this connection"
    )
    assert ask_https(secure, sni=HOST, host=OTHER).status == 421
    assert ask_https(secure, sni=HOST, host=f"localhost:{secure.port}").status == 200
    assert ask_https(secure, sni=HOST, host="nobody.localhost").code == "I404DO"
    assert demo_backend.hits == before


@pytest.mark.parametrize(
    ("sni", "logged"),
    [
        (PLAIN, f"the domain {PLAIN} has no certificate; `apigateway cert dev {PLAIN}` makes"),
        ("nobody.localhost", "no group has the domain 'nobody.localhost'"),
        (None, "the client named no domain (SNI)"),
    ],
)
def test_a_handshake_for_no_https_domain_ends_with_an_alert(
    secure: Gateway, sni: str | None, logged: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        with handshake(secure, context, sni):
            pass
    until(lambda: f"https refused: {logged}" in secure.process.text, "the log says why")
    assert "Traceback" not in secure.process.text


def test_the_alert_is_the_whole_answer(secure: Gateway) -> None:
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    link = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="nobody.localhost")
    with pytest.raises(ssl.SSLWantReadError):
        link.do_handshake()
    assert send_raw(secure.port, outgoing.read()) == UNRECOGNIZED_NAME


@pytest.mark.skipif(not CURL, reason="curl is not installed")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"], "protocol version"),
        (["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-SHA"], "handshake failure"),
        (["--tls-max", "1.2", "--ciphers", "AES128-GCM-SHA256"], "handshake failure"),
    ],
)
def test_old_versions_and_weak_ciphers_are_refused_with_an_alert(
    secure: Gateway, words: list[str], told: str
) -> None:
    code, text = curl(secure, "/status", *words)
    assert code == 35
    assert told in text


@pytest.mark.skipif(not CURL, reason="curl is not installed")
def test_tls_1_2_is_good_enough(secure: Gateway) -> None:
    code, text = curl(secure, "/status", "--tls-max", "1.2")
    assert code == 0, text


def test_an_api_is_served_over_its_own_protocols_only(secure: Gateway) -> None:
    assert ask_https(secure, "/secure-only").body == b"good"
    refused = secure.ask(target="/secure-only")
    assert (refused.status, refused.code) == (403, "I403PT")
    assert secure.ask(target="/plain-only").body == b"good"
    refused = ask_https(secure, "/plain-only")
    assert (refused.status, refused.code) == (403, "I403PT")
    assert refused.headers["x-ca-error-message"] == "Invalid protocol HTTPS unsupported"


def test_handshakes_side_by_side_are_all_served(secure: Gateway) -> None:
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: ask_https(secure).status, range(64)))
    assert replies == [200] * 64


def test_what_came_over_https_is_replayed_to_a_gateway_over_https(
    project: Project, demo_backend: Backend
) -> None:
    raw = project.folder / "calls.mitm"
    with gateway(with_certificates(project), "-w", raw) as running:
        client = ApiGatewayClient(
            f"https://localhost:{running.port}", KEY, SECRET, ca_file=str(authority(running))
        )
        answer = client.request("GET", "/forecast/hangzhou", query={"days": "3"})
        assert answer.status == 200, answer.body
        assert ask_https(running, "/secure-only").status == 200
        assert ask_https(running, sni=HOST, host=OTHER).status == 421
        assert running.ask(target="/plain-only").status == 200
    with gateway(project) as running:
        to = f"127.0.0.1:{running.port}"
        words = ["replay", raw, "--to", f"https://{to}", "--cacert", authority(running)]
        hits = demo_backend.hits
        code, document = command(project, *words, "--to", f"http://{to}")
        assert document["causes"] == []
        assert (code, document["same"]) == (0, document["calls"])
        assert demo_backend.hits == hits + 1
        code, document = command(project, *words)
        assert document["same"] == 3
        why = {one["why"] for one in document["not_compared"]}
        assert why == {"it came over http, and no --to is an http:// URL"}


def test_a_certificate_is_renewed_without_a_restart_and_a_broken_one_is_not_taken(
    project: Project,
) -> None:
    with gateway(with_certificates(project)) as running:
        chain = project.folder / "certificates" / f"{HOST}.pem"
        first = serial_shown(running)
        assert first == serial_in(chain)
        make(project, HOST, "--force")
        renewed = serial_in(chain)
        assert renewed != first
        until(lambda: serial_shown(running) == renewed, "the renewed certificate is shown")
        before = len(running.process.text)
        put(chain, (chain.parent / f"{OTHER}.pem").read_bytes())
        told = "the private key is not that of"
        until(lambda: told in running.process.text[before:], "the log tells")
        assert serial_shown(running) == renewed
        assert ask_https(running).status == 200
        assert "PRIVATE KEY" not in running.process.text


def test_a_start_shows_a_certificate_that_has_expired_and_warns_of_it(project: Project) -> None:
    with_certificates(project)
    expired = leaf(HOST)
    chain = project.folder / "certificates" / f"{HOST}.pem"
    chain.write_bytes(expired.pem)
    chain.with_suffix(".key").write_bytes(expired.key_pem)
    with gateway(project) as running:
        context = ssl.create_default_context(cadata=pem(CA))
        with pytest.raises(ssl.SSLCertVerificationError, match="has expired"):
            serial_shown(running, context=context)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        assert serial_shown(running, context=context) == serial_in(chain)
        assert ask_https(running, sni="localhost").status == 200
        found = re.findall(
            r"weather/group.yaml:4:47: the certificate expired on", running.process.text
        )
        assert len(found) == 1, running.process.text
    options = ["--definitions", str(project.folder / "definitions")]
    checked = CliRunner().invoke(main, ["check", *options])
    assert checked.exit_code == 1
    assert "the certificate expired on" in checked.output
    assert CliRunner().invoke(main, ["grants", *options]).exit_code == 0


def test_without_its_script_the_gateway_still_shows_its_own_certificate(project: Project) -> None:
    script = project.folder / "gateway.py"
    shutil.copy(GATEWAY, script)
    with gateway(with_certificates(project), script=script) as running:
        first = serial_shown(running)
        script.unlink()
        until(lambda: ask(running.port).status == 503, "the script is gone")
        assert serial_shown(running) == first
        assert ask_https(running).status == 503
