"""What people read when data leaves its schema."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from apigateway.definition.document import Key


@dataclass(frozen=True, slots=True)
class Misfit:
    """Where data leaves its schema. `at_key`: the last of `keys` itself is wrong, not its value."""

    keys: tuple[Key, ...]
    what: str
    mend: str
    at_key: bool = False


Keys = tuple[Key, ...]

_TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def place(keys: Keys) -> str:
    """`("request", "parameters", 1, "in")` as people write it: `request.parameters[1].in`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".") or "the file"


def shown_value(value: Any) -> str:
    """A value as it would stand in the file, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _example(value: Any) -> str:
    """A value as it can be pasted into the file (JSON is YAML)."""
    return json.dumps(value, ensure_ascii=False)


def did_you_mean(word: str, choices: Iterable[str], mend: str) -> str:
    """`mend`, after the choice that is nearly `word` where there is one."""
    known = list(choices)
    close = get_close_matches(word, known, n=1) or get_close_matches(
        word.lower().replace("-", "_"), known, n=1
    )
    return f'did you mean "{close[0]}"? {mend[:1].upper()}{mend[1:]}' if close else mend


def _inside(keys: Keys) -> str:
    return f" in {place(keys)}" if keys else ""


def unknown_key(name: str, keys: Keys, known: list[str]) -> Misfit:
    mend = did_you_mean(name, known, f"known keys: {', '.join(known)}")
    what = f'unknown key "{name}"{_inside(keys)}'
    return Misfit((*keys, name), what, mend, at_key=True)


def missing_key(name: str, keys: Keys, rule: Mapping[str, Any]) -> Misfit:
    choices = rule.get("examples") or rule.get("enum") or ["..."]
    example = choices[0] if isinstance(choices[0], str) else _example(choices[0])
    what = f'"{name}" is missing{_inside(keys)}'
    return Misfit(keys, what, f"add {name}: {example}", at_key=True)


def not_one_of(value: Any, keys: Keys, choices: list[str]) -> Misfit:
    mend = f"write one of: {', '.join(choices)}"
    if isinstance(value, str):
        mend = did_you_mean(value, choices, mend)
    return Misfit(keys, f"{place(keys)} is {shown_value(value)}", mend)


def wrong_type(value: Any, keys: Keys, names: list[str], schema: Mapping[str, Any]) -> Misfit:
    wanted = " or ".join(_TYPE_WORDS[name] for name in names)
    secret = schema.get("writeOnly", False)
    if value is None:
        mend = f"write {wanted}, or remove it"
        if any(str(example).startswith("#") for example in schema.get("examples", ())):
            mend += '; text that begins with "#" stands in quotes'
        return Misfit(keys, f"{place(keys)} has no value", mend)
    got = _type_word(value)
    what = f"{place(keys)} must be {wanted}, not {got}"
    if not secret and not isinstance(value, dict | list):
        what += f" {shown_value(value)}"
    return Misfit(keys, what, _type_mend(value, names, wanted, schema))


def _type_word(value: Any) -> str:
    if isinstance(value, bool):
        return "the boolean"
    if isinstance(value, int | float):
        return "the number"
    if isinstance(value, str):
        return "the text"
    return "a list" if isinstance(value, list) else "a mapping"


def _type_mend(value: Any, names: list[str], wanted: str, schema: Mapping[str, Any]) -> str:
    if "string" in names:
        if isinstance(value, dict | list):
            return "put the text in quotes"
        return "put it in quotes"
    if "array" in names and not isinstance(value, dict):
        return f"write it in brackets: [{value}]" if isinstance(value, str) else "write [...]"
    if names == ["boolean"] and isinstance(value, str):
        return "write true or false without quotes"
    if isinstance(value, str) and _is_number(value):
        return f"write {value} without quotes"
    example = schema.get("examples", [None])[0]
    return f"write {wanted}" + (f", for example {_example(example)}" if example else "")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", text) is not None


def least_mend(schema: Mapping[str, Any]) -> str:
    examples = schema.get("examples")
    return (
        f"write at least one, for example {_example(examples[0])}"
        if examples
        else ("write at least one, or remove the key")
    )


def repeated(values: list[Any], keys: Keys) -> list[Misfit]:
    seen: set[str] = set()
    repeated = []
    for index, value in enumerate(values):
        text = json.dumps(value, sort_keys=True)
        if text in seen:
            what = f"{shown_value(value)} stands twice in {place(keys)}"
            repeated.append(Misfit((*keys, index), what, "remove one of the two"))
        seen.add(text)
    return repeated
