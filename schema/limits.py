"""What a document may ask for before it runs: one pass over it, and the bounds on what it found.

The pass looks at each fragment once, however often it is spread, so its work grows with the words
of the document and with nothing else. What a field costs stands in ``schema.cost``; how often a
caller may send, and how long it may take, in ``gateway``.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from strawberry.extensions import SchemaExtension

from schema.cost import SIZED, Lengths, Weights, is_page
from schema.documents import TOKENS_MAX, Document, invalid, read
from schema.errors import OverLimit, Telling, mark_invalid, unclear
from schema.overlaps import overlaps

LEVELS_MAX = 200
"""Deepest nesting that is looked at; what is deeper is told as this deep, and refused."""

MEASURES_MAX = 32
"""Measures of one document that are kept: one for each choice of page lengths."""

NESTED_MAX = 32
"""Deepest nesting of variables; no input goes deeper than five."""

REFUSED_COST = 500
"""Points of a document that is not let through: reading it took what so many objects take."""

TOLD_MAX = 10**12
"""Largest number that is told of a document: fragments can be made to ask for any number."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one document may ask for, and what it is told when it is wrong."""

    tokens: int = TOKENS_MAX
    """Most words of a document; the parser stops there."""

    depth: int = 15
    """Deepest level of fields. A page of products down to the product of a variant's level: 12."""

    fields: int = 2_000
    """Most fields of an operation, each fragment counted wherever it is spread; entries of lists
    are not counted. A thousand words cannot ask for as many without fragments."""

    answer_fields: int = 200_000
    """Most fields of an answer, every list as long as it is asked for: each costs microseconds."""

    aliases: int = 100
    root_fields: int = 50
    directives: int = 50
    operations: int = 50

    overlaps: int = 2_000
    """Most pairs of fields that would stand under one name in one place, and are held against each
    other: the rule of the standard that makes a document of a thousand words cost 0.2 s."""

    cost: int = 50_000
    """Most points of an operation."""

    variables: int = 5_000
    """Most values in the variables of a request, each entry and each key's value counted."""

    introspection: bool = True
    suggestions: bool = False

    @property
    def telling(self) -> Telling:
        """Which names an error may tell."""
        if self.suggestions:
            return Telling.ALL
        return Telling.WRONG if self.introspection else Telling.SAID


class Size(NamedTuple):
    """What a selection amounts to. ``sized`` of its points stand once for each entry of a page."""

    depth: int = 0
    roots: int = 0
    fields: int = 0
    leaves: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0
    sized: int = 0

    def beside(self, other: "Size") -> "Size":
        """Both in one selection."""
        deepest = max(self[0], other[0])
        return Size(deepest, *(mine + its for mine, its in zip(self[1:], other[1:], strict=True)))


@dataclass(frozen=True, slots=True)
class Measure:
    """A document's operations with their sizes, and its pairs of fields of one name.

    ``visited`` and ``compared`` count the nodes that were looked at to know the one and the other.
    """

    sizes: tuple[tuple[OperationDefinitionNode, Size], ...]
    overlaps: int
    visited: int
    compared: int


def measured(
    schema: GraphQLSchema, document: Document, variables: Mapping[str, Any], bounds: Bounds
) -> Measure:
    """The measure of a document, taken once for each choice of lengths in the variables."""
    known: _Known = document.found.setdefault((measured, schema, bounds), _Known())
    key = tuple(_said(variables, name) for name in known.asked)
    found = known.measures.get(key) if known.measures else None
    if found is None:
        lengths = Lengths.of(document.operations, variables)
        found = _Pass(Weights(schema), document, lengths).over(bounds)
        known.asked = tuple(sorted(lengths.asked))
        known.measures[tuple(_said(variables, name) for name in known.asked)] = found
        if len(known.measures) > MEASURES_MAX:
            known.measures.popitem(last=False)
    return found


@dataclass(slots=True)
class _Known:
    asked: tuple[str, ...] = ()
    measures: OrderedDict[tuple[object, ...], Measure] = field(default_factory=OrderedDict)


_ABSENT = object()
"""Stands for a variable that is left out: no request can say it."""


