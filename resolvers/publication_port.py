"""What the answers need from a store to tell marketplaces what they may sell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from resolvers.domain.publication import PublicationRecord

if TYPE_CHECKING:
    from resolvers.ports import Lease


@dataclass(frozen=True, slots=True)
class PublicationCounts:
    """How many listings of a backend wait for their number, and how many have not taken it."""

    waiting: int = 0
    failed: int = 0


class PublicationStore(Protocol):
    """What each listing is to sell, and what its marketplace was told."""

    async def save_publications(self, records: Sequence[PublicationRecord], lease: "Lease") -> bool:
        """Writes records, over what stood there; False, and nothing saved, if the lease has moved
        on.
        """

    async def publications(
        self, keys: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], PublicationRecord]:
        """Records by (backend, listing); unknown ones are left out."""

    async def open_publications(
        self, backend: str | None, after: tuple[str, str] | None, limit: int
    ) -> Sequence[PublicationRecord]:
        """Records that wait or have failed (of a backend), by (backend, listing), after one."""

    async def publication_counts(self) -> Mapping[str, PublicationCounts]:
        """Counts by backend; those where all is told are left out."""
