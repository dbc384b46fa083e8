"""A plan for people: which fields code makes, which are handed back and why, and the code."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from graphql import BooleanValueNode, GraphQLError, OperationDefinitionNode, get_named_type
from graphql.execution.values import VariableValues
from strawberry import Schema

from resolvers.access import Principal
from resolvers.domain.errors import CommerceError
from schema.compiled.kept import Kept
from schema.compiled.plain import Call
from schema.compiled.plan import Plan, planned
from schema.compiled.tree import Asked, Level, TooLarge, conditions
from schema.documents import Document, invalid, read
from schema.info import RequestContext
from schema.limits import Bounds, beyond, measured


class Unexplained(CommerceError):
    """A document has no plan; the message says why."""


def explained(
    schema: Schema, text: str, bounds: Bounds, caller: Principal, said: Mapping[str, bool]
) -> str:
    """The plan of a document's first operation, for a caller, where no backend is asked live.

    ``said`` are the variables of ``@skip`` and ``@include``; one that is neither in it nor has a
    default is taken for true.

    Raises:
        Unexplained: it cannot be read, cannot run, or is too large for a plan.
    """
    core = schema._schema  # noqa: SLF001  # the library has no other door to it
    document = _sound(schema, text, bounds)
    operation = document.operations[0]
    ctx: Any = SimpleNamespace(principal=caller, live=None)
    truths = {**_defaults(operation), **said}
    names = conditions(operation, document.fragments)
    values = VariableValues({}, {name: truths.get(name, True) for name in names})
    context = RequestContext(ctx, [], "explained")
    try:
        plan = planned(
            core, schema.schema_converter, operation, document.fragments, values, context, Kept()
        )
    except TooLarge as error:
        raise Unexplained("it asks for more fields than a plan may have") from error
    return "\n".join(_lines(plan))


def _sound(schema: Schema, text: str, bounds: Bounds) -> Document:
    core = schema._schema  # noqa: SLF001  # the library has no other door to it
    try:
        document = read(text, bounds.tokens)
    except GraphQLError as error:
        raise Unexplained(error.message) from error
    if not document.operations:
        raise Unexplained("it has no operation")
    over = beyond(bounds, measured(core, document, {}, bounds))
    wrong: list[GraphQLError] = [*over] or invalid(
        core, document, introspection=bounds.introspection, suggestions=bounds.suggestions
    )
    if wrong:
        raise Unexplained(wrong[0].message)
    return document


def _defaults(operation: OperationDefinitionNode) -> dict[str, bool]:
    return {
        defined.variable.name.value: defined.default_value.value
        for defined in operation.variable_definitions or ()
        if isinstance(defined.default_value, BooleanValueNode)
    }


def _lines(plan: Plan) -> Iterator[str]:
    """What the plan says of each field, then its code."""
    yield from _fields(plan.tree.root, 0)
    if plan.tree.scopes:
        yield ""
        yield f"It is for callers who have the same of: {', '.join(plan.tree.scopes)}."
    yield ""
    yield plan.code.text.rstrip() or "No code: nothing of it is plain."


def _fields(level: Level, depth: int) -> Iterator[str]:
    for asked in level.fields:
        yield f"{'  ' * depth}{asked.name}: {_told(asked)}"
        shown = len(asked.levels) > 1
        for beneath in asked.levels.values():
            if shown:
                yield f"{'  ' * (depth + 1)}on {beneath.kind.name}"
            yield from _fields(beneath, depth + 1 + shown)


def _told(asked: Asked) -> str:
    kind = get_named_type(asked.definition.type).name
    if isinstance(asked.how, Call) and asked.plain:
        return f"{asked.coordinate} is waited for, once for all of a list; what it is, by code"
    if isinstance(asked.how, Call):
        beneath = "; what it answers, by code" if asked.flat and asked.levels else ""
        return f"{asked.coordinate} is resolved, since {asked.how.why}{beneath}"
    if asked.plain:
        return f"{asked.coordinate} by code"
    return f"{asked.coordinate} is handed back, since something of its {kind} is"
