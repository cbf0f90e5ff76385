"""How domains are proved, as gateway.yaml says it."""

import pytest
from unit.definition.written import GATEWAY, Written

from apigateway.model.settings import DomainProof, DomainSettings

HEAD = 'account: "1001"\nregion: cn-hangzhou\n'
MEND = 'write an IP address such as 10.0.0.2, "127.0.0.1:5353" or "[::1]:5353"'


def domains(written: Written, text: str) -> Written:
    return written.write(GATEWAY, f"{HEAD}domains: {text}\n")


def test_without_a_word_the_yaml_is_believed(written: Written) -> None:
    settings = written.load().settings.domains
    assert settings == DomainSettings()
    assert (settings.verify, settings.resolvers) == (DomainProof.OFF, ())
    assert (settings.lapse_hours, settings.every_seconds, settings.timeout_seconds) == (24, 60, 3)
    assert settings.lapse_ms == 86_400_000


def test_every_setting_is_read(written: Written) -> None:
    domains(
        written,
        "{verify: cname, resolvers: [10.0.0.2], lapse_hours: 0.5, every_seconds: 5, "
        "timeout_seconds: 1.5}",
    )
    settings = written.load().settings.domains
    assert settings == DomainSettings(
        verify=DomainProof.CNAME,
        resolvers=(("10.0.0.2", 53),),
        lapse_hours=0.5,
        every_seconds=5,
        timeout_seconds=1.5,
    )
    assert settings.lapse_ms == 1_800_000


def test_off_is_a_word_and_no_boolean(written: Written) -> None:
    assert domains(written, "{verify: off}").load().settings.domains.verify is DomainProof.OFF


@pytest.mark.parametrize(
    ("text", "resolver"),
    [
        ("10.0.0.2", ("10.0.0.2", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[2001:DB8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_a_resolver_is_an_address_with_or_without_a_port(
    written: Written, text: str, resolver: tuple[str, int]
) -> None:
    settings = domains(written, f"{{resolvers: ['{text}']}}").load().settings.domains
    assert settings.resolvers == (resolver,)


@pytest.mark.parametrize(
    "text",
    [
        "dns.example.com",
        "10.0.0.2:0",
        "10.0.0.2:70000",
        "10.0.0.2:",
        "[10.0.0.2]:53",
        "[::1",
        "::1:x",
        "",
        "https://10.0.0.2/dns-query",
    ],
)
def test_what_is_no_address_is_a_problem_at_its_place(written: Written, text: str) -> None:
    problems = domains(written, f"{{resolvers: [10.0.0.2, §'{text}']}}").problems()
    assert problems == written.expected(f'the DNS server "{text}" is no address; {MEND}')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{verify: §cnme}", None),
        ("{verify: §true}", None),
        (
            "{lapse_hours: §0}",
            "domains.lapse_hours is 0, less than 0.01; write 0.01 to 8760",
        ),
        ("{every_seconds: §0.5}", "domains.every_seconds is 0.5, less than 1; write 1 to 86400"),
        ("{timeout_seconds: §61}", "domains.timeout_seconds is 61, more than 60; write 0.1 to 60"),
        ("{§resolver: [10.0.0.2]}", None),
    ],
)
def test_what_no_setting_is_is_a_problem(written: Written, text: str, message: str | None) -> None:
    problems = domains(written, text).problems()
    assert problems[0].startswith(f"{written.marks[0]}: ")
    if message is not None:
        assert problems == written.expected(message)
