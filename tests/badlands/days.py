"""One bad day: a fault at some backends, trade meanwhile, and what is looked at then and after."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.badlands.faults import SILENT, Fault
from tests.badlands.town import (
    BACKENDS,
    DEADLINE_SECONDS,
    FIELDS,
    SOLD_ONLINE,
    Asker,
    Failed,
    People,
    Town,
)
from tests.live.retailer import CRM, SHOP

WINDOW_MIN_SECONDS, WINDOW_MAX_SECONDS = 2.0, 20.0
"""How long a fault lasts: until it was named and the others' changes were seen, within these."""

CAUGHT_UP_MAX_SECONDS = 60.0
LOOK_SECONDS = 0.2

SLOW = ("no answer", "no turn")
"""What is said of a backend that is well and answers too late: a machine that has too much to do
besides. That, and a change that is seen late, is told apart from what is wrong.
"""

RESERVE = """
mutation Reserve($key: String!, $sku: String!) {
  reserveStock(input: { idempotencyKey: $key, channel: "mini-program",
                        lines: [{ sku: $sku, quantity: 1 }], ttlSeconds: 600 }) {
    reservation { id } userErrors { code } } }
"""
PLACE = """
mutation Place($key: String!, $reservation: ID!) {
  placeOrder(input: { idempotencyKey: $key, channel: "mini-program", reservationId: $reservation,
      delivery: { ship: { recipient: "A", phone: "+861", countryCode: "CN", region: "Shanghai",
                          city: "Shanghai", street: "1" } } }) {
    order { id number total { amount } } userErrors { code message } } }
"""
PAY = """
mutation Pay($key: String!, $order: ID!, $amount: Decimal!) {
  recordPayment(input: { idempotencyKey: $key, orderId: $order,
      payment: { method: "WECHAT", amount: { amount: $amount, currencyCode: "CNY" } } }) {
    order { number status } userErrors { code message } } }
"""
DRIFTS = "{ reconciliation(first: 100) { nodes { sku quantity stored rebuilt } } }"


@dataclass
class Day:
    """What came of one. Times are in seconds, but ``worst_ms``: the slowest answer of each field.

    ``named`` is when each culprit was named, from the fault's beginning, None if it was not;
    ``told`` how. ``followed`` is how long changes at the others took to be seen meanwhile;
    ``caught_up`` how long after the fault until everything was as it is. ``wrong`` is all that
    should not have been.
    """

    fault: str
    at: tuple[str, ...]
    gateways: int
    worst_ms: dict[str, int] = field(default_factory=dict)
    named: dict[str, float | None] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    breakers: dict[str, str] = field(default_factory=dict)
    followed: dict[str, float | None] = field(default_factory=dict)
    lasted: float = 0.0
    orders: list[str] = field(default_factory=list)
    caught_up: float | None = None
    written: float | None = None
    by_hand: str = ""
    drifts: int = 0
    differences: int = 0
    late: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    ended: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """All but the moment it ended, which says nothing to others."""
        return {name: value for name, value in asdict(self).items() if name != "ended"}

    def slowest(self, field: str, seconds: float) -> None:
        self.worst_ms[field] = max(self.worst_ms.get(field, 0), round(seconds * 1000))
        if seconds > DEADLINE_SECONDS:
            self.wrong.append(f"{field} took {seconds:.1f} s")


