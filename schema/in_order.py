"""The order in which the errors and warnings of an answer are told: that of their places in it.

They come as fields end, and when a field ends depends on what it has waited for: a cold cache, a
slow disk. Told by their places, the same question with the same data has the same answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphql import GraphQLError


def errors_in_order(errors: Sequence[GraphQLError], data: Any) -> Sequence[GraphQLError]:
    """Errors by their paths in an answer; those of no field come first. Of several in one place,
    which is null then, the first stays first.
    """
    if len(errors) < 2:  # nearly always
        return errors
    return sorted(errors, key=lambda error: _place(error.path or (), data))


def warnings_in_order(warnings: Iterable[dict[str, Any]], data: Any) -> list[dict[str, Any]]:
    """Warnings: those of a path by it, then those of a SKU, then what a backend has not said."""

    def place(warning: Mapping[str, Any]) -> tuple[object, ...]:
        path = warning.get("path")
        about = (warning.get(name, "") for name in ("sku", "backend", "field", "message"))
        return (path is None, _place(path or (), data), *about)

    return sorted(warnings, key=place)


def _place(path: Sequence[str | int], data: Any) -> tuple[int, ...]:
    """Where a path leads, as numbers: which field of each object, which entry of each list. It ends
    where the answer does.
    """
    at: list[int] = []
    for step in path:
        if isinstance(data, Mapping) and step in data:
            at.append(list(data).index(str(step)))
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            at.append(step)
        else:
            break
        data = data[step]
    return tuple(at)
