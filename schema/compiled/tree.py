"""What an operation asks for, level by level, as ``graphql-core`` itself collects it: which fields
under which names on which type, and how each is read.

Built once for each choice of what ``@skip`` and ``@include`` leave, so that nothing of it depends
on a request any more.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeNameMetaFieldDef,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from resolvers.access import Principal, Scope
from schema.access import LAID, OPEN, Laid, Masked
from schema.compiled.plain import Call, Read, is_told, reading, resolves_alone
from schema.info import RequestContext

FIELDS_MAX = 500
"""Most fields of a plan, each for every type that its parent may be of: some 35 ms of compiling, in
which nobody else is answered, as much as the dearest document takes to be read. What asks for more
runs without a plan."""

TYPENAME = Read()
"""How ``__typename`` is read: it is not, the type is known."""


When = Callable[[RequestContext], bool]
"""Says of a request whether a resolver is pure in it."""


class TooLarge(Exception):
    """An operation asks for more fields than a plan may have."""


@dataclass(eq=False, slots=True)
class Asked:
    """One field of a level. ``levels`` are what is asked of its value, by the type that it may be
    of; ``flat`` says that code makes all of that. What is ``at_root`` is resolved once for a
    request.
    """

    name: str
    details: FieldDetailsList
    definition: GraphQLField
    how: Read | Call
    coordinate: str
    levels: Mapping[str, "Level"] = field(default_factory=dict)
    flat: bool = True
    at_root: bool = False

    @property
    def plain(self) -> bool:
        """Whether code makes it and all that is asked of its value."""
        return self.flat and (isinstance(self.how, Read) or self.how.many is not None)

    @property
    def waits(self) -> bool:
        """Whether something has to be waited for where code makes it: itself, or something of its
        value.
        """
        return isinstance(self.how, Call) or any(level.waits for level in self.levels.values())


@dataclass(eq=False, slots=True)
class Level:
    """What is asked of the objects of one type in one place."""

    kind: GraphQLObjectType
    grouped: GroupedFieldSet
    fields: list[Asked] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        """Whether code makes all of it."""
        return all(asked.plain for asked in self.fields)

    @property
    def waits(self) -> bool:
        """Whether something of it has to be waited for."""
        return any(asked.waits for asked in self.fields)


@dataclass(eq=False, slots=True)
class Tree:
    """An operation whole. ``found`` is what the library would collect again for each request;
    ``scopes`` what its fields ask of their caller, ``whens`` what of the request else.
    """

    root: Level
    root_collected: CollectedFields
    found: dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, CollectedFields]]
    scopes: tuple[Scope, ...]
    whens: tuple[When, ...]
    size: int


def grown(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDetails],
    variables: VariableValues,
    context: RequestContext,
    *,
    hide_suggestions: bool = False,
) -> Tree:
    """The tree of an operation, for requests of which its ``scopes`` and ``whens`` say the same.

    Raises:
        TooLarge: it has more fields than a plan may have.
        GraphQLError: the library refuses a directive.
    """
    growth = _Growth(schema, operation, dict(fragments), variables, context, hide_suggestions)
    kind = schema.get_root_type(operation.operation)
    assert kind is not None, "it was validated"
    collected = collect_fields(
        schema, growth.fragments, variables, kind, operation, hide_suggestions
    )
    root = growth.level(kind, collected)
    scopes = tuple(sorted(growth.scopes))
    return Tree(root, collected, growth.found, scopes, tuple(growth.whens), growth.size)


@dataclass(slots=True)
class _Growth:
    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    variables: VariableValues
    context: RequestContext
    hide_suggestions: bool
    found: dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, CollectedFields]] = field(
        default_factory=dict
    )
    scopes: set[Scope] = field(default_factory=set)
    whens: list[When] = field(default_factory=list)
    size: int = 0

    def level(self, kind: GraphQLObjectType, collected: CollectedFields) -> Level:
        """One level and all beneath it. Its depth is that of the document, which has a limit."""
        level = Level(kind, collected.grouped_field_set)
        for name, details in collected.grouped_field_set.items():
            self.size += 1
            if self.size > FIELDS_MAX:
                raise TooLarge
            asked = self._asked(kind, name, details)
            if asked is not None:
                level.fields.append(asked)
        return level

    def _asked(self, kind: GraphQLObjectType, name: str, details: FieldDetailsList) -> Asked | None:
        called = details[0].node.name.value
        definition = self.schema.get_field(kind, called)
        if definition is None:
            return None  # as the library leaves it out
        coordinate = f"{kind.name}.{called}"
        if definition is TypeNameMetaFieldDef:
            return Asked(name, details, definition, TYPENAME, coordinate)
        if called.startswith("__"):
            introspection = Call("it describes the schema")
            return Asked(name, details, definition, introspection, coordinate, flat=False)
        asked = Asked(name, details, definition, self._how(kind, definition), coordinate)
        asked.at_root = kind is self.schema.get_root_type(self.operation.operation)
        asked.levels = dict(self._levels(definition.type, details))
        asked.flat = is_flat(definition.type) and all(it.plain for it in asked.levels.values())
        return asked

    def _how(self, kind: GraphQLObjectType, definition: GraphQLField) -> Read | Call:
        """How a field is read for the caller."""
        laid: Laid | None = definition.extensions.get(LAID)
        if laid is not None and laid.ask != OPEN:
            scope = laid.ask.scope if isinstance(laid.ask, Masked) else laid.ask
            self.scopes.add(scope)
            if laid.refuses and not self.context.ctx.principal.may(scope):
                return Call("it refuses this caller")
        if kind is self.schema.mutation_type:
            return Call("it changes something")
        how = reading(definition)
        if isinstance(how, Call):
            is_query = self.operation.operation is OperationType.QUERY
            return how.for_caller(self.context.ctx.principal) if is_query else how.alone()
        if how.resolver is not None and is_hidden(how, self.context.ctx.principal):
            return Call("it is hidden from this caller, and has a resolver")
        if how.when is not None:
            if how.when not in self.whens:
                self.whens.append(how.when)
            if not how.when(self.context):
                return how.unless_plain()
        return how

    def _levels(
        self, kind: GraphQLOutputType, details: FieldDetailsList
    ) -> Iterator[tuple[str, Level]]:
        for possible in possible_types(self.schema, kind):
            collected = collect_subfields(
                self.schema,
                self.fragments,
                self.variables,
                self.operation,
                possible,
                details,
                self.hide_suggestions,
            )
            self.found[possible, id(details)] = details, collected
            yield possible.name, self.level(possible, collected)


def is_hidden(how: Read | Call, caller: Principal) -> bool:
    """Whether a field is null for a caller, whatever it is; one that refuses is no plain one."""
    ask = how.ask
    return ask != OPEN and not isinstance(ask, Masked) and not caller.may(ask)


def possible_types(schema: GraphQLSchema, kind: GraphQLOutputType) -> list[GraphQLObjectType]:
    """Every type of object that a value may be of; none if it is a leaf."""
    named = get_named_type(kind)
    if is_object_type(named):
        return [named]
    if is_abstract_type(named):
        abstract: GraphQLAbstractType = named
        return list(schema.get_possible_types(abstract))
    return []


def is_flat(kind: GraphQLOutputType) -> bool:
    """Whether of each value its type can be told by looking at it."""
    while is_non_null_type(kind) or is_list_type(kind):
        kind = kind.of_type
    if is_object_type(kind):
        return is_told(kind)
    return not is_abstract_type(kind) or resolves_alone(kind)


def conditions(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[str, ...]:
    """The variables on which it depends what ``@skip`` and ``@include`` leave."""
    named: set[str] = set()
    visited: set[str] = set()
    waiting: list[Node] = [operation.selection_set]
    while waiting:
        node = waiting.pop()
        if isinstance(node, SelectionSetNode):
            waiting.extend(node.selections)
            continue
        assert isinstance(node, FieldNode | FragmentSpreadNode | InlineFragmentNode)
        for directive in node.directives or ():
            if directive.name.value in ("skip", "include"):
                values = [argument.value for argument in directive.arguments or ()]
                named |= {value.name.value for value in values if isinstance(value, VariableNode)}
        if isinstance(node, FragmentSpreadNode):
            fragment = fragments.get(node.name.value)
            if fragment is not None and node.name.value not in visited:
                visited.add(node.name.value)
                waiting.append(fragment.selection_set)
        elif node.selection_set is not None:
            waiting.append(node.selection_set)
    return tuple(sorted(named))
