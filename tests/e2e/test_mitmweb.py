"""A real mitmweb in front of the sample definitions: who gets in, what it shows, what it can do."""

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import mitmproxy.version
import pytest
from e2e.browser import MISSING, Page, Web, chromium, mitmweb
from e2e.running import HOST, KEY, PATIENCE_S, SECRET, Backend, Project, Reply, until

from apigateway.protocol.wire import Headers
from apigateway.proxy.flows import TRAIL
from apigateway.replay.captured import read_calls
from apigateway.signatures.caller import SignableRequest, signing_headers

BROWSER = pytest.mark.skipif(bool(MISSING), reason=MISSING)
OLD = mitmproxy.version.VERSION.startswith("11.")
FORECAST = "/forecast/hangzhou?days=3"
LIMIT = 4
CALLS = 4 + LIMIT
"""What the fixture `web` calls."""

REFUSED = "\u26d4" if OLD else "no_entry"
"""What mitmweb's own search field takes for the marker; everything else takes the name."""

_XSRF = "0123456789abcdef"


@dataclass
class Api:
    """mitmweb's own REST API."""

    web: Web
    fields: Mapping[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=PATIENCE_S)
        given = {
            "Cookie": f"_xsrf={_XSRF}; _mitmproxy_xsrf={_XSRF}",
            "X-XSRFToken": _XSRF,
            **self.fields,
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        try:
            connection.request(method, path, body or None, given)
            response = connection.getresponse()
            content = response.read()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, found, content)
        finally:
            connection.close()

    def flows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", "/flows").json
        return found

    def run(self, command: str, *arguments: str) -> str:
        """What a command returns, or its error."""
        body = json.dumps({"arguments": arguments}).encode()
        kind = {"Content_Type": "application/json"}
        found: dict[str, str] = self.ask("POST", f"/commands/{command}", body, **kind).json
        return found.get("value") or found["error"]

    def log(self) -> str:
        return "\n".join(entry["message"] for entry in self.ask("GET", "/events").json)


def within(web: Web) -> Api:
    return Api(web, {"Authorization": f"Bearer {web.token}"})


def signed(target: str = FORECAST, *, as_if: str = "") -> dict[str, str]:
    """The fields of a signed GET; `as_if` is another target, which is signed in its place."""
    path, _, query = (as_if or target).partition("?")
    request = SignableRequest("GET", path, query, Headers([("Accept", "application/json")]), b"")
    now = time.time_ns()
    added = signing_headers(
        request, key=KEY, secret=SECRET, timestamp_ms=now // 1_000_000, nonce=str(now)
    )
    return {"Accept": "application/json", **dict(added)}


def few_calls(project: Project) -> None:
    """So few calls an hour that the test gets to the limit."""
    project.edit("policies/throttling/forecast-standard.yaml", "app: 120", f"app: {LIMIT}")
    project.edit("policies/throttling/forecast-standard.yaml", "unit: minute", "unit: day")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, demo_backend: Backend) -> Iterator[Web]:
    """One served call, one with a wrong signature, served ones up to the limit, throttled ones."""
    project = Project(tmp_path_factory.mktemp("mitmweb"), demo_backend.port)
    few_calls(project)
    with mitmweb(project, "--set", "gateway_backend_leg=true") as running:
        gateway = running.gateway
        assert gateway.ask(target=FORECAST, headers=signed()).status == 200
        wrong = signed(as_if="/forecast/hangzhou")
        assert gateway.ask(target=FORECAST, headers=wrong).code == "A403IS"
        body = b'{"title": "Umbrella", "text": "take it"}'
        kind = {"Content-Type": "application/json"}
        assert gateway.ask("POST", "/notes", kind, body).status == 400
        for _ in range(LIMIT - 1):
            gateway.ask(target=FORECAST, headers=signed())
        assert gateway.ask(target=FORECAST, headers=signed()).status == 429
        assert gateway.ask(target="/nowhere").status == 404
        yield running


# --- who gets in


PATHS = ("/", "/flows", "/flows.json", "/events", "/options", "/state", "/flows/dump", "/commands")


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_shown_without_the_token(web: Web, path: str) -> None:
    assert Api(web).ask("GET", path).status == 403
    assert Api(web, {"Authorization": "Bearer guessed"}).ask("GET", path).status == 403
    assert Api(web).ask("GET", f"{path}?token=").status == 403
    assert within(web).ask("GET", path).status == 200
    assert Api(web).ask("GET", f"{path}?token={web.token}").status == 200


