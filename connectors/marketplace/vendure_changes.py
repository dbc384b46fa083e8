"""What changed in Vendure since a cursor: the ids of the things that did. Nothing of the trade.

Vendure stamps a row with a time within the transaction that wrote it, so a row can appear behind a
stamp that was read already. A reading therefore looks back by ``OVERLAP``; what it has seen there
before it does not tell again. Lists have no cursors, only places: everything is read by first
reading all ids, each page from the last id of the one before, which shows whether a thing was
deleted meanwhile.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.marketplace.vendure_client import VendureClient
from connectors.marketplace.vendure_wire import Row, instant, legible, refused, written

OVERLAP = timedelta(seconds=60)
"""Longest transaction that is reckoned with; a change of 50 variants took 1.6 s."""

PAGE = 50
"""Things told of at a time: what it costs Vendure to tell all of 50 variants is about a second."""

LIST_MAX = 1000
"""Most rows that Vendure gives at a time."""

ROWS_MAX = 1_000_000
"""Most rows of a list that are read. Who has more is told so."""

TRIES = 3

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Watched:
    """Rows whose change is a change of something.

    ``query`` takes ``$options`` and names its list ``rows``; ``filter`` is of rows since a moment.
    ``stamps`` of a row change with it, ``at`` is when, and ``owners`` what it is a change of.
    """

    name: str
    query: str
    filter: Callable[[datetime], Mapping[str, object]]
    owners: Callable[[Row], Sequence[str]] = lambda row: (row["id"],)
    stamps: Callable[[Row], tuple[object, ...]] = lambda row: (row["updatedAt"],)
    at: Callable[[Row], datetime] = lambda row: instant(row["updatedAt"])


@dataclass(frozen=True, slots=True)
class Found:
    """Some things to read, and the cursor once they are taken. ``whole`` as in ``Changes``."""

    ids: tuple[str, ...]
    cursor: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far reading has come: everything up to ``since``; within a first reading that began at
    ``until``, all things up to ``last``.
    """

    since: datetime | None = None
    until: datetime | None = None
    last: str = ""

    def text(self) -> str:
        stamps = {
            name: at.isoformat()
            for name in ("since", "until")
            if (at := getattr(self, name)) is not None
        }
        place = {"last": self.last} if self.until is not None else {}
        return json.dumps({**stamps, **place}, separators=(",", ":"))


@dataclass(slots=True)
class _Told:
    """Rows that the last reading saw; good for who comes with the cursor that it ended on."""

    cursor: str = ""
    rows: frozenset[tuple[object, ...]] = field(default_factory=frozenset)


