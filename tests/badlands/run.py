"""The whole run: every fault at each backend, then at pairs of them with a second gateway.

    python -m tests.badlands.run [--only WORD] [--minutes N] > bad-days.json

``page`` makes docs/resilience.md of it. What is wrong stands on the standard error, too.
"""

import argparse
import asyncio
import itertools
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.badlands.days import Day, Trade, spend
from tests.badlands.faults import GRAVEST, Fault
from tests.badlands.town import BACKENDS, PLACES, Asker, People, Town, town
from tests.live.retailer import CRM, ERP, SHOP

PAIRS = tuple(itertools.combinations(BACKENDS, 2))
WRITTEN_MAX_SECONDS = 90.0
"""How long an order may take to be in the ERP after the last fault: a write whose answer was lost
is looked up first, and not before it can have ended there."""

FIRM = "processing"
LOOK_SECONDS = 1.0

Plan = Sequence[tuple[Fault, tuple[str, ...]]]


def alone() -> Plan:
    """Every fault at each backend, in rounds that each have every fault. The ERP cannot be put back
    to its first day here: its sales would be gone.
    """
    return [
        (fault, (code,))
        for shift in range(len(BACKENDS))
        for at, fault in enumerate(Fault)
        for code in (BACKENDS[(at + shift) % len(BACKENDS)],)
        if not (fault is Fault.RESTORED and code == ERP)
    ]


def pairs() -> Plan:
    """The gravest with every pair, each other with one, the pairs by turns."""
    turns = itertools.cycle(PAIRS)
    others = [fault for fault in Fault if fault not in GRAVEST and fault is not Fault.RESTORED]
    return [
        *((fault, pair) for fault in GRAVEST for pair in PAIRS),
        *((fault, next(turns)) for fault in others),
        (Fault.RESTORED, (SHOP, CRM)),
    ]


async def run(only: str = "", minutes: float = 60.0) -> dict[str, Any]:
    """All of it, or as many days as begin in so many minutes; what came of each, and of it all."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bad-days-") as folder:
        async with town(Path(folder)) as built:
            people = await asyncio.to_thread(People, built)
            trade = Trade(built)
            try:
                days = await _spent(built, people, trade, only, began + minutes * 60)
                wrong = await _ended(built, people, trade.lookers[0], days)
            finally:
                await trade.close()
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}",
        "seconds": round(time.monotonic() - began),
        "load": round(os.getloadavg()[2], 1),
        "planned": len(alone()) + len(pairs()),
        "days": [day.as_json() for day in days],
        "wrong": wrong + [f"{day.fault} at {day.at}: {it}" for day in days for it in day.wrong],
    }


async def _spent(built: Town, people: People, trade: Trade, only: str, until: float) -> list[Day]:
    """The days, of which those alone may take two thirds of the time."""
    left = until - time.monotonic()
    days: list[Day] = []
    done = asyncio.Event()
    witness = asyncio.create_task(_witnessed(people, days, done))
    for plan, before in ((alone(), until - left / 3), (pairs(), until)):
        if plan == pairs():
            gateway = await asyncio.to_thread(built.another_gateway)
            await asyncio.to_thread(gateway.wait_until_ready)
            trade.join()
        for fault, at in plan:
            if time.monotonic() < before and only in f"{fault.value} at {'+'.join(at)}":
                days.append(Day(fault.value, at, len(built.gateways)))
                await spend(built, people, trade, fault, days[-1])
                _say(days[-1])
    done.set()
    await witness
    return days


async def _witnessed(people: People, days: list[Day], done: asyncio.Event) -> None:
    """Looks in the ERP itself for every order of the days that are over, each second."""
    left = WRITTEN_MAX_SECONDS
    while left > 0:
        waiting = [day for day in days if day.ended and day.written is None]
        numbers = {number for day in waiting for number in day.orders}
        sales = await asyncio.to_thread(people.sales, numbers) if numbers else {}
        for day in waiting:
            if all(sales.get(number) == [FIRM] for number in day.orders):
                day.written = round(time.monotonic() - day.ended, 1)
        if done.is_set():
            if not waiting:
                return
            left -= LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)


async def _told(looker: Asker) -> dict[str, Any]:
    """The backends once none has anything to be told: a write whose answer was lost is there, and
    is known to be there only when it was looked up.
    """
    for _ in range(int(WRITTEN_MAX_SECONDS / LOOK_SECONDS)):
        rows = await looker.backends()
        if not any(row["pendingOut"] for row in rows.values()):
            break
        await asyncio.sleep(LOOK_SECONDS)
    return rows


async def _ended(built: Town, people: People, looker: Asker, days: Sequence[Day]) -> list[str]:
    """What is wrong at the end of it all: with orders, with logs, between mirror and systems."""
    rows = await _told(looker)
    numbers = [number for day in days for number in day.orders]
    sales = await asyncio.to_thread(people.sales, set(numbers))
    wrong = [
        f"order {number} is in the ERP as {sales.get(number, [])}"
        for number in numbers
        if sales.get(number) != [FIRM]
    ]
    for place in PLACES:
        theirs = await asyncio.to_thread(people.on_hand, place)
        ours = await looker.on_hand(place)
        wrong += [
            f"{sku} at {place}: {ours.get(sku, 0)} here, {theirs.get(sku, 0)} in the ERP"
            for sku in sorted(theirs.keys() | ours.keys())
            if theirs.get(sku, 0) != ours.get(sku, 0)
        ]
    wrong += [
        f"{code} waits for {row['pendingOut']} writes"
        for code, row in rows.items()
        if row["pendingOut"]
    ]
    for gateway in built.gateways:
        log = await asyncio.to_thread(gateway.log.read_text)
        wrong += [f"a secret is in a log: {text[:2]}…" for text in built.secrets() if text in log]
        wrong += [f"logged: {line[:600]}" for line in log.splitlines() if _is_a_bug(line)]
    return wrong


def _is_a_bug(line: str) -> bool:
    try:
        told = json.loads(line)
    except ValueError:
        return "Traceback" in line
    failed = told.get("status", 0) >= 500 and told.get("path") == "/graphql"
    return failed or "exception" in told or told.get("level") in {"error", "critical"}


def _say(day: Day) -> None:
    told = f"{day.fault} at {'+'.join(day.at)}: named {day.named}, caught up {day.caught_up}"
    slowest = max(day.worst_ms.values(), default=0)
    print(f"{told}, worst {slowest} ms {day.told}", file=sys.stderr, flush=True)
    for wrong in dict.fromkeys(day.wrong):
        print(f"    WRONG {wrong}", file=sys.stderr, flush=True)


def main() -> int:
    """Writes what came of it; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description="Bad days of three real systems.")
    parser.add_argument("--only", default="", help="days whose `fault at backends` holds this")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no day after so many")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # whatever has started is ended
        signal.signal(number, signal.default_int_handler)
    came = asyncio.run(run(options.only, options.minutes))
    json.dump(came, sys.stdout, ensure_ascii=False, indent=1)
    for wrong in dict.fromkeys(came["wrong"]):
        print(f"WRONG {wrong}", file=sys.stderr)
    return 1 if came["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