class Trade:
    """Who buys, pays and looks, at every gateway in turn."""

    def __init__(self, built: Town) -> None:
        self._town = built
        self._lookers: list[Asker] = []
        self._shoppers: list[Asker] = []
        self._partners: list[Asker] = []
        self._bought = 0
        self.join()

    def join(self) -> None:
        """Deals with the newest gateway, too."""
        gateway = self._town.gateways[-1]
        self._lookers.append(Asker(gateway, "admin"))
        self._shoppers.append(Asker(gateway, "shopper", "--member", "M-1"))
        self._partners.append(Asker(gateway, "partner", "--channel", "mini-program"))

    async def close(self) -> None:
        for asker in (*self._lookers, *self._shoppers, *self._partners):
            await asker.close()

    @property
    def lookers(self) -> Sequence[Asker]:
        return self._lookers

    async def buy(self, day: Day) -> None:
        """Holds, places and pays, each at whichever gateway's turn it is; the order's number."""
        self._bought += 1
        at, count = self._bought, len(self._shoppers)
        one, other = self._shoppers[at % count], self._shoppers[(at + 1) % count]
        told, took = await one.timed(RESERVE, key=f"hold-{at}", sku=SOLD_ONLINE)
        day.slowest("reserve", took)
        held = told["reserveStock"]
        if held["userErrors"]:
            raise Failed(str(held["userErrors"]))
        reservation = held["reservation"]["id"]
        told, took = await other.timed(PLACE, key=f"place-{at}", reservation=reservation)
        day.slowest("order", took)
        order = told["placeOrder"]["order"]
        if order is None:
            raise Failed(str(told["placeOrder"]["userErrors"]))
        told, took = await self._partners[at % count].timed(
            PAY, key=f"pay-{at}", order=order["id"], amount=order["total"]["amount"]
        )
        day.slowest("payment", took)
        if told["recordPayment"]["userErrors"]:
            raise Failed(str(told["recordPayment"]["userErrors"]))
        day.orders.append(order["number"])


async def spend(built: Town, people: People, trade: Trade, fault: Fault, day: Day) -> None:
    """Spends one bad day, until all is well again."""
    at = day.at
    began = time.monotonic()
    if fault is Fault.RESTORED:
        await asyncio.to_thread(_restore, built, people, at)
        began = time.monotonic()
    else:
        for code in at:
            built.proxies[code].fail(fault)
    try:
        await _during(people, trade, fault, day, began)
    finally:
        for code in at:
            built.proxies[code].fail(None)
    day.ended = time.monotonic()
    day.lasted = round(day.ended - began, 1)
    await _after(built, people, trade, fault, day)


def _restore(built: Town, people: People, at: Sequence[str]) -> None:
    """Puts systems back to the day they were seeded, as they stood before everything."""
    resets = {SHOP: built.vendure.reset, CRM: built.bottle.reset}
    for code in at:
        resets[code]()
    people.log_in_again()
    for code in at:
        people.as_it_is(code)


async def _during(people: People, trade: Trade, fault: Fault, day: Day, began: float) -> None:
    others = [code for code in BACKENDS if code not in day.at]
    day.named = dict.fromkeys(day.at)
    day.followed = dict.fromkeys(others)
    changes = BACKENDS if fault is not Fault.RESTORED else others
    happens = {
        code: asyncio.create_task(_changed(people, code), name=f"change {code}") for code in changes
    }
    bought = asyncio.create_task(_bought(trade, day), name="buy")
    while (passed := time.monotonic() - began) < WINDOW_MAX_SECONDS:
        await asyncio.gather(
            *(_asked(looker, day) for looker in trade.lookers),
            _looked(trade, fault, day, began),
            _followed(people, trade.lookers[-1], day, happens),
        )
        known = fault in SILENT or all(at is not None for at in day.named.values())
        known &= bought.done() and all(change.done() for change in happens.values())
        done = known and all(at is not None for at in day.followed.values())
        if done and passed >= WINDOW_MIN_SECONDS:
            break
        await asyncio.sleep(LOOK_SECONDS)
    await asyncio.gather(bought, *happens.values())
    await _bought(trade, day)
    if fault not in SILENT:
        day.wrong += [f"{code} was not named" for code, at in day.named.items() if at is None]
    day.late += [
        f"a change at {code} was not seen" for code, at in day.followed.items() if at is None
    ]


async def _bought(trade: Trade, day: Day) -> None:
    try:
        await trade.buy(day)
    except Failed as failed:
        day.wrong.append(f"no order could be placed: {failed}")


