"""What the gateway tells a backend of itself, of the caller and of the caller's token."""

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from unit.build import APP, NOW_MS, REQUEST_ID, SETTINGS, a_catalog, a_pass, an_api, serve

from apigateway.exchange import Validated
from apigateway.model.settings import SourceVpc
from apigateway.outbound.system_parameters import SYSTEM_PARAMETERS, claim_text, source_vpc

OFFICE = SourceVpc(vpc_id="vpc-office", networks=(ip_network("10.1.0.0/16"),))
WHOLE = SourceVpc(vpc_id="vpc-whole", networks=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))

VALUES = {
    "CaClientIp": "10.1.2.3",
    "CaDomain": "api.example.test",
    "CaRequestHandleTime": "Tue, 14 Nov 2023 22:13:20 GMT",
    "CaAppId": "100",
    "CaAppKey": APP.key,
    "CaAppExtendInfo": "gold",
    "CaCloudMarketInstanceId": "cmapi00012345",
    "CaRequestId": REQUEST_ID,
    "CaApiName": "GetForecast",
    "CaHttpSchema": "HTTPS",
    "CaProxy": "AliCloudApiGateway",
    "CaClientUa": "curl/8",
    "CaStage": "RELEASE",
    "CaInstanceId": "my-gateway",
    "CaSourceVpcId": "vpc-office",
}
OF_THE_APP = {"CaAppId", "CaAppKey", "CaAppExtendInfo", "CaCloudMarketInstanceId"}


def call(**changes: Any) -> Validated:
    served = serve(an_api())
    settings = replace(SETTINGS, instance_id="my-gateway", source_vpcs=(OFFICE, WHOLE))
    app = replace(APP, extend_info="gold", market_instance_id="cmapi00012345")
    given: dict[str, Any] = {
        "app": app,
        "client_ip": "10.1.2.3",
        "scheme": "https",
        "headers": [("User-Agent", "curl/8")],
        "catalog": a_catalog(served, settings=settings),
    }
    return a_pass(Validated, served, **{**given, **changes})


def value(name: str, **changes: Any) -> str:
    return SYSTEM_PARAMETERS[name](call(**changes))


def test_every_system_parameter_has_a_test() -> None:
    assert VALUES.keys() == SYSTEM_PARAMETERS.keys()


@pytest.mark.parametrize("name", VALUES)
def test_a_system_parameter_has_the_products_value(name: str) -> None:
    assert NOW_MS == 1_700_000_000_000
    assert value(name) == VALUES[name]


@pytest.mark.parametrize("name", sorted(OF_THE_APP))
def test_without_an_app_what_is_told_of_it_is_empty(name: str) -> None:
    assert value(name, app=None) == ""


@pytest.mark.parametrize("name", ["CaAppExtendInfo", "CaCloudMarketInstanceId"])
def test_an_app_that_says_nothing_more_of_itself_has_empty_parameters(name: str) -> None:
    assert value(name, app=APP) == ""


def test_a_caller_without_a_user_agent_has_an_empty_one() -> None:
    assert value("CaClientUa", headers=[]) == ""


def test_a_gateway_that_was_given_no_name_has_one_all_the_same() -> None:
    catalog = a_catalog(serve(an_api()))
    assert value("CaInstanceId", catalog=catalog) == "apigateway-local"
    assert value("CaSourceVpcId", catalog=catalog) == ""


@pytest.mark.parametrize(
    ("client_ip", "known", "vpc_id"),
    [
        ("10.1.2.3", (OFFICE, WHOLE), "vpc-office"),
        ("10.1.2.3", (WHOLE, OFFICE), "vpc-whole"),
        ("10.2.0.1", (OFFICE, WHOLE), "vpc-whole"),
        ("fd00::7", (OFFICE, WHOLE), "vpc-whole"),
        ("192.0.2.7", (OFFICE, WHOLE), ""),
        ("::1", (OFFICE,), ""),
        ("10.1.2.3", (), ""),
        ("::ffff:10.1.2.3", (OFFICE,), "vpc-office"),
        ("fd00::7%eth0", (WHOLE,), "vpc-whole"),
        ("no address", (OFFICE, WHOLE), ""),
        ("", (OFFICE, WHOLE), ""),
    ],
)
def test_a_caller_comes_from_the_first_vpc_that_its_address_lies_in(
    client_ip: str, known: tuple[SourceVpc, ...], vpc_id: str
) -> None:
    assert source_vpc(client_ip, known) == vpc_id


def test_a_network_of_mapped_addresses_is_the_ipv4_network_it_stands_for() -> None:
    mapped = SourceVpc(vpc_id="vpc-mapped", networks=(ip_network("::ffff:10.1.0.0/112"),))
    assert source_vpc("10.1.2.3", (mapped,)) == "vpc-mapped"
    assert source_vpc("10.2.2.3", (mapped,)) == ""


# --- claims


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("alice", "alice"),
        ("", ""),
        (" a\r\n", " a\r\n"),
        ("null", "null"),
        ("中", "中"),
        (7, "7"),
        (-0.5, "-0.5"),
        (10**300, "1" + "0" * 300),
        (1e300, "1e+300"),
        (True, "true"),
        (False, "false"),
        ([], "[]"),
        ({}, "{}"),
        (["a", 1, None, "中"], '["a",1,null,"中"]'),
        ({"b": {"c": [True]}, "a": "\r\n"}, '{"b":{"c":[true]},"a":"\\r\\n"}'),
    ],
)
def test_a_claim_is_its_text_or_its_json(claim: Any, text: str) -> None:
    assert claim_text(claim) == text
    if not isinstance(claim, str):
        assert json.loads(text) == claim


def test_a_null_claim_is_an_absent_one() -> None:
    assert claim_text(None) is None
