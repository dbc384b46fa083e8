"""Measures what it costs to run a document that is known, in process, on the sandbox's goods.

    python -m bench.execution [--rounds N] [--out FILE]

A list of products with about 1,700 leaves, five leaves of one variant, and a hold are run in
several ways, in turns: by stock Strawberry with its caches of documents and of validation, by the
gateway without plans, by the gateway with them, and (the list) with plans of which nothing is kept
that they made of a product, and by a closure that was written by hand over the same goods. So is
what is not plain: what can be promised of each variant of a page, which waits, and documents of
which none comes twice. Times are CPU time of this process; no HTTP, and no bytes are made of the
answers.
"""

import argparse
import asyncio
import gc
import json
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import strawberry
from rich.console import Console
from rich.table import Table
from strawberry.extensions import ParserCache, ValidationCache

from connectors.sandbox import chain, goods
from gateway.serving import COLLECT_AFTER
from gateway.welcome import MUTATION, hold
from resolvers import catalog
from resolvers.access import Principal, Role
from resolvers.context import Context
from resolvers.domain.catalog import Variant, title_of
from resolvers.filters import ProductFilter, ProductSort
from schema.compiled.kept import Kept
from schema.compiled.running import Compiled
from schema.ids import seal
from schema.info import RequestContext
from schema.operations import Operation, run
from schema.root import BOUNDS, build_schema
from tests.support import CHANNEL, SKU, Shop

RESULTS = Path(__file__).parent / "results" / "execution.json"
CALLER = Principal(Role.SHOPPER, "member:M-1", "M-1")
UNITS = 10_000_000
PRODUCTS = 50
LOADS = {"list": 4, "five leaves": 50, "hold": 25, "promises": 4, "never twice": 25}
"""What is run, and how often in one round."""

WAYS = ("stock", "not compiled", "nothing kept", "compiled", "by hand")
LIST_TIMES_MIN, CLOSURE_TIMES_MAX, HOLD_TIMES_MIN = 20.0, 5.0, 3.0
NOT_PLAIN, NOT_PLAIN_TIMES_MAX = ("promises", "never twice"), 1.05

LIST = (
    "query List($first: Int!, $channel: String!) { products(first: $first) { nodes { id handle"
    " title brand description categories media { url alt } variants(first: 5) { nodes { id sku"
    " barcodes options { name value } title price(channel: $channel) { amount currencyCode } } } }"
    " pageInfo { endCursor } } }"
)
PROMISES = (
    "query Promises($channel: String!) { products(first: 20) { nodes { handle variants(first: 3)"
    " { nodes { sku availability(channel: $channel) { availableToPromise } } } } } }"
)
FIVE = 'query Five { variant(by: {sku: "BT-0001-30ML"}) { id sku title barcodes product { id } } }'

Asked = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One load in one way: the median CPU milliseconds of a run, and each round's."""

    load: str
    way: str
    median_ms: float
    rounds_ms: list[float]


def stock() -> strawberry.Schema:
    """The same types and resolvers as stock Strawberry runs them, with its caches."""
    ours = build_schema(compiled=False)
    ours.extensions = (ParserCache, ValidationCache)
    return ours


def keeping_nothing() -> strawberry.Schema:
    """The gateway's, with plans, which makes every record's part of every answer anew."""
    ours = build_schema()
    ours.compiled = Compiled(ours, BOUNDS, kept=Kept(classes=()))
    return ours


def leaves(value: object) -> int:
    """How many values an answer has that are no lists and no objects."""
    if isinstance(value, dict):
        return sum(map(leaves, value.values()))
    return sum(map(leaves, value)) if isinstance(value, list) else 1


async def by_hand(ctx: Context) -> Mapping[str, Any]:
    """The list as somebody would write it who needs no GraphQL."""
    page = await catalog.browse_products(
        ctx, ProductFilter(), ProductSort.RELEVANCE, PRODUCTS, None
    )
    return {
        "data": {
            "products": {
                "nodes": [
                    {
                        "id": seal("Product", one.handle),
                        "handle": one.handle,
                        "title": title_of(one.titles, None),
                        "brand": one.brand,
                        "description": one.description,
                        "categories": list(one.categories),
                        "media": [{"url": it.url, "alt": it.alt} for it in one.media],
                        "variants": {"nodes": [_variant(it) for it in one.variants[:5]]},
                    }
                    for one in page.nodes
                ],
                "pageInfo": {"endCursor": page.end},
            }
        }
    }


def _variant(one: Variant) -> dict[str, Any]:
    price = one.prices.get(CHANNEL)
    return {
        "id": seal("Variant", one.sku),
        "sku": one.sku,
        "barcodes": list(one.barcodes),
        "options": [{"name": name, "value": value} for name, value in one.options],
        "title": title_of(one.titles, None),
        "price": None
        if price is None
        else {"amount": str(price.amount), "currencyCode": price.currency},
    }


