"""What the house keeps about those who call it: the port.

Apart from the other ports because no commerce flow needs it.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from resolvers.domain.callers import ApiKey, AuditRecord, Use
from resolvers.filters import AuditFilter


class CallerStore(Protocol):
    """Keys of partners, records of deeds, and uses of fields."""

    async def save_api_key(self, key: ApiKey) -> None:
        """Writes a key, over one of the same id."""

    async def api_keys(self) -> Sequence[ApiKey]:
        """Every key, in order of (partner, created_at, id)."""

    async def record_audit(self, records: Sequence[AuditRecord]) -> None:
        """Keeps records, durably; one of the same instant and id that is there already is left as
        it is.
        """

    async def audit_page(
        self, audit_filter: AuditFilter, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[AuditRecord]:
        """Records, newest first by (at, id), after a given one."""

    async def trim_audit(self, before: datetime, limit: int) -> int:
        """Drops records from before an instant, the eldest first, at most ``limit``; how many."""

    async def add_uses(self, uses: Sequence[Use]) -> None:
        """Adds to the counts of (day, client, field)."""

    async def uses(self, since: date) -> Sequence[Use]:
        """Counts from a day on, in order of (field, client, day)."""
