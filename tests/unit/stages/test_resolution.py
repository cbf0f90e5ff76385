"""Where a call goes: HTTP, an instance behind a VPC authorization, or a mock."""

from unit.build import a_catalog, a_pass, an_api, refusal_of, serve

from apigateway.errors import Fault
from apigateway.exchange import HttpUpstream, Mapped, MockUpstream, Upstream
from apigateway.model.api import Backend, HttpBackend, MockBackend, VpcBackend
from apigateway.model.policy import VpcAccess
from apigateway.stages.resolution import Resolution

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
    catalog = a_catalog(served, vpc_accesses=accesses)
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


def test_a_mock_is_the_definitions_own_answer() -> None:
    mock = MockBackend(status=418, headers=(("X-A", "1"),), body="中")
    assert upstream(mock) == MockUpstream(status=418, headers=(("X-A", "1"),), body="中".encode())
