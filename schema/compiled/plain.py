"""What is plain: a field of which it can be proved that reading it waits for nothing, asks nothing
but its row of the access table, and may be done again.

The proof is by identity of code, never by a name: whatever somebody laid over a resolver is no
longer what the library made of the field, and is handed back.
"""

import keyword
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion

from resolvers.access import Principal
from schema.access import LAID, OPEN, Ask, Laid, Masked
from schema.fields import MANY, PATH, PURE, READ, THEN, PlainField, instances_of

DEFINED = GraphQLCoreConverter.DEFINITION_BACKREF
"""Where the library keeps what a field was made of."""


def _inner(code: CodeType, *names: str) -> CodeType:
    """The code of a function that stands in another."""
    for name in names:
        [code] = [c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name]
    return code


_BASIC = _inner(GraphQLCoreConverter.from_resolver.__code__, "_get_basic_result")
_CALLING = _inner(GraphQLCoreConverter.from_resolver.__code__, "_resolver")
_WAITING = _inner(GraphQLCoreConverter.from_resolver.__code__, "_async_resolver")
_TYPE_OF = _inner(GraphQLCoreConverter.from_object.__code__, "_get_is_type_of", "is_type_of")
_TYPE_OF_INTERFACE = _inner(
    GraphQLCoreConverter.from_interface.__code__, "_get_resolve_type", "resolve_type"
)
_TYPE_OF_UNION = _inner(StrawberryUnion.get_type_resolver.__code__, "_resolve_union_type")
_INSTANCES: CodeType = instances_of(object).__code__


_OPEN: Ask = OPEN


@dataclass(frozen=True, slots=True)
class Read:
    """How a plain field is read: by a path of attributes, by a function of the parent, or by a
    resolver that is marked as pure. One that is so only ``when`` the request is such is ``then``
    read by a function of the parent and the arguments. ``ask`` is its row of the access table.
    """

    path: str = ""
    function: Callable[[Any], Any] | None = None
    resolver: StrawberryField | None = None
    ask: Ask = OPEN
    when: Callable[[Any], bool] | None = None
    then: Callable[..., Any] | None = None

    def unless_plain(self) -> "Call":
        """The same field where its resolver is not pure."""
        return Call("it may wait in this request", self.resolver, self.ask)


@dataclass(frozen=True, slots=True)
class Call:
    """Why a field is no plain one. ``direct`` is set where its resolver may be called without what
    the library lays around it, by whoever has what ``ask`` says; ``many`` where it may be read of
    many parents together.
    """

    why: str
    direct: StrawberryField | None = None
    ask: Ask = OPEN
    many: Callable[..., Any] | None = None

    def for_caller(self, caller: Principal) -> "Call":
        """The same field for a caller: of what is masked or hidden nothing is read together."""
        if self.many is None or self.ask == OPEN:
            return self
        if not isinstance(self.ask, Masked) and caller.may(self.ask):
            return self
        return self.alone()

    def alone(self) -> "Call":
        """The same field, read of one parent at a time."""
        return self if self.many is None else replace(self, many=None)


def reading(field: GraphQLField) -> Read | Call:
    """How a field is read, if it is plain, or why it is not."""
    resolve, ask = field.resolve, _OPEN
    laid: Laid | None = field.extensions.get(LAID)
    if laid is not None:
        if laid.over is not resolve:
            return Call("something is laid over its guard")
        resolve, ask = laid.under, laid.ask
    defined: Any = field.extensions.get(DEFINED)
    if type(defined) not in (StrawberryField, PlainField):
        return Call("it is a field of a kind of its own")
    code = getattr(resolve, "__code__", None)
    if code is _BASIC:
        return _basic(field, defined, ask)
    if code not in (_CALLING, _WAITING) or defined.extensions or _handlers(resolve):
        return Call("something is laid over its resolver")
    return _called(defined, ask, waits=code is _WAITING)


