"""What the house keeps about those who call it: keys of partners, records of deeds, uses of fields.

Nothing here holds a name, a phone number or a mail address; a subject is a code of ours.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from resolvers.domain.records import quick


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A partner's key, without its secret: what is kept is enough to know it again, not to use it.

    ``id`` is the part that is shown, ``digest`` the SHA-256 of the whole key in hexadecimal.
    ``partner`` is the partner's code: its keys, live at the same time, are one caller. ``scopes``
    narrow what a partner may do; empty ``channels`` or ``locations`` mean: not bound. A key without
    ``expires_at`` does not end by itself.
    """

    id: str
    partner: str
    digest: str = field(repr=False)
    scopes: tuple[str, ...]
    channels: tuple[str, ...]
    locations: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Says whether the key opens anything at an instant."""
        ended = self.expires_at is not None and now >= self.expires_at
        return not ended and (self.revoked_at is None or now < self.revoked_at)


class Deed(StrEnum):
    """What came of a mutation."""

    DONE = "DONE"
    REPLAYED = "REPLAYED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"


@quick
@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One mutation that somebody sent: who, what, under which key, and what came of it.

    ``action`` is the mutation's name, ``target`` the id of the thing that it made or touched.
    ``codes`` are those of its refusals. ``client`` is the program that the caller says it is.
    """

    id: str
    at: datetime
    subject: str
    role: str
    action: str
    key: str | None
    result: Deed
    target: str | None = None
    codes: tuple[str, ...] = ()
    client: str | None = None
    request_id: str | None = None

    def came_to(
        self, result: Deed, target: str | None = None, codes: tuple[str, ...] = ()
    ) -> "AuditRecord":
        """The record as it is when something has come of the mutation, for a thing; for the one
        that it named, if none is said.
        """
        return AuditRecord(
            self.id,
            self.at,
            self.subject,
            self.role,
            self.action,
            self.key,
            result,
            target or self.target,
            codes,
            self.client,
            self.request_id,
        )


@dataclass(frozen=True, slots=True)
class Use:
    """How often a client asked for a field on a day (UTC); ``field`` is like ``Order.number``."""

    day: date
    client: str
    field: str
    count: int
