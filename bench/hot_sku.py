"""One SKU that everybody wants, over HTTP: holds accepted a second, and how many were too many.

    python -m bench.hot_sku [--seconds S] [--out FILE]

Buyers keep a connection each and ask for one unit again and again, each as a member of its own; the
units are set by recounts beforehand, all at one place. Cases: 50 and 500 buyers, 10 and 10,000
units, one and two processes on one data directory; a hold alone, and hold, order and payment.
``oversold`` is what was accepted beyond the units, or is owed by a place beyond what it has, and
must be 0. Clients and servers share the machine: ratios between cases say more than the figures.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.over_http import Asker, served
from gateway.settings import Settings
from gateway.tokens import SigningKey, Tokens, principal_of
from resolvers.access import Role

SKU, CHANNEL, PLACE = "BT-0001-30ML", "mini-program", "WH-01"
UNLIMITED = {
    "GATEWAY_SERVER_MUTATIONS_PER_SECOND": "0",
    "GATEWAY_LIMITS_COST_PER_SECOND": "0",
    "GATEWAY_LIMITS_CONCURRENT_MAX": "0",
    "GATEWAY_LIMITS_WAIT_SECONDS": "0",
}
SECONDS_MAX = 60.0
RESULTS = Path(__file__).parent / "results" / "hot_sku.json"

HOLD = """mutation ($key: String!, $sku: String!, $channel: String!) {
  reserveStock(input: {idempotencyKey: $key, channel: $channel,
    lines: [{sku: $sku, quantity: 1}], ttlSeconds: 3600}) {
    reservation { id } userErrors { code }
  }
}"""
PLACE_ORDER = """mutation ($key: String!, $id: ID!, $channel: String!) {
  placeOrder(input: {idempotencyKey: $key, channel: $channel, reservationId: $id,
    delivery: {ship: {recipient: "Bench", phone: "+8612000000001", countryCode: "CN",
      region: "Shanghai", city: "Shanghai", street: "1 Example Road"}}}) {
    order { id total { amount currencyCode } } userErrors { code }
  }
}"""
PAY = """mutation ($key: String!, $id: ID!, $amount: MoneyInput!) {
  recordPayment(input: {idempotencyKey: $key, orderId: $id,
    payment: {method: "CARD", amount: $amount}}) { order { status } userErrors { code } }
}"""
LEVELS = """query ($sku: [String!]) {
  stockLevels(first: 100, filter: {sku: $sku}) {
    nodes { location { code } onHand softReserved hardReserved }
  }
}"""
RECOUNT = """mutation ($key: String!, $sku: String!, $at: String!, $has: Int!, $was: Int!) {
  adjustStock(input: {idempotencyKey: $key, sku: $sku, locationCode: $at, reason: COUNT,
    recount: {onHand: $has, expected: $was}}) { stockLevel { onHand } userErrors { code message } }
}"""


@dataclass(frozen=True, slots=True)
class Case:
    """So many buyers after so many units, on so many processes; ``paid``: the whole purchase."""

    buyers: int
    units: int
    processes: int
    paid: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What a case came to; times in milliseconds, of what was accepted."""

    accepted: int
    accepted_per_second: float
    answers_per_second: float
    p50_ms: float
    p99_ms: float
    oversold: int


CASES = tuple(
    Case(buyers, units, processes, paid)
    for paid in (False, True)
    for processes in (1, 2)
    for buyers in (50, 500)
    for units in (10, 10_000)
)


def tokens_of(data: Path, members: int) -> tuple[str, list[str]]:
    """An operator's token, and one of each member, signed as the servers sign."""
    signer = Tokens(SigningKey.of(data), Settings().auth.issuer, lambda: datetime.now(UTC))
    buyers = [
        signer.issue(principal_of(Role.SHOPPER, member=f"B-{at:04}"), 3600) for at in range(members)
    ]
    return signer.issue(principal_of(Role.OPERATOR), 3600), buyers


class Buyer(Asker):
    """One kept-alive connection of one caller."""

    def __init__(self, host: str, token: str) -> None:
        super().__init__()
        self._head = (
            f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: "
        )

    def request(self, document: str, **variables: Any) -> bytes:
        """A document as bytes on the wire."""
        body = json.dumps({"query": document, "variables": variables}).encode()
        return f"{self._head}{len(body)}\r\n\r\n".encode() + body

    async def send(self, document: str, **variables: Any) -> Any:
        """Sends a document; the payload of its one field."""
        request = self.request(document, **variables)
        _, _, answer = (await self.ask(request)).partition(b"\r\n\r\n")
        found = json.loads(answer)
        if found.get("errors"):
            raise RuntimeError(found["errors"][0]["message"])
        [payload] = found["data"].values()
        return payload


