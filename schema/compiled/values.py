"""What written code calls for values that are not as they nearly always are: it looks closer, or
hands the field back to ``graphql-core``, which says what is wrong with them.

Nothing here tells an error, and nothing changes: what is handed back is simply done again.
"""

import enum
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any, Final

from graphql import (
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import VariableValues
from strawberry import UNSET
from strawberry.execution import optimized_is_awaitable as is_awaitable
from strawberry.schema.schema_converter import CustomGraphQLEnumType
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from schema.compiled.literals import reading_arguments
from schema.compiled.plain import Read, by_class, closed

CLASSES_MAX = 64
"""Most classes of one place whose objects are known to be of its type; it has one, or a few."""

UNCHANGING: Final = (str, int, float, bool, type(None), type(UNSET), datetime, date, time, Decimal)
"""What arguments may be made of to be read once for all objects of a list: nobody can change it."""

Finish = Callable[..., Any]
Space = dict[str, Any]

Open = tuple[Any, dict[str, Any]]
"""An object, and its part of the answer, in which something is still open."""


class HandedBack(Exception):
    """A value is not as plain as its field: whoever is behind the plan is to look at it."""


class Bare:
    """Of a request, what a pure resolver may look at."""

    __slots__ = ("context",)

    def __init__(self, context: Any) -> None:
        self.context = context


class Run:
    """One request on its way through a plan: what pure resolvers see of it, its variables, and the
    arguments that were read, or what was bound to them, by the number of their field; ``unread``
    are those that each call is to read for itself; ``tables``, what is kept of records;
    ``waiting``, what code left open in the part that it has just made.
    """

    __slots__ = ("bare", "given", "tables", "unread", "variables", "waiting")

    def __init__(
        self, context: Any, variables: VariableValues, arguments: int, places: int = 0
    ) -> None:
        self.bare = Bare(context)
        self.variables = variables
        self.given: list[Any] = [None] * arguments
        self.unread: set[int] = set()
        self.tables: list[dict[int, Any] | None] = [None] * places
        self.waiting: dict[Any, list[Open]] = {}

    def wait(self, field: Any, parent: Any, made: dict[str, Any]) -> None:
        """Notes that a field of an object is open, in its part of the answer."""
        self.waiting.setdefault(field, []).append((parent, made))


def _is_nothing(value: Any, *, nullable: bool) -> bool:
    """Whether there is no value; what can be no value of a plain field is handed back."""
    if value is None or value is Undefined:
        if nullable:
            return True
        raise HandedBack
    if isinstance(value, Exception) or is_awaitable(value):
        raise HandedBack
    return False


def leaf(kind: GraphQLLeafType, *, nullable: bool) -> Finish:
    """Completes a leaf as the library does."""

    def other_leaf(value: Any) -> Any:
        if _is_nothing(value, nullable=nullable):
            return None
        told = kind.coerce_output_value(value)
        if told is None or told is Undefined:
            raise HandedBack
        if is_awaitable(told):
            close = getattr(told, "close", None)
            if close is not None:
                close()  # it is asked for again, and would be missed
            raise HandedBack
        return told

    return other_leaf


def names_of(kind: GraphQLEnumType) -> Mapping[int, str]:
    """The names of an enum's members, by the identity of each: they live as long as it does."""
    names = {}
    if isinstance(kind, CustomGraphQLEnumType) and issubclass(kind.wrapped_cls, enum.Enum):
        for member in kind.wrapped_cls:
            with suppress(ValueError, GraphQLError):  # the schema leaves it out
                names[id(member)] = kind.coerce_output_value(member)
    return names


def items(*, nullable: bool) -> Finish:
    """Completes what is no list: there is none, or it is handed back."""

    def no_items(value: Any) -> None:
        if not _is_nothing(value, nullable=nullable):
            raise HandedBack

    return no_items


def object_of(
    kind: GraphQLObjectType, level: str, space: Space, known: set[type], *, nullable: bool
) -> Finish:
    """Completes an object of a class that was not seen here before, by the code of its level.

    Its class is put with the ``known`` where that alone says all.
    """
    told_by_class = by_class(kind)

    def other_object(value: Any, run: Run) -> Any:
        if _is_nothing(value, nullable=nullable):
            return None
        if kind.is_type_of is not None and kind.is_type_of(value, None) is not True:  # type: ignore[arg-type]  # it was proved not to look at it
            raise HandedBack
        if told_by_class and len(known) < CLASSES_MAX and closed(type(value)):
            known.add(type(value))
        return space[level](value, run)

    return other_object


class _Asking:
    """As much of a request as the library's own resolvers of types look at."""

    __slots__ = ("field_name", "is_awaitable", "schema")

    def __init__(self, schema: GraphQLSchema, field_name: str) -> None:
        self.schema = schema
        self.field_name = field_name
        self.is_awaitable = is_awaitable


def abstract_of(
    schema: GraphQLSchema,
    kind: GraphQLAbstractType,
    field_name: str,
    levels: Mapping[str, str],
    space: Space,
    *,
    nullable: bool,
) -> Finish:
    """Completes an object of one of several types, by the code of its type's level."""
    info: Any = _Asking(schema, field_name)
    kinds = {it.name: it for it in schema.get_possible_types(kind)}
    told_by_class = all(map(by_class, kinds.values()))
    known: dict[type, str] = {}

    def some_object(value: Any, run: Run) -> Any:
        level = known.get(type(value))
        if level is not None:
            return space[level](value, run)
        if _is_nothing(value, nullable=nullable):
            return None
        assert kind.resolve_type is not None, "it was proved to be the library's"
        name = kind.resolve_type(value, info, kind)
        one = kinds.get(name) if isinstance(name, str) else None
        if one is None:
            raise HandedBack
        if one.is_type_of is not None and one.is_type_of(value, info) is not True:
            raise HandedBack
        level = levels[one.name]
        plain_class = closed(type(value)) and not isinstance(value, Mapping)
        if told_by_class and plain_class and len(known) < CLASSES_MAX:
            known[type(value)] = level
        return space[level](value, run)

    return some_object


# ---- arguments -----------------------------------------------------------------------------------


class Arguments:
    """The arguments of one field of a document, as its resolver takes them."""

    __slots__ = ("_converter", "_defined", "_field", "_hide", "_said")

    def __init__(
        self,
        field: GraphQLField,
        details: FieldDetailsList,
        defined: StrawberryField,
        converter: Any,
        *,
        hide_suggestions: bool,
    ) -> None:
        self._field = field
        self._said = reading_arguments(field, details[0].node)
        self._defined = defined
        self._converter = converter
        self._hide = hide_suggestions

    def __call__(self, variables: VariableValues) -> dict[str, Any]:
        """Reads them, for many calls.

        Raises:
            HandedBack: they are not all made of what nobody can change.
            GraphQLError: the library refuses them.
        """
        taken = self.read(variables)
        if not all(isinstance(value, (*UNCHANGING, enum.Enum)) for value in taken.values()):
            raise HandedBack
        return taken

    def read(self, variables: VariableValues) -> dict[str, Any]:
        """Reads them for one call, whatever they are made of.

        Raises:
            GraphQLError: the library refuses them.
        """
        if not self._field.args:
            return {}
        said = self._said(variables, self._hide)
        taken: dict[str, Any] = convert_arguments(
            said,
            self._defined.arguments,
            scalar_registry=self._converter.scalar_registry,
            config=self._converter.config,
        )
        return taken


def binding(how: Read, arguments: Arguments, number: int) -> Callable[[Run], Callable[[Any], Any]]:
    """Makes what reads a field of its parent, by its pure resolver or by what is then done for it,
    with arguments that are read once for the request.
    """
    resolver = None if how.resolver is None else how.resolver.base_resolver
    assert resolver is not None, "it was proved to have one"
    call = how.then or resolver.wrapped_func
    assert callable(call), "it was proved to be"
    asks = resolver.info_parameter is not None and how.then is None
    info = resolver.info_parameter.name if asks and resolver.info_parameter else None

    def bind(run: Run) -> Callable[[Any], Any]:
        given = arguments(run.variables)
        if info is not None:
            given[info] = run.bare
        bound: Callable[[Any], Any] = partial(call, **given) if given else call
        run.given[number] = bound
        return bound

    return bind
