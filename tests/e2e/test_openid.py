"""The guide's OpenID Connect from end to end: log in, call with the token, replace the key."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qsl

import pytest
from e2e import signed
from e2e.issuing import (
    CLAIMS,
    HOST,
    STRANGER_KEY,
    STRANGER_SECRET,
    Accounts,
    account_system,
    write_keys,
    write_members,
)
from e2e.running import Gateway, Project, Reply, gateway, until
from unit.minted import KID, OTHER_KID

PASSWORD = "wonder & land"


@pytest.fixture(scope="module")
def accounts() -> Iterator[Accounts]:
    with account_system() as running:
        yield running


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory, accounts: Accounts) -> Iterator[Gateway]:
    project = Project(tmp_path_factory.mktemp("members") / "p")
    write_members(project, accounts.port)
    with gateway(project) as running:
        yield running


def call(members: Gateway, method: str, path: str, **options: Any) -> Reply:
    """By the product's client, unmodified."""
    return signed.call(members.port, method, path, host=HOST, **options)


def log_in(members: Gateway, **form: str) -> str:
    reply = call(members, "POST", "/login", form={"user": "alice", "password": PASSWORD, **form})
    assert reply.status == 200, (reply.headers, reply.body)
    token: str = reply.json["id_token"]
    return token


def plain(members: Gateway, target: str, token: str = "", **headers: str) -> Reply:
    """As curl would ask, without any signature."""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return members.ask(target=target, headers=headers, host=HOST)


# --- log in, and call


def test_a_token_of_the_authorization_api_lets_the_app_into_the_service(
    members: Gateway, accounts: Accounts
) -> None:
    token = log_in(members)
    reply = call(members, "GET", "/profile", query={"IdToken": token, "page": "2"})
    assert reply.status == 200, (reply.headers, reply.body)
    seen = accounts.seen[-1]
    path, _, query = seen.target.partition("?")
    assert path == "/v1/users/alice%2F..%2Fbob@host:1%3F%23/profile"
    assert parse_qsl(query) == [
        ("page", "2"),
        ("roles", '["reader","wri&ter=1"]'),
        ("ratio", "0.1"),
        ("admin", "false"),
    ]
    assert seen.all("X-User-Id") == ["中é u-1".encode()]
    assert seen.all("X-Count") == [b"100000000000000000000"]
    (profile,) = seen.all("X-Profile")
    assert profile == '{"名":"爱丽丝","tags":[],"line":"a\\r\\nX-Admin: 1"}'.encode()
    assert json.loads(profile) == CLAIMS["profile"]
    assert seen.all("X-Id-Token") == [token.encode()]
    assert seen.all("X-Nothing") == seen.all("X-Admin") == []


def test_a_bearer_token_beside_a_signature_does_the_same(
    members: Gateway, accounts: Accounts
) -> None:
    token = log_in(members)
    headers = {"Authorization": f"Bearer {token}"}
    assert call(members, "GET", "/profile", headers=headers).status == 200
    assert accounts.seen[-1].all("X-Id-Token") == [token.encode()]


def test_another_password_is_the_backends_to_refuse(members: Gateway) -> None:
    form = {"user": "alice", "password": "wrong"}
    reply = call(members, "POST", "/login", form=form)
    assert (reply.status, reply.code) == (401, "")
    assert reply.json == {"error": "another password"}


def test_the_authorization_api_asks_for_the_app(members: Gateway) -> None:
    reply = members.ask("POST", "/login", host=HOST, body=b"user=alice")
    assert (reply.status, reply.code) == (400, "I400MH")


def test_app_and_token_are_both_asked_for(members: Gateway, accounts: Accounts) -> None:
    token, before = accounts.token(), len(accounts.seen)
    nothing = call(members, "GET", "/profile")
    assert (nothing.status, nothing.code) == (400, "I400JR")
    unsigned = plain(members, f"/profile?IdToken={token}")
    assert (unsigned.status, unsigned.code) == (400, "I400MH")
    stranger = {"key": STRANGER_KEY, "secret": STRANGER_SECRET}
    ungranted = call(members, "GET", "/profile", query={"IdToken": token}, **stranger)
    assert (ungranted.status, ungranted.code) == (403, "I403AA")
    assert len(accounts.seen) == before


def test_an_expired_token_is_refused_with_its_date(members: Gateway, accounts: Accounts) -> None:
    token, before = log_in(members, ttl="-3600"), len(accounts.seen)
    for reply in (
        call(members, "GET", "/profile", query={"IdToken": token}),
        plain(members, "/mine", token),
    ):
        assert (reply.status, reply.code) == (403, "A403JE")
        message = reply.headers["x-ca-error-message"]
        assert re.fullmatch(r"JWT is expired at \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", message)
        assert reply.json["message"] == message
    assert len(accounts.seen) == before


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://elsewhere.test"}, "its issuer (iss) is not that of its key"),
        ({"iss": None}, "its issuer (iss) is not that of its key"),
        ({"sub": None}, "claim sub is missing"),
        ({"nbf": 9_999_999_999}, "not valid yet (nbf)"),
    ],
)
def test_a_token_that_breaks_a_rule_of_the_service_is_refused(
    members: Gateway, accounts: Accounts, changes: dict[str, Any], reason: str
) -> None:
    before = len(accounts.seen)
    reply = plain(members, "/mine", accounts.token(**changes))
    assert (reply.status, reply.code) == (403, "A403JT")
    assert reply.headers["x-ca-error-message"] == f"Invalid JWT: {reason}"
    assert len(accounts.seen) == before


