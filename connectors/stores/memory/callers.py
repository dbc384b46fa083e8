"""Keys of partners, records of deeds and uses of fields in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from heapq import nlargest, nsmallest

from connectors.stores.memory.state import State
from resolvers.domain.callers import ApiKey, AuditRecord, Use
from resolvers.filters import AuditFilter


class MemoryCallers:
    """Answers the CallerStore port."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def save_api_key(self, key: ApiKey) -> None:
        """Writes a key, over one of the same id."""
        self._state.api_keys[key.id] = key

    async def api_keys(self) -> Sequence[ApiKey]:
        """Every key, in order of (partner, created_at, id)."""
        keys = self._state.api_keys.values()
        return sorted(keys, key=lambda key: (key.partner, key.created_at, key.id))

    async def record_audit(self, records: Sequence[AuditRecord]) -> None:
        """Keeps records; one that is there already is left as it is."""
        for record in records:
            self._state.audit.setdefault((record.at, record.id), record)

    async def audit_page(
        self, audit_filter: AuditFilter, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[AuditRecord]:
        """Records, newest first by (at, id), after a given one."""
        found = [
            at
            for at, record in self._state.audit.items()
            if _fits(record, audit_filter) and (after is None or at < after)
        ]
        return [self._state.audit[at] for at in nlargest(limit, found)]

    async def trim_audit(self, before: datetime, limit: int) -> int:
        """Drops records from before an instant, the eldest first."""
        old = nsmallest(limit, (at for at in self._state.audit if at[0] < before))
        for at in old:
            del self._state.audit[at]
        return len(old)

    async def add_uses(self, uses: Sequence[Use]) -> None:
        """Adds to the counts of (day, client, field)."""
        for use in uses:
            key = (use.field, use.client, use.day)
            before = self._state.uses.get(key)
            count = use.count + (0 if before is None else before.count)
            self._state.uses[key] = replace(use, count=count)

    async def uses(self, since: date) -> Sequence[Use]:
        """Counts from a day on, in order of (field, client, day)."""
        return [self._state.uses[key] for key in sorted(self._state.uses) if key[2] >= since]


def _fits(record: AuditRecord, asked: AuditFilter) -> bool:
    return (
        (asked.subject is None or record.subject == asked.subject)
        and (not asked.actions or record.action in asked.actions)
        and (not asked.results or record.result in asked.results)
        and (asked.key is None or record.key == asked.key)
        and (asked.target is None or record.target == asked.target)
        and (asked.since is None or record.at >= asked.since)
        and (asked.until is None or record.at < asked.until)
    )
