"""`apigateway cert`: certificates that hold on this machine."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from apigateway.cli import main
from apigateway.definition.certificates import findings, read_chain, read_key

DOMAIN = "api.weather.localhost"


def dev(folder: Path, *words: str) -> tuple[int, str]:
    options = ["--definitions", str(folder / "definitions")]
    done = CliRunner().invoke(main, ["cert", "dev", *words, *options])
    return done.exit_code, done.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "definitions" / "weather").mkdir(parents=True)
    return tmp_path


def test_a_certificate_is_made_that_nothing_is_found_against(folder: Path) -> None:
    code, output = dev(folder, DOMAIN)
    assert code == 0, output
    made = folder / "certificates"
    chain, key = (made / f"{DOMAIN}.pem").read_text(), (made / f"{DOMAIN}.key").read_text()
    both = chain + (made / "ca.pem").read_text()
    assert findings(both, key, DOMAIN, datetime.now(UTC)) == []


def test_private_keys_are_for_their_owner_alone(folder: Path) -> None:
    dev(folder, DOMAIN)
    keys = sorted((folder / "certificates").glob("*.key"))
    assert [key.name for key in keys] == [f"{DOMAIN}.key", "ca.key"]
    assert all(key.stat().st_mode & 0o777 == 0o600 for key in keys)


def test_the_yaml_that_is_printed_leads_to_the_files(folder: Path) -> None:
    _, output = dev(folder, DOMAIN)
    found = re.search(r"domains:\n(?:  .*\n)+", output)
    assert found
    domain = yaml.safe_load(found[0])["domains"][0]
    assert domain["name"] == DOMAIN
    for part in ("chain", "key"):
        path = domain["certificate"][part].removeprefix("file:")
        assert (folder / "definitions" / "weather" / path).is_file()


def test_the_ca_is_made_once(folder: Path) -> None:
    dev(folder, DOMAIN)
    first = (folder / "certificates" / "ca.pem").read_bytes()
    assert dev(folder, "b.weather.localhost")[0] == 0
    assert (folder / "certificates" / "ca.pem").read_bytes() == first


def test_nothing_is_replaced_without_force(folder: Path) -> None:
    dev(folder, DOMAIN)
    chain = folder / "certificates" / f"{DOMAIN}.pem"
    before = chain.read_bytes()
    code, output = dev(folder, DOMAIN)
    assert (code, "--force replaces it" in output) == (1, True)
    assert chain.read_bytes() == before
    assert dev(folder, DOMAIN, "--force", "--days", "9")[0] == 0
    leaf = read_chain(chain.read_text())[0]
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 9


def test_a_ca_that_cannot_be_used_is_not_replaced_silently(folder: Path) -> None:
    dev(folder, DOMAIN)
    (folder / "certificates" / "ca.key").write_text("broken")
    code, output = dev(folder, "b.weather.localhost")
    assert code == 1
    assert "the private key cannot be read" in output
    assert not (folder / "certificates" / "b.weather.localhost.pem").exists()


@pytest.mark.parametrize("domain", ["", "a/b", "../x", "-a.test", "a..b", "*.test", "x" * 64])
def test_what_is_no_host_name_is_refused(folder: Path, domain: str) -> None:
    assert dev(folder, "--", domain)[0] == 2
    assert not (folder / "certificates").exists()


def test_a_long_name_is_a_name_all_the_same(folder: Path) -> None:
    domain = f"{'a' * 60}.{'b' * 20}.test"
    assert dev(folder, domain)[0] == 0
    made = folder / "certificates"
    key = (made / f"{domain}.key").read_text()
    assert findings((made / f"{domain}.pem").read_text(), key, domain, datetime.now(UTC)) == []
    assert read_key(key).curve.name == "secp256r1"  # type: ignore[union-attr]


def test_show_prints_names_dates_and_fingerprint(folder: Path) -> None:
    dev(folder, DOMAIN)
    path = folder / "certificates" / f"{DOMAIN}.pem"
    done = CliRunner().invoke(main, ["cert", "show", str(path)])
    assert done.exit_code == 0
    assert f"names        {DOMAIN}\n" in done.output
    assert "issuer       CN=apigateway local CA\n" in done.output
    assert re.search(r"valid until  \d{4}-\d\d-\d\d \d\d:\d\d UTC\n", done.output)
    assert re.search(r"SHA-256      ([0-9A-F]{2}:){31}[0-9A-F]{2}\n", done.output)


def test_show_never_prints_a_key(folder: Path) -> None:
    dev(folder, DOMAIN)
    path = folder / "certificates" / f"{DOMAIN}.key"
    done = CliRunner().invoke(main, ["cert", "show", str(path)])
    assert done.exit_code == 1
    assert "there is no certificate in the file" in done.output
    assert path.read_text().splitlines()[1] not in done.output
