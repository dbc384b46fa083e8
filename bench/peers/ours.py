"""The gateway in the race: its sandbox retailer on a durable SQLite store, one port a process."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bench.hot_sku import (
    CHANNEL,
    HOLD,
    LEVELS,
    PAY,
    PLACE,
    PLACE_ORDER,
    RECOUNT,
    SKU,
    UNLIMITED,
    tokens_of,
)
from bench.over_http import served
from bench.peers.figures import Books, Case, Kind
from bench.peers.line import Line
from bench.peers.race import Failed, Outcome

NAME = "gateway"
STEPS = {
    Kind.HOLD: "reserveStock: one request, in SQLite (WAL, synchronous=FULL) before its answer",
    Kind.PURCHASE: "reserveStock, placeOrder, recordPayment: three requests, all in the clock, each"
    " in SQLite before its answer",
}


class _Buyer:
    """A member at one process, and the till that takes the money."""

    wants_more = True

    def __init__(self, line: Line, till: Line | None, name: str) -> None:
        self._line = line
        self._till = till
        self._name = name
        self._bought = 0

    async def connects(self) -> None:
        for line in (self._line, self._till):
            if line is not None:
                await line.connect()

    async def buys(self) -> Outcome:
        self._bought += 1
        key = f"{self._name}-{self._bought}"
        held = await asked(self._line, HOLD, key=key, sku=SKU, channel=CHANNEL)
        if held["reservation"] is None:
            codes = [error["code"] for error in held["userErrors"]]
            if codes == ["INSUFFICIENT_STOCK"]:
                return Outcome.REFUSED
            raise Failed(codes)
        if self._till is None:
            return Outcome.ACCEPTED
        reservation = held["reservation"]["id"]
        placed = await asked(self._line, PLACE_ORDER, key=key, id=reservation, channel=CHANNEL)
        if placed["order"] is None:
            raise Failed(placed["userErrors"])
        order = placed["order"]
        paid = await asked(self._till, PAY, key=key, id=order["id"], amount=order["total"])
        if (paid["order"] or {}).get("status") != "CONFIRMED":
            raise Failed(paid["userErrors"])
        return Outcome.ACCEPTED

    def close(self) -> None:
        for line in (self._line, self._till):
            if line is not None:
                line.close()


class Gateway:
    """Some processes of the gateway over one data directory."""

    name = NAME
    steps: Mapping[Kind, str] = STEPS

    def __init__(self, data: Path, ports: Sequence[int], operator: Line) -> None:
        self._data = data
        self._ports = ports
        self._operator = operator

    async def stocked(self, case: Case) -> None:
        """Recounts every place, so that one has so many units free and the others none."""
        for level in await self._levels():
            at = level["location"]["code"]
            promised = level["softReserved"] + level["hardReserved"]
            has = promised + (case.units if at == PLACE else 0)
            if has == level["onHand"]:
                continue
            terms = {"sku": SKU, "at": at, "has": has, "was": level["onHand"]}
            told = await asked(self._operator, RECOUNT, key=f"{at}-{time.time_ns()}", **terms)
            if told["userErrors"]:
                raise RuntimeError(f"a recount was refused: {told}")

    async def ready(self, case: Case, _: float) -> Sequence[_Buyer]:
        """A member each; nothing else has to be made ready."""
        operator, members = tokens_of(self._data, case.buyers)
        race = time.time_ns()
        buyers = []
        for at, token in enumerate(members):
            port = self._ports[at % len(self._ports)]
            line = Line(port, _bearer(token))
            till = Line(port, _bearer(operator)) if case.kind is Kind.PURCHASE else None
            buyers.append(_Buyer(line, till, f"{race}-{at}"))
        return buyers

    async def books(self) -> Books:
        """Units promised over all places; the number that is sold from is the same."""
        promised = sum(
            level["softReserved"] + level["hardReserved"] for level in await self._levels()
        )
        return Books(promised, promised)

    async def restarted(self) -> None:
        """Every command ends by its deadline, so nothing has to be ended here."""

    async def _levels(self) -> Sequence[Mapping[str, Any]]:
        found = await asked(self._operator, LEVELS, sku=[SKU])
        levels: Sequence[Mapping[str, Any]] = found["nodes"]
        return levels


@asynccontextmanager
async def gateway(folder: Path, processes: int) -> AsyncIterator[Gateway]:
    """The gateway on a new data directory."""
    async with AsyncExitStack() as stack:
        data = folder / "data"
        doors = [
            await stack.enter_async_context(served(data, **UNLIMITED)) for _ in range(processes)
        ]
        ports = [port for _, port in doors]
        operator, _ = tokens_of(data, 0)
        line = Line(ports[0], _bearer(operator))
        stack.callback(line.close)
        yield Gateway(data, ports, line)


async def asked(line: Line, document: str, **variables: Any) -> Any:
    """The payload of a document's one field.

    Raises:
        Failed: an error instead.
    """
    body = {"query": document, "variables": variables}
    answer = await line.send("POST", "/graphql", body)
    if answer.body is None or answer.body.get("errors"):
        raise Failed(answer.body["errors"][0]["message"] if answer.body else answer.status)
    [payload] = answer.body["data"].values()
    return payload


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}
