"""Runs an operation by its plan, straight from what is known of its document.

What has no plan yet, is refused, or cannot be told from a refusal at once, runs as ever: whoever
asks is told so by None, and nothing has happened. So does a query of which something failed that
was read for many objects together; some of it is read twice then.
"""

from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import (
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.values import get_variable_values
from strawberry.types.execution import ExecutionResult, PreExecutionError

from schema.admission import denials
from schema.compiled.executor import PlannedExecutor
from schema.compiled.kept import Kept
from schema.compiled.plan import Plan
from schema.compiled.plans import COMPILED_AFTER, Plans
from schema.compiled.variables import plain_values
from schema.documents import Document, invalid, read
from schema.info import RequestContext
from schema.limits import Bounds, beyond, measured, too_many_values

COERCION_ERRORS_MAX = 50
"""As many as the library tells of the variables of one request."""


class Compiled:
    """What a schema has to run operations by plans."""

    def __init__(
        self,
        schema: strawberry.Schema,
        bounds: Bounds,
        after: int = COMPILED_AFTER,
        kept: Kept | None = None,
    ) -> None:
        self.core = schema._schema  # noqa: SLF001  # the library has no other door to it
        self.bounds = bounds
        kept = Kept() if kept is None else kept
        self.plans = Plans(self.core, schema.schema_converter, after, kept=kept)

    async def run(
        self,
        text: str,
        name: str | None,
        variables: Mapping[str, Any],
        context: RequestContext,
    ) -> ExecutionResult | None:
        """The answer to a query or mutation; None if it is to be run as ever."""
        try:
            document = read(text, self.bounds.tokens)
        except GraphQLError:
            return None
        operation = meant(document, name)
        if (
            operation is None
            or operation.operation is OperationType.SUBSCRIPTION
            or self.refuses(document, variables)
        ):
            return None
        said = plain_values(self.core, document, operation, variables) or get_variable_values(
            self.core,
            operation.variable_definitions or (),
            dict(variables),
            max_errors=COERCION_ERRORS_MAX,
        )
        if isinstance(said, list):
            return None
        plan = self.plans.find(document, operation, said, context)
        if plan is None or not self._admits(plan, document, operation, variables, context):
            return None
        executor = PlannedExecutor.of(self.core, plan, operation, said, context)
        warned = len(context.warnings)
        made: ExecutionResult
        try:
            answer = await executor.respond()
            made = ExecutionResult(answer.data, answer.errors)
        except Exception as error:  # noqa: BLE001  # as the library does with what is no field's error
            told = GraphQLError(str(error), original_error=error)
            made = PreExecutionError(None, [told])
        if not executor.is_void:
            return made
        del context.warnings[warned:]  # the library is to find all as it was before the attempt
        context.renew()
        return None

    def refuses(self, document: Document, variables: Mapping[str, Any]) -> bool:
        """Whether the document is over a limit, or asks for what is not there."""
        bounds = self.bounds
        return bool(
            beyond(bounds, measured(self.core, document, variables, bounds))
            or too_many_values(variables, bounds.variables)
            or invalid(
                self.core,
                document,
                introspection=bounds.introspection,
                suggestions=bounds.suggestions,
            )
        )

    def _admits(
        self,
        plan: Plan,
        document: Document,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
        context: RequestContext,
    ) -> bool:
        """Whether a caller may do all of a mutation: the same for all who have the plan."""
        if operation.operation is not OperationType.MUTATION:
            return True
        if plan.admits is None:
            caller = context.ctx.principal
            denied = denials(self.core, document.tree, operation, variables, caller)
            plan.admits = not denied
        return plan.admits


def meant(document: Document, name: str | None) -> OperationDefinitionNode | None:
    """The operation that is to run; None if it is not clear."""
    if name is None and len(document.operations) != 1:
        return None
    for node in document.operations:
        if name is None or (node.name is not None and node.name.value == name):
            return node
    return None
