"""Fields that are plain data: read from the parent without waiting, and without knowing who asks.

Everything that can be such a field is one, so that an answer costs little.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, Final

import strawberry
from strawberry.types.field import StrawberryField

READ = "read"
"""Where the metadata of a plain field keeps the function that reads it from its parent."""

PATH = "path"
"""Where it keeps the dotted path of attributes, if it is read by one."""

PURE: Final = "pure"
"""Marks a resolver that waits for nothing and may be asked again: it reads its parent, its
arguments, and of the request no more than ``info.context``. Nothing else changes by it.
"""

IS_PURE: Mapping[str, bool] = MappingProxyType({PURE: True})
"""The metadata of such a field."""


MANY: Final = "many"
"""Where a field that waits keeps what reads it of many parents together."""


def read_together(many: Callable[..., Awaitable[Sequence[Any]]]) -> Mapping[str, Any]:
    """The metadata of a field that waits. ``many`` is given parents, ``info`` and the arguments,
    and says for each parent, in order, what the resolver would. It may be asked again, and of the
    request it reads ``info.context`` only; where it raises, all is read one by one.
    """
    return MappingProxyType({MANY: many})


THEN: Final = "then"
"""Where such a field keeps what reads it in requests in which its resolver is pure."""


def pure_when(
    is_so: Callable[[Any], bool], then: Callable[..., Any] | None = None
) -> Mapping[str, Any]:
    """The metadata of a field whose resolver is pure in requests of which a function of their
    ``RequestContext`` says so. ``then`` is what it does in those, if that needs no more than the
    parent and the arguments.
    """
    return MappingProxyType({PURE: is_so, THEN: then})


class PlainField(StrawberryField):
    """A field that a pure function reads from its parent."""

    def get_result(self, source: Any, info: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG002  # as the library calls it
        """What the parent has."""
        return self.metadata[READ](source)


def plain(read: str | Callable[[Any], Any], description: str, name: str | None = None) -> Any:
    """A field read by a dotted path of attributes, or by a pure function of the parent."""
    function = attrgetter(read) if isinstance(read, str) else read
    metadata = {READ: function, PATH: read if isinstance(read, str) else ""}
    return PlainField(graphql_name=name, description=description, metadata=metadata)


def instances_of(domain: type) -> Callable[[Any, Any], bool]:
    """Tells a GraphQL type that its objects are records of the domain."""
    return lambda source, _: isinstance(source, domain)


First = Annotated[
    int, strawberry.argument(description="How many entries the page has at most, 1 to 100.")
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="Goes on after this entry: an `endCursor` of the same list, asked for in the "
        "same way. Absent: from the beginning."
    ),
]
Locale = Annotated[
    str | None,
    strawberry.argument(
        description="Language tag, like `zh-CN` or `en`. Where there is no such text, the same "
        "language in another region, else the first text that there is."
    ),
]
