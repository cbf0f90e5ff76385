"""Profiles of HTTPS to backends: what is read, and that every fault is told before a call."""

import ssl
from datetime import datetime, timedelta

import pytest
from unit.definition.written import API, BACKEND_TLS, VPC, Written
from unit.issued import CA, NOW, client, key_text, leaf, pem

from apigateway.commands.cert import make_ca
from apigateway.definition import backend_tls
from apigateway.definition.load import load_project
from apigateway.definition.problems import DefinitionError
from apigateway.definition.project import Project
from apigateway.definition.reader import ProjectReader

WHOLE = """\
name: internal
description: Services of our own
ca: file:ca.pem
server_name: Billing.Internal.
certificate: {chain: file:gateway.pem, key: file:gateway.key}
"""
HTTPS_API = """\
name: GetForecast
request: {{method: GET, path: /forecast}}
backend: {{type: http, address: "https://backend.test", path: /, tls: {}}}
"""
VPC_API = """\
name: GetForecast
request: {{method: GET, path: /forecast}}
backend: {{type: vpc, access: {}, scheme: {}, path: /}}
"""
VPC_TEXT = "name: notes\nvpc_id: vpc-01\ninstance_id: i-0001\nport: 9000\nhost: localhost\n"


@pytest.fixture
def files(written: Written) -> Written:
    """A project with a good CA, and a good certificate of the gateway with its key."""
    chain, key = client()
    for name, text in (("ca.pem", pem(CA)), ("gateway.pem", chain), ("gateway.key", key)):
        written.write(f"policies/backend-tls/{name}", text)
    return written


def load(written: Written, now: datetime = NOW) -> Project:
    root = written.root
    return load_project(root / "definitions", root / "policies", written.environ, now)


def problems(written: Written, now: datetime = NOW) -> list[str]:
    try:
        load(written, now)
    except DefinitionError as error:
        return [str(problem) for problem in error.problems]
    return []


def warnings(written: Written, now: datetime = NOW) -> list[str]:
    return [str(problem) for problem in load(written, now).warnings]


def test_a_profile_is_what_is_written_and_what_its_files_hold(files: Written) -> None:
    (profile,) = load(files.write(BACKEND_TLS, WHOLE)).backend_tls
    assert (profile.name, profile.server_name) == ("internal", "billing.internal")
    assert profile.ca is not None and profile.ca.strip() == pem(CA).strip()
    assert profile.certificate is not None
    assert "PRIVATE KEY" in profile.certificate.key.reveal()
    assert "PRIVATE" not in repr(profile) and "BEGIN" not in repr(profile)


@pytest.mark.parametrize(
    "line", ["ca: file:ca.pem", "server_name: b.test", "server_name: 10.0.0.1"]
)
def test_one_thing_is_enough(files: Written, line: str) -> None:
    assert problems(files.write(BACKEND_TLS, f"name: internal\n{line}\n")) == []


def test_a_key_may_come_from_the_environment(files: Written) -> None:
    chain, key = client()
    files.environ["GATEWAY_KEY"] = key
    files.write("policies/backend-tls/gateway.pem", chain)
    files.write(BACKEND_TLS, WHOLE.replace("file:gateway.key", "env:GATEWAY_KEY"))
    assert problems(files) == []
    del files.environ["GATEWAY_KEY"]
    assert "GATEWAY_KEY, which is not set" in problems(files)[0]


def with_file(files: Written, name: str, text: str) -> None:
    files.write(f"policies/backend-tls/{name}", text)


CA_IS = "name: internal\nca: §file:ca.pem\n"
CHAIN_IS = WHOLE.replace("file:gateway.pem", "§file:gateway.pem")
KEY_IS = WHOLE.replace("file:gateway.key", "§file:gateway.key")
SERVER = leaf()


