"""From which release on a key verifies tokens, and in which environment."""

import json
from collections.abc import Sequence

import pytest
from unit.build import NOW_MS
from unit.definition.written import GATEWAY, Written
from unit.minted import CLAIMS, KID, OTHER_KID, mint, public_jwk, rsa_key

from apigateway.definition.compile import compile_catalog
from apigateway.definition.project import Project
from apigateway.errors import Fault, Refusal
from apigateway.id_tokens.verification import verified_claims
from apigateway.lifecycle.start import notices, publishing, release_at_start
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.model.openid import TokenRules
from apigateway.store.memory import MemoryStore

LOGIN = "definitions/weather/login.yaml"
RULES = TokenRules(parameter="t")

OLD, NEW = rsa_key(), rsa_key(1)
OF_OLD, OF_NEW = mint(), mint(key=NEW, header={"kid": OTHER_KID})


def login(keys: str, more: str = "") -> str:
    return (
        "name: LogIn\n"
        "request: {method: POST, path: /login}\n"
        "backend: {type: mock}\n"
        f"auth: {{type: app_openid, openid: {{type: authorization, {keys}{more}}}}}\n"
    )


def listed(*keys: tuple[str, object]) -> str:
    return "keys: " + json.dumps(
        [{"key_id": kid, "public_key": public_jwk(key)} for kid, key in keys]
    )


class Releasing:
    """A project on disk and its releases."""

    def __init__(self, written: Written) -> None:
        self.written = written
        self.releases = MemoryStore().releases
        self.now_ms = 0

    def project(self) -> Project:
        return self.written.load()

    def start(self) -> Catalog:
        """As a start does it: what `releases` of the settings asks for is released."""
        self.now_ms += 1
        project = self.project()
        release_at_start(self.releases, project, self.now_ms)
        return compile_catalog(project, self.releases.current())

    def release(self, environment: Environment = Environment.RELEASE) -> Catalog:
        self.now_ms += 1
        project = self.project()
        (api,) = [one for one in project.apis if one.name == "LogIn"]
        self.releases.apply([publishing(api, environment)], note="", by="me", now_ms=self.now_ms)
        return compile_catalog(project, self.releases.current())

    def notices(self) -> Sequence[str]:
        return list(notices(self.project(), self.releases.current()))


@pytest.fixture
def releasing(written: Written) -> Releasing:
    written.write(GATEWAY, 'account: "1001"\nregion: cn-hangzhou\nreleases: {auto: never}\n')
    written.write(LOGIN, login(listed((KID, OLD))))
    return Releasing(written)


def verifies(catalog: Catalog, token: str, environment: str = "RELEASE") -> bool:
    ring = catalog.key_rings[Environment(environment)]
    try:
        return verified_claims(token, ring, RULES, NOW_MS) == CLAIMS
    except Refusal as refusal:
        assert refusal.fault is Fault.TOKEN_INVALID
        return False


def test_a_draft_that_was_never_released_has_no_keys_that_act(releasing: Releasing) -> None:
    catalog = releasing.start()
    assert catalog.key_rings.keys() == set(Environment)
    assert not any(map(len, catalog.key_rings.values()))
    assert not verifies(catalog, OF_OLD)


@pytest.mark.parametrize("environment", Environment)
def test_a_key_verifies_in_the_environment_it_was_released_to_and_in_no_other(
    releasing: Releasing, environment: Environment
) -> None:
    catalog = releasing.release(environment)
    for one in Environment:
        assert verifies(catalog, OF_OLD, one) == (one is environment)


def test_two_environments_may_have_two_keys_under_one_id(releasing: Releasing) -> None:
    releasing.release(Environment.TEST)
    releasing.written.write(LOGIN, login(listed((KID, NEW))))
    catalog = releasing.release(Environment.RELEASE)
    of_new = mint(key=NEW)
    assert (verifies(catalog, OF_OLD, "TEST"), verifies(catalog, OF_OLD)) == (True, False)
    assert (verifies(catalog, of_new, "TEST"), verifies(catalog, of_new)) == (False, True)


def test_a_changed_key_acts_from_its_release_on(releasing: Releasing) -> None:
    releasing.release()
    releasing.written.write(LOGIN, login(listed((OTHER_KID, NEW))))
    catalog = releasing.start()
    assert (verifies(catalog, OF_OLD), verifies(catalog, OF_NEW)) == (True, False)
    (notice,) = releasing.notices()
    assert notice.startswith("weather/LogIn: the draft differs from version")
    catalog = releasing.release()
    assert (verifies(catalog, OF_OLD), verifies(catalog, OF_NEW)) == (False, True)


