"""Arguments that are written out in a document are as the library reads them, and what is wrong
with them is its own to tell (G5)."""

import json
import random
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    build_schema,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from schema.compiled.literals import reading_arguments
from schema.documents import read
from schema.root import build_schema as build_own

SCHEMA: GraphQLSchema = build_schema(
    "enum Colour { RED } scalar Any input Box { text: String!, boxes: [Box], many: [Int!],"
    " rows: [[Int]], size: Int = 3, any: Any, colour: Colour } input One @oneOf { a: Int, b: Int }"
    " type Query { a(box: Box, one: One, c: Colour, i: Int! = 7, s: String, l: [Int], need: Int):"
    " Int, must(box: Box!, i: Int!): Int, none: Int }"
)


def both(schema: GraphQLSchema, document: str, said: dict[str, Any]) -> tuple[Any, Any]:
    """The arguments of a document's only field as we read them and as the library does; of what is
    wrong, what is told.
    """
    [operation] = read(document).operations
    [node] = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    root = schema.get_root_type(operation.operation)
    assert root is not None
    field = root.fields[node.name.value]
    variables = get_variable_values(schema, operation.variable_definitions or (), said)
    assert isinstance(variables, VariableValues), variables
    return (
        came_to(lambda: reading_arguments(field, node)(variables, True)),
        came_to(lambda: get_argument_values(field, node, variables, None, True)),
    )


def came_to(make: Any) -> Any:
    try:
        return make()
    except GraphQLError as error:
        return error.formatted


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{ none }", {}),
        ("{ a }", {}),
        ("{ a(i: 3, c: RED, s: null, l: 5) }", {}),
        ("{ a(l: [1, null, 2]) }", {}),
        ('{ a(box: {text: "text", boxes: [{text: ""}, null], many: [1, 2], rows: [1, [2]]}) }', {}),
        ('{ a(box: {text: "text", size: null, colour: RED}) }', {}),
        ('{ a(box: {text: "text", boxes: {text: "one for a list"}}) }', {}),
        ("query($s: String, $l: [Int]) { a(s: $s, l: $l) }", {}),
        ("query($s: String, $l: [Int]) { a(s: $s, l: $l) }", {"s": None, "l": [1, None]}),
        ("query($l: [Int]) { a(l: $l) }", {"l": 1}),
        ("query($i: Int) { a(i: $i) }", {}),
        ("query($i: Int = 5) { a(i: $i) }", {}),
        ("query($i: Int) { a(l: [$i, 2]) }", {}),
        ("query($i: Int) { a(l: [$i, 2]) }", {"i": 1}),
        ("query($i: Int) { a(l: $i) }", {"i": 1}),
        ("query($t: String!, $n: Int) { a(box: {text: $t, size: $n}) }", {"t": "text"}),
        ("query($t: String!, $n: Int) { a(box: {text: $t, size: $n}) }", {"t": "", "n": None}),
        ("query($b: Box) { a(box: $b) }", {"b": {"text": "text"}}),
        ('query($b: [Box]) { a(box: {text: "text", boxes: $b}) }', {"b": [None]}),
        ('{ a(box: {text: "text", any: 5}) }', {}),
        ('{ a(box: {text: "text", any: {b: [1]}}) }', {}),
        ('query($n: Int) { a(box: {text: "text", any: {b: [$n]}}) }', {"n": 1}),
        ("{ a(one: {a: 1}) }", {}),
        ("query($n: Int!) { a(one: {a: $n}) }", {"n": 1}),
        ('{ must(box: {text: "text"}, i: 3) }', {}),
    ],
)
def test_arguments_are_the_librarys(document: str, said: dict[str, Any]) -> None:
    ours, theirs = both(SCHEMA, document, said)

    assert ours == theirs
    assert list(ours) == list(theirs), "resolvers are called in one order"
    assert "message" not in ours, "it was to be read"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("query($i: Int) { a(i: $i) }", {"i": None}),
        ("query($i: Int) { must(box: {text: $i}, i: $i) }", {}),
        ("query($t: String) { a(box: {text: $t}) }", {}),
        ("query($t: String) { a(box: {text: $t}) }", {"t": None}),
        ('query($n: Int) { a(box: {text: "text", many: [$n]}) }', {}),
        ('query($n: Int) { a(box: {text: "text", many: [$n]}) }', {"n": None}),
        ("{ a(box: {}) }", {}),
        ('{ a(box: {text: "text", more: 1}) }', {}),
        ("{ a(box: 7) }", {}),
        ("{ a(c: BLUE) }", {}),
        ("{ a(i: null) }", {}),
        ("{ must(i: 1) }", {}),
        ("{ a(one: {a: 1, b: 2}) }", {}),
        ("query($n: Int) { a(one: {a: $n}) }", {}),
        (f"{{ a(l: {2**31}) }}", {}),
    ],
)
def test_what_is_wrong_is_told_by_the_library(document: str, said: dict[str, Any]) -> None:
    ours, theirs = both(SCHEMA, document, said)

    assert ours == theirs
    assert "message" in ours


