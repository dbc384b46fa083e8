"""Runs a plan: code makes what is plain, ``graphql-core`` all else, in the order and with the
awaitables that it would have had.

Where code meets what it does not know, that part is done again by ``graphql-core``; so every error,
its place among the others, and what becomes null by it are the library's own.
"""

from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, cast

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.executor import default_field_resolver, default_type_resolver
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from graphql.pyutils.gather_with_cancel import gather_with_cancel
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.info import Info

from schema.compiled.plan import Called, Plan, Step
from schema.compiled.values import Run
from schema.compiled.waiting import Waiting, filled


class PlannedExecutor(StrawberryGraphQLCoreExecutionContext):
    """The library's executor of one operation, with a plan.

    ``is_void`` says that something which was read for many objects together has failed. Where its
    errors come among those of others depends on what each has waited for: so the library is to run
    all of the query again.
    """

    plan: Plan
    run: Run
    handing_back: bool
    is_void: bool

    @classmethod
    def of(
        cls,
        schema: Any,
        plan: Plan,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        context: Any,
    ) -> "PlannedExecutor":
        """An executor of one request."""
        executor = cls(
            schema,
            plan.definitions,
            plan.fragments,
            None,
            context,
            operation,
            variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=None,
        )
        executor.plan = plan
        executor.run = Run(context, variables, plan.arguments, plan.places)
        executor.handing_back = False
        executor.is_void = False
        executor._relevant_sub_fields = plan.tree.found  # the same for every request
        return executor

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> Any:
        """The fields of one object, as the library does them but for those that are plain."""
        steps = None if self.handing_back else self.plan.steps.get(id(grouped_field_set))
        if steps is None:
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        results: dict[str, Any] = {}
        waiting: list[str] = []
        try:
            for step in steps:
                if step.part is not None and self._made(step, source_value, results):
                    continue
                for name, details in step.fields:
                    field_path = Path(path, name, parent_type.name)
                    result = self._field(step, parent_type, source_value, details, field_path)
                    results[name] = result
                    if optimized_is_awaitable(result):
                        waiting.append(name)
        except Exception:
            if waiting:  # they are settled, since they may fail too
                self.settle_in_background([results[name] for name in waiting])
            raise
        return _gathered(results, waiting) if waiting else results

    def _made(self, step: Step, source: Any, results: dict[str, Any]) -> bool:
        """Lets code make the plain fields of a step, if it can."""
        assert step.part is not None, "it was asked for"
        try:
            results.update(step.part(source, self.run))
        except Exception:  # noqa: BLE001  # whatever it is, the library comes to it again and tells
            return False
        return True

    def _field(
        self,
        step: Step,
        parent_type: GraphQLObjectType,
        source: Any,
        details: FieldDetailsList,
        path: Path,
    ) -> Any:
        """One field. What code has given up is left to the library, and nothing beneath is tried
        again.
        """
        if step.part is None:
            return self.execute_field(parent_type, source, details, path, None)
        self.handing_back = True
        try:
            return super().execute_field(parent_type, source, details, path, None)
        finally:
            self.handing_back = False

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        """A field that is resolved; what it answers is made by code where all of it is plain."""
        called = None if self.handing_back else self.plan.called.get(id(field_details_list))
        if called is None:
            return super().execute_field(
                parent_type, source, field_details_list, path, position_context
            )
        kind = called.definition.type
        info = self.build_resolve_info(called.definition, called.nodes, parent_type, path)
        try:
            result = self._resolved(called, source, info)
            if optimized_is_awaitable(result):
                return self._awaited(called, info, path, result)
            completed = self._completed(called, info, path, result)
            if optimized_is_awaitable(completed):
                return self._completing(called, path, completed)
        except Exception as error:  # noqa: BLE001  # as the library: whatever it is, it is told
            self.handle_field_error(error, kind, field_details_list, path)
            return None
        return completed

    def _resolved(self, called: Called, source: Any, info: GraphQLResolveInfo[Any]) -> Any:
        """What a field's resolver answers."""
        direct = called.direct
        given = None
        if direct is not None:
            given = self.run.given[direct.number]
            if given is None:
                given = self._read_once(called)
        if direct is None or given is None:
            return called.resolve(source, info, **self._arguments(called))
        more = {**given}
        if direct.parent is not None:
            more[direct.parent] = source
        if direct.info is not None:
            more[direct.info] = Info(_raw_info=info, _field=direct.defined)
        return direct.call(**more)

    def _read_once(self, called: Called) -> dict[str, Any] | None:
        """A field's arguments, read once for the request; None if each call is to read its own."""
        direct = called.direct
        assert direct is not None, "it was looked at"
        if direct.number in self.run.unread:
            return None
        try:
            given = direct.arguments(self.run.variables)
        except Exception:  # noqa: BLE001  # the library comes to it again and tells
            self.run.unread.add(direct.number)
            return None
        self.run.given[direct.number] = given
        return given

    def _arguments(self, called: Called) -> dict[str, Any]:
        return called.read(self.variable_values, self.hide_suggestions)

    def _completed(
        self, called: Called, info: GraphQLResolveInfo[Any], path: Path, result: Any
    ) -> Any:
        """What a resolver answered, as it stands in the answer."""
        if called.value is None or self.handing_back:
            kind = called.definition.type
            return self.complete_value(kind, called.details, info, path, result, None)
        waiting: Waiting = {}
        self.run.waiting = waiting
        with suppress(Exception):  # whatever it is, the library comes to it again and tells
            made = called.value(result, self.run)
            if waiting:
                return self._filled(made, waiting)
            return made
        self.handing_back = True
        try:
            kind = called.definition.type
            return self.complete_value(kind, called.details, info, path, result, None)
        finally:
            self.handing_back = False

    async def _filled(self, made: Any, waiting: Waiting) -> Any:
        """What code has made of a result, when nothing of it is open any more."""
        try:
            await filled(self.run, waiting)
        except Exception:
            self.is_void = True
            raise
        return made

    async def _awaited(
        self, called: Called, info: GraphQLResolveInfo[Any], path: Path, result: Awaitable[Any]
    ) -> Any:
        try:
            completed = self._completed(called, info, path, await result)
            if optimized_is_awaitable(completed):
                completed = await completed
        except Exception as error:  # noqa: BLE001  # as above
            self.handle_field_error(error, called.definition.type, called.details, path)
            return None
        return completed

    async def _completing(self, called: Called, path: Path, completed: Awaitable[Any]) -> Any:
        try:
            return await completed
        except Exception as error:  # noqa: BLE001  # as above
            self.handle_field_error(error, called.definition.type, called.details, path)
            return None

    async def respond(self) -> ExecutionResult:
        """Runs the operation to its end."""
        operation = self.operation.operation
        data: dict[str, Any] | None = None
        try:
            made: Any = self.execute_root_grouped_field_set(
                self.plan.tree.root.kind,
                None,
                self.plan.collected.grouped_field_set,
                operation is OperationType.MUTATION,
                None,
            )
            data = await made if optimized_is_awaitable(made) else made
        except GraphQLError as error:
            self.collected_errors.add(error, None)
        return cast("ExecutionResult", self.build_response(data))


async def _gathered(results: dict[str, Any], waiting: list[str]) -> dict[str, Any]:
    """The fields of an object when those that wait have been answered."""
    if len(waiting) == 1:
        results[waiting[0]] = await results[waiting[0]]
    else:
        answers = await gather_with_cancel(*(results[name] for name in waiting))
        results.update(zip(waiting, answers, strict=True))
    return results
