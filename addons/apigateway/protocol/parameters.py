"""Declared parameters as compiled rules: text in, checked text out.

A rule is made once when a definition is compiled and then only read. A value goes to the
backend as the caller wrote it; the rule decides whether it may.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from apigateway.json_schema.judging import DocumentSchema
from apigateway.model.api import Parameter, ParameterType
from apigateway.protocol.documents import DocumentError, parse_json
from apigateway.protocol.patterns import compiled_pattern

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")
_RANGES = {
    ParameterType.INT: (-(2**31), 2**31 - 1),
    ParameterType.LONG: (-(2**63), 2**63 - 1),
}
_LARGEST = {
    ParameterType.FLOAT: Decimal("3.4028235e38"),
    ParameterType.DOUBLE: Decimal("1.7976931348623157e308"),
    ParameterType.NUMBER: Decimal("1.7976931348623157e308"),
}


class BrokenRule(ValueError):
    """A value that its parameter does not allow; the text names the rule, not the value."""


Check = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled parameter. `check` raises BrokenRule, or returns when the text may pass; no text
    is a File."""

    parameter: Parameter
    check: Check


def compile_rule(parameter: Parameter) -> Rule:
    """
    Raises:
        re2.error: the pattern is not one that RE2 takes.
    """
    if parameter.type is ParameterType.JSON:
        return Rule(parameter, _json_check(parameter))
    if parameter.type is ParameterType.BOOLEAN:
        return Rule(parameter, _boolean_check)
    if parameter.type is ParameterType.FILE:
        return Rule(parameter, _file_check)
    if parameter.type is ParameterType.STRING:
        return Rule(parameter, _string_check(parameter))
    return Rule(parameter, _number_check(parameter))


def _string_check(parameter: Parameter) -> Check:
    pattern = compiled_pattern(parameter.pattern) if parameter.pattern is not None else None
    choices = frozenset(parameter.enum)
    shortest, longest = parameter.min_length, parameter.max_length

    def check(text: str) -> None:
        try:
            raw = text.encode("utf-8")
        except UnicodeEncodeError:  # text that stands for bytes which were none
            raise BrokenRule("is not UTF-8") from None
        if shortest is not None and len(text) < shortest:
            raise BrokenRule(f"is shorter than {shortest}")
        if longest is not None and len(text) > longest:
            raise BrokenRule(f"is longer than {longest}")
        if pattern is not None and not pattern.fullmatch(raw):  # RE2 reads bytes
            raise BrokenRule(f"does not match {parameter.pattern}")
        if choices and text not in choices:
            raise BrokenRule(f"is not one of {', '.join(parameter.enum)}")

    return check


def _number_check(parameter: Parameter) -> Check:
    read = _reader(parameter.type)
    choices = frozenset(Decimal(choice) for choice in parameter.enum)
    lowest = None if parameter.minimum is None else Decimal(str(parameter.minimum))
    highest = None if parameter.maximum is None else Decimal(str(parameter.maximum))

    def check(text: str) -> None:
        number = read(text)
        if lowest is not None and number < lowest:
            raise BrokenRule(f"is less than {parameter.minimum}")
        if highest is not None and number > highest:
            raise BrokenRule(f"is greater than {parameter.maximum}")
        if choices and number not in choices:
            raise BrokenRule(f"is not one of {', '.join(parameter.enum)}")

    return check


def span_of(kind: ParameterType) -> tuple[Decimal, Decimal]:
    """The smallest and the largest value of a type of numbers."""
    if kind in _RANGES:
        smallest, largest = _RANGES[kind]
        return Decimal(smallest), Decimal(largest)
    return -_LARGEST[kind], _LARGEST[kind]


def _reader(kind: ParameterType) -> Callable[[str], Decimal | int]:
    if kind in _RANGES:
        smallest, largest = _RANGES[kind]

        def read_integer(text: str) -> int:
            if not _INTEGER.fullmatch(text):
                raise BrokenRule(f"is not of type {kind}")
            number = int(text)
            if not smallest <= number <= largest:
                raise BrokenRule(f"is out of the range of type {kind}")
            return number

        return read_integer
    bound = _LARGEST[kind]

    def read_decimal(text: str) -> Decimal:
        if not _DECIMAL.fullmatch(text):
            raise BrokenRule(f"is not of type {kind}")
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise BrokenRule(f"is not of type {kind}") from None
        if abs(number) > bound:
            raise BrokenRule(f"is out of the range of type {kind}")
        return number

    return read_decimal


def _boolean_check(text: str) -> None:
    if text.lower() not in ("true", "false"):
        raise BrokenRule(f"is not of type {ParameterType.BOOLEAN}")


def _file_check(text: str) -> None:
    raise BrokenRule("is not a file")


def check_file(parameter: Parameter, size_bytes: int) -> None:
    """What `Rule.check` is for text, for a file of a multipart body.

    Raises:
        BrokenRule: it is too large, or the parameter is text.
    """
    if parameter.type is not ParameterType.FILE:
        raise BrokenRule("is a file")
    if parameter.max_bytes is not None and size_bytes > parameter.max_bytes:
        raise BrokenRule(f"is larger than {parameter.max_bytes} bytes")


def _json_check(parameter: Parameter) -> Check:
    schema = DocumentSchema(parameter.schema) if parameter.schema is not None else None

    def check(text: str) -> None:
        try:
            value = parse_json(text.encode("utf-8", "surrogatepass"))
        except DocumentError as problem:
            raise BrokenRule(f"is not of type JSON: {problem}") from None
        if schema is not None and (violation := schema.first_violation(value)):
            raise BrokenRule(f"does not match its JSON Schema at {violation}")

    return check