# --- the token alone


def test_a_token_alone_is_enough_for_a_service_without_apps(
    members: Gateway, accounts: Accounts
) -> None:
    token = accounts.token(sub="alice")
    for reply in (plain(members, "/mine", token), plain(members, f"/mine?IdToken={token}")):
        assert reply.status == 200, (reply.headers, reply.body)
        seen = accounts.seen[-1]
        assert seen.target.startswith("/v1/users/alice/mine?roles=")
        assert seen.all("X-Id-Token") == [token.encode()]
    assert plain(members, "/mine").code == "I400JR"


def test_grants_are_not_asked_for_without_apps(members: Gateway, accounts: Accounts) -> None:
    stranger = {"key": STRANGER_KEY, "secret": STRANGER_SECRET}
    query = {"IdToken": accounts.token()}
    assert call(members, "GET", "/mine", query=query, **stranger).status == 200
    assert call(members, "GET", "/mine", query=query, key="nobody", secret="x").status == 200


def test_claims_join_a_form_and_what_a_caller_claims_does_not(
    members: Gateway, accounts: Accounts
) -> None:
    headers = {
        "Authorization": f"Bearer {accounts.token()}",
        "Content-Type": "application/x-www-form-urlencoded",
        "X_User_Id": "root",
        "X-Nothing": "root",
    }
    target, form = "/note?admin=true&absent=root&%72oles=root&a=1", b"note=x&owner=root&own%65r=y"
    assert members.ask("POST", target, headers, form, HOST).status == 200
    seen = accounts.seen[-1]
    assert parse_qsl(seen.body.decode()) == [("note", "x"), ("owner", "中é u-1")]
    query = parse_qsl(seen.target.partition("?")[2])
    assert [pair for pair in query if pair[0] != "roles"] == [
        ("a", "1"),
        ("ratio", "0.1"),
        ("admin", "false"),
    ]
    assert seen.all("X-User-Id") == ["中é u-1".encode()]
    assert seen.all("X_User_Id") == seen.all("X-Nothing") == []


# --- what is kept of it


def test_the_record_of_a_call_says_how_it_was_judged_and_never_its_token(
    members: Gateway, accounts: Accounts
) -> None:
    good, expired = accounts.token(), accounts.token(ttl_s=-3600)
    forged = good[:-20] + "A" * 20
    replies = [plain(members, f"/mine?IdToken={token}") for token in (good, expired, forged)]
    ids = [reply.headers["x-ca-request-id"] for reply in replies]

    def records() -> dict[str, tuple[Any, ...]]:
        with closing(sqlite3.connect(members.project.database)) as database:
            marks = ",".join("?" * len(ids))
            rows = database.execute(f"SELECT * FROM calls WHERE request_id IN ({marks})", ids)
            names = [column[0] for column in rows.description]
            return {row[names.index("request_id")]: row for row in rows}

    until(lambda: len(records()) == 3, "the calls are recorded")
    text = [repr(records()[one]) for one in ids]
    assert "'GetMine'" in text[0] and "A403" not in text[0]
    assert "A403JE" in text[1] and "Authentication" in text[1]
    assert "A403JT" in text[2] and "its signature does not verify" in text[2]
    signatures = [token.rpartition(".")[2] for token in (good, expired, forged)]
    assert not any(ending in row for ending in signatures for row in text)


# --- keys over restarts


def test_a_key_acts_from_its_release_on_and_two_hold_while_one_replaces_the_other(
    tmp_path_factory: pytest.TempPathFactory, accounts: Accounts
) -> None:
    project = Project(tmp_path_factory.mktemp("rotation") / "p")
    write_members(project, accounts.port)
    old = accounts.token(ttl_s=3600)
    try:
        accounts.kid = OTHER_KID
        new = accounts.token(ttl_s=3600)
    finally:
        accounts.kid = KID

    def taken(running: Gateway) -> list[str]:
        replies = [plain(running, "/mine", token) for token in (old, new)]
        assert {reply.code for reply in replies} <= {"", "A403JT"}
        return [name for name, reply in zip(("old", "new"), replies, strict=True) if not reply.code]

    with gateway(project) as running:
        assert taken(running) == ["old"]
    write_keys(project, OTHER_KID)  # the file changes, and nothing is released
    with gateway(project) as running:
        assert taken(running) == ["old"]
        told = "members/LogIn: the draft differs from version"
        until(lambda: told in running.process.text, "the log tells")
    write_keys(project, KID, OTHER_KID)
    project.edit("definitions/gateway.yaml", "auto: first", "auto: always")
    with gateway(project) as running:
        assert taken(running) == ["old", "new"]
