"""What the schema takes from clients of the last release, and whether they were told.

    python -m tests.schema.changes

``schema/released.graphql`` is the schema of the last release. A change that breaks a client is
refused unless the changelog names its element, like `Product.brand`, under ``### Breaking changes``
of what is not released yet. What may surprise a client is shown and let pass.
"""

import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from graphql import (
    BreakingChange,
    DangerousChange,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_schema_changes,
)

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "schema" / "released.graphql"
PRESENT = ROOT / "schema" / "schema.graphql"
CHANGELOG = ROOT / "CHANGELOG.md"

REASON = re.compile(r"Since (\d{4}-\d\d-\d\d): use `[^`]+`\. Goes after (\d{4}-\d\d-\d\d)\.")
"""How a deprecation says from when on, what to use instead, and until when it stays."""

_FIELD = re.compile(r"\b[A-Za-z_]\w*\.\w+|@\w+")
_BREAKING = re.compile(r"^### Breaking changes$(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_UNRELEASED = re.compile(r"^## Unreleased$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_WITH_FIELDS = (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)


def breaking(released: GraphQLSchema, present: GraphQLSchema) -> list[tuple[str, str]]:
    """The element of each change that breaks clients, and what became of it."""
    found = [
        (_element(change.description), change.description)
        for change in find_schema_changes(released, present)
        if isinstance(change, BreakingChange)
    ]
    return found + [
        (name, f"{name} takes exactly one of its fields now.")  # the library does not look at it
        for name, type_ in present.type_map.items()
        if isinstance(type_, GraphQLInputObjectType)
        and isinstance(before := released.type_map.get(name), GraphQLInputObjectType)
        and type_.is_one_of
        and not before.is_one_of
    ]


def dangerous(released: GraphQLSchema, present: GraphQLSchema) -> list[str]:
    """What may surprise a client that is not careful, like a new value of an enum."""
    return [
        change.description
        for change in find_schema_changes(released, present)
        if isinstance(change, DangerousChange)
    ]


def told(changelog: str) -> set[str]:
    """The elements that a changelog names as broken by the next release."""
    return {
        name
        for unreleased in _UNRELEASED.findall(changelog)
        for section in _BREAKING.findall(unreleased)
        for name in re.findall(r"`([^`\n]+)`", section)
    }


def deprecated(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    """Everything that is deprecated, with its reason."""
    for type_ in schema.type_map.values():
        for name, element in _elements(type_):
            if element.deprecation_reason is not None:
                yield f"{type_.name}.{name}", element.deprecation_reason
            for argument, of in getattr(element, "args", {}).items():
                if of.deprecation_reason is not None:
                    yield f"{type_.name}.{name}({argument}:)", of.deprecation_reason


def says_when_and_what_instead(reason: str) -> bool:
    """Says whether a reason has two true dates, in order, and a replacement."""
    found = REASON.match(reason)
    if found is None:
        return False
    try:
        return date.fromisoformat(found[1]) < date.fromisoformat(found[2])
    except ValueError:
        return False


def _elements(type_: object) -> list[tuple[str, Any]]:
    if isinstance(type_, GraphQLEnumType):
        return list(type_.values.items())
    return list(type_.fields.items()) if isinstance(type_, _WITH_FIELDS) else []


def _element(description: str) -> str:
    """The field, directive or type that a change is about; of an argument, its field."""
    found = _FIELD.search(description)
    return found[0] if found else description.removeprefix("Standard scalar ").split()[0]


def main() -> int:
    """Compares, and says what is refused; 0 if nothing is."""
    released = build_schema(RELEASED.read_text(encoding="utf-8"))
    present = build_schema(PRESENT.read_text(encoding="utf-8"))
    named = told(CHANGELOG.read_text(encoding="utf-8"))
    for change in dangerous(released, present):
        print(f"may surprise clients: {change}")
    refused = [(name, change) for name, change in breaking(released, present) if name not in named]
    for name, change in refused:
        print(f"breaks clients: {change} Keep it, or name `{name}` under ### Breaking changes.")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
