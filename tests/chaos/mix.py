"""What people and systems ask of a shop all at once: holds of a hot SKU, of a long tail and of
sets, and every step that a hold can take. Commands are JSON, so that any process can do them.
"""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from connectors.sandbox import goods
from resolvers.domain.catalog import Component, Product, Variant
from resolvers.domain.locations import Location, LocationKind
from resolvers.domain.values import Money
from tests.support import CHANNEL, SKU, open_shop, open_store

TAIL = tuple(product.variants[0].sku for product in goods.catalogue()[1:8])
SKUS = (SKU, *TAIL)
SET = "DUO"
PARTS = (Component(SKU, 1), Component(TAIL[0], 2))
WAREHOUSE = "WH-01"
POP_UP = Location("PU-01", "Pop-up", LocationKind.POP_UP)
"""A place whose authority is the gateway itself, so that people may correct what lies there."""

Told = dict[str, Any]
"""What came of a command: ``answer`` and ``replayed``, or ``refused``."""

MUTATIONS = {
    "hold": "reserveStock",
    "extend": "extendReservation",
    "release": "releaseReservation",
    "order": "placeOrder",
    "pay": "recordPayment",
    "cancel": "cancelOrder",
    "adjust": "adjustStock",
}
"""The mutation of each kind of command that has a key."""


def units_of(lines: Mapping[str, int]) -> Counter[str]:
    """What lies on shelves behind some lines."""
    units = Counter({sku: count for sku, count in lines.items() if sku != SET})
    for part in PARTS:
        units[part.sku] += part.quantity * lines.get(SET, 0)
    return +units


async def furnish(place: str, hot: int, tail: int) -> None:
    """Makes a shop at a place, with so many units in the warehouse."""
    shop = await open_shop(await open_store(place))
    duo = Variant(SET, "duo", {"en": "Duo"}, prices={CHANNEL: Money(9900, "CNY")}, components=PARTS)
    await shop.store.catalog.save_products([Product("duo", {"en": "Duo"}, (duo,))], shop.clock())
    await shop.store.catalog.save_locations([POP_UP])
    for sku in SKUS:
        await shop.stocked(sku, WAREHOUSE, hot if sku == SKU else tail)
    await shop.close()


class Mix:
    """Makes commands, always the same for a seed. ``prefix`` opens their keys."""

    def __init__(self, seed: int, prefix: str = "key") -> None:
        self.dice = random.Random(seed)
        self.prefix = prefix
        self._serial = 0

    def command(self, holds: list[dict[str, Any]], orders: list[dict[str, Any]]) -> dict[str, Any]:
        """One more command, of one of some holds or orders that may be stepped on; each is
        ``{"id": its id}`` or ``{"of": the key that made it}``.
        """
        self._serial += 1
        kinds = {"hold": 9, "adjust": 2, "expire": 1}
        kinds |= {"release": 3, "extend": 2, "order": 5} if holds else {}
        kinds |= {"pay": 3, "cancel": 1} if orders else {}
        kind = self.dice.choices(list(kinds), list(kinds.values()))[0]
        asked: dict[str, Any] = getattr(self, f"_{kind}")(holds, orders)
        return {"key": f"{self.prefix}-{self._serial:05}", "kind": kind, **asked}

    def _lines(self) -> dict[str, int]:
        """Half of all buyers want the hot SKU, the rest the tail or the set, each less than the one
        before.
        """
        wares = [SKU, SET, *TAIL]
        weights = [8.0, *(4 / rank for rank in range(1, len(wares)))]
        chosen = self.dice.choices(wares, weights, k=self.dice.choice([1, 1, 2]))
        return {sku: self.dice.randint(1, 3) for sku in chosen}

    def _hold(self, *_: object) -> dict[str, Any]:
        return {
            "lines": self._lines(),
            "at": self.dice.choice([None, None, WAREHOUSE, POP_UP.code]),
            "method": self.dice.choice([None, None, "SHIP"]),
            "ttl": self.dice.choice([None, None, 1]),
        }

    def _adjust(self, *_: object) -> dict[str, Any]:
        return {"sku": self._lines().popitem()[0], "units": self.dice.choice([-3, -1, 1, 2, 4])}

    def _expire(self, *_: object) -> dict[str, Any]:
        return {}

    def _extend(self, holds: list[dict[str, Any]], _: object) -> dict[str, Any]:
        return {**self.dice.choice(holds), "ttl": self.dice.choice([1, 60])}

    def _release(self, holds: list[dict[str, Any]], _: object) -> dict[str, Any]:
        lines = self.dice.choice([None, self._lines()])
        return {**self.dice.choice(holds), "lines": lines}

    def _order(self, holds: list[dict[str, Any]], _: object) -> dict[str, Any]:
        return self.dice.choice(holds)

    def _pay(self, _: object, orders: list[dict[str, Any]]) -> dict[str, Any]:
        return self.dice.choice(orders)

    def _cancel(self, _: object, orders: list[dict[str, Any]]) -> dict[str, Any]:
        return self.dice.choice(orders)

    def life(self, count: int) -> list[dict[str, Any]]:
        """So many commands of one process, which step on what it has made itself."""
        made: list[dict[str, Any]] = []
        holds: list[dict[str, Any]] = []
        orders: list[dict[str, Any]] = []
        for _ in range(count):
            made.append(self.command(holds[-12:], orders[-6:]))
            into = {"hold": holds, "order": orders}.get(made[-1]["kind"])
            if into is not None:
                into.append({"of": made[-1]["key"]})
        return made