def _said(variables: Mapping[str, Any], name: str) -> object:
    """As much of a variable as a length depends on."""
    value = variables.get(name, _ABSENT)
    return (len(value),) if isinstance(value, list) else value if _plain(value) else "other"


def _plain(value: object) -> bool:
    return value is None or value is _ABSENT or isinstance(value, int)


class _Pass:
    """One look at a document; each fragment is measured once, however often it is spread."""

    def __init__(self, weights: Weights, document: Document, lengths: Lengths) -> None:
        self._weights = weights
        self._document = document
        self._lengths = lengths
        self._known: dict[str, Size] = {}
        self.visited = 0

    def over(self, bounds: Bounds) -> Measure:
        """The measure of the whole document."""
        sizes = tuple((node, self._of_operation(node)) for node in self._document.operations)
        pairs = compared = 0
        if all(size.fields <= bounds.fields for _, size in sizes):
            pairs, compared = overlaps(self._document, bounds.overlaps)
        return Measure(sizes, pairs, self.visited, compared)

    def _of_operation(self, node: OperationDefinitionNode) -> Size:
        root = self._weights.schema.get_root_type(node.operation)
        size = self._of(node.selection_set, root, 0)
        return size._replace(directives=size.directives + len(node.directives or ()))

    def _of(
        self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None, level: int
    ) -> Size:
        if selections is None:
            return _NOTHING
        if level >= LEVELS_MAX:
            return Size(depth=LEVELS_MAX)
        total = _NOTHING
        for node in selections.selections:
            self.visited += 1
            if isinstance(node, FieldNode):
                size = self._of_field(node, parent, level)
            elif isinstance(node, FragmentSpreadNode):
                size = self._of_fragment(node.name.value, level)
            else:
                assert isinstance(node, InlineFragmentNode), "a selection is nothing else"
                on = node.type_condition
                inner = parent if on is None else self._weights.schema.get_type(on.name.value)
                size = self._of(node.selection_set, inner, level + 1)
            if node.directives:
                size = size._replace(directives=size.directives + len(node.directives))
            total = size if total is _NOTHING else total.beside(size)
        return total

    def _of_field(self, node: FieldNode, parent: GraphQLNamedType | None, level: int) -> Size:
        name, aliases = node.name.value, int(node.alias is not None)
        weight, defined = self._weights.of_field(parent, name)
        if name.startswith("__"):  # what is below it is bounded by the library itself
            return Size(roots=1, aliases=aliases, cost=weight)
        kind = None if defined is None else get_named_type(defined.type)
        inner = self._of(node.selection_set, kind, level + 1)
        length = self._lengths.of_field(node) if node.arguments or inner.fields else 1
        if is_page(kind):
            cost = weight + inner.cost + length * inner.sized
        else:
            cost = length * (weight + inner.cost + inner.sized)
        sized = name in SIZED
        return Size(
            inner.depth + 1,
            1,
            inner.fields + 1,
            (inner.leaves + 1) * length,
            inner.aliases + aliases,
            inner.directives,
            0 if sized else cost,
            cost if sized else 0,
        )

    def _of_fragment(self, name: str, level: int) -> Size:
        if name not in self._known:
            self._known[name] = _NOTHING  # a fragment in a circle is refused by another rule
            fragment = self._document.fragments.get(name)
            if fragment is not None:
                on = self._weights.schema.get_type(fragment.type_condition.name.value)
                size = self._of(fragment.selection_set, on, level + 1)
                more = len(fragment.directives or ())
                self._known[name] = size._replace(directives=size.directives + more)
        return self._known[name]


_NOTHING = Size()


# ---- the bounds --------------------------------------------------------------------------------


def beyond(bounds: Bounds, measure: Measure) -> list[OverLimit]:
    """Every limit that a document is over, by its name; none if it may go on."""
    found = [error for node, size in measure.sizes for error in _of_size(bounds, node, size)]
    operations = len(measure.sizes)
    if operations > bounds.operations:
        told = f"the document has {operations} operations; {bounds.operations} are allowed"
        found.append(OverLimit(told, "operations", operations, bounds.operations))
    if measure.overlaps > bounds.overlaps:
        told = f"more than {bounds.overlaps:,} pairs of fields stand under one name in one place"
        asked = measure.overlaps
        found.append(OverLimit(f"{told}; ask for each once", "overlaps", asked, bounds.overlaps))
    return found


