"""Documents as clients send them: read once, within bounds, and kept for the next time.

Everybody who looks at a document reads it here, so that it is read and validated once.
"""

from functools import lru_cache
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    Source,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from schema.one_of import OneOfRule

TOKENS_MAX = 1000
"""Most words of a document, unless the settings say another number."""

COMMENTS_MAX = 200
"""Most comments of a document; they cost the parser as words do."""

SOURCE_CHARS_MAX = 32_768
"""Longest document: far above what the words allowed take up. Three times as long, white space in a
text of several lines alone keeps the parser busy for a tenth of a second."""

_SHOWN_CHARS = 64  # the parser would look for line ends in all of it

ERRORS_MAX = 20
"""Most errors of one validation: nobody reads more, and each costs."""

CACHED_DOCUMENTS = 256
"""Documents that are read, validated and measured once; each client has a few dozen."""


class Document:
    """A document as a tree, and what was found out about it."""

    __slots__ = ("found", "fragments", "operations", "tree")

    def __init__(self, tree: DocumentNode) -> None:
        self.tree = tree
        self.operations = [n for n in tree.definitions if isinstance(n, OperationDefinitionNode)]
        self.fragments = {
            n.name.value: n for n in tree.definitions if isinstance(n, FragmentDefinitionNode)
        }
        self.found: dict[tuple[object, ...], Any] = {}


def read(document: str, tokens_max: int = TOKENS_MAX) -> Document:
    """A document as a tree. What cannot be read is remembered too: refusing it again costs nothing.

    Raises:
        GraphQLError: it is no GraphQL, or longer than is allowed.
    """
    _require_short(document)
    found = _read(document, tokens_max)
    if isinstance(found, GraphQLError):
        raise found.with_traceback(None)
    return found


def read_once(document: str, tokens_max: int = TOKENS_MAX) -> Document:
    """The same, for one look: what is kept for those who ask is not pushed out by it.

    Raises:
        GraphQLError: as above.
    """
    _require_short(document)
    return _parse(document, tokens_max)


def _require_short(document: str) -> None:
    if len(document) > SOURCE_CHARS_MAX:
        told = f"The document has more than {SOURCE_CHARS_MAX} characters."
        raise GraphQLSyntaxError(Source(document[:_SHOWN_CHARS]), 0, told)


@lru_cache(CACHED_DOCUMENTS)
def _read(document: str, tokens_max: int) -> Document | GraphQLError:
    try:
        return _parse(document, tokens_max)
    except GraphQLError as error:
        return error.with_traceback(None)  # which would keep every frame of the parser alive


def _parse(document: str, tokens_max: int) -> Document:
    tree = parse(
        document,
        max_lexical_tokens=tokens_max,
        max_comments=COMMENTS_MAX,
    )
    return Document(tree)


def invalid(
    schema: GraphQLSchema, document: Document, *, introspection: bool, suggestions: bool
) -> list[GraphQLError]:
    """What a document asks for that the schema does not have; nothing if it may run.

    Without ``suggestions`` no error names what was meant instead.
    """
    key = (invalid, schema, introspection, suggestions)
    if key not in document.found:
        rules: list[type[ASTValidationRule]] = [
            *specified_rules,
            MaybeNullValidationRule,
            OneOfRule,
        ]
        if not introspection:
            rules.append(NoSchemaIntrospectionCustomRule)
        hidden = not suggestions
        document.found[key] = validate(
            schema, document.tree, rules, ERRORS_MAX, hide_suggestions=hidden
        )
    return list(document.found[key])
