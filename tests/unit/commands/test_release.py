"""`apigateway release`: who is asked, what is refused, and what is served then."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from unit.commands.captured import flow, save
from unit.commands.released_samples import FIRST, NOW_MS, Samples

from apigateway.cli import main
from apigateway.commands import release as command
from apigateway.model.group import Environment

NOTE = ("--note", "seven days")


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return Samples(tmp_path)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "is_terminal", lambda: True)


def break_forecast(samples: Samples, maximum: int = 7) -> None:
    samples.edit("weather/get-forecast", "maximum: 14", f"maximum: {maximum}")


def maximum(samples: Samples) -> int:
    parameters = samples.served()["GetForecast"].document["request"]["parameters"]
    return int(parameters[1]["maximum"])


def test_a_release_says_which_versions_are_served(samples: Samples) -> None:
    done = samples.run("release", "GetForecast", *NOTE, "--by", "eve")
    assert done.exit_code == 0
    served = samples.served()
    assert list(served) == ["GetForecast"]
    version = served["GetForecast"].version
    assert done.output.splitlines()[-1] == (
        f"weather/GetForecast in RELEASE: version {version} (before: none)"
    )
    assert (served["GetForecast"].note, served["GetForecast"].released_by) == ("seven days", "eve")


def test_a_group_or_all_is_released_in_one_step(samples: Samples) -> None:
    assert samples.run("release", "weather", "--env", "test", *NOTE).exit_code == 0
    assert len(samples.served(Environment.TEST)) == 6
    assert len({one.version for one in samples.served(Environment.TEST).values()}) == 1
    assert samples.run("release", "--all", *NOTE).exit_code == 0
    assert len(samples.served()) == 11


def test_where_nothing_is_due_it_says_so(samples: Samples) -> None:
    samples.release()
    done = samples.run("release", "--all", *NOTE)
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == (
        "nothing to do: what is served in RELEASE is what the drafts say"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (NOTE, "say what to release: NAME..., --all, or --plan FILE"),
        (("GetForecast", "--all", *NOTE), "say what to release"),
        (("GetForecast",), "Missing option '--note'"),
        (("GetForecast", "--note", " "), "says nothing"),
        (("GetForecast", "--note", "x" * 181), "has 181 characters, and at most 180 are kept"),
        (("GetForcast", *NOTE), 'did you mean "GetForecast"?'),
        (("--plan", "none.plan", *NOTE), "does not exist"),
    ],
)
def test_a_command_line_that_is_wrong_is_told(
    samples: Samples, words: tuple[str, ...], message: str
) -> None:
    done = samples.run("release", *words)
    assert done.exit_code == 2
    assert message in done.output
    assert "Usage: " in done.output
    assert samples.served() == {}


def test_without_a_terminal_what_breaks_is_refused_unless_accepted(samples: Samples) -> None:
    samples.release()
    break_forecast(samples)
    done = samples.run("release", "GetForecast", *NOTE)
    assert done.exit_code == 1
    assert done.stderr == ("1 change would break calls: nothing was released; --yes accepts it\n")
    assert maximum(samples) == 14
    assert samples.run("release", "GetForecast", *NOTE, "--yes").exit_code == 0
    assert maximum(samples) == 7


def test_without_a_terminal_what_breaks_nothing_is_released(samples: Samples) -> None:
    samples.release()
    break_forecast(samples, 28)
    assert samples.run("release", "GetForecast", *NOTE).exit_code == 0
    assert maximum(samples) == 28


@pytest.mark.parametrize(
    ("answer", "code", "expected"), [("y\n", 0, 7), ("n\n", 1, 14), ("", 1, 14)]
)
def test_on_a_terminal_it_is_asked(
    samples: Samples, terminal: None, answer: str, code: int, expected: int
) -> None:
    samples.release()
    break_forecast(samples)
    done = samples.run("release", "GetForecast", *NOTE, answer=answer)
    assert done.exit_code == code
    assert "Release 1 API to RELEASE, though 1 change would break calls? [y/N]" in done.output
    assert maximum(samples) == expected


def test_on_a_terminal_it_is_asked_though_nothing_breaks_but_not_with_yes(
    samples: Samples, terminal: None
) -> None:
    assert samples.run("release", "--all", *NOTE, answer="n\n").exit_code == 1
    assert samples.served() == {}
    assert "Release" not in samples.run("release", "--all", *NOTE, "--yes").output
    assert len(samples.served()) == 11


def planned(samples: Samples, *words: str) -> str:
    file = samples.root / "release.plan"
    samples.run("plan", "--out", str(file), *words)
    return str(file)


def test_a_saved_plan_is_carried_out(samples: Samples) -> None:
    file = planned(samples, "TEST", "--api", "weather")
    assert samples.run("release", "--plan", file, *NOTE).exit_code == 0
    assert len(samples.served(Environment.TEST)) == 6
    assert samples.served() == {}


def test_what_a_saved_plan_breaks_is_to_be_accepted_too(samples: Samples) -> None:
    samples.release()
    break_forecast(samples)
    file = planned(samples)
    assert samples.run("release", "--plan", file, *NOTE).exit_code == 1
    assert samples.run("release", "--plan", file, *NOTE, "--yes").exit_code == 0
    assert maximum(samples) == 7


def test_a_plan_that_somebody_overtook_is_refused_with_who_it_was(samples: Samples) -> None:
    samples.release()
    break_forecast(samples)
    file = planned(samples)
    samples.edit("weather/get-forecast", "maximum: 7", "maximum: 9")
    samples.release("GetForecast", by="bob", now_ms=NOW_MS + 1000)
    samples.edit("weather/get-forecast", "maximum: 9", "maximum: 7")
    done = samples.run("release", "--plan", file, *NOTE, "--yes")
    assert done.exit_code == 4
    assert done.stderr.splitlines() == [
        f"weather/GetForecast in RELEASE: version {FIRST} was expected, and it is "
        "20231114221321000 by now",
        "  bob released 20231114221321000 at 2023-11-14 22:13:21 UTC: why",
        "somebody else changed it meanwhile; nothing was changed, plan again",
    ]
    assert maximum(samples) == 9


def test_a_plan_whose_draft_was_edited_is_refused(samples: Samples) -> None:
    samples.release()
    break_forecast(samples)
    file = planned(samples)
    samples.edit("weather/get-forecast", "maximum: 7", "maximum: 9")
    done = samples.run("release", "--plan", file, *NOTE, "--yes")
    assert done.exit_code == 4
    assert done.stderr == (
        "since the plan was made, the draft of weather/GetForecast was edited or removed; "
        "nothing was changed, plan again\n"
    )
    assert maximum(samples) == 14


def test_who_releases_while_it_is_asked_is_seen(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is expected is what was shown."""
    samples.release()
    break_forecast(samples)

    def somebody_else() -> bool:
        samples.release("GetForecast", by="bob", now_ms=NOW_MS + 1000)
        return True

    monkeypatch.setattr(command, "is_terminal", somebody_else)
    done = samples.run("release", "GetForecast", *NOTE, answer="y\n")
    assert done.exit_code == 4
    assert "bob released 20231114221321000" in done.stderr
    assert [one.released_by for one in samples.served().values()].count("bob") == 1


