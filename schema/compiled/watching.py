"""Runs a subscription straight from what is known of its document: what happens, and what is told
of each.

As with queries, what is refused or cannot be told from a refusal at once runs as ever.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import GraphQLError, OperationType
from graphql.execution import Executor, create_source_event_stream, execute_subscription_event
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.execution import ExecutionResult

from schema.compiled.running import COERCION_ERRORS_MAX, Compiled, meant
from schema.documents import read
from schema.info import RequestContext


@dataclass(frozen=True, slots=True)
class Events:
    """A subscription that has begun."""

    source: AsyncGenerator[Any, None]
    executor: Executor[Any]

    async def told(self, event: object) -> ExecutionResult:
        """What is told of an event."""
        made: Any = execute_subscription_event(self.executor.build_per_event_executor(event))
        result = await made if optimized_is_awaitable(made) else made
        return ExecutionResult(result.data, result.errors)


async def events_of(
    compiled: Compiled,
    text: str,
    name: str | None,
    variables: Mapping[str, Any],
    context: RequestContext,
) -> Events | None:
    """A subscription's events; None if it is to be run as ever, and nothing has happened."""
    try:
        document = read(text, compiled.bounds.tokens)
    except GraphQLError:
        return None
    operation = meant(document, name)
    if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
        return None
    if compiled.refuses(document, variables):
        return None
    executor = StrawberryGraphQLCoreExecutionContext.build(
        compiled.core,
        document.tree,
        context_value=context,
        raw_variable_values=dict(variables),
        operation_name=name,
        max_coercion_errors=COERCION_ERRORS_MAX,
        is_awaitable=cast("Any", optimized_is_awaitable),
    )
    if isinstance(executor, list):
        return None
    begun: Any = create_source_event_stream(executor)
    source = await begun if optimized_is_awaitable(begun) else begun
    if not hasattr(source, "__anext__"):  # a refusal
        return None
    return Events(cast("AsyncGenerator[Any, None]", source), executor)