@pytest.mark.parametrize(
    "path", ["/clear", "/flows/dump", "/flows/resume", "/commands/view.clear", "/"]
)
def test_nothing_is_done_without_the_token(web: Web, path: str) -> None:
    before = len(within(web).flows())
    refused = Api(web).ask("POST", path, b'{"arguments": []}', Content_Type="application/json")
    assert refused.status == 403
    options = b'{"server": false}'
    assert Api(web).ask("PUT", "/options", options, Content_Type="application/json").status == 403
    assert len(within(web).flows()) == before > 0


def test_nobody_listens_in_without_the_token(web: Web) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    assert Api(web, upgrade).ask("GET", "/updates").status == 403


@pytest.mark.skipif(not OLD, reason="mitmproxy 12 locks mitmweb itself, but for static files")
def test_the_lock_of_the_old_mitmweb_is_before_everything_it_serves(web: Web) -> None:
    for path in ("/static/app.css", "/static/../flows", "//flows", "/not-there", "/FLOWS"):
        assert Api(web).ask("GET", path).status == 403
        assert Api(web, {"Host": "evil.example"}).ask("GET", path).status == 403
    for method in ("HEAD", "OPTIONS", "DELETE", "PATCH", "PUT"):
        assert Api(web).ask(method, "/flows").status == 403
    assert within(web).ask("GET", "/static/app.css").status == 200
    rebound = Api(web, {"Host": "evil.example", "Authorization": f"Bearer {web.token}"})
    assert rebound.ask("GET", "/flows").status == 403
    assert b"DNS rebinding" in rebound.ask("GET", "/flows").body


@pytest.mark.skipif(not OLD, reason="mitmproxy 12 has its own")
def test_the_cookie_of_the_first_page_opens_the_others_and_a_made_up_one_does_not(
    web: Web,
) -> None:
    first = Api(web).ask("GET", f"/?token={web.token}")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert web.token not in cookie
    kept = cookie.partition(";")[0]
    assert Api(web).ask("GET", "/flows", Cookie=kept).status == 200
    name, _, value = kept.partition("=")
    for forged in (f"{name}=inside", f"{name}={value[:-3]}abc", f"{name}=", f"x{name}={value}"):
        assert Api(web).ask("GET", "/flows", Cookie=forged).status == 403
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert Api(web).ask("POST", "/", f"token={web.token}".encode(), **form).status == 200
    assert Api(web).ask("POST", "/", b"token=guessed", **form).status == 403
    assert Api(web).ask("POST", "/", b"token=" + b"x" * 5_000, **form).status == 403


def test_a_password_of_ones_own_is_the_token(project: Project) -> None:
    with mitmweb(project, "--set", "web_password=open sesame") as running:
        assert Api(running).ask("GET", "/flows").status == 403
        own = Api(running, {"Authorization": "Bearer open sesame"})
        assert own.ask("GET", "/flows").status == 200
        assert "token=" not in running.gateway.process.text
        assert "open sesame" not in running.gateway.process.text


# --- what it shows


def flow_with(api: Api, comment: str) -> dict[str, Any]:
    return next(flow for flow in api.flows() if comment in flow["comment"])


def test_each_call_has_its_verdict_in_the_list(web: Web) -> None:
    # Other tests call too, and replay.
    found = [(flow["marked"], flow["comment"].split(" | ")[0]) for flow in within(web).flows()]
    (_, *callers) = [one for one in found if not one[1].startswith("backend leg")]
    callers = callers[:CALLS]
    assert callers[0] == ("\u2705", "served GetForecast: 200")
    assert callers[1] == ("\u26d4", "refused by Authentication: A403IS Invalid Signature")
    assert any(comment.startswith("refused by Throttling: ") for _, comment in callers)
    assert callers[-1] == (
        "\u26d4",
        "refused by Routing: I404NF API not found with `GET /nowhere`",
    )


def test_the_list_names_the_address_that_was_called(web: Web) -> None:
    request = flow_with(within(web), "served GetForecast")["request"]
    assert (request["pretty_host"], request["port"]) == (HOST, web.gateway.port)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, web: Web) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        opened.open(web.url)
        until(lambda: len(opened.rows()) >= 5, "mitmweb lists the calls")
        yield opened


@BROWSER
def test_a_refused_signed_call_shows_both_strings_with_the_first_difference(page: Page) -> None:
    row = next(row for row in page.rows() if "Invalid Signature" in row)
    assert "\u26d4" in row
    assert "refused by Authentication: A403IS" in row
    page.picture("mitmweb-list")
    page.choose("Invalid Signature")
    page.tab("Response")
    text = page.content(holds="the strings differ")
    lines = [line.strip() for line in text.splitlines()]
    assert "because the client did not sign the query" in lines
    client = next(line for line in lines if line.startswith("client "))
    server = next(line for line in lines if line.startswith("gateway "))
    assert client.endswith("#/forecast/hangzhou")
    assert server.endswith("#/forecast/hangzhou?days=3")
    at = [line for line in text.splitlines() if line.strip() == "^"]
    assert len(at) == 1
    page.driver.execute_script("document.querySelector('.flow-detail section').scrollTo(0, 640)")
    page.picture("mitmweb-signature")