class Feed:
    """One feed of changes. Keeps nothing that it could not do without."""

    def __init__(
        self,
        client: VendureClient,
        everything: str,
        watched: Sequence[Watched],
        filter: Mapping[str, object] | None = None,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """``everything`` lists the things themselves, as a query of ``Watched`` does, by
        ``filter``.
        """
        self._clock = clock
        self._client = client
        self._everything = everything
        self._filter = filter or {}
        self._watched = watched
        self._told = _Told()

    async def since(self, cursor: str) -> AsyncIterator[Found]:
        """One reading: everything ("" or a first reading that broke off), or what changed.

        Raises:
            BackendRefused: the cursor is not one of ours, or a list is too long.
        """
        mark = self._mark(cursor)
        if mark.since is None:
            async for found in self._all(mark):
                yield found
            return
        known = self._told.rows if self._told.cursor == cursor else frozenset()
        rows: set[tuple[object, ...]] = set()
        ids: dict[str, None] = {}  # each once, in order
        newest, began = mark.since, self._clock()
        for watched in self._watched:
            told = await self._rows(watched.query, watched.filter(mark.since - OVERLAP))
            with legible("a list", self._client.code):
                newest = max([newest, *map(watched.at, told)])
                for row in told:
                    key = (watched.name, row["id"], *watched.stamps(row))
                    rows.add(key)
                    if key not in known:
                        ids.update(dict.fromkeys(watched.owners(row)))
        ended = _Mark(_not_ahead(newest, began)).text()
        pages = [tuple(ids)[at : at + PAGE] for at in range(0, len(ids), PAGE)]
        for page in pages[:-1]:
            yield Found(page, cursor)
        if pages or ended != cursor:
            yield Found(pages[-1] if pages else (), ended)
        # Only now: what broke off half-way is told again.
        self._told = _Told(ended, frozenset(rows))

    async def _all(self, mark: _Mark) -> AsyncIterator[Found]:
        began = self._clock()
        until = mark.until or _not_ahead(await self._newest(), began)
        ids, steady = await self._ids()
        start = ids.index(mark.last) + 1 if mark.last in ids else 0
        whole = steady and not mark.last
        ended = _Mark(until).text()
        pages = [ids[at : at + PAGE] for at in range(start, len(ids), PAGE)]
        for page in pages[:-1]:
            yield Found(tuple(page), _Mark(None, until, page[-1]).text())
        yield Found(tuple(pages[-1]) if pages else (), ended, whole)

    async def _newest(self) -> datetime:
        """The newest stamp of everything that is watched."""
        newest = EPOCH
        for watched in self._watched:
            options = {"take": 1, "sort": {"updatedAt": "DESC"}}
            rows, _ = await self._client.listed(watched.query, options)
            with legible("a list", self._client.code):
                newest = max([newest, *map(watched.at, rows)])
        return newest

    async def _ids(self) -> tuple[list[str], bool]:
        """Every id, and whether nothing was deleted while they were read."""
        for _ in range(TRIES):
            ids: list[str] = []
            steady = True
            async for page in self._pages(self._everything, self._filter, step=LIST_MAX - 1):
                told = [str(row["id"]) for row in page]
                steady &= not ids or (bool(told) and told[0] == ids[-1])
                ids += told if not ids else [id for id in told if id != ids[-1]]
            if steady:
                return ids, True
        return list(dict.fromkeys(ids)), False

    async def _rows(self, query: str, filter: Mapping[str, object]) -> list[Row]:
        return [row async for page in self._pages(query, filter, step=LIST_MAX) for row in page]

    async def _pages(
        self, query: str, filter: Mapping[str, object], *, step: int
    ) -> AsyncIterator[Sequence[Row]]:
        """All rows of a list, in pages that begin ``step`` rows apart."""
        for skip in range(0, ROWS_MAX, step):
            options = {"take": LIST_MAX, "skip": skip, "sort": {"id": "ASC"}, "filter": filter}
            rows, total = await self._client.listed(query, options)
            yield rows
            if skip + LIST_MAX >= total:
                return
        raise refused(f"it has more than {ROWS_MAX} rows of a kind", "PERMANENT", self._client.code)

    def _mark(self, cursor: str) -> _Mark:
        if not cursor:
            return _Mark()
        try:
            told = json.loads(cursor)
            stamps = {
                name: datetime.fromisoformat(told[name]).astimezone(UTC)
                for name in ("since", "until")
                if name in told
            }
            mark = _Mark(stamps.get("since"), stamps.get("until"), str(told.get("last", "")))
        except (ValueError, TypeError, AttributeError):
            mark = _Mark()
        if mark.since is None and mark.until is None:
            raise refused(f"{cursor[:40]!r} is no cursor", "INVALID", self._client.code)
        return mark


def _not_ahead(stamp: datetime, now: datetime) -> datetime:
    """A stamp to go on from. One from our future is of a clock that was set too far ahead: once it
    is set right, changes are stamped below, and a cursor that far on would leave them out.
    """
    return min(stamp, now)


def changed_after(at: datetime) -> Mapping[str, object]:
    """The filter of rows that were changed after a moment."""
    return {"updatedAt": {"after": written(at)}}