async def _changed(people: People, code: str) -> float:
    """Has something happen in a system; when it had."""
    await asyncio.to_thread(people.change, code)
    return time.monotonic()


async def _asked(looker: Asker, day: Day) -> None:
    """Every kind of field, one after the other."""
    for name, query in FIELDS.items():
        try:
            _, took = await looker.timed(query)
            day.slowest(name, took)
        except Failed as failed:
            day.wrong.append(f"{name}: {failed}")


async def _looked(trade: Trade, fault: Fault, day: Day, began: float) -> None:
    """Whom the gateways blame. One of them follows a backend; all see what it notes."""
    for looker in trade.lookers:
        for code, row in (await looker.backends()).items():
            blamed = row["lastError"] is not None
            if code not in day.at:
                if blamed:
                    slow = any(word in row["lastError"] for word in SLOW)
                    where = day.late if slow else day.wrong
                    where.append(f"{code} was blamed: {row['lastError']}")
                continue
            silent = row["pressure"] is not None and row["pressure"]["silentSeconds"] > 0
            if (blamed or silent) and day.named[code] is None:
                day.named[code] = round(time.monotonic() - began, 1)
            if silent:
                day.told.setdefault(code, "it asked for a pause (`pressure`)")
            if blamed:
                day.told[code] = row["lastError"]
                if "internal error" in row["lastError"]:
                    day.wrong.append(f"{code}: {row['lastError']}")
            if row["breaker"] != "CLOSED":
                day.breakers[code] = row["breaker"]


async def _followed(
    people: People, looker: Asker, day: Day, happens: Mapping[str, "asyncio.Task[float]"]
) -> None:
    """Whether what happens at the others is seen while the fault lasts."""
    done = [code for code, at in day.followed.items() if at is None and happens[code].done()]
    if not done:
        return
    seen, now = await looker.seen(), time.monotonic()
    for code in done:
        if seen[code] == people.expected[code]:
            day.followed[code] = round(max(0.0, now - happens[code].result()), 1)


async def _after(built: Town, people: People, trade: Trade, fault: Fault, day: Day) -> None:
    ended = time.monotonic()
    if fault is Fault.RESTORED:  # what the runbook says
        for code in day.at:
            await asyncio.to_thread(_sync, built, code)
        day.by_hand = ", ".join(f"gateway sync {code}" for code in day.at)
    while (passed := time.monotonic() - ended) < CAUGHT_UP_MAX_SECONDS:
        lacking = [why for looker in trade.lookers for why in await _lacking(people, looker)]
        if not lacking:
            day.caught_up = round(passed, 1)
            break
        await asyncio.sleep(LOOK_SECONDS)
    else:
        day.wrong += [f"not caught up: {why}" for why in lacking]
    told = await trade.lookers[0].ask(DRIFTS)
    day.drifts = len(told["reconciliation"]["nodes"])
    day.wrong += [f"drift: {drift}" for drift in told["reconciliation"]["nodes"]]
    for gateway in built.gateways:
        for path in ("/health/live", "/health/ready"):
            status = (await asyncio.to_thread(gateway.get, path)).status_code
            if status != 200:
                day.wrong.append(f"{path}: {status}")


async def _lacking(people: People, looker: Asker) -> list[str]:
    """What is not as it is yet."""
    rows = await looker.backends()
    lacking = [f"{code}: {row['lastError']}" for code, row in rows.items() if row["lastError"]]
    lacking += [f"{code} is {row['status']}" for code, row in rows.items() if row["status"] != "UP"]
    lacking += [
        f"{code} does not have {count} numbers yet"
        for code, row in rows.items()
        if (count := row["pendingPublications"] + row["failedPublications"])
    ]
    seen = await looker.seen()
    return lacking + [
        f"{code} says {seen[code]}, it is {people.expected[code]}"
        for code in BACKENDS
        if seen[code] != people.expected[code]
    ]


def _sync(built: Town, code: str) -> None:
    built.command("sync", code)
