"""What `replay` tells of calls that were replayed."""

import pytest

from apigateway.commands.replayed import Replayed, document_of, print_replayed
from apigateway.replay.differences import Difference, Kind


def differs(number: int, kind: Kind = Kind.STATUS, explained: str = "") -> Replayed:
    found = Difference(api="g/A", kind=kind, what="", before="200", after="500")
    return Replayed(number, (found,), explained=explained)


DONE = [
    Replayed(1, ()),
    differs(2),
    differs(3),
    differs(4, Kind.REWORDED),
    differs(5, explained="limits"),
    Replayed(6, None, "no answer"),
    Replayed(7, None, "gone", failed=True),
]


def test_what_matters() -> None:
    assert [one.number for one in DONE if one.matters] == [2, 3, 7]


def test_the_document() -> None:
    document = document_of(DONE)
    assert (document["calls"], document["same"], document["different"]) == (7, 1, 3)
    assert document["explained"] == 1
    assert [cause["calls"] for cause in document["causes"]] == [[2, 3], [4], [5]]
    assert [one["number"] for one in document["not_compared"]] == [6, 7]


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    print_replayed(DONE)
    out, err = capsys.readouterr()
    assert "because" in out
    assert "#6 was not compared: no answer" in err
    assert "7 calls: 1 end as they did, 3 do not, 1 differ for a reason of the replay" in out
    print_replayed(DONE[:1])
    assert capsys.readouterr().out == "1 call: 1 end as they did, 0 do not\n"
