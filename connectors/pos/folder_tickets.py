"""A till's tickets: files in ``inbox/`` until a message of them is kept, in ``done/`` from then on.

A ticket is an order that was paid and taken away, units that are gone since the last count, or, if
it names a sale of ours, that this was handed over.
"""

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from connectors.csv_rows import LeftOut, rows
from connectors.drop_folder import Entry
from connectors.pos.folder_desk import Desk
from connectors.pos.folder_translate import TICKET_COLUMNS, Ticket, order_of, translate_tickets
from resolvers.backend_ports import Departed
from resolvers.domain.errors import NotUnderstood
from resolvers.domain.orders import Order
from resolvers.event_ports import Delivered

INBOX, DONE = "inbox", "done"
TICKETS = re.compile(r"tickets-[^/\x00-\x1f]{1,150}\.csv")
PAGE = 100

TICKETS_BYTES_MAX = 8 * 1024 * 1024
"""Largest file of tickets: some hundred thousand lines, which are read at once."""

KEPT_MAX = 50_000
"""Most tickets and files that are remembered, so that none is read again at every look."""

HANDED_OVER = timedelta(days=45)
"""How long what was handed over for our sales is told: longer than anything lies ready."""

FILES_A_TIME = 200
"""Most files that are read anew for one answer; the others are the next one's."""

_KEPT = re.compile(r"(tickets-[^/\x00-\x1f]{1,150})~[0-9a-f]{12}\.csv")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    """Microseconds since 1970: a stamp as the house compares them."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def kept_name(name: str, digest: str) -> str:
    """What a file of tickets is called in ``done/``: the same for the same content."""
    return f"{name.removesuffix('.csv')}~{digest[:12]}.csv"


class Tickets:
    """The tickets of one folder."""

    def __init__(self, desk: Desk) -> None:
        """Reads nothing yet."""
        self._desk = desk
        self._read: OrderedDict[str, tuple[Ticket, ...]] = OrderedDict()
        self._weight = 0
        self._handed: dict[str, tuple[tuple[Ticket, Departed], ...]] = {}
        self._seen: list[Entry] = []
        self._told: list[tuple[Ticket, Departed]] = []
        self._listed: tuple[int, list[Entry]] = (0, [])

    def orders(self, cursor: str) -> AsyncIterator[tuple[Sequence[Order], str]]:
        """The tickets of all files, those that came last at the end, in pages of 100."""
        return self._desk.pages(self._order_pages(cursor))

    async def delivered(self, external_id: str) -> Delivered:
        """One file's tickets, from ``done/`` or where it still lies."""
        return await self._desk.ask(self._delivered, external_id)

    def handed_over(self) -> Sequence[tuple[Ticket, Departed]]:
        """Goods of our sales that tickets handed over, as far as their files were read by now."""
        files = self._files()
        if files == self._seen:
            return self._told
        since = (self._desk.files.clock() - HANDED_OVER).timestamp() * 1e9
        recent = {it.signature: it for it in files if it.arrived >= since}
        self._handed = {key: told for key, told in self._handed.items() if key in recent}
        fresh = [entry for key, entry in recent.items() if key not in self._handed]
        for entry in fresh[:FILES_A_TIME]:
            self._handed[entry.signature] = tuple(
                (ticket, Departed(ticket.reference, line.sku, line.quantity))
                for ticket in self._of([entry])
                if ticket.reference is not None
                for line in ticket.lines
            )
        self._told = [it for told in self._handed.values() for it in told]
        self._seen = files if len(fresh) <= FILES_A_TIME else []
        return self._told

    def arrived_since(self, nanoseconds: int) -> Iterator[Ticket]:
        """The tickets of files that came at or after an instant, since 1970."""
        return self._of([it for it in self._files() if it.arrived >= nanoseconds])

    def _order_pages(self, cursor: str) -> Iterator[tuple[Sequence[Order], str]]:
        arrived, _, name = cursor.partition(":")
        done = (int(arrived) if arrived.isdecimal() else 0, name)
        files = sorted(self._files(), key=lambda it: (it.arrived, it.name))
        for entry in files:
            if (entry.arrived, entry.name) > done:
                orders = [
                    order_of(it, self._desk.terms) for it in self._of([entry]) if not it.reference
                ]
                while len(orders) > PAGE:
                    yield orders[:PAGE], cursor
                    del orders[:PAGE]
                cursor = f"{entry.arrived}:{entry.name}"
                yield orders, cursor

    def _delivered(self, name: str) -> Delivered:
        kept = _KEPT.fullmatch(name)
        if kept is None:
            raise NotUnderstood("its message names no file of tickets")
        for folder, at in ((DONE, name), (INBOX, f"{kept[1]}.csv")):
            left = LeftOut(name)
            try:
                tickets = self._translated(at, folder, left)
            except FileNotFoundError:
                continue
            told = [order_of(it, self._desk.terms) for it in tickets if it.reference is None]
            return Delivered(told, str(left))
        raise NotUnderstood(f"{name} is in done/ no more")

    def _files(self) -> list[Entry]:
        """Every file of tickets. Those in ``done/`` are listed when something has come or gone."""
        try:
            changed = (self._desk.files.path / DONE).lstat().st_mtime_ns
        except FileNotFoundError:
            changed = 0
        known, entries = self._listed
        if known != changed or not changed:
            entries = self._desk.files.entries(TICKETS, DONE)
            rested = (
                self._desk.files.clock().timestamp() - changed / 1e9
                > 1 + self._desk.files.quiet_seconds
            )
            self._listed = (changed if rested else 0, entries)
        return [*entries, *self._desk.files.entries(TICKETS, INBOX)]

    def _of(self, files: Sequence[Entry]) -> Iterator[Ticket]:
        """The tickets of some files; one that makes no sense at all has none."""
        for entry in files:
            read = self._read.get(entry.signature)
            if read is None:
                read = self._read_anew(entry)
            self._read.move_to_end(entry.signature)
            yield from read

    def _read_anew(self, entry: Entry) -> tuple[Ticket, ...]:
        read: tuple[Ticket, ...] = ()
        for folder, name in self._places_of(entry):
            try:
                read = tuple(self._translated(name, folder, LeftOut(name), entry.signature))
                break
            except FileNotFoundError:
                continue
            except NotUnderstood:
                break
        self._read[entry.signature] = read
        self._weight += 1 + len(read)
        while len(self._read) > 1 and self._weight > KEPT_MAX:
            _, dropped = self._read.popitem(last=False)
            self._weight -= 1 + len(dropped)
        return read

    def _places_of(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Where a file may lie, and its name there: it may have been moved since it was listed."""
        yield INBOX, entry.name
        yield DONE, entry.name
        for it in self._desk.files.entries(TICKETS, DONE):
            if it.signature == entry.signature:
                yield DONE, it.name

    def _translated(
        self, name: str, folder: str, left: LeftOut, signature: str | None = None
    ) -> list[Ticket]:
        """The tickets of a file; of the one of a signature, if that is told.

        Raises:
            FileNotFoundError: there is none.
            NotUnderstood: it makes no sense as a whole.
        """
        with self._desk.files.lines(name, folder) as (entry, lines):
            if signature not in (None, entry.signature):
                raise FileNotFoundError(name)
            if entry.size > TICKETS_BYTES_MAX:
                raise NotUnderstood(f"{name} has more than {TICKETS_BYTES_MAX} bytes; split it")
            return translate_tickets(rows(lines, TICKET_COLUMNS, left), self._desk.terms, left)
