"""The published schema as text: committed as it is, described throughout, and what was agreed."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    build_schema,
    parse,
    print_ast,
    specified_directives,
    specified_scalar_types,
)
from graphql.language import (
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
)

from gateway.schema_text import sdl
from resolvers.domain import errors
from schema.access import ACCESS
from schema.enums import UserErrorCode

HERE = Path(__file__).parent
COMMITTED = HERE.parents[1] / "schema" / "schema.graphql"
AGREED = HERE / "contract.graphql"

WITH_FIELDS = (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)


@cache
def published() -> GraphQLSchema:
    return build_schema(sdl())


def own_types() -> Iterator[GraphQLNamedType]:
    """Every type of ours."""
    for name, type_ in published().type_map.items():
        if not name.startswith("__") and name not in specified_scalar_types:
            yield type_


def described() -> Iterator[tuple[str, str | None]]:
    """Everything that GraphiQL shows, with its description."""
    the_languages_own = {directive.name for directive in specified_directives}
    for directive in published().directives:
        if directive.name not in the_languages_own:
            yield f"@{directive.name}", directive.description
            for argument, of in directive.args.items():
                yield f"@{directive.name}({argument})", of.description
    for type_ in own_types():
        yield type_.name, type_.description
        if isinstance(type_, GraphQLEnumType):
            for name, value in type_.values.items():
                yield f"{type_.name}.{name}", value.description
        if isinstance(type_, WITH_FIELDS):
            for name, field in type_.fields.items():
                yield f"{type_.name}.{name}", field.description
                for argument, of in getattr(field, "args", {}).items():
                    yield f"{type_.name}.{name}({argument})", of.description


def signatures(agreed: str) -> Iterator[tuple[str, str]]:
    """Every field, argument and enum of a text of types, with its type as written."""
    for node in parse(agreed).definitions:
        if isinstance(node, EnumTypeDefinitionNode):
            yield node.name.value, " ".join(value.name.value for value in node.values or ())
        elif isinstance(
            node,
            ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode | InputObjectTypeDefinitionNode,
        ):
            for field in node.fields or ():
                of = f"{node.name.value}.{field.name.value}"
                yield of, print_ast(field.type)
                arguments = field.arguments if isinstance(field, FieldDefinitionNode) else ()
                for argument in arguments or ():
                    default = argument.default_value and print_ast(argument.default_value)
                    written = print_ast(argument.type) + (f" = {default}" if default else "")
                    yield f"{of}({argument.name.value})", written


def test_the_committed_schema_is_the_one_that_the_code_makes() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == sdl(), "run: make schema"


def test_everything_is_described_for_whoever_reads_it_in_graphiql() -> None:
    silent = [name for name, description in described() if not (description or "").strip()]

    assert silent == []


def test_a_description_is_a_sentence() -> None:
    odd = [
        name
        for name, description in described()
        if description and not (description.endswith(".") and description == description.strip())
    ]

    assert odd == []


def test_what_was_agreed_is_what_is_published() -> None:
    have = dict(signatures(sdl()))
    agreed = dict(signatures(AGREED.read_text(encoding="utf-8")))

    differing = {name: (type_, have.get(name)) for name, type_ in agreed.items()}

    assert {name: two for name, two in differing.items() if two[0] != two[1]} == {}
    assert len(agreed) > 300, "the agreement is not where it is looked for"


def test_an_argument_that_may_be_left_out_has_no_default_that_hides_it() -> None:
    """``= null`` in the text would tell a client that leaving out and null are the same thing."""
    shown = [
        f"{type_.name}.{name}({argument})"
        for type_ in own_types()
        if isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items()
        for argument, of in field.args.items()
        if of.default_value not in (Undefined, 20)
    ]

    assert shown == []


def test_every_root_field_has_a_row_in_the_table_of_access() -> None:
    schema = published()
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    fields = {f"{root.name}.{name}" for root in roots if root for name in root.fields}

    assert fields - ACCESS.keys() == set()


def test_every_refusal_of_the_domain_has_a_code_that_clients_know() -> None:
    codes = {refusal.code for refusal in errors.Refused.__subclasses__()}

    assert codes - set(UserErrorCode) == set()
