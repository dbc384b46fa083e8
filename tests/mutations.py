"""Every mutation that has an idempotency key: how it is sent, and what it does when done once.

The same for an app without a process and for a running one: a test says how it asks.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from resolvers.domain.books import Key
from resolvers.filters import OrderFilter
from resolvers.ports import Store
from tests.schema.asking import SHIP
from tests.support import CHANNEL, NOON, SKU

SUBJECT = "operator"
"""Who sends them: a role that may do all of it."""

ONE = [{"sku": SKU, "quantity": 1}]
TWO = [{"sku": SKU, "quantity": 2}]
HOLD = "reservation { id status expiresAt lines { sku quantity pins { locationCode quantity } } }"
ORDER = "order { id number status total { amount } paid { amount } lines { id quantity } }"
LEVEL = "stockLevel { id location { code } }"
"""Not how much lies there: while its system has a correction and has not said so, a reading of the
system may be of before or after, and the smaller number is told.
"""
RULE = "stockRule { id code kind quantity version setBy setAt }"


class Ask(Protocol):
    """Sends a document as the operator; the data of its answer, which must have no errors."""

    def __call__(self, document: str, **variables: Any) -> Awaitable[Any]: ...


@dataclass(frozen=True)
class Mutation:
    """One of them. ``content`` is what is sent beside the key, ``other`` what differs in a request
    of other content; ``effect`` what it adds to what is ``counted`` when it is done once.
    """

    name: str
    thing: str
    content: Mapping[str, Any]
    other: Mapping[str, Any]
    effect: Mapping[str, int]
    about: str | None = field(default=None)
    """The member of its input that names what it is about: a hold or an order."""

    @property
    def payload(self) -> str:
        """What is asked of its answer."""
        return f"{self.name}(input: $input) {{ {self.thing} replayed userErrors {{ code field }} }}"

    @property
    def document(self) -> str:
        """It alone."""
        return f"mutation ($input: {self._input}) {{ {self.payload} }}"

    @property
    def twice(self) -> str:
        """The same twice in one document."""
        return f"mutation ($input: {self._input}) {{ a: {self.payload} b: {self.payload} }}"

    @property
    def _input(self) -> str:
        return f"{self.name[0].upper()}{self.name[1:]}Input!"

    async def prepared(self, ask: Ask, key: str) -> dict[str, Any]:
        """Its input, after whatever it is about was made."""
        asked = {"idempotencyKey": f"{key}: before", "channel": CHANNEL, "lines": ONE}
        made = {}
        if self.about == "reservationId":
            held = await ask(RESERVE.document, input={**asked, "ttlSeconds": 600})
            made = {self.about: held["reserveStock"]["reservation"]["id"]}
        elif self.about == "orderId":
            placed = await ask(PLACE.document, input={**asked, "delivery": SHIP})
            made = {self.about: placed["placeOrder"]["order"]["id"]}
        elif self.about == "code":
            rule = {"code": key, "kind": "SAFETY_STOCK", "quantity": 1, "skus": [SKU]}
            await ask(SET_RULE.document, input={**rule, "idempotencyKey": f"{key}: before"})
            made = {self.about: key}
        return {"idempotencyKey": key, **made, **self.content}


RESERVE = Mutation(
    "reserveStock",
    HOLD,
    {"channel": CHANNEL, "lines": TWO, "ttlSeconds": 600},
    {"lines": ONE},
    {"entries": 1},
)
PLACE = Mutation(
    "placeOrder",
    ORDER,
    {"channel": CHANNEL, "lines": TWO, "delivery": SHIP},
    {"lines": ONE},
    {"entries": 1, "orders": 1},
)
SET_RULE = Mutation(
    "setStockRule",
    RULE,
    {"code": "launch", "kind": "SAFETY_STOCK", "quantity": 1, "skus": [SKU]},
    {"quantity": 2},
    {"rules": 1},
)
MUTATIONS = (
    RESERVE,
    Mutation(
        "extendReservation", HOLD, {"ttlSeconds": 3000}, {"ttlSeconds": 2000}, {}, "reservationId"
    ),
    Mutation("releaseReservation", HOLD, {}, {"reason": "x"}, {"entries": 1}, "reservationId"),
    Mutation(
        "adjustStock",
        LEVEL,
        {"sku": SKU, "locationCode": "WH-01", "delta": 5, "reason": "CORRECTION"},
        {"delta": 6},
        {"entries": 1, "units": 5},
    ),
    SET_RULE,
    Mutation("removeStockRule", "code", {}, {"code": "another"}, {"rules": 1}, "code"),
    PLACE,
    Mutation(
        "recordPayment",
        ORDER,
        {"payment": {"method": "cash", "amount": {"amount": "1.00", "currencyCode": "CNY"}}},
        {"payment": {"method": "card", "amount": {"amount": "1.00", "currencyCode": "CNY"}}},
        {"payments": 1},
        "orderId",
    ),
    Mutation("cancelOrder", ORDER, {}, {"reason": "x"}, {"entries": 1}, "orderId"),
)


async def counted(store: Store, mutation: Mutation, key: str) -> dict[str, int]:
    """What is there now of all that a mutation may do: entries under its key and the units on hand
    that they move, orders, payments, and changes of the rules.
    """
    id = Key(SUBJECT, mutation.name, key).id
    entries = [entry for entry in await store.stock.entries(SKU) if entry.key == id]
    orders = await store.stock.order_page(OrderFilter(), None, 1000, NOON)
    return {
        "entries": len(entries),
        "units": sum(entry.on_hand for entry in entries),
        "orders": len(orders),
        "payments": sum(len(order.payments) for order in orders),
        "rules": (await store.stock.rules()).version,
    }


def more(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """What has been added."""
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def replays(answers: list[Any]) -> Any:
    """The answers to one key but for the word of it that says which was first: all the same.

    Exactly one of them must say so.
    """
    first: list[Any] = [answer for answer in answers if not answer["replayed"]]
    assert len(first) == 1, answers
    assert first[0]["userErrors"] == []
    same = [{**answer, "replayed": False} for answer in answers]
    assert same == first * len(answers)
    return first[0]


ELSEWHERE = {
    "mapListing": "tests/schema/test_listings.py",
    "replayInbox": "tests/schema/test_inbox.py",
    "replayOutbox": "tests/schema/test_dead_letters.py",
    "ruleOnDeadLetter": "tests/schema/test_dead_letters.py",
    "syncBackend": "tests/schema/test_inbox.py",
}
"""Mutations about what only a backend brings, and where they are sent again."""