@pytest.mark.parametrize(
    ("text", "name", "content", "message"),
    [
        pytest.param(
            "name: §internal\ndescription: nothing\n",
            "",
            "",
            "the profile changes nothing: it is the system's way; "
            "add ca: file:path, server_name: NAME or certificate: {chain: ..., key: ...}",
            id="nothing",
        ),
        pytest.param(
            "name: internal\nca: §file:missing.pem\n",
            "",
            "",
            "ca refers to the file missing.pem, which does not exist; "
            "write a path relative to this file",
            id="no file",
        ),
        pytest.param(
            "name: internal\nca: §file:.\n",
            "",
            "",
            "ca refers to the file ., which does not exist; write a path relative to this file",
            id="a folder",
        ),
        pytest.param(
            CA_IS,
            "ca.pem",
            "",
            "ca refers to the file ca.pem, which is empty; write it",
            id="empty CA",
        ),
        pytest.param(
            CA_IS,
            "ca.pem",
            CA.key_pem.decode(),
            "there is no certificate in the file (-----BEGIN CERTIFICATE-----); "
            "write the CA's certificate as PEM",
            id="no certificate",
        ),
        pytest.param(
            CA_IS,
            "ca.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "a certificate in the file cannot be read; copy the whole PEM text again",
            id="broken certificate",
        ),
        pytest.param(
            CA_IS,
            "ca.pem",
            pem(make_ca(NOW - timedelta(days=4000))),
            "the certificate expired on 2023-05-17 12:00 UTC; renew it",
            id="expired CA",
        ),
        pytest.param(
            CA_IS,
            "ca.pem",
            "x" * 1_100_000,
            "ca refers to the file ca.pem, which is larger than 1048576 bytes; "
            "keep the CAs that backends need, and nothing else",
            id="endless CA",
        ),
        pytest.param(
            "name: internal\nca: §ca.pem\n",
            "",
            "",
            'ca "ca.pem" is not permitted; write file: and the path of a PEM file',
            id="no file:",
        ),
        pytest.param(
            "name: internal\nserver_name: §https://b.test\n",
            "",
            "",
            '"https://b.test" is not a host name; write one, without scheme, port or path',
            id="server name",
        ),
        pytest.param(
            "name: internal\nserver_name: §b.test:443\n",
            "",
            "",
            '"b.test:443" is not a host name; write one, without scheme, port or path',
            id="server name with port",
        ),
        pytest.param(
            CHAIN_IS,
            "gateway.pem",
            pem(SERVER),
            "the certificate is not one of a client; "
            "use one with the extended key usage clientAuth",
            id="a server's",
        ),
        pytest.param(
            CHAIN_IS,
            "gateway.pem",
            "",
            "certificate.chain refers to the file gateway.pem, which is empty; write it",
            id="empty chain",
        ),
        pytest.param(
            KEY_IS,
            "gateway.key",
            client()[1],
            "the private key is not that of the certificate; "
            "use the key that the certificate was requested with",
            id="another key",
        ),
        pytest.param(
            KEY_IS,
            "gateway.key",
            key_text(CA.key, b"secret"),
            "the private key is encrypted; "
            "remove its passphrase: openssl pkey -in KEY -out KEY.plain",
            id="encrypted key",
        ),
        pytest.param(
            WHOLE.replace("file:gateway.key", "§a-literal-key"),
            "",
            "",
            "certificate.key is not permitted; write file: and the path of a PEM file, or env:NAME",
            id="literal key",
        ),
        pytest.param(
            "name: internal\n§certificate: {chain: file:gateway.pem}\n",
            "",
            "",
            '"key" is missing in certificate; add key: env:GATEWAY_CLIENT_KEY',
            id="no key",
        ),
        pytest.param(
            "name: internal\nca: file:ca.pem\n§verify: false\n",
            "",
            "",
            'unknown key "verify"; known keys: name, description, ca, server_name, certificate',
            id="verification stays on",
        ),
    ],
)
def test_what_is_wrong_is_pointed_at(
    files: Written, text: str, name: str, content: str, message: str
) -> None:
    if name:
        with_file(files, name, content)
    expected = files.write(BACKEND_TLS, text).expected(message)
    found = problems(files)
    assert expected[0] in found
    if content != pem(SERVER):  # whose key is another, too
        assert found == expected


