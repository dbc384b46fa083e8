"""How many pairs of fields a document asks for under one name in one place.

The standard wants each pair held against the other, which is what makes a short document dear to
validate. They are counted before that, and no further than a limit.
"""

from collections import defaultdict

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from schema.documents import Document

VISITS_PER_PAIR = 10
"""Nodes that are looked at for each pair allowed; a document that needs more is counted as over."""


def overlaps(document: Document, allowed: int) -> tuple[int, int]:
    """The pairs of a document, and the nodes that were looked at.

    Counting ends with the first number that is over ``allowed``.
    """
    count = _Count(document, allowed)
    for operation in document.operations:
        count.under([operation.selection_set])
    for name, fragment in document.fragments.items():
        if name not in count.seen:  # nobody spreads it, and it is validated all the same
            count.under([fragment.selection_set])
    return count.pairs, count.visited


class _Count:
    """The pairs that were counted so far."""

    def __init__(self, document: Document, allowed: int) -> None:
        self._document = document
        self._allowed = allowed
        self._visits = VISITS_PER_PAIR * max(allowed, 1)
        self.pairs = 0
        self.visited = 0
        self.seen: set[str] = set()

    def under(self, place: list[SelectionSetNode]) -> None:
        """Counts what stands under one place, and all that is below it."""
        places = [place]
        while places and self.pairs <= self._allowed:
            for same in self._by_name(places.pop()).values():
                self.pairs += len(same) * (len(same) - 1) // 2
                below = [node.selection_set for node in same if node.selection_set is not None]
                if below:
                    places.append(below)
            if self.visited > self._visits:
                self.pairs = max(self.pairs, self._allowed + 1)

    def _by_name(self, place: list[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """The fields of one place by the name that they have in the answer."""
        found: dict[str, list[FieldNode]] = defaultdict(list)
        spread: set[str] = set()
        waiting = list(place)
        while waiting and self.visited <= self._visits:
            for node in waiting.pop().selections:
                self.visited += 1
                if isinstance(node, FieldNode):
                    found[(node.alias or node.name).value].append(node)
                elif isinstance(node, InlineFragmentNode):
                    waiting.append(node.selection_set)
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                    spread.add(node.name.value)
                    self.seen.add(node.name.value)
                    fragment = self._document.fragments.get(node.name.value)
                    if fragment is not None:
                        waiting.append(fragment.selection_set)
        return found
