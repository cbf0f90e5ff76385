"""How often a schema is asked about one value, by the depth of that value in its document.

Where two branches refer back for the same member, each level of a document doubles the questions,
and sixty levels would never end. For the usual recursive schemas the library prevents that: it
remembers its answer where a reference leads back to a schema that it is inside of, as long as only
the verdict is asked for. What is asked beyond that is counted here, before a document is judged.
"""

from collections import Counter
from functools import cached_property
from typing import Any

from apigateway.json_schema.parts import (
    ONLY_KEPT,
    UNEVALUATED,
    Key,
    in_place,
    parts_of,
    resolved,
    subschemas,
)

MOST = 2_000_000
"""Questions beyond the usual that one document may cost: some tenths of a second."""

USUAL = 10
"""How often each part of a schema may be asked about each value."""

_ENOUGH = 10**12


class _Questions:
    """What judging one value asks: how many schemas of it, and which of its children.

    A child is named by its key: text in an object, a number in a list.
    """

    def __init__(self, here: int = 0) -> None:
        self.here = here
        self.named: dict[Key, Counter[int]] = {}
        self.others: Counter[tuple[type, frozenset[Key], int]] = Counter()

    def ask(self, schema: dict[str, Any]) -> None:
        """Add what `schema` itself asks of children. Schemas are told apart by their id."""
        members = schema.get("properties", {})
        first = schema.get("prefixItems", [])
        for key, part in [*members.items(), *enumerate(first)]:
            if isinstance(part, dict):
                self.named.setdefault(key, Counter())[id(part)] += 1
        self._ask_others(str, members, schema.get("additionalProperties"))
        self._ask_others(int, range(len(first)), schema.get("items"))
        for part in schema.get("patternProperties", {}).values():
            self._ask_others(str, (), part)

    def ask_unevaluated(self, schema: dict[str, Any]) -> None:
        self._ask_others(str, (), schema.get("unevaluatedProperties"))
        self._ask_others(int, (), schema.get("unevaluatedItems"))

    def ask_contains(self, schema: dict[str, Any]) -> None:
        self._ask_others(int, (), schema.get("contains"))

    def _ask_others(self, kind: type, but: Any, part: Any) -> None:
        if isinstance(part, dict):
            self.others[kind, frozenset(but), id(part)] += 1

    def add(self, other: "_Questions") -> None:
        self.here = min(self.here + other.here, _ENOUGH)
        self.others.update(other.others)
        for key, asked in other.named.items():
            self.named.setdefault(key, Counter()).update(asked)

    def by_child(self) -> list[Counter[int]]:
        """How often which schema is asked about a child: for each key that is named, and for the
        other members and the other items."""
        found = []
        for kind in (str, int):
            others = [item for item in self.others.items() if item[0][0] is kind]
            named = {key: asked for key, asked in self.named.items() if isinstance(key, kind)}
            for key, asked in [*named.items(), (None, Counter[int]())]:
                together = Counter(asked)
                for (_, but, schema), times in others:
                    if key not in but:
                        together[schema] += times
                if together:
                    found.append(together)
        return found


