"""A folder of CSV files as a shop's systems fill it: real files in a directory of the test's own.

A file is written beside and moved to its place, as such systems do, a minute after it was written.
"""

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.pos import folder
from resolvers.backend_ports import Backend, Role
from resolvers.domain.errors import BackendTimedOut
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.outbox import Sale, SaleLine
from resolvers.domain.values import Money
from resolvers.live_ports import Spot
from tests.contract.connectors.rig import Feeds, Reasons, Rig, Things

STORE = Channel("store", "门店", ChannelKind.IN_STORE, "CNY")
SHOP, OTHER_SHOP, SKU = "SH01", "SH02", "TEA-001"
PLACES = f"code,name,kind\n{SHOP},南京西路店,STORE\n{OTHER_SHOP},淮海路店,STORE\n"
COUNTS = {SHOP: {SKU: 9, "TEA-002": 4}, OTHER_SHOP: {SKU: 2}}
TICKETS_HEAD = "number,location,time,sku,quantity,price"
SOLD_AT = "2026-03-02T12:10:00Z"

TIMEOUT_SECONDS = 3.0
"""How long the connector waits for its folder; twice that passes in a test that makes it wait."""

HELD_MAX_SECONDS = 30.0
"""How long the folder hangs at most, whatever becomes of its test."""

NO_DOOR: Reasons = {
    "stranger": "it knows no credentials",
    "expire": "it knows no credentials",
    "logins": "nobody logs in there",
    "throttle": "it may be asked without limit",
    "turned_away": "it may be asked without limit",
}


class Products(Things):
    """A price list is written whole: all that stands in it counts as changed."""

    edge = 101

    async def there(self) -> set[str]:
        return await self.change(120)

    async def change(self, count: int) -> set[str]:
        price = 100 + next(self.rig.numbers)
        rows = [f"TEA-{at:03},龙井 {at},{price}" for at in range(1, count + 1)]
        self.rig.put("products.csv", "\n".join(["sku,title,price", *rows]))
        return {row.partition(",")[0] for row in rows}

    async def change_at_once(self, count: int) -> set[str]:
        return await self.change(count)


class Tickets(Things):
    """Tickets come in files, some dozens in each."""

    edge = 101

    async def there(self) -> set[str]:
        if not self.rig.printed:
            await self.change(self.edge)
        return set(self.rig.printed)

    async def change(self, count: int) -> set[str]:
        """Over several files."""
        printed: set[str] = set()
        for at in range(0, count, 40):
            printed |= self.rig.print_tickets(
                f"shift-{next(self.rig.numbers)}", min(40, count - at)
            )
        return printed

    async def change_at_once(self, count: int) -> set[str]:
        """In one file."""
        printed: set[str] = self.rig.print_tickets(f"day-{next(self.rig.numbers)}", count)
        return printed