async def connected(at: tuple[str, int], token: str) -> Buyer:
    """A buyer at one process."""
    made = await asyncio.get_running_loop().create_connection(lambda: Buyer(at[0], token), *at)
    return made[1]


async def levels_of(operator: Buyer) -> Sequence[Mapping[str, Any]]:
    """What lies at each place, and what is promised of it."""
    levels: Sequence[Mapping[str, Any]] = (await operator.send(LEVELS, sku=[SKU]))["nodes"]
    return levels


async def stocked(operator: Buyer, units: int) -> None:
    """Recounts every place, so that one has so many units free and the others none."""
    for level in await levels_of(operator):
        at = level["location"]["code"]
        promised = level["softReserved"] + level["hardReserved"]
        has = promised + (units if at == PLACE else 0)
        key = f"recount-{at}-{time.time_ns()}"
        if has != level["onHand"]:
            told = await operator.send(
                RECOUNT, key=key, sku=SKU, at=at, has=has, was=level["onHand"]
            )
            assert not told["userErrors"], told


async def purchase(buyer: Buyer, cashier: Buyer, key: str, *, paid: bool) -> bool:
    """A hold, or a hold that is ordered and paid; False if nothing was left."""
    held = await buyer.send(HOLD, key=key, sku=SKU, channel=CHANNEL)
    if held["reservation"] is None:
        assert [error["code"] for error in held["userErrors"]] == ["INSUFFICIENT_STOCK"], held
        return False
    if paid:
        placed = await buyer.send(
            PLACE_ORDER, key=key, id=held["reservation"]["id"], channel=CHANNEL
        )
        order = placed["order"]
        assert order is not None, placed
        settled = await cashier.send(PAY, key=key, id=order["id"], amount=order["total"])
        assert settled["order"]["status"] == "CONFIRMED", settled
    return True


async def run(case: Case, seconds: float) -> Result:
    """Lets the buyers of one case loose until nothing is left, or for some seconds."""
    async with AsyncExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hot-sku-")))
        data = root / "data"
        doors = [
            await stack.enter_async_context(served(data, **UNLIMITED))
            for _ in range(case.processes)
        ]
        operator_token, tokens = tokens_of(data, case.buyers)
        operator = await connected(doors[0], operator_token)
        await stocked(operator, case.units)
        buyers = [await connected(doors[at % len(doors)], token) for at, token in enumerate(tokens)]
        cashiers = [
            await connected(doors[at % len(doors)], operator_token) if case.paid else operator
            for at in range(case.buyers)
        ]
        times: list[float] = []
        answers = 0

        async def buy(at: int, until: float) -> None:
            nonlocal answers
            number = 0
            while (began := time.perf_counter()) < until:
                number += 1
                good = await purchase(buyers[at], cashiers[at], f"b-{at}-{number}", paid=case.paid)
                answers += 1
                if not good:
                    return
                times.append(time.perf_counter() - began)

        began = time.perf_counter()
        async with asyncio.timeout(seconds + SECONDS_MAX):
            await asyncio.gather(*(buy(at, began + seconds) for at in range(case.buyers)))
        took = time.perf_counter() - began
        levels = await levels_of(operator)
    owed = [at["softReserved"] + at["hardReserved"] - at["onHand"] for at in levels]
    oversold = max(0, len(times) - case.units, *owed)
    cuts = statistics.quantiles(times, n=100)
    return Result(
        len(times),
        round(len(times) / took, 1),
        round(answers / took, 1),
        round(cuts[49] * 1e3, 1),
        round(cuts[98] * 1e3, 1),
        oversold,
    )


def table(found: Sequence[tuple[Case, Result]]) -> Table:
    """The cases for people."""
    shown = Table(title="One hot SKU over HTTP, durable SQLite")
    for name in ("what", "processes", "buyers", "units", "accepted", "accepted/s", "answers/s"):
        shown.add_column(name, justify="right")
    for name in ("p50 ms", "p99 ms", "oversold"):
        shown.add_column(name, justify="right")
    for case, result in found:
        what = "hold, place, pay" if case.paid else "hold"
        cells = (case.processes, case.buyers, case.units, *asdict(result).values())
        shown.add_row(what, *(f"{cell:g}" for cell in cells))
    return shown


def main() -> None:
    """Runs every case and keeps what came out; exits with 1 if anything was oversold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="longest length of a case")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    found: list[tuple[Case, Result]] = []
    for at, case in enumerate(CASES, start=1):
        sys.stderr.write(f"\rcase {at} of {len(CASES)}   ")
        found.append((case, asyncio.run(run(case, min(asked.seconds, SECONDS_MAX)))))
    sys.stderr.write("\r" + " " * 30 + "\r")
    Console().print(table(found))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "cases": [{**asdict(case), **asdict(row)} for case, row in found],
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if any(row.oversold for _, row in found):
        sys.exit("units were promised that are not there")


if __name__ == "__main__":
    main()
