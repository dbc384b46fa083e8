"""The library's rule for inputs of which exactly one field is said, without its two crashes: on a
variable that nobody defines, and in a fragment that stands before the operation.
"""

from typing import Any

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    NonNullTypeNode,
    ObjectValueNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
    VariableNode,
)
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule


class OneOfRule(OneOfInputValidationRule):
    """Looks at a fragment's variables as any operation of the document defines them."""

    def enter_document(self, node: DocumentNode, *_: Any) -> None:
        """Collects what the operations define; of two that differ the nullable one counts."""
        self._of_all: dict[str, VariableDefinitionNode] = {}
        for operation in node.definitions:
            if isinstance(operation, OperationDefinitionNode):
                for defined in operation.variable_definitions or ():
                    known = self._of_all.get(defined.variable.name.value)
                    if known is None or isinstance(known.type, NonNullTypeNode):
                        self._of_all[defined.variable.name.value] = defined

    def enter_fragment_definition(self, _: ExecutableDefinitionNode, *__: Any) -> None:
        """Nobody says here which operation spreads it."""
        self.variable_definitions = self._of_all

    def validate_one_of(self, node: ObjectValueNode, *of: Any) -> None:
        """Leaves a variable that is not defined to the rule that is about it."""
        said = [field.value for field in node.fields]
        named = {value.name.value for value in said if isinstance(value, VariableNode)}
        if named <= self.variable_definitions.keys():
            super().validate_one_of(node, *of)
