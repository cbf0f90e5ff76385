"""Where a call goes: HTTP, an instance behind a VPC authorization, or a mock."""

from dataclasses import replace
from functools import partial

from unit.build import a_catalog, a_pass, an_api, refusal_of, serve

from apigateway.backends.tls import client_context
from apigateway.errors import Fault
from apigateway.exchange import HttpUpstream, Mapped, MockUpstream, Upstream
from apigateway.model.api import Backend, HttpBackend, MockBackend, VpcBackend
from apigateway.model.catalog import TlsProfile
from apigateway.model.policy import VpcAccess
from apigateway.stages.resolution import Resolution

PROFILE = TlsProfile(name="internal", context=client_context(), server_name=None)
NAMED = TlsProfile(name="named", context=client_context(), server_name="billing.internal")
ACCESS = VpcAccess(
    name="office",
    region="cn-hangzhou",
    vpc_id="vpc-1",
    instance_id="i-1",
    port=8080,
    host="10.0.0.5",
)
VPC = VpcBackend(access="office", scheme="https", path="/b", timeout_ms=7)


def upstream(backend: Backend, *accesses: VpcAccess) -> Upstream:
    served = serve(an_api(backend=backend))  # type: ignore[arg-type]
    catalog = a_catalog(served, vpc_accesses=accesses, tls_profiles=[PROFILE, NAMED])
    return Resolution()(a_pass(Mapped, served, catalog=catalog)).upstream


def test_an_http_backend_is_its_own_address() -> None:
    backend = HttpBackend(scheme="https", host="b.test", port=8443, path="/b", timeout_ms=5)
    assert upstream(backend) == HttpUpstream(scheme="https", host="b.test", port=8443, timeout_ms=5)


def test_a_vpc_backend_is_the_host_and_port_of_its_authorization() -> None:
    assert upstream(VPC, ACCESS) == HttpUpstream(
        scheme="https", host="10.0.0.5", port=8080, timeout_ms=7, vpc_access="office"
    )


def test_a_vpc_backend_without_its_authorization_is_refused() -> None:
    refusal_of(lambda: upstream(VPC), Fault.VPC_ACCESS_DENIED)


def secured(backend: Backend, *accesses: VpcAccess) -> HttpUpstream:
    found = upstream(backend, *accesses)
    assert isinstance(found, HttpUpstream)
    return found


def an_http_backend(scheme: str, tls: str | None) -> HttpBackend:
    return HttpBackend(scheme=scheme, host="b.test", port=8443, path="/b", tls=tls)


def test_a_backend_is_called_with_the_profile_it_names_and_by_its_own_or_the_profiles_name() -> (
    None
):
    found = secured(an_http_backend("https", "internal"))
    assert (found.tls, found.server_name) == (PROFILE, "b.test")
    found = secured(an_http_backend("https", "named"))
    assert (found.tls, found.server_name) == (NAMED, "billing.internal")
    assert secured(an_http_backend("https", None)).tls is None


def test_behind_a_vpc_the_apis_profile_comes_before_that_of_the_authorization() -> None:
    access = replace(ACCESS, tls="named")
    assert secured(VPC, ACCESS).tls is None
    assert secured(VPC, access).tls is NAMED
    assert secured(replace(VPC, tls="internal"), access).tls is PROFILE
    assert secured(replace(VPC, scheme="http"), access).tls is None


def test_a_profile_that_is_not_there_is_refused_and_never_the_systems_way() -> None:
    gone = replace(ACCESS, tls="gone")
    for call in (
        lambda: upstream(an_http_backend("https", "gone")),
        lambda: upstream(VPC, gone),
        lambda: upstream(replace(VPC, tls="gone"), replace(ACCESS, tls="internal")),
    ):
        refusal = refusal_of(call, Fault.BACKEND_TLS)
        assert refusal.detail == "no backend TLS profile named 'gone'"


def test_an_api_whose_stage_variables_are_not_set_has_no_backend_whatever_its_kind() -> None:
    why = "the variable #host# is not set for PRE"
    for backend in (HttpBackend(scheme="http", host="b.test", port=1, path="/b"), VPC):
        served = serve(an_api(backend=backend), unresolved=why)  # type: ignore[arg-type]
        call = a_pass(Mapped, served, catalog=a_catalog(served, vpc_accesses=[ACCESS]))
        refusal = refusal_of(partial(Resolution(), call), Fault.BACKEND_ADDRESS)
        assert refusal.detail == why


def test_an_address_that_is_still_a_template_is_none() -> None:
    backend = HttpBackend(scheme="http", host="b.test", port=80, path="/b", template="http://#a#")
    refusal = refusal_of(lambda: upstream(backend), Fault.BACKEND_ADDRESS)
    assert refusal.detail == "'http://#a#' is not an address"


def test_a_mock_is_the_definitions_own_answer() -> None:
    mock = MockBackend(status=418, headers=(("X-A", "1"),), body="中")
    assert upstream(mock) == MockUpstream(status=418, headers=(("X-A", "1"),), body="中".encode())
