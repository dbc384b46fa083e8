"""All things of a kind, or those that changed since a cursor, page by page in order of id.

A pass asks for all that Shopify stamped after the last pass had begun, less an overlap, by its own
clock. It asks by id and not by stamp, so that equal stamps at the edge of a page lose nothing;
what changes while it runs has a stamp of the next pass. It never pages deeper than one page, as
Shopify pages through 25,000 things at most. What is gone is in no page of a pass over everything.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Protocol, TypeVar

from connectors.marketplace.shopify_client import ShopifyClient
from connectors.marketplace.shopify_operations import Operation
from connectors.marketplace.shopify_rows import Page
from connectors.marketplace.shopify_translate import number_of
from connectors.marketplace.shopify_wire import refused
from resolvers.domain.errors import BackendUnavailable

OVERLAP = timedelta(seconds=120)
"""How late a change may come into Shopify's index of stamps, which is behind its records."""


NOTHING: Mapping[str, object] = MappingProxyType({})


class Thing(Protocol):
    """What is paged."""

    @property
    def id(self) -> str:
        """By which it is known, and stands in order."""


A = TypeVar("A")
T = TypeVar("T", bound=Thing)


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far reading has come: ``since`` is when the last pass began (None: nothing was read yet),
    ``until`` when this one did, None between two; ``after`` the number that this one has come to.
    """

    since: datetime | None = None
    until: datetime | None = None
    after: int = 0

    def text(self) -> str:
        told: dict[str, object] = {}
        if self.since is not None:
            told["since"] = self.since.isoformat()
        if self.until is not None:
            told |= {"until": self.until.isoformat(), "after": self.after}
        return json.dumps(told, separators=(",", ":"))

    def query(self) -> str:
        words = [f"id:>={self.after + 1}"]
        if self.since is not None:
            stamp = (self.since - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
            words.append(f"updated_at:>='{stamp}'")
        return " ".join(words)


async def pages(
    client: ShopifyClient,
    operation: Operation,
    answer: type[A],
    page_of: Callable[[A], Page[T]],
    *,
    cursor: str,
    clock: Callable[[], datetime],
    variables: Mapping[str, object] = NOTHING,
) -> AsyncIterator[tuple[A, Sequence[T], str, bool]]:
    """Pages as (answer, things, cursor, whether it is the last page of everything).

    Raises:
        BackendRefused: the cursor is not one of ours.
        BackendUnavailable: Shopify's pages do not go on.
    """
    mark = _mark(cursor, client.code)
    whole = mark.since is None
    more = True
    while more:
        asked = {**variables, "query": mark.query()}
        told = await client.fitted(operation, so_many(asked), answer)
        page = page_of(told)
        more = page.page_info.has_next_page
        last = max((number_of(it.id) for it in page.nodes), default=mark.after)
        if more and last <= mark.after:
            raise BackendUnavailable(
                f"{client.code}: {operation.name}: its pages do not go on", backend=client.code
            )
        until = mark.until or client.told_at or clock()
        mark = _Mark(mark.since, until, last) if more else _Mark(_later(mark.since, until))
        yield told, page.nodes, mark.text(), whole and not more


def so_many(variables: Mapping[str, object]) -> Callable[[int], Mapping[str, object]]:
    """The variables of a question, by how many things it asks for at once."""
    return lambda first: {**variables, "first": first}


def _later(since: datetime | None, until: datetime) -> datetime:
    """Clocks may go back; a mark does not."""
    return until if since is None else max(since, until)


def _mark(cursor: str, backend: str) -> _Mark:
    if not cursor:
        return _Mark()
    try:
        told = json.loads(cursor)
        since, until = (
            datetime.fromisoformat(told[name]).astimezone(UTC) if name in told else None
            for name in ("since", "until")
        )
        mark = _Mark(since, until, int(told.get("after", 0)))
    except (ValueError, TypeError, AttributeError):
        mark = _Mark()
    if mark.since is None and mark.until is None:
        raise refused(f"{cursor[:40]!r} is no cursor", "INVALID", backend)
    return mark
