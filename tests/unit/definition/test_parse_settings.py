"""gateway.yaml as settings."""

from ipaddress import ip_network

import pytest
from unit.definition.written import GATEWAY, GOOD, GRANTS, Written

from apigateway.model.settings import AutoRelease, ErrorStyle, StandingLimits
from apigateway.model.windows import UTC_ZONE, Zone

ACCOUNT = "account: '1001'\nregion: cn-hangzhou\n"


def test_settings_have_the_documented_defaults(written: Written) -> None:
    settings = written.load().settings
    assert settings.store == written.root / "state/gateway.db"
    assert settings.errors is ErrorStyle.CODED
    assert settings.auto_release is AutoRelease.FIRST
    assert settings.auto_release_to == ("RELEASE",)
    assert settings.limits == StandingLimits()
    assert settings.backend_networks == ()


def test_settings_are_what_is_written(written: Written) -> None:
    written.write(
        GATEWAY,
        """\
        account: "1001"
        region: cn-beijing
        store: other/place.db
        errors: classic
        releases: {auto: always, environments: [TEST, RELEASE]}
        limits: {client_ip_per_second: 7, head_bytes: 4096}
        backends: {networks: [127.0.0.0/8, "::1"]}
        """,
    )
    settings = written.load().settings
    assert settings.store == written.root / "other/place.db"
    assert settings.errors is ErrorStyle.CLASSIC
    assert settings.auto_release_to == ("TEST", "RELEASE")
    assert settings.limits == StandingLimits(client_ip_per_second=7, head_bytes=4096)
    assert settings.backend_networks == (ip_network("127.0.0.0/8"), ip_network("::1"))


@pytest.mark.parametrize("name", ["Asia", "zone.tab", "a/../UTC", '"Asia\\0"'])
def test_a_file_that_holds_no_time_zone_is_a_problem(written: Written, name: str) -> None:
    (problem,) = written.write(GATEWAY, f"{GOOD[GATEWAY]}time_zone: §{name}\n").problems()
    assert problem.startswith(f"{written.marks[0]}: there is no time zone ")


def test_proxies_and_the_blacklist_are_networks(written: Written) -> None:
    assert written.load().settings.trusted_proxies == ()
    assert written.load().settings.blacklist == ()
    written.write(
        GATEWAY,
        """\
        account: "1001"
        region: cn-hangzhou
        trusted_proxies: [10.0.0.0/8, "2001:db8::/32", 127.0.0.1]
        blacklist: [203.0.113.0/24, "::1"]
        """,
    )
    settings = written.load().settings
    assert settings.trusted_proxies == (
        ip_network("10.0.0.0/8"),
        ip_network("2001:db8::/32"),
        ip_network("127.0.0.1"),
    )
    assert settings.blacklist == (ip_network("203.0.113.0/24"), ip_network("::1"))


@pytest.mark.parametrize("key", ["trusted_proxies", "blacklist"])
@pytest.mark.parametrize("text", ["10.0.0.300/8", "10.0.0.1/8", "proxy.test", "10.0.0.0/33"])
def test_a_network_that_is_none_is_a_problem_at_its_place(
    written: Written, key: str, text: str
) -> None:
    written.write(GATEWAY, f'account: "1001"\nregion: cn-hangzhou\n{key}: ["::1", §"{text}"]\n')
    (problem,) = written.problems()
    assert problem.startswith(f"{written.marks[0]}: {key}[1] ")
    assert text in problem


def test_limits_count_in_utc_unless_a_time_zone_is_written(written: Written) -> None:
    assert written.load().settings.zone == UTC_ZONE
    written.write(GATEWAY, f"{GOOD[GATEWAY]}time_zone: Asia/Shanghai\n")
    assert written.load().settings.zone == Zone("Asia/Shanghai")


def test_what_system_parameters_tell_of_the_gateway_is_read_and_has_defaults(
    written: Written,
) -> None:
    settings = written.load().settings
    assert (settings.instance_id, settings.source_vpcs) == ("apigateway-local", ())
    networks = "{vpc_id: vpc-01, networks: [10.0.0.0/8, '::1']}"
    written.write(GATEWAY, f"{ACCOUNT}instance_id: mine\nsource_vpcs: [{networks}]\n")
    settings = written.load().settings
    assert settings.instance_id == "mine"
    (vpc,) = settings.source_vpcs
    assert (vpc.vpc_id, vpc.networks) == ("vpc-01", (ip_network("10.0.0.0/8"), ip_network("::1")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "account: §1001\nregion: cn-hangzhou\n",
            "account must be text, not the number 1001; put it in quotes",
        ),
        (
            "account: '1001'\nregion: cn-hangzhou\nbackends: {networks: [§10.0.0.1/8]}\n",
            'backends.networks[0] "10.0.0.1/8" has bits below its mask; write "10.0.0.0/8"',
        ),
        (
            "account: '1001'\nregion: §Hangzhou\n",
            'region "Hangzhou" is not permitted; write a region id such as cn-hangzhou',
        ),
        (
            "account: '1001'\nregion: cn-hangzhou\ntime_zone: §Asia/Shanghay\n",
            'there is no time zone "Asia/Shanghay"; did you mean "Asia/Shanghai"? '
            "Write one such as Asia/Shanghai",
        ),
        (
            "account: '1001'\nregion: cn-hangzhou\ntime_zone: §UTC+8\n",
            'there is no time zone "UTC+8"; did you mean "UTC"? Write one such as Asia/Shanghai',
        ),
        (
            "account: '1001'\nregion: cn-hangzhou\ntime_zone: §../../etc/passwd\n",
            'there is no time zone "../../etc/passwd"; write one such as Asia/Shanghai',
        ),
        (
            "account: '1001'\nregion: cn-hangzhou\ntime_zone: §8\n",
            "time_zone must be text, not the number 8; put it in quotes",
        ),
        (
            ACCOUNT + "instance_id: §''\n",
            "instance_id \"\" is not permitted; write up to 64 letters, digits, '_' or '-'",
        ),
        (
            ACCOUNT + "source_vpcs: [{vpc_id: vpc-01, networks: [10.0.0.0/8, §10.0.0.1/8]}]\n",
            'source_vpcs[0].networks[1] "10.0.0.1/8" has bits below its mask; write "10.0.0.0/8"',
        ),
        (
            ACCOUNT + "source_vpcs: [{vpc_id: vpc-01, networks: §[]}]\n",
            "source_vpcs[0].networks is an empty list; "
            'write at least one, for example ["10.0.0.0/8"]',
        ),
        (
            ACCOUNT + "source_vpcs: [{vpc_id: §1, networks: [10.0.0.0/8]}]\n",
            "source_vpcs[0].vpc_id must be text, not the number 1; put it in quotes",
        ),
    ],
)
def test_what_breaks_a_rule_is_pointed_at(written: Written, text: str, message: str) -> None:
    written.write(GRANTS, "[]")
    assert written.write(GATEWAY, text).problems() == written.expected(message)
