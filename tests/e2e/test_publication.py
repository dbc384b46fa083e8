"""What a till sells is off the marketplaces within seconds, at default settings, and is so as well
when the gateway that tells them is killed while another one waits for its turn (S5, G4).
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.sandbox.knobs import Knobs
from connectors.sandbox.marketplaces import SandboxMarketplace
from connectors.sandbox.tills import SandboxTills
from connectors.stores.sqlite.engine import open_sqlite
from gateway.bootstrap import STORE_FILE
from resolvers.domain.publication import PublicationRecord, PublicationState
from resolvers.ports import Store
from tests.e2e.child import Child, demo

pytestmark = pytest.mark.timeout(300)

CODE, SKU = "marketplace-a", "BT-0001-30ML"
WITHIN_SECONDS = 5.0
START_SECONDS = 90.0

SLOW_SECONDS = 2.0
"""How long a call to the marketplace takes, so that a kill falls into one."""

TAKEN_OVER_SECONDS = 90.0
"""A turn of half a minute has to end, and who takes over looks at every listing."""

SHOPS = ("ST-01", "ST-03")
"""Each has two, of which one is kept for people in the shop."""
OPEN = "{ backends { code pendingPublications failedPublications } }"
PROMISED = """query ($sku: String!) {
  availability(skus: [$sku], channel: "marketplace-a") { availableToPromise }
}"""


@dataclass
class Trade:
    """One listing of a marketplace, a till, and the store of the gateways."""

    store: Store
    market: SandboxMarketplace
    tills: SandboxTills
    listing: str

    async def number(self) -> int:
        return (await self.market.published([self.listing]))[self.listing]

    async def becomes(self, number: int, seconds: float) -> None:
        began = time.monotonic()
        while await self.number() != number:
            waited = time.monotonic() - began
            assert waited < seconds, f"not {number} within {waited:.1f} s"
            await asyncio.sleep(0.02)

    async def sending(self) -> PublicationRecord:
        """The record of a number that is under way, once one is."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if (record := await self.record()).sending is not None:
                return record
            await asyncio.sleep(0.05)
        raise AssertionError(f"nothing was ever sent: {await self.record()}")

    async def at_rest(self, child: Child) -> None:
        """Waits until the walk over all listings is over and every one of them was told."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            counts = child.ask(OPEN, "operator")["data"]["backends"]
            assert {it["failedPublications"] for it in counts} == {0}
            if not any(it["pendingPublications"] for it in counts) and await self.all_told():
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the first walk never ended")

    async def all_told(self) -> bool:
        """Says whether every listing has been told that stands for something."""
        listings = self.store.listings
        nothing = await listings.listing_page(CODE, (CODE, ""), 100, unmatched=True)
        matched = set(await self.market.stands_for()) - {it.id for it in nothing}
        found = await listings.listings([(CODE, id) for id in sorted(matched)])
        active = [key for key, it in found.items() if it.active]
        known = await self.store.publications.publications(active)
        told = [key for key, it in known.items() if it.state is PublicationState.TOLD]
        return len(found) == len(matched) and len(told) == len(active)

    async def record(self) -> PublicationRecord:
        """What the store knows of the listing."""
        key = (CODE, self.listing)
        return (await self.store.publications.publications([key]))[key]


def promised(child: Child) -> int:
    [answer] = child.ask(PROMISED, sku=SKU)["data"]["availability"]
    return int(answer["availableToPromise"])


@asynccontextmanager
async def opened(data: Path, child: Child) -> AsyncIterator[Trade]:
    market, tills = SandboxMarketplace(data, "a"), SandboxTills(data)
    listing = next(id for id, sku in (await market.stands_for()).items() if sku == SKU)
    trade = Trade(open_sqlite(data / STORE_FILE), market, tills, listing)
    await trade.becomes(promised(child), START_SECONDS)
    await trade.at_rest(child)
    yield trade
    await trade.store.close()
    market.close()
    tills.close()


async def test_a_till_sells_and_the_marketplace_offers_one_less_within_five_seconds(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with demo(data) as child:
        async with opened(data, child) as trade:
            number = await trade.number()
            for sold, shop in enumerate(SHOPS, start=1):
                await trade.tills.sell(shop, SKU, 1)
                await trade.becomes(number - sold, WITHIN_SECONDS)

            await trade.market.order({trade.listing: 1})
            await asyncio.sleep(WITHIN_SECONDS)
            assert await trade.number() == promised(child) == number - len(SHOPS) - 1


async def test_who_is_killed_while_it_tells_leaves_the_number_to_the_other_gateway(
    tmp_path: Path,
) -> None:
    """S5, G4: the number under way never arrives, a buyer takes one meanwhile, so that the listing
    has the very number that was under way; the unit is not sold again.
    """
    data = tmp_path / "data"
    with demo(data) as first:
        async with opened(data, first) as trade:
            number = await trade.number()
            with demo(data) as second:
                await trade.market.set_knobs(Knobs(delay_seconds=SLOW_SECONDS))
                await trade.tills.sell(SHOPS[0], SKU, 1)
                assert (await trade.sending()).sending == number - 1

                assert first.stop(signal.SIGKILL) == -signal.SIGKILL

                await trade.market.set_knobs(Knobs())
                assert await trade.number() == number, "it was killed before the number arrived"
                assert (await trade.record()).sending == number - 1
                await trade.market.order({trade.listing: 1})
                seen, until = [await trade.number()], time.monotonic() + TAKEN_OVER_SECONDS
                while seen[-1] != number - 2 and time.monotonic() < until:
                    await asyncio.sleep(0.02)
                    seen.append(await trade.number())
                assert list(dict.fromkeys(seen)) == [number - 1, number - 2]
                await trade.at_rest(second)
                assert await trade.number() == promised(second) == number - 2
                assert (await trade.record()).state is PublicationState.TOLD
