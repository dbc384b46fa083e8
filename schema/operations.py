"""The door by which the process runs operations: plain values go in, plain values come out.

It is here so that no other room needs a word of the GraphQL library. How operations travel, who may
send them and how often stands in ``gateway``.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode
from strawberry import Schema as Schema
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError

from schema.compiled.running import Compiled
from schema.compiled.watching import Events, events_of
from schema.documents import read
from schema.errors import Telling, error_to, formatted
from schema.hints import NO_STORE as NO_STORE
from schema.hints import Policy as Policy
from schema.hints import hinted
from schema.in_order import errors_in_order, warnings_in_order
from schema.info import RequestContext
from schema.limits import REFUSED_COST as REFUSED_COST
from schema.limits import Bounds as Bounds
from schema.limits import beyond, measured


class Kind(StrEnum):
    """What an operation does: read, change, or watch."""

    QUERY = "query"
    MUTATION = "mutation"
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True, slots=True)
class Operation:
    """A document as a client sent it, its variables, and which of its operations is meant.

    ``keep_as`` is the hash by which the client will name the document from now on, if it will.
    """

    document: str
    variables: Mapping[str, Any] | None = None
    name: str | None = None
    keep_as: str | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """What an operation is before it runs: its kind, its root fields, and its points.

    Each is at least 1. What is over a limit costs ``REFUSED_COST``: it does not run.
    """

    kind: Kind
    fields: int = 1
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A GraphQL response as plain data, with the codes of its errors.

    ``refused`` says that nothing ran: the body has no ``data``. ``policy`` is what may be done with
    it; nobody keeps one that says nothing of it.
    """

    body: Mapping[str, Any]
    refused: bool
    codes: tuple[str, ...]
    policy: Policy = NO_STORE


def outline(schema: Schema, operation: Operation, bounds: Bounds) -> Outline | None:
    """Looks at an operation without running it; None if it cannot be read: running says why."""
    try:
        document = read(operation.document, bounds.tokens)
    except GraphQLError:
        return None
    core = schema._schema  # noqa: SLF001  # the library has no other door to it
    measure = measured(core, document, operation.variables or {}, bounds)
    for node, size in measure.sizes:
        if operation.name is None or (node.name and node.name.value == operation.name):
            over = beyond(bounds, measure)
            points = REFUSED_COST if over else max(1, size.cost + size.sized)
            return Outline(Kind(node.operation.value), max(1, size.roots), points)
    return None


Make = Callable[[], Awaitable[Answer]]
Share = Callable[[object, Make], Awaitable[Answer]]
"""Gives what is told of an event: that of another subscription, or else what is made now."""


async def alone(_: object, make: Make) -> Answer:
    """Shares with nobody."""
    return await make()


def policy_of(
    schema: Schema, operation: Operation, bounds: Bounds, kind: Kind = Kind.QUERY
) -> Policy:
    """What may be done with the answer of a query, or of each state that a subscription tells, if
    it is one without errors and the operation of this kind.
    """
    try:
        document = read(operation.document, bounds.tokens)
    except GraphQLError:
        return NO_STORE
    meant = [node for node in document.operations if operation.name in (None, _name(node))]
    if len(meant) != 1 or Kind(meant[0].operation.value) is not kind:
        return NO_STORE
    core = schema._schema  # noqa: SLF001  # the library has no other door to it
    return hinted(core, document, meant[0]).with_variables(operation.variables or {})


def _name(node: OperationDefinitionNode) -> str | None:
    return None if node.name is None else node.name.value


def readdressed(answer: Answer, request_id: str) -> Answer:
    """An answer to one request as it is given to another that asked the same."""
    errors = [error_to(error, request_id) for error in answer.body.get("errors", ())]
    return replace(answer, body={**answer.body, "errors": errors} if errors else answer.body)


async def run(schema: Schema, operation: Operation, context: RequestContext) -> Answer:
    """Runs a query or a mutation to its end."""
    compiled: Compiled | None = getattr(schema, "compiled", None)
    if compiled is not None:
        said = operation.variables or {}
        made = await compiled.run(operation.document, operation.name, said, context)
        if made is not None:
            return _answer(made, operation, context)
    try:
        result = await schema.execute(
            operation.document,
            variable_values=dict(operation.variables or {}),
            context_value=context,
            operation_name=operation.name,
        )
    except CannotGetOperationTypeError as error:
        result = _refusal(error.as_http_error_reason())
    return _answer(result, operation, context)


async def watch(
    schema: Schema, operation: Operation, context: RequestContext, share: Share = alone
) -> AsyncGenerator[Answer, None]:
    """Runs a subscription: one answer for each state that it tells of."""
    compiled: Compiled | None = getattr(schema, "compiled", None)
    if compiled is not None:
        said = operation.variables or {}
        events = await events_of(compiled, operation.document, operation.name, said, context)
        if events is not None:
            async with aclosing(_told(events, operation, context, share)) as answers:
                async for answer in answers:
                    yield answer
            return
    results = await schema.subscribe(
        operation.document,
        variable_values=dict(operation.variables or {}),
        context_value=context,
        operation_name=operation.name,
    )
    async with aclosing(results):
        async for result in results:
            yield _answer(result, operation, context)
            context.warnings.clear()


async def _told(
    events: Events, operation: Operation, context: RequestContext, share: Share
) -> AsyncGenerator[Answer, None]:
    """What is told of each event. An error that is no field's ends it, as with the library."""
    try:
        async with aclosing(events.source) as source:
            async for event in source:

                async def make(event: object = event) -> Answer:
                    return _answer(await events.told(event), operation, context)

                answer = await share(event, make)
                context.warnings.clear()  # those of this event are in the answer
                yield answer
    except Exception as error:  # noqa: BLE001  # as the library: whatever it is, it is told
        if not isinstance(error, GraphQLError):
            error = GraphQLError(str(error), original_error=error)
        yield _answer(ExecutionResult(None, [error]), operation, context)


def _refusal(message: str) -> ExecutionResult:
    return PreExecutionError(None, [GraphQLError(message)])


def _answer(result: ExecutionResult, operation: Operation, context: RequestContext) -> Answer:
    said = _text(operation) if result.errors and context.telling is Telling.SAID else ""
    told = errors_in_order(result.errors or (), result.data)
    errors = [formatted(error, context.request_id, context.telling, said) for error in told]
    ran = any(error.path for error in result.errors or ())
    refused = result.data is None and (isinstance(result, PreExecutionError) or not ran)
    body: dict[str, Any] = {} if refused else {"data": result.data}
    if errors:
        body["errors"] = errors
    extensions = dict(result.extensions or {})
    if context.warnings:
        extensions["warnings"] = warnings_in_order(context.warnings, result.data)
    if extensions:
        body["extensions"] = extensions
    return Answer(body, refused, tuple(error["extensions"]["code"] for error in errors))


def _text(operation: Operation) -> str:
    """All that a request says."""
    return f"{operation.document} {operation.variables} {operation.name}"
