"""The company that a Tryton user works for, and its warehouses: what every other part looks up.

Kept for some minutes, as both hardly ever change. Places for buyers are made of them here too.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.erp.tryton_rpc import TrytonClient
from connectors.erp.tryton_translate import Warehouse, translate_location, translate_warehouse
from connectors.erp.tryton_wire import refused
from resolvers.domain.locations import Location
from resolvers.domain.values import digits_of

KEPT = timedelta(minutes=5)
"""How long a warehouse that was renamed or opened may go unnoticed by sales and readings."""

NO_ZONE = "UTC"
"""Zone of a company that names none: then Tryton's days are those of its server."""

T = TypeVar("T")

_WAREHOUSE = (
    "code",
    "name",
    "input_location",
    "storage_location",
    "output_location",
    "lost_found_location",
    "address.street",
    "address.city",
    "address.postal_code",
    "address.country.name",
)


@dataclass(frozen=True, slots=True)
class Company:
    """Who sells.

    ``currency_id`` is the currency's record; ``line_rounding`` says that taxes are rounded on every
    line, not once a sale; ``processes_later`` that a confirmed sale waits before it is shipped.
    """

    id: int
    currency: str
    currency_id: int
    time_zone: ZoneInfo
    line_rounding: bool
    processes_later: bool

    @property
    def unit(self) -> Decimal:
        """The currency's smallest amount, in major units: ``0.01``."""
        return Decimal(1).scaleb(-digits_of(self.currency))


class Kept(Generic[T]):
    """One value that is asked for again once it is old."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Callable[[], datetime]) -> None:
        self._ask = ask
        self._clock = clock
        self._value: tuple[datetime, T] | None = None

    async def get(self) -> T:
        """The value, not older than ``KEPT``."""
        now = self._clock()
        if self._value is None or now - self._value[0] > KEPT:
            self._value = now, await self._ask()
        return self._value[1]

    def forget(self) -> None:
        """Asks anew the next time."""
        self._value = None


class CompanyBooks:
    """Answers about the company and its warehouses; the source of locations."""

    def __init__(self, client: TrytonClient, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._company = Kept(self._ask_company, clock)
        self._warehouses = Kept(self._ask_warehouses, clock)

    async def company(self) -> Company:
        """The company of the user.

        Raises:
            BackendRefused: the user has none.
        """
        return await self._company.get()

    async def warehouses(self) -> Mapping[str, Warehouse]:
        """Warehouses by code; one without a code cannot be named and is left out."""
        return await self._warehouses.get()

    async def warehouse(self, code: str) -> Warehouse:
        """The warehouse of a code; one that is not known yet is asked for.

        Raises:
            BackendRefused: there is none.
        """
        known = await self.warehouses()
        if code not in known:
            self._warehouses.forget()
            known = await self.warehouses()
        if code not in known:
            raise refused(f"no warehouse has the code {code}", "NOT_FOUND", self._client.code)
        return known[code]

    async def locations(self) -> Sequence[Location]:
        """Every warehouse with a code, as it is now."""
        company = await self.company()
        self._warehouses.forget()
        known = await self.warehouses()
        zone = company.time_zone.key
        return [translate_location(at, self._client.code, zone) for at in known.values()]

    async def _ask_company(self) -> Company:
        id = (await self._client.context()).get("company")
        rows = await self._client.rows(
            "company.company", [["id", "=", id]], ["timezone", "currency.code"], limit=1
        )
        if not rows:
            raise refused("the user works for no company", "AUTH", self._client.code)
        accounts = await self._client.rows("account.configuration", [], ["tax_rounding"], limit=1)
        sales = await self._client.rows("sale.configuration", [], ["sale_process_after"], limit=1)
        [row] = rows
        try:
            zone = ZoneInfo(row["timezone"] or NO_ZONE)
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo(NO_ZONE)
        currency = row["currency."]
        return Company(
            row["id"],
            currency["code"],
            currency["id"],
            zone,
            line_rounding=any(row["tax_rounding"] == "line" for row in accounts),
            processes_later=any(row["sale_process_after"] for row in sales),
        )

    async def _ask_warehouses(self) -> Mapping[str, Warehouse]:
        rows = await self._client.every(
            "stock.location", [["type", "=", "warehouse"], ["code", "!=", None]], _WAREHOUSE
        )
        known = [translate_warehouse(row) for row in rows if row["code"]]
        return {at.code: at for at in known}
