"""What the answers need from a store to mirror backends, by role: messages, members, listings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from resolvers.domain.catalog import Product
from resolvers.domain.inbox import Message
from resolvers.domain.listings import Listing, ListingMapping
from resolvers.domain.members import IdentityKind, Member
from resolvers.filters import MemberFilter


class InboxStore(Protocol):
    """Messages of backends, kept before they are acknowledged."""

    async def keep(self, messages: Sequence[Message]) -> int:
        """Keeps messages, durably; those whose (backend, dedupe key) is known are left out. How
        many were new.
        """

    async def due_messages(self, backend: str, now: datetime, limit: int) -> Sequence[Message]:
        """Waiting messages that may be tried now, in the order they came."""

    async def settle(self, messages: Sequence[Message]) -> None:
        """Writes what became of messages. The body of one that is DONE is dropped."""

    async def parked(self, backend: str | None, after: str | None, limit: int) -> Sequence[Message]:
        """Parked messages in order of id, after one."""

    async def parked_counts(self) -> Mapping[str, int]:
        """How many messages are parked, by backend; those without any are left out."""

    async def replay(self, backend: str | None, ids: Sequence[str] | None, now: datetime) -> int:
        """Makes parked messages wait again: the named ones, or all (of a backend); how many."""

    async def trim_messages(self, before: datetime, limit: int) -> int:
        """Drops messages that were DONE before an instant; at most so many; how many went."""


class MemberStore(Protocol):
    """The mirror of members: a record for each that a source has."""

    async def save_members(self, members: Sequence[Member]) -> int:
        """Writes what differs; the number of members that did."""

    async def members(self, ids: Sequence[str]) -> Mapping[str, Member]:
        """Members by id; unknown ones are left out."""

    async def members_known_by(
        self, kind: IdentityKind, values: Sequence[str], system: str | None = None
    ) -> Mapping[str, Sequence[Member]]:
        """Members by what they are known by (in a system), in order of id, without those that are
        gone.
        """

    async def member_page(
        self, member_filter: MemberFilter, after: str | None, limit: int
    ) -> Sequence[Member]:
        """Members in order of id, after one; gone ones are left out."""

    async def member_ids(self, system: str, after: str | None, limit: int) -> Sequence[str]:
        """Ids of a system's members that are not gone, in order, after one: to find who is."""


class ListingStore(Protocol):
    """Master data and listings as their sources say them, and which belongs to which."""

    async def save_masters(self, backend: str, products: Sequence[Product]) -> None:
        """Keeps products as their source says them, before anything is merged."""

    async def masters(self, handles: Sequence[str]) -> Mapping[str, Sequence[tuple[str, Product]]]:
        """What each source says of products, as (backend, product)."""

    async def save_listings(self, listings: Sequence[Listing]) -> int:
        """Writes what differs; the number of listings that did."""

    async def listings(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Listing]:
        """Listings by (backend, id); unknown ones are left out."""

    async def listings_of(self, skus: Sequence[str]) -> Mapping[str, Sequence[Listing]]:
        """Active listings that stand for a SKU, by mapping or else by seller code."""

    async def listing_page(
        self, backend: str | None, after: tuple[str, str] | None, limit: int, *, unmatched: bool
    ) -> Sequence[Listing]:
        """Listings in order of (backend, id), after one; ``unmatched``: those only that stand for
        no SKU that is sold.
        """

    async def save_mapping(self, mapping: ListingMapping) -> None:
        """Writes a person's word, over an earlier one about the same listing."""

    async def mappings(
        self, keys: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], ListingMapping]:
        """Mappings by (backend, listing); absent ones are left out."""