class SchemaCost:
    """The cost of documents under one schema, up to `deepest` levels. Its references resolve."""

    def __init__(self, schema: Any, deepest: int) -> None:
        self._root = schema
        self._deepest = deepest
        self._schemas = {id(sub): sub for _, sub in subschemas(schema)}
        self._known: dict[tuple[int, bool], _Questions] = {}
        self._marks: dict[int, _Questions] = {}
        self._usual = USUAL * max(len(self._schemas), 1)
        self._most_here: list[int] | None = None
        if any("$ref" in sub or UNEVALUATED & sub.keys() for sub in self._schemas.values()):
            self._most_here = self._questions_at_each_depth()

    @property
    def refused_from(self) -> int | None:
        """The depth at which one value alone is too much; None when there is none."""
        for depth, here in enumerate(self._most_here or ()):
            if here - self._usual > MOST:
                return depth
        return None

    @property
    def ways(self) -> int:
        """How many times as much each level costs as the one before, there where it matters."""
        depth, table = self.refused_from, self._most_here
        return 1 if not depth or table is None else round(table[depth] / table[depth - 1])

    @property
    def grows(self) -> bool:
        """Whether values deep in a document are asked more about than those at its top."""
        return self._most_here is not None

    def is_too_much(self, value: Any) -> bool:
        """Whether the verdict over `value` may take for ever."""
        table = self._most_here
        if table is None or max(table) <= self._usual:
            return False
        return _sum(value, [here - self._usual for here in table], MOST) > MOST

    def is_more_than(self, most: int, value: Any) -> bool:
        """Whether finding a fault, for which nothing is remembered, may ask more than `most`."""
        return _sum(value, self._telling, most) > most

    @cached_property
    def _telling(self) -> list[int]:
        if self._most_here is None:
            return [max(len(self._schemas), 1)]
        return [row.get(id(self._root), 1) for row in self._rows(frozenset())]

    def _questions_at_each_depth(self) -> list[int] | None:
        """None where no two ways lead on into one child."""
        questions = self._reached(frozenset())
        leads_on = {schema for schema, asked in questions.items() if asked.by_child()}
        if not any(
            sum(times for schema, times in child.items() if schema in leads_on) > 1
            for asked in questions.values()
            for child in asked.by_child()
        ):
            return None
        remembered = self._remembered()
        starts = {id(resolved(self._root, self._schemas[one]["$ref"])) for one in remembered}
        rows = self._rows(remembered)
        table, again = [], 0
        for row in rows:  # what is remembered is asked once of each value on the way
            again += sum(row.get(start, 0) for start in starts)
            table.append(min(row.get(id(self._root), 0) + again, _ENOUGH))
        return table

    def _rows(self, remembered: frozenset[int]) -> list[dict[int, int]]:
        """For each depth, how much is asked there at most of one value, by the schema that is asked
        at the top."""
        questions = self._reached(remembered)
        children = {schema: asked.by_child() for schema, asked in questions.items()}
        rows = [{schema: asked.here for schema, asked in questions.items()}]
        for _ in range(self._deepest):
            above = rows[-1]
            row = {
                schema: min(
                    _ENOUGH,
                    max(sum(n * above[inner] for inner, n in child.items()) for child in kinds),
                )
                for schema, kinds in children.items()
                if kinds
            }
            rows.append(dict.fromkeys(children, 0) | row)
            if rows[-1] == above:  # and so it will stay
                return rows + [above] * (self._deepest + 1 - len(rows))
        return rows

    def _reached(self, remembered: frozenset[int]) -> dict[int, _Questions]:
        """What each schema asks, of those that are asked about whole values: the root, those that
        are remembered, and those about children."""
        todo = [self._root]
        todo += [resolved(self._root, self._schemas[one]["$ref"]) for one in remembered]
        found: dict[int, _Questions] = {}
        while todo:
            schema = todo.pop()
            if not isinstance(schema, dict) or id(schema) in found:
                continue
            asked = found[id(schema)] = self._judged(schema, remembered)
            todo += (self._schemas[inner] for child in asked.by_child() for inner in child)
        return found

    def _judged(self, schema: Any, remembered: frozenset[int]) -> _Questions:
        """What the verdict of `schema` over one value asks."""
        if not isinstance(schema, dict):
            return _Questions(1)
        key = (id(schema), bool(remembered))
        if key in self._known:
            return self._known[key]
        self._known[key] = _Questions()  # for a circle, which `check` refuses
        for _, part in parts_of(schema):
            if isinstance(part, dict):
                self._schemas[id(part)] = part
        asked = _Questions(1)
        asked.ask(schema)
        asked.ask_unevaluated(schema)
        asked.ask_contains(schema)
        for part in in_place(self._root, schema):
            if id(schema) in remembered and part is resolved(self._root, schema["$ref"]):
                asked.here += 1
            else:
                asked.add(self._judged(part, remembered))
        if UNEVALUATED & schema.keys():
            asked.add(self._marked(schema))
        self._known[key] = asked
        return asked

    def _marked(self, schema: Any) -> _Questions:
        """What is asked to find out which children `schema` has looked at: each branch is judged
        once more, and so are those inside it."""
        if not isinstance(schema, dict):
            return _Questions()
        if id(schema) in self._marks:
            return self._marks[id(schema)]
        self._marks[id(schema)] = _Questions()
        asked = _Questions()
        asked.ask_unevaluated(schema)
        asked.ask_contains(schema)
        for part in in_place(self._root, schema):
            asked.add(self._judged(part, frozenset()))
            asked.add(self._marked(part))
        self._marks[id(schema)] = asked
        return asked

    def _remembered(self) -> frozenset[int]:
        """The schemas whose $ref names one that every way from the root to them goes through: the
        library is inside of that one when it meets the reference."""
        targets = {id(self._root): self._root}
        for schema in list(self._schemas.values()):
            target = resolved(self._root, schema["$ref"]) if "$ref" in schema else None
            if isinstance(target, dict):
                targets[id(target)] = target
        onward = {one: self._leads_to(target, targets) for one, target in targets.items()}
        found = set()
        for target in targets:
            without = _reach(onward, id(self._root), target)
            for owner in onward.keys() - without:
                found |= {holder for holder, to in onward[owner] if to == target and holder}
        return frozenset(found)

    def _leads_to(self, schema: dict[str, Any], targets: dict[int, Any]) -> list[tuple[int, int]]:
        """The targets directly under `schema`, each with the schema that refers to it (0: none, it
        stands there)."""
        found: list[tuple[int, int]] = []
        todo = [schema]
        while todo:
            inner = todo.pop()
            self._schemas[id(inner)] = inner
            if "$ref" in inner:
                found.append((id(inner), id(resolved(self._root, inner["$ref"]))))
            for keys, part in parts_of(inner):
                if keys[0] in ONLY_KEPT or not isinstance(part, dict):
                    continue
                if id(part) in targets:
                    found.append((0, id(part)))
                else:
                    todo.append(part)
        return found


def _reach(onward: dict[int, list[tuple[int, int]]], start: int, without: int) -> set[int]:
    found: set[int] = set()
    todo = [start]
    while todo:
        one = todo.pop()
        if one not in found and one != without and one in onward:
            found.add(one)
            todo += (to for _, to in onward[one])
    return found


def _sum(value: Any, by_depth: list[int], most: int) -> int:
    """`by_depth` over all values of a document, as far as `most`; what is below 0 does not count,
    and the last entry is for all that is deeper."""
    total, depth, level = 0, 0, [value]
    while level:
        total += max(by_depth[min(depth, len(by_depth) - 1)], 0) * len(level)
        if total > most:
            break
        inside = [one for one in level if isinstance(one, dict | list)]
        level = [
            child for one in inside for child in (one.values() if isinstance(one, dict) else one)
        ]
        depth += 1
    return total