def _of_size(bounds: Bounds, node: OperationDefinitionNode, size: Size) -> Iterator[OverLimit]:
    fields, allowed = min(size.fields, TOLD_MAX), bounds.fields
    if fields > allowed:
        told = f"{allowed} fields are allowed; split the document"
        yield OverLimit(told, "fields", fields, allowed, node)
    if size.depth > bounds.depth:
        told = f"fields go {size.depth} deep; {bounds.depth} are allowed"
        yield OverLimit(told, "depth", size.depth, bounds.depth, node)
    if fields > allowed:
        return  # the rest follows from it
    leaves, allowed = min(size.leaves, TOLD_MAX), bounds.answer_fields
    if leaves > allowed:
        told = f"the answer may have {leaves:,} fields; {allowed:,} are allowed"
        yield OverLimit(f"{told}: ask for shorter pages", "answerFields", leaves, allowed, node)
    cost, allowed = min(size.cost + size.sized, TOLD_MAX), bounds.cost
    if cost > allowed and leaves <= bounds.answer_fields:
        told = f"the operation costs {cost:,} points; {allowed:,} are allowed"
        yield OverLimit(f"{told}: ask for shorter pages", "cost", cost, allowed, node)
    for name, asked, allowed, what in (
        ("aliases", size.aliases, bounds.aliases, "aliases"),
        ("rootFields", size.roots, bounds.root_fields, "fields at its root"),
        ("directives", size.directives, bounds.directives, "directives"),
    ):
        if asked > allowed:
            told = f"the operation has {asked:,} {what}; {allowed:,} are allowed"
            yield OverLimit(told, name, min(asked, TOLD_MAX), allowed, node)


def too_many_values(variables: Mapping[str, Any], allowed: int) -> OverLimit | None:
    """The refusal of variables that hold too many values, or nest them too deeply.

    It looks no further than where it is sure.
    """
    level: list[Any] = [variables]
    counted = 0
    for _ in range(NESTED_MAX):
        counted += sum(map(len, level))
        if counted > allowed:
            told = f"the variables hold more than {allowed:,} values"
            return OverLimit(told, "variables", counted, allowed)
        inner = (at for held in level for at in (held if type(held) is list else held.values()))
        level = [at for at in inner if type(at) in (list, dict)]
        if not level:
            return None
    told = f"the variables nest more than {NESTED_MAX} levels deep"
    return OverLimit(told, "variablesDepth", NESTED_MAX + 1, NESTED_MAX)


class Limits(SchemaExtension):
    """Reads and validates each document within bounds, and marks what was found before it ran."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        self._bounds = bounds
        self._document: Document | None = None

    def on_parse(self) -> Iterator[None]:
        """Reads the document, or finds it read."""
        context = self.execution_context
        if context.query:
            self._document = read(context.query, self._bounds.tokens)
            named = context.operation_name is not None
            if not named and len(self._document.operations) > 1:
                raise unclear()
            context.graphql_document = self._document.tree
        yield

    def on_validate(self) -> Iterator[None]:
        """Refuses what is too much, and only then asks whether the schema has it."""
        context, bounds = self.execution_context, self._bounds
        document, variables = self._document, context.variables or {}
        assert document is not None, "what was not read is not validated"
        schema = context.schema._schema  # noqa: SLF001  # the library has no other door to it
        over = beyond(bounds, measured(schema, document, variables, bounds))
        if (large := too_many_values(variables, bounds.variables)) is not None:
            over.append(large)
        if over:
            context.pre_execution_errors = list(over)
        else:
            context.pre_execution_errors = invalid(
                schema,
                document,
                introspection=bounds.introspection,
                suggestions=bounds.suggestions,
            )
            mark_invalid(context.pre_execution_errors)
        yield
