"""What a document may cost before it runs: its words, its depth, the fields that it asks for.

How often a caller may send one, and how long it may take, stands in ``gateway``.
"""

from collections.abc import Iterator
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension

from schema.errors import mark_invalid
from schema.operations import COMMENTS_MAX, SOURCE_CHARS_MAX, TOKENS_MAX

DEPTH_MAX = 15
"""Deepest level of fields. A page of products down to the product of a level's variant is 12."""

FIELDS_MAX = 2_000
"""Most fields of an operation, each fragment counted wherever it is spread; entries of lists are
not counted. A thousand words cannot ask for as many without fragments."""

LEAVES_MAX = 200_000
"""Most fields of an answer, every list as long as it is asked for: each costs some microseconds."""

PAGE_UNKNOWN = 100
"""Length of a list that a variable says: the longest that is allowed."""

LISTS_OF_TERMS = {"explain": 40, "pickup": 20, "availability": 1}
"""Length of lists that nobody asks a length for, by their field."""

Size = tuple[int, int, int]
"""Depth, number of fields, and number of fields of the answer with its lists."""


class Limits(SchemaExtension):
    """Lays the bounds on each document, and marks the errors that were found before it ran."""

    def on_operation(self) -> Iterator[None]:
        """Sets the bounds of parser and validation."""
        options: dict[str, Any] = {
            "max_lexical_tokens": TOKENS_MAX,
            "max_comments": COMMENTS_MAX,
            "max_source_length": SOURCE_CHARS_MAX,
        }
        context = self.execution_context
        context.parse_options = options  # type: ignore[assignment]  # its type is older than the parser
        context.validation_rules = (*context.validation_rules, Bounded)
        yield

    def on_validate(self) -> Iterator[None]:
        """Marks the errors of validation, which look like any other later."""
        yield
        mark_invalid(self.execution_context.pre_execution_errors)


class Bounded(ASTValidationRule):
    """Refuses an operation that goes too deep or asks for too many fields."""

    def enter_document(self, document: DocumentNode, *_: Any) -> None:
        """Measures every operation."""
        measure = _Measure(document)
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                depth, fields, leaves = measure.of(node.selection_set)
                if fields <= FIELDS_MAX and leaves > LEAVES_MAX:
                    told = f"the answer may have {leaves:,} fields; {LEAVES_MAX:,} are allowed: "
                    self.report_error(GraphQLError(f"{told}ask for shorter pages", node))
                if depth > DEPTH_MAX:
                    self.report_error(
                        GraphQLError(f"fields go {depth} deep; {DEPTH_MAX} are allowed", node)
                    )
                if fields > FIELDS_MAX:
                    self.report_error(
                        GraphQLError(f"{FIELDS_MAX} fields are allowed; split the document", node)
                    )


class _Measure:
    """Sizes of selections; each fragment is measured once, however often it is spread."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node.selection_set
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, Size] = {}

    def of(self, selections: SelectionSetNode | None) -> Size:
        """The size of a selection. Introspection is bounded by the library itself."""
        deepest = total = answer = 0
        for node in selections.selections if selections is not None else ():
            if isinstance(node, FieldNode):
                if node.name.value.startswith("__"):
                    continue
                depth, fields, leaves = self.of(node.selection_set)
                depth, fields, leaves = depth + 1, fields + 1, (leaves + 1) * _length(node)
            elif isinstance(node, FragmentSpreadNode):
                depth, fields, leaves = self._of_fragment(node.name.value)
            else:
                assert isinstance(node, InlineFragmentNode), "a selection is nothing else"
                depth, fields, leaves = self.of(node.selection_set)
            deepest, total, answer = max(deepest, depth), total + fields, answer + leaves
        return deepest, total, answer

    def _of_fragment(self, name: str) -> Size:
        if name not in self._known:
            self._known[name] = 0, 0, 0  # a fragment in a circle is refused by another rule
            self._known[name] = self.of(self._fragments.get(name))
        return self._known[name]


def _length(field: FieldNode) -> int:
    """How long a field's list may be, by what it is asked with; 1 if it is none."""
    length = LISTS_OF_TERMS.get(field.name.value, 1)
    for argument in field.arguments or ():
        if argument.name.value == "first":
            value = argument.value
            if isinstance(value, IntValueNode) and len(value.value) <= len(str(PAGE_UNKNOWN)):
                return int(value.value)
            return PAGE_UNKNOWN  # a longer one is refused by the list itself
        if argument.name.value in ("skus", "ids"):
            listed = argument.value
            length = len(listed.values) if isinstance(listed, ListValueNode) else PAGE_UNKNOWN
    return max(1, length)
