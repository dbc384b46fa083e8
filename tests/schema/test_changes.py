"""What would break a client is found, and let pass only if the changelog tells of it."""

import pytest
from graphql import build_schema

from gateway.schema_text import sdl
from tests.schema.changes import (
    breaking,
    dangerous,
    deprecated,
    says_when_and_what_instead,
    told,
)

RELEASED = """
  type Query { item(sku: String!, at: String): Item items: [Item] }
  type Item { sku: String! brand: String kind: Kind size: Int }
  enum Kind { SHIRT SHOE }
  input By { sku: String id: ID }
  type Gone { a: Int }
"""

CHANGELOG = """# Changelog

## Unreleased

### Breaking changes

- `Item.brand` is gone; use `Item.maker`.

### Added

- `Item.maker`, and `Query.item`.

## 1.0.0

### Breaking changes

- `Item.size` is gone.
"""


@pytest.mark.parametrize(
    ("before", "after", "element"),
    [
        ("brand: String", "", "Item.brand"),
        ("sku: String! brand", "sku: String brand", "Item.sku"),
        ("at: String", "", "Query.item"),
        ("at: String", "at: String!", "Query.item"),
        ("at: String", "at: String, by: By!", "Query.item"),
        ("SHIRT SHOE", "SHIRT", "Kind.SHOE"),
        ("sku: String id", "sku: String! id", "By.sku"),
        ("input By", "input By @oneOf", "By"),
        ("type Gone { a: Int }", "", "Gone"),
        ("type Gone { a: Int }", "input Gone { a: Int }", "Gone"),
    ],
)
def test_a_change_that_breaks_clients_is_found_with_its_element(
    before: str, after: str, element: str
) -> None:
    assert before in RELEASED
    present = build_schema(RELEASED.replace(before, after))

    assert [name for name, _ in breaking(build_schema(RELEASED), present)] == [element]


def test_what_is_added_breaks_nobody_and_a_new_value_of_an_enum_is_shown() -> None:
    more = RELEASED.replace("brand", "maker: String brand").replace("SHOE", "SHOE HAT")
    released, present = build_schema(RELEASED), build_schema(more)

    assert breaking(released, present) == []
    assert dangerous(released, present) == ["Enum value Kind.HAT was added."]


def test_only_what_the_changelog_calls_broken_by_the_next_release_is_told() -> None:
    assert told(CHANGELOG) == {"Item.brand", "Item.maker"}


@pytest.mark.parametrize(
    ("reason", "good"),
    [
        ("Since 2026-11-27: use `Item.maker`. Goes after 2027-05-27.", True),
        ("Since 2026-11-27: use `Item.maker`. Goes after 2027-05-27. It has the country.", True),
        ("Since 2026-11-27: use `Item.maker`. Goes after 2026-11-27.", False),
        ("Since 2026-13-27: use `Item.maker`. Goes after 2027-05-27.", False),
        ("Use `Item.maker`.", False),
        ("Since 2026-11-27.", False),
        ("No longer supported", False),
    ],
)
def test_a_deprecation_says_when_and_what_instead(reason: str, good: bool) -> None:
    assert says_when_and_what_instead(reason) is good


def test_every_deprecation_of_ours_says_when_and_what_instead() -> None:
    reasons = deprecated(build_schema(sdl()))

    assert [name for name, reason in reasons if not says_when_and_what_instead(reason)] == []


def test_whatever_may_be_deprecated_is_looked_at() -> None:
    text = """
      type Query { a: Int @deprecated b(c: Int @deprecated, d: Int): Kind }
      enum Kind { SHIRT SHOE @deprecated }
      input By { sku: String @deprecated id: ID }
      interface Node { old: Int @deprecated }
    """

    assert sorted(name for name, _ in deprecated(build_schema(text))) == [
        "By.sku",
        "Kind.SHOE",
        "Node.old",
        "Query.a",
        "Query.b(c:)",
    ]