@BROWSER
def test_the_body_of_a_served_answer_stays_what_is_seen_first(page: Page) -> None:
    page.choose("served GetForecast: 200")
    page.tab("Response")
    assert '"backend_signature"' in page.content(holds="backend_signature")
    page.tab("Request")
    text = page.content(holds="X-Source: gateway")
    assert "the request that http://127.0.0.1:" in text
    assert "X-Source: gateway" in text
    page.driver.execute_script("document.querySelector('.flow-detail section').scrollTo(0, 9999)")
    page.picture("mitmweb-served")
    page.tab("Response")
    page.select_view("Gateway")
    assert "Dispatch" in page.content(holds="Dispatch")
    page.select_view("auto")


@BROWSER
def test_a_throttled_call_shows_which_limit_refused_it(page: Page) -> None:
    page.choose("refused by Throttling")
    page.tab("Response")
    text = page.content(holds="Throttling")
    assert f"{LIMIT} of {LIMIT} a day" in text
    page.driver.execute_script("document.querySelector('.flow-detail section').scrollTo(0, 300)")
    page.picture("mitmweb-throttled")


@BROWSER
@pytest.mark.parametrize(
    ("text", "shown", "hidden"),
    [
        (f"~marker {REFUSED}", "refused by", "served"),
        ("~comment Throttling", "refused by Throttling", "Authentication"),
        ("~marked & ~comment backend", "backend leg", "refused by"),
        (f"~marker {REFUSED} & ~c 404", "refused by Routing", "Authentication"),
    ],
)
def test_the_search_field_finds_calls_by_their_verdict(
    page: Page, text: str, shown: str, hidden: str
) -> None:
    every = page.rows()
    assert any(hidden in row for row in every)
    page.search(text)

    def is_filtered() -> bool:  # while it is typed, a filter may find other calls
        rows = page.rows()
        return bool(rows) and all(shown in row and hidden not in row for row in rows)

    try:
        until(is_filtered, f"{text} shows {shown} only")
        if "Throttling" in text:
            page.picture("mitmweb-search")
    finally:
        page.search("")
        until(lambda: len(page.rows()) == len(every), "all calls are back")


# --- the backend leg


def test_the_gateways_own_request_stands_beside_the_callers(web: Web) -> None:
    api = within(web)
    flows = api.flows()
    at = next(i for i, flow in enumerate(flows) if "served GetForecast" in flow["comment"])
    leg = flows[at + 1]
    assert leg["comment"].startswith("backend leg of weather/GetForecast, request ")
    assert leg["request"]["path"] == "/v3/cities/hangzhou/forecast?d=3"
    fields = dict(leg["request"]["headers"])
    assert fields["X-Source"] == "gateway"
    assert len(fields["X-Ca-Proxy-Signature"]) == 5
    assert SECRET not in json.dumps(leg)
    assert leg["response"]["status_code"] == 200


def test_a_backend_leg_is_not_replayed(web: Web, demo_backend: Backend) -> None:
    api, hits = within(web), demo_backend.hits
    leg = flow_with(api, "backend leg of weather/GetForecast")
    assert api.ask("POST", f"/flows/{leg['id']}/replay").status == 200
    until(lambda: "a backend leg is not replayed" in api.log(), "the log says so")

    def is_as_before() -> bool:
        return bool(flow_with(api, "backend leg").get("response") == leg["response"])

    until(is_as_before, "the leg is as it was")
    assert demo_backend.hits == hits


# --- what it can do


def test_explain_tells_the_trail(web: Web) -> None:
    text = within(web).run("gateway.explain", "~comment Authentication")
    assert text.startswith("refused by Authentication: 403 A403IS")
    assert "because the client did not sign the query" in text
    assert text.startswith(within(web).run("gateway.explain", "~meta A403IS & ~marker no_entry"))
    told = within(web).run("gateway.explain", "~m DELETE")
    assert told == "there is no caller's flow among these; select one, or name @all"


def test_explain_judges_a_call_that_was_kept_without_a_trail(project: Project) -> None:
    project.edit("policies/throttling/forecast-standard.yaml", "unit: minute", "unit: day")
    with mitmweb(project, "--set", "gateway_trail=off") as running:
        api = within(running)
        assert running.gateway.ask(target=FORECAST, headers=signed()).status == 200
        flow = flow_with(api, "served GetForecast")
        view = f"/flows/{flow['id']}/request/content/Gateway"
        assert b"No trail was kept of this call" in api.ask("GET", view).body
        text = api.run("gateway.explain", "~comment GetForecast")
        assert text.startswith("As the gateway would decide it now; nothing was sent.")
        assert "APP: 1 of 120 a day" in text
        assert b"As the gateway would decide it now" in api.ask("GET", view).body


