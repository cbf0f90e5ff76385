"""Whether a parameter's rules refuse what they let through before, judged by what they mean.

`maximum: 100` on an Int that was a Long with `maximum: 100` refuses nothing, and neither does a
pattern that all values of the old enum match.
"""

from collections.abc import Iterator
from decimal import Decimal

from apigateway.definition.values import NUMBERS, fault_of_value
from apigateway.lifecycle.breaking.finding import Effect, breaking, listed, notice
from apigateway.lifecycle.breaking.patterns import takes_all_of
from apigateway.lifecycle.breaking.schemas import stricter_parts
from apigateway.lifecycle.compare import MISSING, Path
from apigateway.model.api import Parameter, ParameterType
from apigateway.protocol.parameters import span_of

_WHOLE = frozenset({ParameterType.INT, ParameterType.LONG})
_FEW = 5
"""Values that are told one by one."""


def stricter_rules(before: Parameter, after: Parameter, path: Path) -> Iterator[Effect]:
    """What values that were let through meet now; `path` leads to the parameter."""
    refused = _refused_choices(before, after)
    if refused == []:
        return
    if refused and after.enum and after.enum != before.enum:
        yield from _lost_choices(before, after, refused, path)
        return
    if before.type in NUMBERS and after.type in NUMBERS:
        yield from _stricter_numbers(before, after, path)
    elif after.type is ParameterType.STRING and before.type is not ParameterType.FILE:
        yield from _stricter_texts(before, after, path)
    elif before.type is not after.type:
        what = f"is of type {after.type}, and was {before.type}: other values are refused"
        yield breaking((*path, "type"), what)
    elif after.type is ParameterType.JSON:
        yield from stricter_schema(before.schema, after.schema, (*path, "schema"))
    elif after.type is ParameterType.FILE and _is_less(after.max_bytes, before.max_bytes):
        what = f"files of more than {after.max_bytes} bytes are refused{_was(before.max_bytes)}"
        yield breaking((*path, "max_bytes"), what)


def _refused_choices(before: Parameter, after: Parameter) -> list[str] | None:
    """Of a parameter with few values, those that are refused now; None where there may be more
    values than those written (a number has many spellings)."""
    if not before.enum:
        return None
    if before.type in NUMBERS:
        stays_whole = before.type in _WHOLE or after.type not in _WHOLE
        if after.type not in NUMBERS or not stays_whole:
            return None
    elif after.type is ParameterType.FILE:
        return None
    allowed = [text for text in before.enum if not fault_of_value(before, text)]
    return [text for text in allowed if fault_of_value(after, text)]


def _stricter_numbers(before: Parameter, after: Parameter, path: Path) -> Iterator[Effect]:
    if after.type in _WHOLE and before.type not in _WHOLE:
        what = f"is of type {after.type}, and was {before.type}: numbers with a point are refused"
        yield breaking((*path, "type"), what)
    (old_low, old_high), (low, high) = _span(before), _span(after)
    type_low, type_high = span_of(after.type)
    if low > old_low:
        named = "type" if low == type_low else "minimum"
        yield breaking((*path, named), f"less than {low} is refused{_was(before.minimum)}")
    if high < old_high:
        named = "type" if high == type_high else "maximum"
        yield breaking((*path, named), f"more than {high} is refused{_was(before.maximum)}")
    if after.enum:
        left = {Decimal(text) for text in after.enum}
        lost = [text for text in before.enum if Decimal(text) not in left]
        yield from _lost_choices(before, after, lost, path)


def _span(parameter: Parameter) -> tuple[Decimal, Decimal]:
    """The smallest and the largest number that type and rules allow."""
    low, high = span_of(parameter.type)
    if parameter.minimum is not None:
        low = max(low, Decimal(str(parameter.minimum)))
    if parameter.maximum is not None:
        high = min(high, Decimal(str(parameter.maximum)))
    return low, high


def _stricter_texts(before: Parameter, after: Parameter, path: Path) -> Iterator[Effect]:
    shortest = after.min_length or 0
    if shortest > (before.min_length or 0):
        what = f"what is shorter than {shortest} is refused{_was(before.min_length)}"
        yield breaking((*path, "min_length"), what)
    if _is_less(after.max_length, before.max_length):
        what = f"what is longer than {after.max_length} is refused{_was(before.max_length)}"
        yield breaking((*path, "max_length"), what)
    if after.pattern is not None and before.pattern is None:
        yield breaking((*path, "pattern"), f"what does not match {after.pattern} is refused")
    elif not _takes_all_of(after.pattern, before.pattern):
        what = f"what does not match {after.pattern} is refused (was {before.pattern})"
        yield breaking((*path, "pattern"), what)
    if after.enum:
        lost = [text for text in before.enum if text not in after.enum]
        yield from _lost_choices(before, after, lost, path)


def _takes_all_of(after: str | None, before: str | None) -> bool:
    return after is None or (before is not None and takes_all_of(after, before))


def _lost_choices(
    before: Parameter, after: Parameter, lost: list[str], path: Path
) -> Iterator[Effect]:
    if not before.enum:
        what = f"all but {_choices(list(after.enum))} is refused"
        yield breaking((*path, "enum"), what)
    elif lost:
        are = "is" if len(lost) == 1 else "are"
        yield breaking((*path, "enum"), f"{_choices(lost)} {are} refused")


def _choices(texts: list[str]) -> str:
    if len(texts) <= _FEW:
        return listed(texts)
    return f"{', '.join(texts[:_FEW])} and {len(texts) - _FEW} more"


def _is_less(after: int | None, before: int | None) -> bool:
    """Of two upper limits, None for none."""
    return after is not None and (before is None or after < before)


def _was(rule: object) -> str:
    return "" if rule is None else f" (was {rule})"


def stricter_schema(before: object, after: object, path: Path) -> Iterator[Effect]:
    """Of JSON Schemas, None for none; `path` leads to the schema."""
    if after is None:
        return
    if before is None:
        if after is not True and after != {}:
            yield breaking(path, "what breaks the new JSON Schema is refused")
        return
    for part in stricter_parts(before, after):
        where = (*path, *part.path)
        if not part.certain:
            yield notice(where, "the JSON Schema changes here and may refuse more")
        elif part.before is MISSING:
            yield breaking(where, "the JSON Schema has a new rule here")
        else:
            yield breaking(where, "the JSON Schema is stricter here")
