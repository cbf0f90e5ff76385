"""Whoever reads it finds the trail as plain data, made once; who asks for others makes none."""

import copy
import json
import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from mitmproxy import flowfilter
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import tflow

from apigateway.proxy.flow_metadata import PendingTrail
from apigateway.proxy.flows import TRAIL

WHOLE = {"note": 1, TRAIL: {"status": 200}}


def pending() -> tuple[PendingTrail, list[int]]:
    """Metadata with a note and a trail that is still to be made; how often it was."""
    made: list[int] = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {"status": 200}

    return PendingTrail({"note": 1}, make), made


def test_asking_whether_it_is_there_and_for_others_makes_none() -> None:
    metadata, made = pending()
    assert TRAIL in metadata
    assert "note" in metadata
    assert "other" not in metadata
    assert metadata.get("note") == 1
    assert metadata.get("other", 2) == 2
    assert made == []


READS: list[Callable[[PendingTrail], Any]] = [
    lambda metadata: {**metadata},
    dict,
    copy.copy,
    copy.deepcopy,
    lambda metadata: metadata.copy(),
    lambda metadata: dict(metadata.items()),
    lambda metadata: dict(zip(metadata.keys(), metadata.values(), strict=True)),
    lambda metadata: {key: metadata[key] for key in metadata},
    lambda metadata: {key: metadata.get(key) for key in reversed(metadata)},
    lambda metadata: json.loads(json.dumps(metadata)),
    lambda metadata: json.loads(json.dumps(metadata, indent=1)),
    lambda metadata: pickle.loads(pickle.dumps(metadata)),
    lambda metadata: metadata | {},
    lambda metadata: {} | metadata,
    lambda metadata: eval(repr(metadata)),
    lambda metadata: dict([metadata.popitem(), metadata.popitem()]),
    lambda metadata: {"note": metadata.pop("note"), TRAIL: metadata.pop(TRAIL)},
    lambda metadata: {"note": metadata.setdefault("note"), TRAIL: metadata.setdefault(TRAIL)},
]


@pytest.mark.parametrize("read", READS, ids=range(len(READS)))
def test_every_way_to_read_it_finds_all_of_it(read: Callable[[PendingTrail], Any]) -> None:
    metadata, made = pending()
    assert read(metadata) == WHOLE
    assert made == [1]


@pytest.mark.parametrize("number", [3, 13, 14], ids=["deepcopy", "or", "ror"])
def test_what_is_made_of_it_is_a_plain_dict(number: int) -> None:
    assert type(READS[number](pending()[0])) is dict


def test_it_is_made_once_and_then_a_dict_like_any_other() -> None:
    metadata, made = pending()
    assert len(metadata) == 2
    assert metadata == WHOLE
    assert (metadata != WHOLE) is False
    metadata["other"] = 3
    del metadata[TRAIL]
    metadata.update(note=2)
    assert metadata == {"note": 2, "other": 3}
    assert TRAIL not in metadata
    metadata.clear()
    assert metadata == {}
    assert made == [1]


def test_what_is_written_first_is_not_lost_to_the_trail() -> None:
    metadata, _ = pending()
    metadata[TRAIL] = "of another"
    assert metadata[TRAIL] == "of another"


def test_a_trail_that_cannot_be_made_is_not_there() -> None:
    metadata = PendingTrail({"note": 1}, lambda: None)
    assert metadata.get(TRAIL) is None
    assert TRAIL not in metadata
    assert metadata == {"note": 1}


def test_mitmproxy_saves_copies_and_searches_it() -> None:
    def with_trail() -> Any:
        flow = tflow.tflow(resp=True)
        flow.metadata, _ = pending()
        return flow

    sink = BytesIO()
    FlowWriter(sink).add(with_trail())
    (read,) = FlowReader(BytesIO(sink.getvalue())).stream()
    assert read.metadata == WHOLE
    assert type(read.metadata) is dict
    assert with_trail().copy().metadata == WHOLE
    changed = with_trail()
    changed.backup()
    changed.revert()
    assert changed.metadata == WHOLE
    assert flowfilter.match("~meta status", with_trail())