async def opened() -> Shop:
    """A shop with all of the sandbox's goods, and with more of one SKU than will be held."""
    shop = Shop()
    await shop.furnish(goods.catalogue(), chain.LOCATIONS)
    await shop.stocked(SKU, "WH-01", UNITS)
    return shop


def ways(shop: Shop, load: str) -> Mapping[str, Asked]:
    """How one load is run, by the way."""
    numbers = count()

    def said() -> tuple[str, dict[str, Any]]:
        if load == "list":
            return LIST, {"first": PRODUCTS, "channel": CHANNEL}
        if load == "promises":
            return PROMISES, {"channel": CHANNEL}
        if load == "never twice":
            return FIVE.replace("sku title", f"sku t{next(numbers)}: title"), {}
        return (
            (FIVE, {}) if load == "five leaves" else (MUTATION, hold(f"{id(shop)}-{next(numbers)}"))
        )

    def by(schema: strawberry.Schema) -> Asked:
        async def ask() -> Mapping[str, Any]:
            text, variables = said()
            context = RequestContext(shop.context(CALLER), [], "bench")
            return (await run(schema, Operation(text, variables), context)).body

        return ask

    found: dict[str, Asked] = {
        "stock": by(stock()),
        "not compiled": by(build_schema(compiled=False)),
        "compiled": by(build_schema()),
    }
    if load == "list":
        found["nothing kept"] = by(keeping_nothing())
    if load == "list":
        found["by hand"] = lambda: by_hand(shop.context(CALLER))
    return found


async def cpu_ms(ask: Asked, times: int) -> float:
    """CPU milliseconds of one run, of so many."""
    gc.collect()
    began = time.process_time()
    for _ in range(times):
        await ask()
    return (time.process_time() - began) * 1e3 / times


async def bench(rounds: int) -> tuple[list[Row], int]:
    """Every load in every way, in turns; and how many leaves the list has."""
    rows: list[Row] = []
    size = 0
    for load, times in LOADS.items():
        asked: dict[str, Asked] = {}
        for way in WAYS:  # each has a shop of its own, so that holds weigh on none but their own
            made = ways(await opened(), load)
            if way in made:
                asked[way] = made[way]
        answers = {way: [await ask() for _ in range(3)][-1] for way, ask in asked.items()}
        assert all("errors" not in answer for answer in answers.values()), answers
        if load not in {"hold", "never twice"}:
            assert answers["stock"]["data"] == answers["compiled"]["data"]
        if load == "list":
            size = leaves(answers["compiled"]["data"])
        took: dict[str, list[float]] = {way: [] for way in asked}
        for _ in range(rounds):
            for way, ask in asked.items():
                took[way].append(round(await cpu_ms(ask, times), 4))
        rows += [Row(load, way, round(statistics.median(t), 4), t) for way, t in took.items()]
    return rows, size


def verdict(rows: list[Row]) -> Mapping[str, bool]:
    """Which bounds are kept."""
    at = {(row.load, row.way): row.median_ms for row in rows}
    fast, hand = at["list", "compiled"], at["list", "by hand"]
    return {
        f"list >= {LIST_TIMES_MIN:g} x stock": at["list", "stock"] >= LIST_TIMES_MIN * fast,
        f"list <= {CLOSURE_TIMES_MAX:g} x by hand": fast <= CLOSURE_TIMES_MAX * hand,
        f"hold >= {HOLD_TIMES_MIN:g} x stock": at["hold", "stock"]
        >= HOLD_TIMES_MIN * at["hold", "compiled"],
        **{
            f"{load} <= {NOT_PLAIN_TIMES_MAX:g} x not compiled": at[load, "compiled"]
            <= NOT_PLAIN_TIMES_MAX * at[load, "not compiled"]
            for load in NOT_PLAIN
        },
    }


def table(rows: list[Row], size: int) -> Table:
    """The medians for people."""
    shown = Table(title=f"CPU ms of one run in process, medians; the list has {size:,} leaves")
    for name in ("load", "way", "ms", "stock / this"):
        shown.add_column(name, justify="left" if name in ("load", "way") else "right")
    stocks = {row.load: row.median_ms for row in rows if row.way == "stock"}
    for row in rows:
        times = stocks[row.load] / row.median_ms
        shown.add_row(row.load, row.way, f"{row.median_ms:.3f}", f"{times:.1f}")
    return shown


def main() -> None:
    """Runs the bench and keeps its result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, choices=range(1, 101), metavar="N")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()

    gc.freeze()  # as a gateway does that serves
    gc.set_threshold(COLLECT_AFTER)
    rows, size = asyncio.run(bench(asked.rounds))
    kept = verdict(rows)

    console = Console()
    console.print(table(rows, size))
    for bound, so in kept.items():
        console.print(f"{bound}: {'kept' if so else 'NOT KEPT'}")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "leaves": size,
        "rows": [asdict(row) for row in rows],
        "kept": kept,
    }
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