def test_replay_says_what_would_end_otherwise(web: Web) -> None:
    api = within(web)
    text = api.run("gateway.replay", "~m GET")
    assert "end as they did" in text
    assert "not compared: a limit refused it" in text
    replayed = flow_with(api, "served GetForecast")
    assert replayed["comment"] == "served GetForecast: 200 | replayed: ends as it did"


def test_limits_and_status_tell_how_the_gateway_is(web: Web) -> None:
    api = within(web)
    text = api.run("gateway.limits", "GetForecast")
    of_the_app = next(line for line in text.splitlines() if "app demo" in line)
    assert f"{LIMIT} of {LIMIT} a day" in of_the_app
    assert 'no released API "GetForcast"' in api.run("gateway.limits", "GetForcast")
    text = api.run("gateway.status")
    assert "serves 11 APIs" in text
    assert "flows in the list: " in text


def test_a_release_is_told_in_the_log_and_served(web: Web) -> None:
    api, project = within(web), web.gateway.project
    assert api.run("gateway.release", "GetStatus", "LIVE", "x").startswith("LIVE is no environ")
    assert api.run("gateway.release", "GetStatus", "RELEASE", " ").startswith("the note says")
    api.run("gateway.release", "GetStats", "RELEASE", "a try")
    until(lambda: 'did you mean "GetStatus"' in api.log(), "the log tells the right name")
    project.edit("definitions/weather/get-status.yaml", "path: /status", "path: /state")
    refused = "nothing was released; give true as the last argument"
    api.run("gateway.release", "GetStatus", "RELEASE", "a new path")
    until(lambda: refused in api.log(), "what breaks callers is refused")
    api.run("gateway.release", "GetStatus", "RELEASE", "a new path", "true")
    until(lambda: "weather/GetStatus in RELEASE: version" in api.log(), "it is released")
    until(lambda: web.gateway.ask(target="/state").status == 200, "it is served")
    api.run("gateway.replay", "~u /status")
    until(lambda: "now refused" in flow_with(api, "served GetStatus")["comment"], "told")


def test_flows_that_were_saved_are_shown_as_they_were(
    project: Project, demo_backend: Backend
) -> None:
    capture = project.folder / "calls.mitm"
    with mitmweb(project, "-w", str(capture), "--set", "gateway_backend_leg=true") as first:
        assert first.gateway.ask(target=FORECAST, headers=signed()).status == 200
        wrong = signed(as_if="/forecast/hangzhou")
        assert first.gateway.ask(target=FORECAST, headers=wrong).status == 403
    saved = capture.read_bytes()
    calls = read_calls(saved)
    assert b"backend leg of weather/GetForecast" in saved
    assert [call.refused_by for call in calls[-2:]] == ["", "Authentication"]
    hits = demo_backend.hits
    with mitmweb(project) as second:
        api = within(second)
        assert api.ask("POST", "/flows/dump", saved).status == 200
        found = until(api.flows, "the flows are there")
        assert flow_with(api, "served GetForecast")["request"]["pretty_host"] == HOST
        assert any(flow["comment"].startswith("backend leg") for flow in found)
        assert "did not sign the query" in api.run("gateway.explain", "~comment Authentication")
        assert api.run("gateway.replay", "~u hangzhou").startswith("2 of 2 end as they did")
    assert demo_backend.hits == hits


def test_the_oldest_flows_go_and_those_that_somebody_marked_stay(project: Project) -> None:
    with mitmweb(project, "--set", "gateway_keep_flows=20") as running:
        api = within(running)
        running.gateway.ask(target="/status?first")
        mine = next(flow["id"] for flow in api.flows() if "first" in flow["request"]["path"])
        body = json.dumps({"marked": ":star:"}).encode()
        kind = {"Content_Type": "application/json"}
        assert api.ask("PUT", f"/flows/{mine}", body, **kind).status == 200
        for number in range(60):
            running.gateway.ask(target=f"/status?{number}")
        flows = api.flows()
        assert 20 <= len(flows) <= 21
        paths = [flow["request"]["path"] for flow in flows]
        assert paths[0] == "/status?first"
        assert paths[-1] == "/status?59"


def test_metadata_holds_the_trail(web: Web) -> None:
    saved = within(web).ask("GET", "/flows/dump").body
    assert TRAIL.encode() in saved
    assert SECRET.encode() not in saved
