"""A document looked at before anybody asks it: whether it could ever run."""

from graphql import GraphQLError

from schema.documents import Document, invalid, read, read_once
from schema.limits import Bounds, beyond, measured
from schema.operations import Schema


def faults(schema: Schema, document: str, bounds: Bounds, *, remember: bool) -> list[str]:
    """What keeps a document from running, whatever its variables are; nothing if it may run.

    Lengths that stand in variables are taken for 1: what is too much with others is refused when
    it comes. With ``remember`` what was found out is there for whoever asks the document next.
    """
    core = schema._schema  # noqa: SLF001  # the library has no other door to it
    try:
        found = (read if remember else read_once)(document, bounds.tokens)
    except GraphQLError as error:
        return [_told(error)]
    if not found.operations:
        return ["it has no operation"]
    over = beyond(bounds, measured(core, found, dict.fromkeys(_variables(found), 1), bounds))
    wrong: list[GraphQLError] = [*over] or invalid(
        core, found, introspection=bounds.introspection, suggestions=bounds.suggestions
    )
    return [_told(error) for error in wrong]


def _variables(document: Document) -> list[str]:
    return [
        defined.variable.name.value
        for operation in document.operations
        for defined in operation.variable_definitions or ()
    ]


def _told(error: GraphQLError) -> str:
    """An error on one line, with its place."""
    at = f"{error.locations[0].line}:{error.locations[0].column}: " if error.locations else ""
    return f"{at}{error.message}"
