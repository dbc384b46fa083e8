"""What each listing is to sell, and what its marketplace was told, in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence

from connectors.stores.memory.house import holds
from connectors.stores.memory.state import State
from connectors.stores.mirrored import OPEN, counts_of
from resolvers.domain.publication import PublicationRecord
from resolvers.ports import Lease
from resolvers.publication_port import PublicationCounts


class MemoryPublications:
    """Answers the PublicationStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def save_publications(self, records: Sequence[PublicationRecord], lease: Lease) -> bool:
        """Writes records, over what stood there, while the lease is held."""
        if not holds(self._state, lease):
            return False
        self._state.publications.update(((it.backend, it.listing), it) for it in records)
        return True

    async def publications(
        self, keys: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], PublicationRecord]:
        """Records by (backend, listing); unknown ones are left out."""
        known = self._state.publications
        return {key: known[key] for key in keys if key in known}

    async def open_publications(
        self, backend: str | None, after: tuple[str, str] | None, limit: int
    ) -> Sequence[PublicationRecord]:
        """Records that wait or have failed, by (backend, listing), after one."""
        found = [
            it
            for key, it in sorted(self._state.publications.items())
            if it.state in OPEN
            and (backend is None or key[0] == backend)
            and (after is None or key > after)
        ]
        return found[:limit]

    async def publication_counts(self) -> Mapping[str, PublicationCounts]:
        """Counts by backend; those where all is told are left out."""
        records = self._state.publications.values()
        counted = Counter((it.backend, it.state.value) for it in records if it.state in OPEN)
        return counts_of((*key, count) for key, count in counted.items())
