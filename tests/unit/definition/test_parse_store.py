"""Where the gateway keeps what it lives, as gateway.yaml says it."""

import pytest
from unit.definition.written import GATEWAY, Written
from unit.issued import CA

from apigateway.definition.parse_store import fault_of_server, shown_url
from apigateway.model.settings import RedisSettings

HEAD = 'account: "1001"\nregion: cn-hangzhou\n'
SERVER = "write redis://host:port/0, rediss://host:port/0 or unix:///path"
BESIDE = "write store: {url: ..., username: ..., password: env:NAME}"


def store(written: Written, text: str) -> Written:
    return written.write(GATEWAY, f"{HEAD}store: {text}\n")


def test_a_path_is_a_database(written: Written) -> None:
    settings = store(written, "other/place.db").load().settings
    assert (settings.store, settings.redis) == (written.root / "other/place.db", None)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://redis",
        "redis://redis:6379",
        "redis://redis_1.internal:6379/15",
        "redis://[::1]:6379/0",
        "rediss://redis.example.com:6380/0",
        "unix:///run/redis/redis.sock",
    ],
)
@pytest.mark.parametrize("form", ["{}", "{{url: '{}'}}"])
def test_a_url_is_a_server_and_records_stay_where_they_were(
    written: Written, url: str, form: str
) -> None:
    settings = store(written, form.format(url)).load().settings
    assert settings.redis == RedisSettings(url=url)
    assert settings.store == written.root / "state/gateway.db"


def test_a_server_has_settings_of_its_own(written: Written) -> None:
    (written.root / "definitions" / "ca.pem").write_bytes(CA.pem)
    written.environ["REDIS_PASSWORD"] = "correct-horse"
    store(
        written,
        """
  url: rediss://redis.example.com:6380/2
  username: gateway
  password: env:REDIS_PASSWORD
  ca: file:ca.pem
  prefix: weather-2
  timeout_s: 0.5
  records: var/records.db""",
    )
    settings = written.load().settings
    assert settings.store == written.root / "var/records.db"
    assert settings.redis is not None
    assert settings.redis.password is not None
    assert settings.redis.password.reveal() == "correct-horse"
    assert (settings.redis.url, settings.redis.username, settings.redis.prefix) == (
        "rediss://redis.example.com:6380/2",
        "gateway",
        "weather-2",
    )
    assert settings.redis.ca == CA.pem.decode().removesuffix("\n")
    assert settings.redis.timeout_s == 0.5
    assert "correct-horse" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("§redis://:6379/0", f'the store "redis://:6379/0" names no host; {SERVER}'),
        ("§redis://h:0/0", f'the store "redis://h:0/0" names no port; {SERVER}'),
        ("§'redis://h:/0'", f'the store "redis://h:/0" names no port; {SERVER}'),
        ("§redis://h:99999", f'the store "redis://h:99999" names no host and port; {SERVER}'),
        ("§redis://h:x/0", f'the store "redis://h:x/0" names no host and port; {SERVER}'),
        ("§'redis://[::1/0'", f'the store "redis://[::1/0" names no host and port; {SERVER}'),
        ("§redis://h/main", f'the store "redis://h/main" names no database (a number); {SERVER}'),
        ("§redis://h/0/1", f'the store "redis://h/0/1" names no database (a number); {SERVER}'),
        ("§redis://127.1/0", f'the store "redis://127.1/0" names no host; {SERVER}'),
        ("§REDIS://h/0", f'the store "REDIS://h/0" is of no kind that is known; {SERVER}'),
        ("§mysql://h/0", f'the store "mysql://h/0" is of no kind that is known; {SERVER}'),
        ("§unix://run/x", f'the store "unix://run/x" names no socket; {SERVER}'),
        ("§'unix://'", f'the store "unix://" names no socket; {SERVER}'),
        ("{url: §h}", f'the store "h" is of no kind that is known; {SERVER}'),
        ("{url: §/run/x}", f'the store "/run/x" is of no kind that is known; {SERVER}'),
        ("{url: §'u:hunter2@h:1'}", f'the store "h:1" is of no kind that is known; {SERVER}'),
        ("{url: redis://h, §prefx: a}", None),
        (
            "{url: redis://h, timeout_s: §0}",
            "store.timeout_s is 0, less than 0.05; write 0.05 to 30",
        ),
        ("{url: redis://h, prefix: §'a b'}", None),
        ("{url: redis://h, password: §env:NOWHERE}", None),
        ("§[redis://h]", "store must be text or a mapping, not a list; put the text in quotes"),
    ],
)
def test_what_is_no_store_is_a_problem_at_its_place(
    written: Written, text: str, message: str | None
) -> None:
    problems = store(written, text).problems()
    assert problems[0].startswith(f"{written.marks[0]}: ")
    if message is not None:
        assert problems == written.expected(message)


