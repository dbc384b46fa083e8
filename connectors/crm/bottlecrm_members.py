"""The contacts of one organization as members: read whole, one by one, or found by telephone."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from aiolimiter import AsyncLimiter

from connectors.crm.bottlecrm_scan import Scan, Stuck
from connectors.crm.bottlecrm_terms import Terms
from connectors.crm.bottlecrm_translate import contact_id, is_id, tag_ids, translate_contact
from connectors.crm.bottlecrm_wire import CrmClient, Illegible, Row, member_of, rows_of
from connectors.governor import Lane
from resolvers.backend_ports import Changes
from resolvers.domain.errors import BackendThrottled, BackendUnavailable
from resolvers.domain.members import IdentityKind, Member

PAGE = 200
"""Rows of a page: 0.4 MB, read in 0.35 s. The CRM's work is by the row, not by the page."""

FRONT = 20
"""Rows that are looked at again once the end was reached."""

SCANS_MAX = 3
"""How often a list that does not hold still is read from its beginning."""

PAGES_MAX = 20_000

TAGS_SECONDS = 60.0
"""How long the names of tags are believed between two readings: renaming one moves no contact."""

LOOK_UPS, LOOK_UP_SECONDS = 20, 12.5
"""Look-ups that may come together, and the seconds until as many are allowed again: 116 in the
worst minute, where the CRM allows 120."""

_LIST, _LOOK_UP = "/contacts/", "/contacts/duplicates/"


class TagNames:
    """The names of tags by id, as they were read last. Archived ones have none: contacts keep their
    ids, and nobody means them any more.
    """

    def __init__(self, client: CrmClient, timer: Callable[[], float]) -> None:
        self._client = client
        self._timer = timer
        self._names: Mapping[str, str] = {}
        self._known: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    async def anew(self, lane: Lane = Lane.BACKGROUND) -> Mapping[str, str]:
        """Reads them."""
        answer = await self._client.get("/tags/", {"include_archived": "true"}, lane)
        with self._client.legible("tags"):
            tags = [
                (member_of(row, "id", str), member_of(row, "name", str), row)
                for row in rows_of(answer, "tags")
            ]
            self._names = {id: name for id, name, row in tags if member_of(row, "is_active", bool)}
        self._known = frozenset(id for id, _, _ in tags)
        self._read_at = self._timer()
        return self._names

    async def of(self, ids: Sequence[str], lane: Lane = Lane.BACKGROUND) -> Mapping[str, str]:
        """Those that are known, read again if they are old or one of the ids is new."""
        young = self._timer() - self._read_at < TAGS_SECONDS
        return self._names if young and self._known.issuperset(ids) else await self.anew(lane)


class Members:
    """The contacts. Nothing tells which have changed, so that every reading is of all of them."""

    def __init__(
        self,
        client: CrmClient,
        terms: Terms,
        clock: Callable[[], datetime],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._terms = terms
        self._clock = clock
        self._tags = TagNames(client, timer)
        self._look_ups = AsyncLimiter(LOOK_UPS, LOOK_UP_SECONDS)

    async def members(self, cursor: str) -> AsyncIterator[Changes[Member]]:
        """Everybody, in pages of at most 200; the cursor of a page goes on after it.

        A reading that goes on cannot say who is gone, and its last page does not.

        Raises:
            BackendUnavailable: also where the list did not hold still for three readings.
            BackendRefused: the token does not see everybody, so that nobody can be told to be gone.
        """
        scan = Scan.at(cursor)
        await self._tags.anew()
        for _ in range(SCANS_MAX):
            async for found in self._pages(scan):
                yield found
            if scan.resumed:
                yield Changes((), "")
                return
            front, count = await self._listed(0, FRONT)
            added = await self._translated(front, scan.look_back(_ids(front), count))
            if scan.whole:
                await self._client.require_sight()
                yield Changes(added, "", whole=True)
                return
            scan = Scan()
        raise self._moving()

    async def member(self, external_id: str) -> Member | None:
        """One as it is now. None if the CRM has it no more: deleted, put out of use, or merged
        into another, which it does not tell.
        """
        return await self._one(external_id, Lane.BACKGROUND)

    async def with_phone(self, e164: str) -> Sequence[Member]:
        """Who is known by a telephone now, in whatever notation: at most ten, the newest first.

        Raises:
            BackendThrottled: the CRM's own limit is reached.
        """
        if not self._look_ups.has_capacity():
            raise BackendThrottled(
                f"{self._client.code}: too many look-ups by telephone",
                backend=self._client.code,
                retry_after=LOOK_UP_SECONDS / LOOK_UPS,
            )
        await self._look_ups.acquire()
        answer = await self._client.look_up(_LOOK_UP, {"phone": e164}, Lane.LIVE)
        with self._client.legible("duplicates"):
            ids = [contact_id(row) for row in rows_of(answer, "duplicates")]
        found = [await self._one(id, Lane.LIVE) for id in ids]
        return [it for it in found if it is not None and it.first(IdentityKind.PHONE) == e164]

    async def _pages(self, scan: Scan) -> AsyncIterator[Changes[Member]]:
        for _ in range(PAGES_MAX):
            rows, count = await self._listed(scan.offset, PAGE)
            try:
                new = scan.take(_ids(rows), count)
            except Stuck:
                raise self._moving() from None
            if new:
                yield Changes(await self._translated(rows, new), scan.cursor)
            if scan.ended:
                return
        raise self._moving()

    async def _listed(self, offset: int, limit: int) -> tuple[Sequence[Row], int]:
        """A part of the list, and how many rows the list has."""
        query = {"limit": str(limit), "offset": str(offset)}
        answer = await self._client.get(_LIST, query)
        with self._client.legible("contacts"):
            rows = rows_of(answer, "results")
            assert answer is not None, "its rows were read"
            for row in rows:
                contact_id(row)
            return rows, member_of(answer, "count", int)

    async def _translated(self, rows: Sequence[Row], wanted: frozenset[str]) -> list[Member]:
        found = [await self._translate(row) for row in rows if row["id"] in wanted]
        return [member for member in found if member is not None]

    async def _translate(self, row: Row, lane: Lane = Lane.BACKGROUND) -> Member | None:
        what = f"contact {row['id']}"
        with self._client.legible(what):
            ids = tag_ids(row)
        names = await self._tags.of(ids, lane)
        with self._client.legible(what):
            return translate_contact(
                row, names, system=self._client.code, terms=self._terms, at=self._clock()
            )

    async def _one(self, external_id: str, lane: Lane) -> Member | None:
        if not is_id(external_id):
            return None
        answer = await self._client.get(f"/contacts/{external_id}/", lane=lane)
        if answer is None:
            await self._client.require_sight(lane)
            return None
        with self._client.legible(f"contact {external_id}"):
            row: Row = member_of(answer, "contact_obj", dict)
            if contact_id(row) != external_id:
                raise Illegible("it is about another contact")
        return await self._translate(row, lane)

    def _moving(self) -> BackendUnavailable:
        code = self._client.code
        return BackendUnavailable(
            f"{code}: its list of contacts did not hold still and could not be read whole",
            backend=code,
        )


def _ids(rows: Sequence[Row]) -> list[str]:
    return [row["id"] for row in rows]