def test_a_plan_is_for_the_environment_that_it_says(samples: Samples) -> None:
    file = planned(samples, "PRE")
    done = samples.run("release", "--plan", file, "--env", "TEST", *NOTE)
    assert done.exit_code == 2
    assert "the plan is for PRE, not TEST" in done.output
    assert samples.run("release", "--plan", file, "--env", "pre", *NOTE).exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "it is no plan: not JSON"), ("[]", "it is no plan"), ("[" * 10**5, "it is no plan")],
    ids=["cut", "other", "deep"],
)
def test_a_file_that_is_no_plan_is_told(samples: Samples, text: str, message: str) -> None:
    file = samples.root / "release.plan"
    file.write_text(text)
    done = samples.run("release", "--plan", str(file), *NOTE)
    assert done.exit_code == 1
    assert message in done.output


def test_what_stands_against_it_is_told_and_cannot_be_accepted(samples: Samples) -> None:
    samples.release()
    samples.edit("weather/get-status", "path: /status", "path: /state")
    samples.edit("weather/find-stations", "path: /stations/near  ", "path: /status  ")
    done = samples.run("release", "FindStations", *NOTE, "--yes")
    assert done.exit_code == 1
    assert "OBSTACLE" in done.output
    assert done.stderr == "1 obstacle in the way: nothing was released\n"
    assert {one.version for one in samples.served().values()} == {FIRST}