@pytest.mark.parametrize("secret", ["user:hunter2@", ":hunter2@", "hunter2@", "hunter2:@"])
@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix", "mysql"])
@pytest.mark.parametrize("form", ["§{}", "{{url: §'{}'}}"])
def test_a_url_with_a_user_is_refused_and_never_shown(
    written: Written, form: str, scheme: str, secret: str
) -> None:
    (problem,) = store(written, form.format(f"{scheme}://{secret}h:6379/0")).problems()
    assert problem.startswith(f"{written.marks[0]}: the store")
    assert "hunter2" not in problem
    if scheme != "mysql":
        assert problem.endswith(f"holds a user or a password; {BESIDE}")


@pytest.mark.parametrize(
    "url",
    [
        "redis://h/0?password=hunter2",
        "redis://h#hunter2",
        "unix:///run/x?password=hunter2",
        "redis://h/0?ssl_cert_reqs=none#hunter2",
        "redis://u%3Ahunter2%40h/0",
        "redis://user:hunter2/secret@h/0",
        "redis://user:hunter2?@h/0",
        "redis://user:hunter2#@h/0",
    ],
)
@pytest.mark.parametrize("form", ["§'{}'", "{{url: §'{}'}}"])
def test_a_url_with_more_than_an_address_is_refused(written: Written, url: str, form: str) -> None:
    (problem,) = store(written, form.format(url)).problems()
    assert problem.startswith(f"{written.marks[0]}: the store")
    assert "hunter2" not in problem or "%" in url


def test_a_secret_beside_a_url_that_is_wrong_is_not_shown(written: Written) -> None:
    problems = store(written, '{url: "§redis://h ", password: "§hunter2"}').problems()
    assert "hunter2" not in "\n".join(problems)


def test_control_characters_show_nothing_of_the_url(written: Written) -> None:
    written.write(GATEWAY, f"{HEAD}store: |\n  redis://user:hunter2@h\n")
    (problem,) = written.problems()
    assert problem.endswith(
        "store is not permitted; write a path or URL without control characters"
    )


def test_a_literal_password_works_with_a_warning(written: Written) -> None:
    store(written, "{url: redis://h, password: §hunter2}")
    (warning,) = written.warnings()
    assert (
        warning
        == written.expected(
            "store.password is written in the file; write env:NAME or file:path instead"
        )[0]
    )


def test_a_ca_is_for_tls_only(written: Written) -> None:
    (written.root / "definitions" / "ca.pem").write_bytes(CA.pem)
    problems = store(written, "{url: 'redis://h', §ca: file:ca.pem}").problems()
    assert problems == written.expected(
        "store.ca is for TLS only; write rediss:// in the url, or remove ca"
    )


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("none.pem", None, "store.ca refers to the file none.pem, which does not exist"),
        ("text.pem", "no PEM", "the file text.pem holds no certificate that can be read"),
        (
            "cut.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "the file cut.pem holds no certificate that can be read",
        ),
    ],
)
def test_a_ca_that_is_none_is_a_problem_before_the_start(
    written: Written, name: str, content: str | None, what: str
) -> None:
    if content is not None:
        (written.root / "definitions" / name).write_text(content)
    (problem,) = store(written, f"{{url: 'rediss://h', ca: §file:{name}}}").problems()
    assert problem.startswith(f"{written.marks[0]}: {what}; ")


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    assert shown_url("redis://u:p@q@h:1/0?password=x") == "redis://h:1/0"
    assert shown_url("redis://h/0#x") == "redis://h/0"
    assert shown_url("u:p@h") == "h"
    assert fault_of_server("redis://h:1/0") == ""