def test_what_expires_soon_is_warned_of_and_what_expired_is_refused(files: Written) -> None:
    marked = CHAIN_IS.replace("file:ca.pem", "§file:ca.pem")
    files.write("policies/backend-tls/ca.pem", pem(make_ca(NOW - timedelta(days=3550))))
    expected = files.write(BACKEND_TLS, marked).expected(
        "the certificate expires in 29 days, on 2024-08-09 12:00 UTC; renew it",
        "the certificate expires in 29 days, on 2024-08-09 12:00 UTC; renew it",
    )
    assert warnings(files) == []
    assert warnings(files, NOW + timedelta(days=70, hours=1)) == expected
    late = problems(files, NOW + timedelta(days=101))
    assert [problem.split("; ")[0].partition(": ")[2] for problem in late] == [
        "the certificate expired on 2024-08-09 12:00 UTC"
    ] * 2


def test_what_expires_while_it_is_in_use_is_warned_of(files: Written) -> None:
    files.write("policies/backend-tls/ca.pem", pem(make_ca(NOW - timedelta(days=3550))))
    files.write(BACKEND_TLS, CHAIN_IS.replace("§", ""))
    folders = (files.root / "definitions", files.root / "policies")
    reader = ProjectReader(*folders, environ=files.environ)
    assert reader.read(NOW).warnings == ()
    late = NOW + timedelta(days=101)
    told = [(one.what.partition(" on ")[0], one.mend) for one in reader.read(late).warnings]
    assert told == [("the certificate expired", "renew it")] * 2
    with_file(files, "ca.pem", pem(make_ca(NOW - timedelta(days=3551))))
    (problem,) = problems_of(reader, late)  # another one, which nobody has trusted yet
    assert "the certificate expired on" in problem


def problems_of(reader: ProjectReader, now: datetime) -> list[str]:
    with pytest.raises(DefinitionError) as raised:
        reader.read(now)
    return [str(problem) for problem in raised.value.problems]


def test_what_openssl_does_not_take_is_told_before_a_call_finds_it(
    files: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(ca: object, certificate: object) -> None:
        if certificate:
            raise ssl.SSLError(1, "EE_KEY_TOO_SMALL")

    monkeypatch.setattr(backend_tls, "client_context", picky)
    files.write(BACKEND_TLS, WHOLE.replace("certificate: {", "certificate: §{"))
    assert problems(files) == files.expected(
        "OpenSSL does not take it (EE_KEY_TOO_SMALL); use another one"
    )


def test_two_profiles_share_no_name(files: Written) -> None:
    files.write(BACKEND_TLS, WHOLE)
    files.write("policies/backend-tls/other.yaml", "name: §internal\nserver_name: b.test\n")
    assert problems(files) == files.expected(
        'the name "internal" is already that of the backend TLS profile in '
        f"{BACKEND_TLS}; give one of them another"
    )


def test_a_profile_that_an_api_names_must_be_there(files: Written) -> None:
    files.write(BACKEND_TLS, WHOLE).write(API, HTTPS_API.format("internal"))
    assert problems(files) == []
    files.write(API, HTTPS_API.format("§intern"))
    assert problems(files) == files.expected(
        'there is no backend TLS profile "intern"; '
        'did you mean "internal"? Declare it in policies/backend-tls'
    )


def test_a_broken_profile_is_not_also_a_missing_one(files: Written) -> None:
    files.write(BACKEND_TLS, "name: internal\nca: §7\n").write(API, HTTPS_API.format("internal"))
    assert [problem.split(": ")[0] for problem in problems(files)] == files.marks


def test_a_profile_that_a_vpc_access_names_must_be_there(files: Written) -> None:
    files.write(BACKEND_TLS, WHOLE).write(VPC, f"{VPC_TEXT}tls: internal\n")
    assert problems(files) == []
    assert load(files).vpc_accesses[0].tls == "internal"
    files.write(VPC, f"{VPC_TEXT}tls: §other\n")
    assert problems(files) == files.expected(
        'there is no backend TLS profile "other"; declare it in policies/backend-tls'
    )


def test_plain_http_where_the_vpc_access_names_a_profile_is_warned_of(files: Written) -> None:
    files.write(BACKEND_TLS, WHOLE).write(VPC, f"{VPC_TEXT}tls: internal\n")
    assert warnings(files.write(API, VPC_API.format("notes", "https"))) == []
    files.write(API, VPC_API.format("§notes", "http"))
    assert warnings(files) == files.expected(
        'the VPC access "notes" names a TLS profile, and this is plain HTTP; write scheme: https'
    )