def _called(defined: StrawberryField, ask: Ask, *, waits: bool) -> Read | Call:
    if type(defined) is not StrawberryField or not _plain_call(defined):
        return Call("its resolver is called in a way of its own")
    pure = defined.metadata.get(PURE)
    if pure and not waits and _first_is_parent(defined):
        when = pure if callable(pure) else None
        return Read(resolver=defined, ask=ask, when=when, then=defined.metadata.get(THEN))
    if not waits:
        return Call("it is not marked as pure", defined, ask)
    many = defined.metadata.get(MANY)
    return Call("it may wait", defined, ask, many if _first_is_parent(defined) else None)


def _basic(field: GraphQLField, defined: StrawberryField, ask: Ask) -> Read | Call:
    if field.args:
        return Call("it has arguments and no resolver")
    if isinstance(defined, PlainField):
        path = defined.metadata.get(PATH, "")
        if path and _is_path(path):
            return Read(path, ask=ask)
        return Read(function=defined.metadata[READ], ask=ask)
    if getattr(defined, "default_resolver", None) is not getattr:
        return Call("it is read in a way of its own")
    if not _is_path(defined.python_name):
        return Read(function=lambda parent: getattr(parent, defined.python_name), ask=ask)
    return Read(defined.python_name, ask=ask)


def _is_path(path: str) -> bool:
    """Whether a path may stand in code as it is."""
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in path.split("."))


def _handlers(resolve: Any) -> object:
    """The handlers of exceptions that the library runs around a resolver."""
    names = resolve.__code__.co_freevars
    cells = dict(zip(names, resolve.__closure__ or (), strict=True))
    return cells["field_exception_handlers"].cell_contents


def _plain_call(defined: StrawberryField) -> bool:
    """Whether a resolver takes its parent, the request and arguments, and nothing else."""
    resolver = defined.base_resolver
    return (
        resolver is not None
        and resolver.self_parameter is None
        and resolver.root_parameter is None
        and callable(resolver.wrapped_func)
    )


def _first_is_parent(defined: StrawberryField) -> bool:
    resolver = defined.base_resolver
    assert resolver is not None, "it was looked at"
    parent = resolver.parent_parameter
    return parent is not None and next(iter(resolver.signature.parameters)) == parent.name


# ---- types ---------------------------------------------------------------------------------------


def by_class(kind: GraphQLObjectType) -> bool:
    """Whether the class of an object alone says if it is of a type."""
    return kind.is_type_of is None or getattr(kind.is_type_of, "__code__", None) is _INSTANCES


def domain_of(kind: GraphQLObjectType) -> type | None:
    """The class whose instances are all that a type has; None if it is told in another way."""
    told: Any = kind.is_type_of
    if getattr(told, "__code__", None) is not _INSTANCES:
        return None
    [cell] = told.__closure__
    domain: type = cell.cell_contents
    return domain


def is_told(kind: GraphQLObjectType) -> bool:
    """Whether an object alone says if it is of a type."""
    return by_class(kind) or getattr(kind.is_type_of, "__code__", None) is _TYPE_OF


def resolves_alone(kind: GraphQLInterfaceType | GraphQLUnionType) -> bool:
    """Whether an object alone says which of several types it is of."""
    resolve = kind.resolve_type
    return getattr(resolve, "__code__", None) in (_TYPE_OF_INTERFACE, _TYPE_OF_UNION)


def closed(kind: type) -> bool:
    """Whether all that matters here of an object is said by its class: that it is no exception,
    cannot be awaited, and what it is an instance of.
    """
    if kind is tuple:
        return True
    return (
        kind.__dictoffset__ == 0
        and not issubclass(kind, Exception)
        and not hasattr(kind, "__await__")
        and not hasattr(kind, "__getattr__")
        and kind.__getattribute__ is object.__getattribute__
        and not any("__class__" in base.__dict__ for base in kind.__mro__[:-1])
        and not any(hasattr(kind, name) for name in _names_of_types(kind))
    )


def _names_of_types(kind: type) -> Iterator[str]:
    """Attributes by which an object may say itself which type it is of."""
    yield "__as_strawberry_type__"
    yield "__strawberry_definition__"
    for base in kind.__mro__:
        yield f"_{base.__name__}__typename"
