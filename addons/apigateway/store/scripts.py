"""The Lua scripts that Redis runs as one step each."""

from functools import cache
from hashlib import sha1
from importlib.resources import files


@cache
def script_text(name: str) -> str:
    """The text of `lua/<name>.lua`."""
    return files("apigateway.store").joinpath("lua", f"{name}.lua").read_text("utf-8")


@cache
def digest_of(name: str) -> str:
    """What Redis calls `lua/<name>.lua` once it has seen it."""
    return sha1(script_text(name).encode(), usedforsecurity=False).hexdigest()
