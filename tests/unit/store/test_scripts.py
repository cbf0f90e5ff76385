"""The Lua scripts: found wherever the package is, and of one mind with store/windows.py."""

from hashlib import sha1
from importlib.resources import files

import pytest

from apigateway.store.scripts import digest_of, script_text


@pytest.mark.parametrize("name", ["take", "claim"])
def test_a_script_is_found_as_part_of_the_package(name: str) -> None:
    assert "redis.call" in script_text(name)
    assert digest_of(name) == sha1(script_text(name).encode()).hexdigest()


def test_there_is_no_script_that_nobody_asks() -> None:
    folder = files("apigateway.store").joinpath("lua")
    assert sorted(found.name for found in folder.iterdir()) == ["claim.lua", "take.lua"]