def test_json_is_for_programs_and_asks_nobody(samples: Samples, terminal: None) -> None:
    samples.release()
    break_forecast(samples)
    refused = samples.run("release", "GetForecast", *NOTE, "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["released"] == []
    done = samples.run("release", "GetForecast", *NOTE, "--json", "--yes")
    assert done.exit_code == 0
    data = json.loads(done.stdout)
    version = samples.served()["GetForecast"].version
    assert data["environment"] == "RELEASE"
    assert data["released"] == [
        {"group": "weather", "api": "GetForecast", "before": FIRST, "version": version}
    ]
    assert [one["severity"] for one in data["findings"]] == ["breaking"]


def test_a_store_that_cannot_be_used_is_told(samples: Samples) -> None:
    samples.edit("gateway", "store: ", "store: redis://127.0.0.1:1/0 # ")
    done = samples.run("release", "--all", *NOTE)
    assert done.exit_code == 1
    assert "the store cannot be used: " in done.output


def test_names_are_completed(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a shell: the command line so far comes in the environment."""
    monkeypatch.chdir(samples.root)
    words = {"COMP_WORDS": "apigateway release GetSt", "COMP_CWORD": "2"}
    asked = {"_APIGATEWAY_COMPLETE": "bash_complete", **words}
    done = CliRunner(env=asked).invoke(main, [], prog_name="apigateway")
    assert done.output.split() == ["plain,GetStation", "plain,GetStatus"]


def captured(samples: Samples, *days: int) -> str:
    flows = [flow(f"/forecast/hangzhou?days={number}", answer=200) for number in days]
    return str(save(samples.root / "calls.mitm", *flows))


def test_a_rehearsal_refuses_what_calls_would_end_otherwise_for(samples: Samples) -> None:
    samples.release()
    break_forecast(samples)
    words = ("GetForecast", *NOTE, "--yes", "--rehearse", captured(samples, 1, 8, 14))
    done = samples.run("release", *words)
    assert done.exit_code == 1
    assert "2 calls of 1 app, now refused (demo)" in done.stdout
    assert done.stderr.splitlines()[-1] == "to accept, add: --accept days-greater-than-7"
    assert maximum(samples) == 14
    assert samples.run("release", *words, "--accept", "days-greater-than-8").exit_code == 1
    assert maximum(samples) == 14
    done = samples.run("release", *words, "--accept", "days-greater-than-7")
    assert done.exit_code == 0
    assert maximum(samples) == 7


def test_a_rehearsal_in_which_nothing_differs_refuses_nothing(samples: Samples) -> None:
    samples.release()
    break_forecast(samples)
    words = ("GetForecast", *NOTE, "--rehearse", captured(samples, 1, 7))
    done = samples.run("release", *words)
    assert done.exit_code == 1
    assert "1 change would break calls: nothing was released; --yes accepts it" in done.stderr
    assert samples.run("release", *words, "--yes").exit_code == 0
    assert maximum(samples) == 7


def test_only_what_is_released_is_rehearsed(samples: Samples) -> None:
    samples.release()
    break_forecast(samples)
    samples.edit("weather/get-status", "path: /status", "path: /state")
    words = ("--all", *NOTE, "--yes", "--rehearse", captured(samples, 1, 14))
    assert samples.run("release", *words).exit_code == 1
    words = ("GetStatus", *NOTE, "--yes", "--rehearse", captured(samples, 1, 14))
    assert samples.run("release", *words).exit_code == 0
    assert maximum(samples) == 14


def test_as_json_a_rehearsal_is_part_of_the_document(samples: Samples) -> None:
    samples.release()
    break_forecast(samples)
    words = ("GetForecast", *NOTE, "--yes", "--json", "--rehearse", captured(samples, 1, 14))
    done = samples.run("release", *words)
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert document["released"] == []
    assert [cause["name"] for cause in document["rehearsal"]["causes"]] == ["days-greater-than-7"]
    done = samples.run("release", *words, "--accept", "days-greater-than-7")
    document = json.loads(done.stdout)
    assert (len(document["released"]), document["rehearsal"]["differing"]) == (1, 1)


def test_a_rehearsal_needs_a_capture_and_something_to_release(samples: Samples) -> None:
    samples.release()
    done = samples.run("release", "GetForecast", *NOTE, "--accept", "x")
    assert done.exit_code == 2
    assert "give --rehearse CAPTURE" in done.output
    done = samples.run("release", "GetForecast", *NOTE, "--rehearse", captured(samples, 1))
    assert done.exit_code == 0
    assert "nothing to do" in done.stdout
    break_forecast(samples)
    done = samples.run("release", "GetForecast", *NOTE, "--yes", "--rehearse", "none.mitm")
    assert done.exit_code == 1
    assert maximum(samples) == 14
