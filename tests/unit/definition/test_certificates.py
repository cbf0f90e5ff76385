"""What makes a certificate unfit for its domain, and where the definition says so."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from unit.definition.written import API, GROUP, Written
from unit.issued import CA, HOST, NOW, client, key_text, leaf, odd_leaf, pem

from apigateway.commands.cert import Issued, make_ca, make_leaf
from apigateway.definition.certificates import (
    Unfit,
    ca_findings,
    client_findings,
    findings,
    is_name_for,
    read_chain,
    read_key,
)
from apigateway.definition.load import load_project
from apigateway.definition.problems import DefinitionError

GROUP_TEXT = """\
name: weather
subdomain: weather.test
domains:
  - name: api.example.test
    certificate:
      name: example_test
      chain: {chain}
      key: {key}
"""

SIGNED_WITH_SHA1 = """\
-----BEGIN CERTIFICATE-----
MIIBjjCCATWgAwIBAgIUVpyu1bmfhyRDxrI/RevdhK8MgxgwCQYHKoZIzj0EATAO
MQwwCgYDVQQDDANvbGQwIBcNMjYxMTIzMDUxNDUwWhgPMjEyNjEwMzAwNTE0NTBa
MA4xDDAKBgNVBAMMA29sZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLTY496T
TO1fSnKo3FtnXPuPuNyaMczEOL7ANLHT5P/JO6qWxmmLLSXLvNBXkIl7Q+xjW+Pa
SZaef5TZzyq2gb+jcDBuMB0GA1UdDgQWBBTF6N3mcOp3boGAMsRK9dFPluDQXzAf
BgNVHSMEGDAWgBTF6N3mcOp3boGAMsRK9dFPluDQXzAPBgNVHRMBAf8EBTADAQH/
MBsGA1UdEQQUMBKCEGFwaS5leGFtcGxlLnRlc3QwCQYHKoZIzj0EAQNIADBFAiEA
rc0OcuKXu5qcwyTQZmKBYXWbpDbas0ciInJ9niLBBzACIG0le9TkMoVP8gjUhOOs
JL+t+qkvRTyuR4M3AxoyhoVT
-----END CERTIFICATE-----
"""  # OpenSSL and cryptography do not make such any more


def whats(chain: str, key: str, host: str = HOST) -> list[tuple[str, str]]:
    return [(finding.part, finding.what) for finding in findings(chain, key, host, NOW)]


def test_a_good_certificate_is_found_nothing_against() -> None:
    good = leaf()
    assert whats(pem(good), good.key_pem.decode()) == []
    assert whats(pem(good, CA), good.key_pem.decode()) == []


def test_an_rsa_certificate_is_as_good() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert whats(*odd_leaf(key=key)) == []


def test_another_key_than_the_certificates_is_found() -> None:
    found = whats(pem(leaf()), leaf().key_pem.decode())
    assert found == [("key", "the private key is not that of the certificate")]


def test_a_chain_in_another_order_is_found() -> None:
    good = leaf()
    found = whats(pem(CA, good), good.key_pem.decode())
    assert ("chain", "the domain's own certificate is number 2 of the chain") in found
    assert ("chain", "certificate 1 of the chain is not issued by number 2") in found


def test_an_issuer_of_the_same_name_that_did_not_issue_is_found() -> None:
    good = leaf()
    found = whats(pem(good, make_ca(NOW)), good.key_pem.decode())
    assert found == [("chain", "certificate 1 of the chain is not issued by number 2")]


def test_an_issuer_that_may_not_issue_is_found() -> None:
    middle = leaf("middle.test")
    below = make_leaf(middle, HOST, NOW, 10)
    found = whats(pem(below, middle, CA), below.key_pem.decode())
    assert ("chain", "certificate 2 of the chain is not one of an issuer") in found


def test_a_certificate_of_another_name_is_found() -> None:
    good = leaf()
    found = whats(pem(good), good.key_pem.decode(), "other.test")
    assert found == [("chain", f'the certificate is not for "other.test", but for {HOST}')]


def test_a_common_name_alone_is_no_name() -> None:
    found = whats(*odd_leaf(names=()))
    assert found == [("chain", f'the certificate is not for "{HOST}", but for no name')]


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("api.example.test", "api.example.test", True),
        ("API.Example.test", "api.example.test", True),
        ("*.example.test", "api.example.test", True),
        ("*.example.test", "a.b.example.test", False),
        ("*.example.test", "example.test", False),
        ("*.test", "example.test", False),
        ("a*.example.test", "api.example.test", False),
        ("*", "localhost", False),
        ("", "localhost", False),
    ],
)
def test_a_wildcard_is_one_whole_label(pattern: str, host: str, fits: bool) -> None:
    assert is_name_for(pattern, host) is fits


def test_dates_are_told_and_thirty_days_before_the_end_a_warning() -> None:
    good = leaf(days=40)
    chain, key = pem(good), good.key_pem.decode()

    def at(days: int) -> list[tuple[str, bool]]:
        found = findings(chain, key, HOST, NOW + timedelta(days=days))
        return [(finding.what, finding.warning) for finding in found]

    assert at(0) == []
    assert at(11) == [("the certificate expires in 29 days, on 2024-06-10 12:00 UTC", True)]
    assert at(40) == [("the certificate expired on 2024-06-10 12:00 UTC", False)]
    early = [("the certificate is not valid before 2024-05-01 11:00 UTC", False)]
    assert at(-1) == early


def test_an_issuer_that_expired_is_told_too() -> None:
    good = leaf(days=4000)
    late = NOW + timedelta(days=3660)
    found = findings(pem(good, CA), good.key_pem.decode(), HOST, late)
    assert [finding.what[:42] for finding in found] == [
        "certificate 2 of the chain expired on 2034"
    ]


@pytest.mark.parametrize(
    ("key", "what"),
    [
        (rsa.generate_private_key(65537, 1024), "an RSA key of 1024 bits is too weak"),
        (ec.generate_private_key(ec.SECP224R1()), "the curve secp224r1 is weak or unknown"),
        (ed25519.Ed25519PrivateKey.generate(), "the private key is neither RSA nor EC"),
    ],
)
def test_a_weak_or_unusual_key_is_found(key: object, what: str) -> None:
    with pytest.raises(Unfit, match=what):
        read_key(key_text(key))


def test_a_key_that_is_encrypted_or_no_key_is_found() -> None:
    with pytest.raises(Unfit, match="encrypted"):
        read_key(key_text(CA.key, b"secret"))
    with pytest.raises(Unfit, match="cannot be read"):
        read_key("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(Unfit, match="cannot be read"):
        read_key(CA.pem.decode())


def test_a_chain_that_is_none_or_broken_is_found() -> None:
    with pytest.raises(Unfit, match="no certificate"):
        read_chain(CA.key_pem.decode())
    with pytest.raises(Unfit, match="cannot be read"):
        read_chain("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def test_what_a_certificate_may_not_be_used_for_is_found() -> None:
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    assert whats(*odd_leaf(client)) == [("chain", "the certificate is not one of a server")]
    signs = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
    what = "the certificate may not be used for signatures, which TLS needs"
    assert whats(*odd_leaf(signs)) == [("chain", what)]


def test_a_signature_with_sha1_is_found() -> None:
    found = whats(SIGNED_WITH_SHA1, leaf().key_pem.decode())
    assert ("chain", "certificate 1 of the chain is signed with SHA1") in found


def test_a_clients_certificate_needs_no_name_and_is_not_a_servers() -> None:
    def found(chain: str, key: str) -> list[tuple[str, str]]:
        return [(finding.what, finding.mend) for finding in client_findings(chain, key, NOW)]

    chain, key = client()
    assert found(chain, key) == found(chain + pem(CA), key) == []
    assert found(*odd_leaf()) == []  # good for any purpose
    server = leaf()
    use = "use one with the extended key usage clientAuth"
    of_a_server = [("the certificate is not one of a client", use)]
    assert found(pem(server), server.key_pem.decode()) == of_a_server
    assert found(pem(CA) + chain, key)[0] == (
        "the gateway's own certificate is number 2 of the chain",
        "put it first, and its issuers after it",
    )
    assert found(chain, client()[1]) == [
        (
            "the private key is not that of the certificate",
            "use the key that the certificate was requested with",
        )
    ]
    assert found(key, key)[0][1] == "write the gateway's certificate as PEM"


def test_of_the_cas_of_a_bundle_one_must_hold_and_the_others_are_warned_of() -> None:
    def found(days: int, *cas: Issued) -> list[tuple[str, bool]]:
        at = NOW + timedelta(days=days)
        return [(finding.what, finding.warning) for finding in ca_findings(pem(*cas), at)]

    old = make_ca(NOW - timedelta(days=3640))
    assert found(0, CA) == []
    assert found(0, old) == [("the certificate expires in 10 days, on 2024-05-11 12:00 UTC", True)]
    assert found(11, old) == [("the certificate expired on 2024-05-11 12:00 UTC", False)]
    assert found(11, old, CA) == [
        ("certificate 1 of the file expired on 2024-05-11 12:00 UTC", True)
    ]
    assert [warning for _, warning in found(11, old, old)] == [False, False]
    assert found(-2, CA) == [("the certificate is not valid before 2024-04-30 11:00 UTC", False)]


def test_a_bundle_without_a_certificate_is_found() -> None:
    for text in (CA.key_pem.decode(), "-----BEGIN CERTIFICATE-----\nAAAA\n"):
        (finding,) = ca_findings(text, NOW)
        assert (finding.part, finding.warning) == ("ca", False)


def bound(written: Written, text: str, chain: str | None = None, key: str | None = None) -> None:
    """A group with the text, a good certificate unless told otherwise, and its two files."""
    good = leaf()
    (written.root / "site.pem").write_text(pem(good) if chain is None else chain)
    (written.root / "site.key").write_text(good.key_pem.decode() if key is None else key)
    written.write(GROUP, text)


def problems(written: Written) -> list[str]:
    try:
        load_project(written.root / "definitions", written.root / "policies", written.environ, NOW)
    except DefinitionError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_domain_has_the_certificate_it_is_bound_to(written: Written) -> None:
    bound(written, GROUP_TEXT.format(chain="file:../../site.pem", key="file:../../site.key"))
    root = written.root
    project = load_project(root / "definitions", root / "policies", written.environ, NOW)
    certificate = project.groups[0].domains[0].certificate
    assert certificate is not None
    assert certificate.name == "example_test"
    assert certificate.chain_file.resolve() == (root / "site.pem").resolve()
    assert certificate.key_file is not None
    assert "PRIVATE KEY" not in repr(project)
    assert "BEGIN" not in repr(project)


def test_a_key_may_come_from_the_environment_and_a_subdomain_have_a_certificate(
    written: Written,
) -> None:
    good = leaf("weather.test")
    written.environ["SITE_KEY"] = good.key_pem.decode()
    text = (
        "name: weather\nsubdomain: weather.test\n"
        "subdomain_certificate: {name: own_one, chain: file:../../site.pem, key: env:SITE_KEY}\n"
    )
    bound(written, text, pem(good))
    assert problems(written) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GROUP_TEXT.format(chain="§file:missing.pem", key="file:../../site.key"),
            "domains[0].certificate.chain refers to the file missing.pem, which does not exist; "
            "write a path relative to this file, or use env:NAME",
        ),
        (
            GROUP_TEXT.format(chain="file:../../site.pem", key="§env:NOT_SET"),
            "domains[0].certificate.key refers to the environment variable NOT_SET, "
            "which is not set; set NOT_SET before the start, or use file:path",
        ),
        (
            GROUP_TEXT.format(chain="file:../../site.pem", key="§a-literal-key"),
            "domains[0].certificate.key is not permitted; "
            "write file: and the path of a PEM file, or env:NAME",
        ),
        (
            GROUP_TEXT.format(chain="file:../../site.pem", key="file:../../site.key").replace(
                "example_test", "§1st"
            ),
            'domains[0].certificate.name "1st" is not permitted; '
            "write 4 to 50 letters, digits or '_', a letter first",
        ),
        (
            GROUP_TEXT.format(chain="§file:../../site.key", key="file:../../site.key"),
            "there is no certificate in the file (-----BEGIN CERTIFICATE-----); "
            "write the domain's certificate as PEM",
        ),
        (
            GROUP_TEXT.format(chain="file:../../site.pem", key="§file:../../site.pem"),
            "the private key cannot be read; write it as PEM (-----BEGIN PRIVATE KEY-----)",
        ),
        (
            GROUP_TEXT.format(chain="§file:../../site.pem", key="file:../../site.key").replace(
                "api.example.test", "b.example.test"
            ),
            'the certificate is not for "b.example.test", but for api.example.test; '
            "use one that has the domain among its alternative names",
        ),
    ],
)
def test_what_is_wrong_is_pointed_at(written: Written, text: str, message: str) -> None:
    bound(written, text)
    assert problems(written) == written.expected(message)


def test_a_certificate_file_that_is_endless_is_not_read(written: Written, tmp_path: Path) -> None:
    text = GROUP_TEXT.format(chain="§file:../../site.pem", key="file:../../site.key")
    bound(written, text, chain="x" * 70_000)
    assert "larger than 65536 bytes" in problems(written)[0]


def test_an_https_only_api_without_any_certificate_is_warned_of(written: Written) -> None:
    written.write(
        API,
        "name: GetForecast\nrequest: {protocols: §[https], method: GET, path: /f}\n"
        "backend: {type: mock}\n",
    )
    assert written.warnings() == written.expected(
        'nobody can call it: no domain of the group "weather" has a certificate; '
        "bind one (apigateway cert dev DOMAIN makes a local one), or serve http too"
    )