class FolderRig(Rig):
    name = "folder of files"
    roles = (
        Role.CATALOG_SOURCE, Role.LOCATION_SOURCE, Role.STOCK_FEED, Role.ORDER_SOURCE,
        Role.ORDER_SINK, Role.EVENT_PULLER,
    )  # fmt: skip
    feeds: ClassVar[Feeds] = {Role.CATALOG_SOURCE: Products, Role.ORDER_SOURCE: Tickets}
    cannot: ClassVar[Reasons] = {
        **NO_DOOR,
        "bad_sale": "a file is put down whatever it says; its people look at it",
        "unknown_sale": "a word is put down for its people, who know what they have",
        "lose_answer": "a disk that takes a file and does not say so is not to be had; that a"
        " writer dies at each step is shown by tests of its own",
    }

    def __init__(self, system: Any, folder: Path) -> None:
        super().__init__(system, folder)
        self.numbers = count(1)
        self.root = folder / "till"
        self.printed: set[str] = set()
        self.counts: Mapping[str, dict[str, int]] = {at: dict(of) for at, of in COUNTS.items()}
        self._flows = threading.Event()
        self._flows.set()
        self._holding: asyncio.Task[None] | None = None
        self._counted_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        self.put("locations.csv", PLACES)
        self.put("products.csv", f"sku,title,price\n{SKU},龙井,100\nTEA-002,碧螺春,120\n")
        for place in self.counts:
            self.write_count(place)

    def put(self, name: str, content: str) -> None:
        """Has a file at its place, whole, written a minute ago."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.part")
        beside.write_text(content, encoding="utf-8")
        written = beside.stat().st_mtime_ns - 60 * 10**9
        os.utime(beside, ns=(written, written))
        beside.replace(path)

    def clock(self) -> datetime:
        """Asked by the connector as it looks at files: where it waits while the folder hangs."""
        if threading.current_thread() is not threading.main_thread():
            self._flows.wait(HELD_MAX_SECONDS)
        return super().clock()

    def made(self, **otherwise: Any) -> Backend:
        options = {"path": str(otherwise.pop("root", self.root))}
        told: dict[str, Any] = {
            "code": "till",
            "channels": (STORE,),
            "time_zone": "Asia/Shanghai",
            "timeout_seconds": TIMEOUT_SECONDS,
            "options": options,
            "clock": self.clock,
        }
        return folder.backend(**{**told, **otherwise})

    async def ask(self, backend: Backend) -> object:
        assert backend.stock is not None
        return await backend.stock.read(SHOP)

    def elsewhere(self) -> Backend:
        return self.connect(root=self.folder / "no-such-folder")

    async def fall_silent(self) -> None:
        """The disk hangs at whoever looks at a file."""
        self._flows.clear()

    async def lose_question(self) -> None:
        """A look into the folder hangs: what is to be done after it is given up before its turn."""
        self._flows.clear()
        self._holding = asyncio.create_task(self._held())
        await asyncio.sleep(0)  # it is the first at the desk now

    async def _held(self) -> None:
        with suppress(BackendTimedOut):
            await self.ask(self.backend)

    async def mend(self) -> None:
        self._flows.set()
        if self._holding is not None:
            await self._holding
            self._holding = None

    async def close(self) -> None:
        await self.mend()
        await super().close()

    # ---- stock --------------------------------------------------------------------------------

    async def shelf(self) -> Spot:
        return SKU, SHOP

    async def on_hand(self, location: str, sku: str) -> int:
        return self.counts[location][sku]

    async def move(self, location: str, sku: str, units: int) -> None:
        """What moved is in the next count."""
        self.counts[location][sku] += units
        self.write_count(location)

    def write_count(self, place: str) -> None:
        self._counted_at += timedelta(seconds=1)
        at = self._counted_at.isoformat()
        rows = [f"{sku},{units},{at}" for sku, units in self.counts[place].items()]
        self.put(f"stock-{place}.csv", "\n".join(["sku,on_hand,as_of", *rows]))

    # ---- tickets, and what tells of them ------------------------------------------------------

    def print_tickets(self, file: str, count: int) -> set[str]:
        numbers = [f"T-{next(self.numbers):05}" for _ in range(count)]
        self.write_tickets(file, numbers)
        return set(numbers)

    def write_tickets(self, file: str, numbers: Sequence[str]) -> None:
        rows = [f"{number},{SHOP},{SOLD_AT},{SKU},1,399.00" for number in numbers]
        self.put(f"inbox/tickets-{file}.csv", "\n".join([TICKETS_HEAD, *rows]))
        self.printed |= set(numbers)

    @cached_property
    def laid(self) -> dict[str, list[str]]:
        """What stands in each file of tickets."""
        return {}

    async def lay_down(self, name: str) -> set[str]:
        self.laid[name] = [f"M-{next(self.numbers):05}" for _ in range(2)]
        self.write_tickets(name, self.laid[name])
        return set(self.laid[name])

    async def lay_anew(self, name: str) -> set[str]:
        """One ticket more in the same file."""
        self.laid[name].append(f"M-{next(self.numbers):05}")
        self.write_tickets(name, self.laid[name])
        return set(self.laid[name])

    # ---- our sales ----------------------------------------------------------------------------

    async def sale(self, reference: str, sku: str | None = None) -> Sale:
        line = SaleLine(sku or SKU, 1, Money(39_900, "CNY"))
        return Sale(reference, SHOP, datetime.now(UTC), (line,))

    async def booked(self, reference: str) -> int:
        """Files that lie there for its people: the sale's, unless one beside it calls it off."""
        names = [it.name for it in (self.root / "orders-out").glob("*.csv")]
        own = f"{quote(reference)}.csv"
        return names.count(own) if f"{quote(reference)}.cancel.csv" not in names else 0
