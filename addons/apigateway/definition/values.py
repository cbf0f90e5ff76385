"""Declared values (defaults, examples, enumerations) against a parameter's own rules.

The rules are those that callers' values meet (`apigateway.protocol.parameters`), so that a default
which passes here passes there.
"""

import json
from functools import cache, lru_cache
from typing import Any

import re2

from apigateway.model.api import Location, Parameter, ParameterType
from apigateway.protocol.parameters import BrokenRule, Rule, compile_rule

NUMBERS = frozenset(
    {
        ParameterType.INT,
        ParameterType.LONG,
        ParameterType.FLOAT,
        ParameterType.DOUBLE,
        ParameterType.NUMBER,
    }
)

_RE2_OPTIONS = re2.Options()
_RE2_OPTIONS.log_errors = False


def text_of(value: Any) -> str:
    """A value of a document as the text a caller would send; text stays as it is."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=4096)
def fault_of_pattern(pattern: str) -> str:
    """What RE2 says against `pattern`, "" when it takes it."""
    try:
        re2.compile(pattern, _RE2_OPTIONS)
    except (re2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else "not a pattern"
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return ""


def fault_of_value(parameter: Parameter, text: str) -> str:
    """Why `text` is no value of `parameter`, "" when it is one. Its rules are sound themselves."""
    return _fault(compile_rule(parameter), text)


def fault_of_type(kind: ParameterType, text: str) -> str:
    """Why `text` is no value of that type, "" when it is one."""
    return _fault(_bare_rule(kind), text)


@cache
def _bare_rule(kind: ParameterType) -> Rule:
    return compile_rule(Parameter(name="value", location=Location.QUERY, type=kind))


def _fault(rule: Rule, text: str) -> str:
    try:
        rule.check(text)
    except BrokenRule as broken:
        return str(broken)
    except RecursionError:
        return "is nested too deeply"
    return ""
