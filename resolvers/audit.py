"""Answers about deeds: who has sent which mutation, and what came of it."""

from resolvers.access import Scope as Right
from resolvers.context import Context
from resolvers.domain.callers import AuditRecord
from resolvers.filters import AuditFilter
from resolvers.paging import Page, checked_first, checked_lists, dated, moment_behind, page_of


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
    place = moment_behind(after)
    await ctx.recorder.flush()
    rows = await ctx.store.callers.audit_page(asked, place, first + 1)
    return page_of([(dated(row.at, row.id), row) for row in rows], first, after)
