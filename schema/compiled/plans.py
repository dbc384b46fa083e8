"""The plans that were made, within bounds: how many, and how much code.

A document is compiled when it comes for the second time, so that one which never comes again costs
no more than before. What was not asked for longest makes room.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues

from resolvers.access import NOBODY
from schema.compiled.kept import Kept
from schema.compiled.plan import Plan, planned
from schema.compiled.tree import TooLarge, Tree, conditions
from schema.documents import Document
from schema.info import RequestContext

PLANS_MAX = 512
"""Documents with a plan, each for every choice of its directives: a client has a few dozen."""

CHARS_MAX = 4_000_000
"""Most code of all plans together; compiled, a character takes about six bytes."""

CALLERS_MAX = 16
"""Plans of one document for callers of different scopes; there are seven roles, and keys."""

COMPILED_AFTER = 1
"""How often a document has run before it is compiled."""

Key = tuple[Document, str | None, tuple[bool, ...]]


@dataclass(eq=False, slots=True)
class _Sight:
    """A document that came, what its fields ask of a request, and its plans by what a request says
    to that. ``is_hopeless`` says that none can be made.
    """

    times: int = 0
    tree: Tree | None = None
    by_request: dict[tuple[bool, ...], Plan] = field(default_factory=dict)
    is_hopeless: bool = False
    chars: int = 0


@dataclass(eq=False, slots=True)
class Plans:
    """The plans of one schema. ``after`` is how often a document runs before it is compiled;
    ``made`` counts those that were compiled, ``kept`` has what they made of records.
    """

    schema: GraphQLSchema
    converter: Any
    after: int = COMPILED_AFTER
    entries_max: int = PLANS_MAX
    chars_max: int = CHARS_MAX
    kept: Kept = field(default_factory=Kept)
    made: int = 0
    chars: int = 0
    _sights: OrderedDict[Key, _Sight] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._sights)

    def find(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        context: RequestContext,
    ) -> Plan | None:
        """The plan of an operation for a caller, made if it is time; None if it runs without."""
        truths = _truths(self._conditions(document, operation), variables.coerced)
        if truths is None:
            return None
        name = None if operation.name is None else operation.name.value
        sight = self._sight((document, name, truths))
        if sight.is_hopeless or sight.times <= self.after:
            return None
        if sight.tree is not None:
            plan = sight.by_request.get(_said(context, sight.tree))
            if plan is not None:
                return plan
        return self._plan(sight, document, operation, variables, context)

    def _sight(self, key: Key) -> _Sight:
        sight = self._sights.get(key)
        if sight is None:
            sight = self._sights[key] = _Sight()
            self._make_room()
        else:
            self._sights.move_to_end(key)
        sight.times += 1
        return sight

    def _conditions(
        self, document: Document, operation: OperationDefinitionNode
    ) -> tuple[str, ...]:
        key = (conditions, id(operation))
        if key not in document.found:
            document.found[key] = conditions(operation, document.fragments)
        found: tuple[str, ...] = document.found[key]
        return found

    def _plan(
        self,
        sight: _Sight,
        document: Document,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        context: RequestContext,
    ) -> Plan | None:
        try:
            plan = planned(
                self.schema,
                self.converter,
                operation,
                document.fragments,
                variables,
                context,
                self.kept,
            )
        except (TooLarge, GraphQLError):
            sight.is_hopeless = True
            return None
        sight.tree = plan.tree
        if len(sight.by_request) >= CALLERS_MAX:
            self._forget(sight)
        sight.by_request[_said(context, plan.tree)] = plan
        size = len(plan.code.text)
        sight.chars += size
        self.chars += size
        self.made += 1
        self._make_room()
        return plan

    def _make_room(self) -> None:
        while len(self._sights) > self.entries_max or self.chars > self.chars_max:
            _, eldest = self._sights.popitem(last=False)
            self._forget(eldest)

    def _forget(self, sight: _Sight) -> None:
        self.chars -= sight.chars
        sight.chars = 0
        sight.by_request.clear()


def _said(context: RequestContext, tree: Tree) -> tuple[bool, ...]:
    """All of a request that its plan depends on: what its caller may, whether that is anybody, and
    what is pure in it.
    """
    caller = context.ctx.principal
    return (
        caller == NOBODY,
        *map(caller.may, tree.scopes),
        *(when(context) for when in tree.whens),
    )


def _truths(names: tuple[str, ...], values: Mapping[str, Any]) -> tuple[bool, ...] | None:
    """What the variables of directives say; None if one of them says neither yes nor no."""
    said = tuple(values.get(name) for name in names)
    return said if all(isinstance(value, bool) for value in said) else None  # type: ignore[return-value]  # they were looked at
