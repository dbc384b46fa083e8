"""Answers about deeds: who has sent which mutation, and what came of it."""

from datetime import datetime

from resolvers.access import Scope as Right
from resolvers.context import Context
from resolvers.domain.callers import AuditRecord
from resolvers.domain.errors import InvalidInput
from resolvers.filters import AuditFilter
from resolvers.paging import Page, checked_first, checked_lists, page_of


async def browse_audit(
    ctx: Context, asked: AuditFilter, first: int, after: str | None
) -> Page[AuditRecord]:
    """A page of records, the newest first; with all that this process has answered so far.

    Raises:
        InvalidInput: a page size or cursor that cannot be meant.
    """
    ctx.principal.require(Right.AUDIT)
    checked_first(first)
    checked_lists(action=asked.actions, result=asked.results)
    place = _place(after)
    await ctx.recorder.flush()
    rows = await ctx.store.callers.audit_page(asked, place, first + 1)
    return page_of([(f"{row.at.isoformat()}|{row.id}", row) for row in rows], first, after)


def _place(after: str | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    written, _, id = after.partition("|")
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not id:
        raise InvalidInput("this is not a cursor of this list", field=("after",))
    return at, id
