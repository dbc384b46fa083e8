"""Four processes on one file sell one SKU to the unit; one key in two has one effect (S4)."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from connectors.stores.sqlite.engine import open_sqlite
from resolvers.domain.ledger import drifts
from tests.support import SKU, Shop, open_shop

PROCESSES, EACH, UNITS = 4, 60, 150
SECONDS_MAX = 60


async def sell(store: Path, name: str, directory: Path) -> list[dict[str, object]]:
    """One process whose sixty buyers want a unit each; its answers."""
    commands = directory / name
    commands.write_text(
        "".join(
            json.dumps({"key": f"{name}-{at}", "kind": "hold", "lines": {SKU: 1}}) + "\n"
            for at in range(EACH)
        )
    )
    words = ["-m", "tests.chaos.child", str(store), str(commands)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(SECONDS_MAX):
        told, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in told.splitlines()]


async def test_four_processes_promise_every_unit_and_none_twice(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    shop = await open_shop(open_sqlite(path))
    await shop.stocked(SKU, "WH-01", UNITS)
    await shop.close()

    found = await asyncio.gather(*(sell(path, f"p{at}", tmp_path) for at in range(PROCESSES)))

    shop = Shop(open_sqlite(path))
    accounts = await shop.store.stock.accounts([SKU])
    position = accounts[SKU].stream.position("WH-01")
    accepted = [told for process in found for told in process if "answer" in told]
    refused = Counter(told.get("refused") for process in found for told in process)
    assert (position.soft, position.on_hand) == (UNITS, UNITS)
    assert len({told["answer"] for told in accepted}) == len(accepted)
    assert refused == {None: len(accepted), "INSUFFICIENT_STOCK": PROCESSES * EACH - len(accepted)}
    assert drifts(accounts[SKU]) == []
    assert list(await shop.store.upkeep.faults()) == []
    await shop.close()


async def test_the_same_key_in_two_processes_at_once_has_one_effect(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    shop = await open_shop(open_sqlite(path))
    await shop.stocked(SKU, "WH-01", UNITS)
    await shop.close()

    one, other = await asyncio.gather(sell(path, "p", tmp_path), sell(path, "p", tmp_path))

    by_key = {told["key"]: told for told in one}
    assert {told["key"]: told["answer"] for told in other} == {
        key: told["answer"] for key, told in by_key.items()
    }
    assert Counter(told["replayed"] for told in (*one, *other)) == {False: EACH, True: EACH}
    shop = Shop(open_sqlite(path))
    position = (await shop.store.stock.streams([SKU], shop.clock()))[SKU].position("WH-01")
    assert position.soft == EACH
    await shop.close()
