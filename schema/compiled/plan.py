"""The plan of an operation: what is left to do for each request, after all that is the same for
every one has been done.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, FragmentDetails
from graphql.execution.values import VariableValues

from schema.access import LAID, OPEN, Laid, Masked
from schema.compiled.inputs import calling
from schema.compiled.kept import Kept
from schema.compiled.literals import ReadArguments, reading_arguments
from schema.compiled.plain import Read, reading
from schema.compiled.tree import Asked, Level, Tree, grown
from schema.compiled.values import Arguments, Run
from schema.compiled.writing import Code
from schema.info import RequestContext

Projection = Callable[[Any, Run], Any]
"""Makes a part of an answer of a value; raises where ``graphql-core`` is to look at it."""


@dataclass(eq=False, slots=True)
class Called:
    """A field that is resolved as ever. ``value`` completes what its resolver answered, if all of
    that is plain; ``direct`` calls the resolver without what the library lays around it.
    """

    definition: GraphQLField
    resolve: Callable[..., Any]
    nodes: list[FieldNode]
    details: FieldDetailsList
    read: ReadArguments
    value: Projection | None = None
    direct: "Direct | None" = None


@dataclass(eq=False, slots=True)
class Direct:
    """How a resolver is called: with its parent and the request under these names, and with
    arguments that are read once for the request, under a number.
    """

    defined: Any
    call: Callable[..., Any]
    parent: str | None
    info: str | None
    number: int
    arguments: Arguments


@dataclass(eq=False, slots=True)
class Step:
    """Some fields of a level, one after the other in the answer: plain ones that code makes, or one
    that is resolved.
    """

    fields: list[tuple[str, FieldDetailsList]]
    part: Projection | None = None


@dataclass(eq=False, slots=True)
class Plan:
    """One operation, for callers who have the same of the scopes that it asks for, and for the same
    choice of what directives leave out.

    ``steps`` are by the identity of what the library collected, ``called`` by that of a field's
    nodes; the plan keeps both alive. ``admits`` says whether its callers may do all of a mutation,
    when that was looked at.
    """

    tree: Tree
    code: Code
    fragments: dict[str, FragmentDetails]
    definitions: dict[str, FragmentDefinitionNode]
    steps: dict[int, list[Step]] = field(default_factory=dict)
    called: dict[int, Called] = field(default_factory=dict)
    arguments: int = 0
    places: int = 0
    admits: bool | None = None

    @property
    def collected(self) -> CollectedFields:
        """The fields of the root."""
        return self.tree.root_collected


def planned(  # noqa: PLR0917  # all that a plan is made of, once
    schema: GraphQLSchema,
    converter: Any,
    operation: OperationDefinitionNode,
    definitions: Mapping[str, FragmentDefinitionNode],
    variables: VariableValues,
    context: RequestContext,
    kept: Kept,
) -> Plan:
    """The plan of an operation that was validated.

    Raises:
        TooLarge: it asks for more fields than a plan may have.
        GraphQLError: the library refuses a directive.
    """
    fragments = {name: FragmentDetails(node) for name, node in definitions.items()}
    tree = grown(schema, operation, fragments, variables, context)
    code = Code(schema, converter, context.ctx.principal, kept)
    plan = Plan(tree, code, fragments, dict(definitions))
    named = list(_steps(plan, tree.root, set()))
    space = code.made()
    for give, name in named:
        give(space[name])
    plan.arguments, plan.places = code.arguments, code.places
    return plan


Give = Callable[[Projection], None]


def _steps(plan: Plan, level: Level, seen: set[int]) -> Iterator[tuple[Give, str]]:
    """Lays out what is to be done for a level and all beneath that is resolved; tells which steps
    wait for which function.
    """
    if id(level) in seen:
        return
    seen.add(id(level))
    steps: list[Step] = []
    plan.steps[id(level.grouped)] = steps
    for at_once, run in _runs(level):
        if at_once:
            step = Step([(asked.name, asked.details) for asked in run])
            steps.append(step)
            yield _giving(step, "part"), plan.code.part(level, run)
            continue
        for asked in run:
            steps.append(Step([(asked.name, asked.details)]))
            yield from _called(plan, asked)
            for beneath in () if asked.flat else asked.levels.values():
                yield from _steps(plan, beneath, seen)


def _runs(level: Level) -> Iterator[tuple[bool, list[Asked]]]:
    """The fields of a level in order: those together that code makes at once, or does not."""
    for at_once, run in groupby(level.fields, lambda asked: asked.plain and not asked.waits):
        yield at_once, list(run)


def _called(plan: Plan, asked: Asked) -> Iterator[tuple[Give, str]]:
    if asked.coordinate.split(".")[1].startswith("__"):
        return  # what describes the schema is left to the library whole
    nodes = [detail.node for detail in asked.details]
    direct = _direct(plan, asked)
    read = reading_arguments(asked.definition, nodes[0])
    called = Called(
        asked.definition, _resolver(plan, asked), nodes, asked.details, read, direct=direct
    )
    plan.called[id(asked.details)] = called
    if asked.flat and asked.levels:
        yield _giving(called, "value"), plan.code.value(asked)


def _resolver(plan: Plan, asked: Asked) -> Callable[..., Any]:
    """What resolves a field: our own function under its guard, if nothing else is between them."""
    as_ever = asked.definition.resolve
    assert as_ever is not None, "the library gives every field a resolver"
    proved = reading(asked.definition)
    if isinstance(proved, Read) or proved.direct is None:
        return as_ever
    ours = calling(proved.direct, plan.code.converter)
    laid: Laid | None = asked.definition.extensions.get(LAID)
    if ours is None:
        return as_ever
    return ours if laid is None else laid.lay(ours)


def _direct(plan: Plan, asked: Asked) -> Direct | None:
    how = asked.how
    defined = how.resolver if isinstance(how, Read) else how.direct
    if defined is None or asked.at_root:
        return None
    if how.ask != OPEN and (isinstance(how.ask, Masked) or not plan.code.caller.may(how.ask)):
        return None
    resolver = defined.base_resolver
    assert resolver is not None, "it was proved to have one"
    assert callable(resolver.wrapped_func), "it was proved to be"
    arguments = Arguments(
        asked.definition, asked.details, defined, plan.code.converter, hide_suggestions=False
    )
    parent, info = resolver.parent_parameter, resolver.info_parameter
    number = plan.code.arguments
    plan.code.arguments += 1
    return Direct(
        defined,
        resolver.wrapped_func,
        None if parent is None else parent.name,
        None if info is None else info.name,
        number,
        arguments,
    )


def _giving(to: Step | Called, name: str) -> Give:
    return lambda function: setattr(to, name, function)