def test_nothing_that_can_change_is_given_to_two_requests() -> None:
    document = 'query($n: Int) { a(l: [1, $n], box: {text: "text", boxes: [{text: ""}]}) }'
    [operation] = read(document).operations
    [node] = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    assert SCHEMA.query_type is not None
    read_arguments = reading_arguments(SCHEMA.query_type.fields["a"], node)
    said = VariableValues({}, {"n": 2})
    first = read_arguments(said, True)
    first["l"].append(3)
    first["box"]["boxes"][0]["text"] = "changed"

    second = read_arguments(said, True)

    assert second["l"] == [1, 2]
    assert second["box"]["boxes"] == [{"text": "", "size": 3}]


# ---- our own mutations -------------------------------------------------------------------------

OWN = build_own()._schema  # noqa: SLF001  # the library has no other door to it
assert OWN.mutation_type is not None
MUTATIONS = OWN.mutation_type.fields
TIMES = 40


class Writer:
    """Writes arguments of random values, some of which are variables, some of those left out."""

    def __init__(self, name: str) -> None:
        self.dice = random.Random(name)
        self.defined: list[str] = []
        self.said: dict[str, Any] = {}

    def value(self, kind: Any, level: int = 0) -> str:
        bare = kind.of_type if is_non_null_type(kind) else kind
        is_leaf = not is_list_type(bare) and not is_input_object_type(bare)
        if is_leaf and self.dice.random() < 0.4:
            return self._variable(kind, bare)
        if bare is kind and (level > 6 or self.dice.random() < 0.1):
            return "null"
        if is_list_type(bare):
            many = range(self.dice.randrange(3))
            return f"[{', '.join(self.value(bare.of_type, level + 1) for _ in many)}]"
        if is_input_object_type(bare):
            return f"{{{', '.join(self._fields(bare, level))}}}"
        sample = self._sample(bare)
        return sample if is_enum_type(bare) else json.dumps(sample)

    def _fields(self, kind: Any, level: int) -> list[str]:
        fields = list(kind.fields.items())
        if kind.is_one_of:
            fields = [self.dice.choice(fields)]
        return [
            f"{name}: {self.value(it.type, level + 1)}"
            for name, it in fields
            if is_required_input_field(it) or self.dice.random() < 0.7
        ]

    def _variable(self, kind: Any, bare: Any) -> str:
        name = f"v{len(self.defined)}"
        self.defined.append(f"${name}: {kind}")
        if kind is not bare or self.dice.random() < 0.6:
            self.said[name] = self._sample(bare)
        return f"${name}"

    def _sample(self, bare: Any) -> Any:
        if is_enum_type(bare):
            return self.dice.choice(list(bare.values))
        return {
            "Int": self.dice.randrange(-5, 5),
            "Float": self.dice.random(),
            "Boolean": self.dice.random() < 0.5,
            "DateTime": "2026-03-01T09:30:00+08:00",
            "Decimal": "1280.00",
        }.get(bare.name, "text")


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_every_mutation_of_ours_is_read_as_the_library_does(name: str) -> None:
    field, at_all = MUTATIONS[name], 0
    for at in range(TIMES):
        writer = Writer(f"{name}{at}")
        given = [
            f"{argument}: {writer.value(it.type)}"
            for argument, it in field.args.items()
            if is_required_argument(it) or writer.dice.random() < 0.8
        ]
        defined = f"({', '.join(writer.defined)})" if writer.defined else ""
        asked = f"({', '.join(given)})" if given else ""

        ours, theirs = both(
            OWN, f"mutation Of{name}{defined} {{ {name}{asked} {{ __typename }} }}", writer.said
        )

        assert ours == theirs
        at_all += "message" not in ours
    assert at_all, "some of them are well"
