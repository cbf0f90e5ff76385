"""What is live and what would be, and which calls can meet a difference."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from unit.replay.calls import a_request

from apigateway.definition.load import load_project
from apigateway.definition.project import Project
from apigateway.lifecycle.start import publishing, release_at_start
from apigateway.model.catalog import Catalog
from apigateway.model.group import Environment
from apigateway.model.release import DRAFT, Release
from apigateway.protocol.wire import Headers
from apigateway.reception import CallerRequest
from apigateway.rehearsal.sides import Sides, drafts_released, sides_of, version_switched_to
from apigateway.store.memory import MemoryStore

ROOT = Path(__file__).resolve().parents[3]
RELEASE, TEST = Environment.RELEASE, Environment.TEST
HOST = "api.weather.localhost"


class Place:
    """The samples, released to RELEASE, and their files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("definitions", "policies"):
            shutil.copytree(ROOT / name, folder / name)
        self.releases = MemoryStore().releases
        release_at_start(self.releases, self.project, 1)

    @property
    def project(self) -> Project:
        return load_project(self.folder / "definitions", self.folder / "policies")

    @property
    def current(self) -> list[Release]:
        return list(self.releases.current())

    def edit(self, old: str, new: str, name: str = "get-forecast") -> None:
        path = self.folder / "definitions" / "weather" / f"{name}.yaml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def drafts(self, environment: Environment = RELEASE, *names: str) -> list[Release]:
        project = self.project
        chosen = {api.id for api in project.apis if not names or api.name in names}
        return drafts_released(project, self.current, environment, chosen)

    def sides(self, environment: Environment = RELEASE, *, with_removed: bool = True) -> Sides:
        changes = self.drafts(environment)
        return sides_of(self.project, self.current, changes, environment, with_removed=with_removed)

    def without(self, name: str, *, but: str = "") -> None:
        """Remove the file of an API and what is granted and bound to it."""
        project = self.project
        self.removed = replace(
            project,
            apis=tuple(api for api in project.apis if api.name != name),
            grants=tuple(grant for grant in project.grants if grant.api != name),
            bindings=tuple(one for one in project.bindings if one.api != name),
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def versions(catalog: Catalog, environment: Environment = RELEASE) -> dict[str, str]:
    served = (one for one in catalog.served if one.environment is environment)
    return {one.api.name: one.version for one in served}


def to(host: str = HOST, *fields: tuple[str, str], method: str = "GET") -> CallerRequest:
    return replace(a_request("/x", method=method), headers=Headers([("Host", host), *fields]))


def test_a_draft_that_means_what_is_served_changes_nothing(place: Place) -> None:
    place.edit("description: Forecast for a city", "description: Forecast for a city # as was")
    assert place.drafts() == []
    two = place.sides()
    assert (two.changed, two.removed, two.touched) == ((), (), frozenset())
    assert not two.may_differ(to())


def test_a_draft_that_was_edited_is_served_by_the_candidate_alone(place: Place) -> None:
    place.edit("maximum: 14", "maximum: 7")
    (change,) = place.drafts()
    assert (change.api, change.environment, change.version) == ("GetForecast", RELEASE, DRAFT)
    two = place.sides()
    assert two.changed == ("weather/GetForecast",)
    assert versions(two.live).keys() == versions(two.candidate).keys()
    assert versions(two.live)["GetForecast"] != DRAFT
    assert versions(two.candidate)["GetForecast"] == DRAFT
    live = {one.api.name: one for one in two.live.served}
    for one in two.candidate.served:
        assert (one is live[one.api.name]) is (one.api.name != "GetForecast")


def test_only_the_drafts_that_were_chosen_are_released(place: Place) -> None:
    place.edit("maximum: 14", "maximum: 7")
    place.edit("path: /status", "path: /state", "get-status")
    assert [one.api for one in place.drafts()] == ["GetForecast", "GetStatus"]
    assert [one.api for one in place.drafts(RELEASE, "GetStatus")] == ["GetStatus"]


def test_calls_of_other_groups_and_environments_cannot_differ(place: Place) -> None:
    place.edit("maximum: 14", "maximum: 7")
    two = place.sides()
    assert two.may_differ(to())
    assert two.may_differ(to(HOST.upper() + ":8080"))
    assert two.may_differ(to(HOST, ("X-Ca-Stage", "release")))
    assert not two.may_differ(to(HOST, ("X-Ca-Stage", "TEST")))
    assert not two.may_differ(to(HOST, ("X-Ca-Stage", "NEXT")))
    assert not two.may_differ(to("api.accounts.localhost"))
    assert not two.may_differ(to("unknown.test"))


def test_a_preflight_can_differ_in_any_environment_of_the_group(place: Place) -> None:
    asked = ("Access-Control-Request-Method", "GET")
    changes = place.drafts(TEST, "GetForecast")
    two = sides_of(place.project, place.current, changes, TEST, with_removed=False)
    assert not two.may_differ(to())
    assert two.may_differ(to(HOST, asked, method="OPTIONS"))
    assert not two.may_differ(to("api.accounts.localhost", asked, method="OPTIONS"))


def test_keys_that_verify_tokens_touch_every_group_of_their_environment(place: Place) -> None:
    """A key that is issued by one group verifies the tokens of another's calls."""
    path = place.folder / "definitions" / "accounts" / "log-in.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("path: /", "path: /new-", 1), "utf-8")
    two = place.sides()
    assert two.changed == ("accounts/LogIn",)
    assert two.may_differ(to())


def test_an_environment_where_nothing_is_released_has_all_drafts_as_new(place: Place) -> None:
    two = place.sides(TEST)
    assert versions(two.live, TEST) == {}
    assert set(versions(two.candidate, TEST).values()) == {DRAFT}
    assert versions(two.candidate, RELEASE) == versions(two.live, RELEASE)


def test_an_api_that_is_declared_no_more_is_live_until_it_is_removed(place: Place) -> None:
    place.without("GetForecast")
    two = sides_of(place.removed, place.current, [], RELEASE, with_removed=True)
    assert two.removed == ("weather/GetForecast",)
    assert "GetForecast" in versions(two.live)
    assert "GetForecast" not in versions(two.candidate)
    (live,) = (one for one in two.live.served if one.api.name == "GetForecast")
    assert live.granted == {app.id for app in place.removed.apps}
    assert two.may_differ(to())
    kept = sides_of(place.removed, place.current, [], RELEASE, with_removed=False)
    assert (kept.removed, kept.touched) == ((), frozenset())
    assert "GetForecast" not in versions(kept.live)


def test_a_removed_api_that_cannot_be_read_was_not_live_either(place: Place) -> None:
    place.without("GetForecast")
    broken = [
        replace(one, document={"name": "x"}) if one.api == "GetForecast" else one
        for one in place.current
    ]
    assert sides_of(place.removed, broken, [], RELEASE, with_removed=True).removed == ()


def test_a_switch_serves_the_version_of_the_apis_that_have_it(place: Place) -> None:
    first = versions(place.sides().live)["GetForecast"]
    place.edit("maximum: 14", "maximum: 7")
    draft = next(api for api in place.project.apis if api.name == "GetForecast")
    place.releases.apply([publishing(draft, RELEASE)], note="n", by="b", now_ms=10_000)
    project = place.project
    back = version_switched_to(place.releases, project.apis, RELEASE, first)
    assert {one.version for one in back} == {first}
    two = sides_of(project, place.current, back, RELEASE, with_removed=False)
    assert two.changed == ("weather/GetForecast",)
    assert versions(two.candidate)["GetForecast"] == first != versions(two.live)["GetForecast"]
    assert version_switched_to(place.releases, project.apis, TEST, first) == []
    assert version_switched_to(place.releases, project.apis, RELEASE, "x") == []
