"""Records of deeds as an auditor sees them: who did what, and what came of it."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import audit
from resolvers.domain.callers import AuditRecord
from resolvers.domain.harmless import kept_key
from resolvers.filters import AuditFilter
from schema.enums import Deed
from schema.fields import After, First, plain
from schema.ids import opened, seal
from schema.info import Info
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.recording import ABOUT

LIST = "auditRecords"


def _target(record: AuditRecord) -> str | None:
    """The id of the thing as its own type shows it; what has no such id by its name."""
    if record.target is None:
        return None
    about = ABOUT.get(record.action)
    return record.target if about is None else seal(about.kind, record.target)


@strawberry.type(
    name="AuditRecord",
    description="One mutation that somebody with a token sent, and what came of it. It holds no "
    "name, no address and nothing else of what was sent.",
)
class AuditRecordType:
    """Read from the domain's record."""

    id: strawberry.ID = plain(
        lambda record: seal("AuditRecord", record.id), "Opaque id of the record."
    )
    at: datetime = strawberry.field(description="When it came in.")
    subject: str = strawberry.field(description="Who sent it: the caller's code.")
    role: str = strawberry.field(description="The caller's role.")
    action: str = strawberry.field(description="Name of the mutation.")
    key: str | None = strawberry.field(
        description="Its idempotency key, as it was sent, or `sha256:` and its hash if it looked "
        "like a secret or like somebody's number or address; null if it had none that could be one."
    )
    result: Deed = strawberry.field(description="What came of it.")
    target: str | None = plain(
        _target,
        "What it made or was about: the id of a reservation or an order, else a SKU, the code of a "
        "rule, or a marketplace, its listing and when it was mapped. Null if it named nothing and "
        "made nothing.",
    )
    codes: list[str] = strawberry.field(
        description="Why it was refused or failed, each code once; `UNANSWERED` if it was cut off "
        "before its answer. Empty if it was done."
    )
    client: str | None = strawberry.field(
        description="The program that the caller said it is; null if it did not say."
    )
    request_id: str | None = strawberry.field(
        description="The request's id, by which the log has more of it."
    )


@strawberry.input(
    name="AuditFilter",
    description="Which records are asked for; what is absent does not narrow, a list means any of.",
)
class AuditFilterInput:
    """Becomes the port's filter."""

    subject: str | None = strawberry.field(description="Sent by this caller, compared exactly.")
    action: list[str] | None = strawberry.field(description="Of these mutations, by name.")
    result: list[Deed] | None = strawberry.field(description="That came to one of these.")
    key: str | None = strawberry.field(description="With this idempotency key, as it was sent.")
    target: str | None = strawberry.field(
        description="About this thing: an id as its type shows it, a SKU or the code of a rule."
    )
    since: datetime | None = strawberry.field(description="From this instant on.")
    until: datetime | None = strawberry.field(description="From before this instant.")

    def asked(self) -> AuditFilter:
        """The same for the flow."""
        known = None if self.target is None else opened(self.target)
        return AuditFilter(
            self.subject,
            tuple(self.action or ()),
            tuple(self.result or ()),
            None if self.key is None else kept_key(self.key),
            self.target if known is None else known[1],
            self.since,
            self.until,
        )


Filter = Annotated[
    AuditFilterInput | None,
    strawberry.argument(description="Which records. Absent: every one."),
]


@strawberry.type
class AuditQuery:
    """The root field about deeds."""

    @strawberry.field(
        graphql_type=ConnectionType[AuditRecordType],
        description="What callers have done, refused and failed attempts too, the newest first. A "
        "record stays for the configured days.",
    )
    @staticmethod
    async def audit_records(
        info: Info, first: First, after: After = UNSET, filter: Filter = UNSET
    ) -> Listed[AuditRecord]:
        """A page of records."""
        asked = filter.asked() if filter else AuditFilter()
        page = await audit.browse_audit(info.context.ctx, asked, first, after_of(after, LIST))
        return listed(page, LIST)
