"""What changed in Tryton since a cursor: the ids of the things that did. Nothing of the trade.

Tryton stamps a row with the start of the transaction that wrote it, so a row can appear behind a
stamp that was read already. A pass therefore looks back by ``OVERLAP``, until no transaction can be
left that began before the newest stamp; what it has seen there before it does not tell again.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.erp.tryton_rpc import PAGE, TrytonClient
from connectors.erp.tryton_wire import Row, refused

OVERLAP = timedelta(seconds=120)
"""Longest transaction that is reckoned with: a write waits up to 30 s for the database, and then
works; an import of a few hundred products takes some ten seconds."""

STAMP = "last_modified_at"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Watched:
    """Rows of a model whose change is a change of something: ``owner`` finds the id of that."""

    model: str
    domain: Sequence[object]
    fields: tuple[str, ...]
    owner: Callable[[Row], int | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of things: where all of them are, and what is watched for changes of one."""

    name: str
    model: str
    domain: Sequence[object]
    watched: tuple[Watched, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Some things that changed, and the cursor once they are taken. None at a pass's end."""

    kind: str
    ids: tuple[int, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far reading has come.

    ``since`` is the newest stamp of the last pass (None: nothing was read yet). ``until`` is set
    within a pass: what ``since`` becomes; ``kind`` and ``after`` say how far that pass is.
    ``seen`` is when our clock first met the newest stamp; ``settled`` that no transaction is left
    which began before it.
    """

    since: datetime | None = None
    until: datetime | None = None
    kind: str = ""
    after: int = 0
    seen: datetime | None = None
    settled: bool = False

    def text(self) -> str:
        stamps = {
            name: stamp.isoformat()
            for name in ("since", "until", "seen")
            if (stamp := getattr(self, name)) is not None
        }
        place = {"kind": self.kind, "after": self.after} if self.until is not None else {}
        return json.dumps({**stamps, **place, "settled": self.settled}, separators=(",", ":"))


@dataclass(slots=True)
class _Told:
    """Rows that the last pass told of, by stamp; good for who comes with the cursor it ended on."""

    cursor: str = ""
    rows: frozenset[tuple[str, int, datetime]] = field(default_factory=frozenset)


class Changes:
    """One feed of changes. Keeps nothing that it could not do without."""

    def __init__(
        self, client: TrytonClient, clock: Callable[[], datetime], kinds: Sequence[Kind]
    ) -> None:
        """Kinds are read in their order, each by id."""
        self._client = client
        self._clock = clock
        self._kinds = {kind.name: kind for kind in kinds}
        self._told = _Told()

    async def since(self, cursor: str) -> AsyncIterator[Found]:
        """One pass: everything ("" or a pass that broke off), or what changed after a cursor.

        Raises:
            BackendRefused: the cursor is not one of ours.
        """
        mark = self._mark(cursor)
        began = self._clock()
        if mark.until is None:
            # A stamp from our future is of a clock that was set too far ahead: once it is set
            # right, changes are stamped below, and a cursor that far on would leave them out.
            newest = min(await self._newest(), began)
            moved = mark.since is None or newest > mark.since
            if not moved and mark.settled:
                return
            until, seen = max(newest, mark.since or _EPOCH), (None if moved else mark.seen) or began
            mark = _Mark(mark.since, until, next(iter(self._kinds)), 0, seen)
        assert mark.until is not None
        assert mark.seen is not None
        known = self._told.rows if self._told.cursor == cursor else frozenset()
        rows: set[tuple[str, int, datetime]] = set()
        last = cursor
        names = list(self._kinds)
        for name in names[names.index(mark.kind) :]:
            after = mark.after if name == mark.kind else 0
            async for ids in self._ids(self._kinds[name], mark.since, after, known, rows):
                at = _Mark(mark.since, mark.until, name, ids[-1], mark.seen)
                last = at.text()
                yield Found(name, ids, last)
        settled = mark.since is not None and began - mark.seen >= OVERLAP
        ended = _Mark(mark.until, seen=mark.seen, settled=settled).text()
        self._told = _Told(ended, frozenset(rows))
        if ended != last:
            yield Found("", (), ended)

    async def _newest(self) -> datetime:
        """The newest stamp of everything watched."""
        stamps = [_EPOCH]
        for watched in [watched for kind in self._kinds.values() for watched in kind.watched]:
            stamps += [
                row[STAMP]
                for row in await self._client.rows(
                    watched.model, watched.domain, [STAMP], order=[[STAMP, "DESC"]], limit=1
                )
            ]
        return max(stamps)

    async def _ids(
        self,
        kind: Kind,
        since: datetime | None,
        after: int,
        known: frozenset[tuple[str, int, datetime]],
        rows: set[tuple[str, int, datetime]],
    ) -> AsyncIterator[tuple[int, ...]]:
        """Ids of what is to be told, a page at a time; notes in ``rows`` which rows told of it."""
        if since is None:
            async for page in self._client.pages(kind.model, kind.domain, ["id"], after=after):
                yield tuple(row["id"] for row in page)
            return
        owners: set[int] = set()
        for watched in kind.watched:
            domain = [*watched.domain, [STAMP, ">=", since - OVERLAP]]
            for row in await self._client.every(watched.model, domain, [STAMP, *watched.fields]):
                key, owner = (watched.model, row["id"], row[STAMP]), watched.owner(row)
                rows.add(key)
                if key not in known and owner is not None and owner > after:
                    owners.add(owner)
        ids = sorted(owners)
        for at in range(0, len(ids), PAGE):
            yield tuple(ids[at : at + PAGE])

    def _mark(self, cursor: str) -> _Mark:
        if not cursor:
            return _Mark()
        try:
            told = json.loads(cursor)
            mark = _read(told) if isinstance(told, dict) else None
        except (ValueError, TypeError, KeyError):
            mark = None
        if mark is None or (mark.until is not None and mark.kind not in self._kinds):
            raise refused(f"{cursor[:40]!r} is no cursor", "INVALID", self._client.code)
        return mark


def _read(told: Mapping[str, object]) -> _Mark:
    def stamp(name: str) -> datetime | None:
        return datetime.fromisoformat(str(told[name])).astimezone(UTC) if name in told else None

    mark = _Mark(
        stamp("since"),
        stamp("until"),
        str(told.get("kind", "")),
        int(str(told.get("after", 0))),
        stamp("seen"),
        settled=told["settled"] is True,
    )
    if mark.seen is None or (mark.since is None and mark.until is None):
        raise ValueError("a cursor says how far it came, and when")
    return mark