@pytest.mark.parametrize("form", ["jwks", "keys"])
def test_a_changed_file_of_keys_acts_from_a_release_on(releasing: Releasing, form: str) -> None:
    """The document of a release holds the keys, not the name of their file."""
    file = releasing.written.root / "definitions" / "weather" / "keys.json"

    def to_file(kid: str, key: object) -> None:
        jwk = public_jwk(key, kid=kid)
        file.write_text(json.dumps({"keys": [jwk]} if form == "jwks" else jwk))

    def declare(kid: str) -> None:
        one = f'keys: [{{key_id: "{kid}", public_key: "file:keys.json"}}]'
        releasing.written.write(LOGIN, login("jwks: file:keys.json" if form == "jwks" else one))

    to_file(KID, OLD)
    declare(KID)
    assert verifies(releasing.release(), OF_OLD)
    assert releasing.notices() == []

    to_file(OTHER_KID, NEW)
    declare(OTHER_KID)
    catalog = releasing.start()
    assert (verifies(catalog, OF_OLD), verifies(catalog, OF_NEW)) == (True, False)
    assert len(releasing.notices()) == 1
    catalog = releasing.release()
    assert (verifies(catalog, OF_OLD), verifies(catalog, OF_NEW)) == (False, True)


def test_a_released_key_outlives_its_file(releasing: Releasing) -> None:
    file = releasing.written.root / "definitions" / "weather" / "keys.json"
    file.write_text(json.dumps({"keys": [public_jwk(OLD, kid=KID)]}))
    releasing.written.write(LOGIN, login("jwks: file:keys.json"))
    releasing.release()
    file.unlink()
    releasing.written.write(LOGIN, login(listed((OTHER_KID, NEW))))
    assert verifies(releasing.start(), OF_OLD)


def test_while_two_keys_rotate_both_verify(releasing: Releasing) -> None:
    releasing.release()
    for keys, expected in (
        ([(KID, OLD), (OTHER_KID, NEW)], (True, True)),
        ([(OTHER_KID, NEW)], (False, True)),
    ):
        releasing.written.write(LOGIN, login(listed(*keys)))
        catalog = releasing.release()
        assert (verifies(catalog, OF_OLD), verifies(catalog, OF_NEW)) == expected


@pytest.mark.parametrize(("auto", "new"), [("first", False), ("always", True), ("never", False)])
def test_a_start_releases_keys_as_the_settings_say(
    releasing: Releasing, auto: str, new: bool
) -> None:
    releasing.release()
    releasing.written.write(LOGIN, login(listed((OTHER_KID, NEW))))
    text = f'account: "1001"\nregion: cn-hangzhou\nreleases: {{auto: {auto}}}\n'
    releasing.written.write(GATEWAY, text)
    catalog = releasing.start()
    assert (verifies(catalog, OF_OLD), verifies(catalog, OF_NEW)) == (not new, new)


def test_the_keys_of_an_api_that_is_no_longer_declared_do_not_verify(releasing: Releasing) -> None:
    releasing.release()
    releasing.written.remove(LOGIN)
    catalog = releasing.start()
    assert not verifies(catalog, OF_OLD)
    assert not any(map(len, catalog.key_rings.values()))


def test_an_issuer_is_released_with_its_keys(releasing: Releasing) -> None:
    releasing.written.write(LOGIN, login(listed((KID, OLD)), ", issuer: 'https://a.test'"))
    ring = releasing.release().key_rings[Environment.RELEASE]
    assert verified_claims(mint(iss="https://a.test"), ring, RULES, NOW_MS)
    with pytest.raises(Refusal):
        verified_claims(mint(iss="https://b.test"), ring, RULES, NOW_MS)


def test_keys_of_several_apis_hold_together(releasing: Releasing) -> None:
    other = login(listed((OTHER_KID, NEW))).replace("LogIn", "Other").replace("/login", "/other")
    releasing.written.write("definitions/weather/other.yaml", other)
    releasing.written.write(GATEWAY, 'account: "1001"\nregion: cn-hangzhou\n')
    catalog = releasing.start()
    assert verifies(catalog, OF_OLD)
    assert verifies(catalog, OF_NEW)
    assert len(catalog.key_rings[Environment.RELEASE]) == 2
