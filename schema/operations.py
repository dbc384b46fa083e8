"""The door by which the process runs operations: plain values go in, plain values come out.

It is here so that no other room needs a word of the GraphQL library. How operations travel, who may
send them and how often stands in ``gateway``.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)
from strawberry import Schema as Schema
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError

from schema.errors import formatted
from schema.info import RequestContext

TOKENS_MAX = 1000
"""Most words of a document, as when it runs: a longer one is refused there."""

COMMENTS_MAX = 200
"""Most comments of a document; they cost the parser as words do."""

SOURCE_CHARS_MAX = 100_000
"""Longest document: far above what the words allowed take up."""

_CACHED_CHARS_MAX = 16_384  # with 256 documents: 4 MiB at most
_NEITHER = ("mutation", "subscription")
_OPENING = re.compile(r"\b(query|mutation|subscription)\b")
_UNCLEAR = "the document has several operations; say in operationName which is meant"


class Kind(StrEnum):
    """What an operation does: read, change, or watch."""

    QUERY = "query"
    MUTATION = "mutation"
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True, slots=True)
class Operation:
    """A document as a client sent it, its variables, and which of its operations is meant."""

    document: str
    variables: Mapping[str, Any] | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """What an operation is before it runs: its kind, and how many root fields it asks for.

    ``fields`` is counted for mutations only, and at least 1.
    """

    kind: Kind
    fields: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A GraphQL response as plain data, with the codes of its errors.

    ``refused`` says that nothing ran: the body has no ``data``.
    """

    body: Mapping[str, Any]
    refused: bool
    codes: tuple[str, ...]


def outline(operation: Operation) -> Outline | None:
    """Looks at an operation without running it; None if it cannot be read: running says why."""
    if not any(word in operation.document for word in _NEITHER):
        return Outline(Kind.QUERY)  # no need to read it twice
    try:
        document = _read(operation.document)
    except GraphQLError:
        return None
    for node in _operations(document):
        if operation.name is None or (node.name and node.name.value == operation.name):
            kind = Kind(node.operation.value)
            return Outline(kind, _root_fields(document, node) if kind is Kind.MUTATION else 1)
    return None


def _ambiguous(operation: Operation) -> bool:
    """Says whether a document has several operations and nobody said which is meant."""
    if operation.name is not None or len(_OPENING.findall(operation.document)) < 2:
        return False
    try:
        return len(_operations(_read(operation.document))) > 1
    except GraphQLError:
        return False


def _read(document: str) -> DocumentNode:
    return (_parsed if len(document) <= _CACHED_CHARS_MAX else _parse)(document)


def _parse(document: str) -> DocumentNode:
    return parse(
        document,
        no_location=True,
        max_lexical_tokens=TOKENS_MAX,
        max_comments=COMMENTS_MAX,
        max_source_length=SOURCE_CHARS_MAX,
    )


_parsed = lru_cache(maxsize=256)(_parse)


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]


def _root_fields(document: DocumentNode, operation: OperationDefinitionNode) -> int:
    """Root fields of a mutation, each fragment counted as often as it is spread."""
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    counted: dict[str, int] = {}

    def count(selections: SelectionSetNode) -> int:
        total = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                total += 1
            elif isinstance(node, FragmentSpreadNode):
                total += spread(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                total += count(node.selection_set)
        return total

    def spread(name: str) -> int:
        if name not in counted:
            counted[name] = 0  # a fragment in a circle is refused when it runs
            counted[name] = count(fragments[name]) if name in fragments else 0
        return counted[name]

    return max(1, count(operation.selection_set))


async def run(schema: Schema, operation: Operation, context: RequestContext) -> Answer:
    """Runs a query or a mutation to its end."""
    if _ambiguous(operation):
        return _answer(_refusal(_UNCLEAR), context)
    try:
        result = await schema.execute(
            operation.document,
            variable_values=dict(operation.variables or {}),
            context_value=context,
            operation_name=operation.name,
        )
    except CannotGetOperationTypeError as error:
        result = _refusal(error.as_http_error_reason())
    return _answer(result, context)


async def watch(
    schema: Schema, operation: Operation, context: RequestContext
) -> AsyncGenerator[Answer, None]:
    """Runs a subscription: one answer for each state that it tells of."""
    if _ambiguous(operation):
        yield _answer(_refusal(_UNCLEAR), context)
        return
    results = await schema.subscribe(
        operation.document,
        variable_values=dict(operation.variables or {}),
        context_value=context,
        operation_name=operation.name,
    )
    async with aclosing(results):
        async for result in results:
            yield _answer(result, context)
            context.warnings.clear()


def _refusal(message: str) -> ExecutionResult:
    return PreExecutionError(None, [GraphQLError(message)])


def _answer(result: ExecutionResult, context: RequestContext) -> Answer:
    errors = [formatted(error, context.request_id) for error in result.errors or ()]
    ran = any(error.path for error in result.errors or ())
    refused = result.data is None and (isinstance(result, PreExecutionError) or not ran)
    body: dict[str, Any] = {} if refused else {"data": result.data}
    if errors:
        body["errors"] = errors
    extensions = dict(result.extensions or {})
    if context.warnings:
        extensions["warnings"] = list(context.warnings)
    if extensions:
        body["extensions"] = extensions
    return Answer(body, refused, tuple(error["extensions"]["code"] for error in errors))
