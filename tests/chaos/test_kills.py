"""Kill -9 at random moments: what was answered is there, the rest once or not at all (S4, G4).

Twenty kills unless ``CHAOS_KILLS`` says how many; ``make chaos`` asks for two hundred.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.stores.sqlite.engine import open_sqlite
from resolvers.domain.ledger import drifts
from resolvers.domain.locations import Location, LocationKind
from resolvers.domain.stock import EntryKind
from tests.chaos.child import POINTS
from tests.support import SKU, Shop, open_shop

KILLS = int(os.environ.get("CHAOS_KILLS", "20"))
SECONDS_MAX = 60
FRESH = 40
OTHER_SKU = "BT-0002-50ML"
POP_UP = Location("PU-01", "Pop-up", LocationKind.POP_UP)


class Driver:
    """What the world outside the process knows: what it asked, and what it was answered."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.store = directory / "store.db"
        self.dice = random.Random(seed)
        self.asked: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        self._file = directory / "commands"
        self._serial = 0

    def fresh(self) -> dict[str, Any]:
        """A command that nobody has sent."""
        self._serial += 1
        key = f"key-{self._serial:06}"
        known = [
            told["answer"]
            for key, told in self.answers.items()
            if "answer" in told and self.asked[key]["kind"] == "hold"
        ]
        kind = self.dice.choices(["hold", "release", "order", "receive"], [6, 2, 1, 1])[0]
        command: dict[str, Any] = {"key": key, "kind": kind}
        if kind in ("release", "order") and known:
            return command | {"id": self.dice.choice(known)}
        if kind == "receive":
            return command | {"sku": SKU, "units": self.dice.randint(1, 3)}
        lines = {sku: self.dice.randint(1, 3) for sku in self.dice.sample([SKU, OTHER_SKU], 1)}
        at = self.dice.choice([None, None, "WH-01"])
        return command | {"kind": "hold", "lines": lines, "at": at}

    def live(self, fresh: int, kill: bool) -> bool:
        """One life of the process, all that was left unanswered sent again first; says whether it
        was killed.
        """
        again = [self.asked[key] for key in self.asked.keys() - self.answers.keys()]
        new = [self.fresh() for _ in range(fresh)]
        self.asked |= {command["key"]: command for command in new}
        self._file.write_text("".join(json.dumps(c) + "\n" for c in (*again, *new)))
        plan: list[str] = []
        heard_max = len(again) + fresh
        if kill and self.dice.random() < 0.6:
            plan = [self.dice.choice(POINTS), str(self.dice.randint(1, 4))]
        elif kill:
            heard_max = self.dice.randint(0, fresh)
        words = ["-m", "tests.chaos.child", str(self.store), str(self._file), *plan]
        with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for heard, line in enumerate(process.stdout, start=1):
                if line.endswith(b"\n"):  # a line that was cut is no answer
                    told = json.loads(line)
                    self.heard(told)
                if heard == heard_max and kill and not plan:
                    process.kill()
                    break
            if kill and not plan and heard_max == 0:
                process.kill()
            process.wait(SECONDS_MAX)
        assert process.returncode in (0, -signal.SIGKILL)
        return process.returncode != 0

    def heard(self, told: dict[str, Any]) -> None:
        """Keeps an answer. One that was there already is the same."""
        before = self.answers.setdefault(told["key"], told)
        assert before.get("answer") == told.get("answer")


@pytest.mark.timeout(60 + KILLS * 10)
async def test_a_process_that_is_killed_at_any_moment_keeps_its_word(tmp_path: Path) -> None:
    driver = Driver(tmp_path, seed=20_261_125)
    shop = await open_shop(open_sqlite(driver.store))
    await shop.store.catalog.save_locations([POP_UP])
    await shop.stocked(SKU, "WH-01", 400)
    await shop.stocked(OTHER_SKU, "WH-01", 60)
    await shop.close()

    kills = 0
    for life in range(KILLS * 3):
        kills += driver.live(FRESH, kill=True)
        if os.environ.get("CHAOS_KILLS") and life % 10 == 9:
            sys.stderr.write(f"\r{kills} of {KILLS} kills, {len(driver.answers)} answers ")
        if kills == KILLS:
            break
    assert kills == KILLS
    assert driver.live(0, kill=False) is False
    assert driver.asked.keys() == driver.answers.keys()
    first = dict(driver.answers)
    await nothing_is_lost_or_doubled(driver)

    driver.answers = {key: told for key, told in first.items() if "refused" in told}
    driver.live(0, kill=False)  # every key that was answered is sent once more
    again = {key: told for key, told in driver.answers.items() if "answer" in told}
    assert {key: told["answer"] for key, told in again.items()} == {
        key: told["answer"] for key, told in first.items() if "answer" in told
    }
    assert {told["replayed"] for told in again.values()} == {True}
    await nothing_is_lost_or_doubled(driver)


async def nothing_is_lost_or_doubled(driver: Driver) -> None:
    """Looks the store over, and compares its ledger with what was answered."""
    shop = Shop(open_sqlite(driver.store))
    store = shop.store
    assert list(await store.upkeep.faults()) == []
    accounts = await store.stock.accounts([SKU, OTHER_SKU])
    assert [drift for account in accounts.values() for drift in drifts(account)] == []
    kept = {
        key: told
        for key, told in driver.answers.items()
        if "answer" in told and driver.asked[key]["kind"] == "hold"
    }
    held: Counter[str] = Counter()
    for sku in (SKU, OTHER_SKU):
        for entry in await store.stock.entries(sku):
            if entry.kind is EntryKind.HOLD and entry.key is not None:
                held[entry.cause] += entry.soft
    assert sorted(held) == sorted(told["answer"] for told in kept.values())
    for key, told in kept.items():
        assert held[told["answer"]] >= sum(driver.asked[key]["lines"].values())
        assert (await store.stock.reservations([told["answer"]])).get(told["answer"]) is not None
    received = sum(
        driver.asked[key]["units"]
        for key, told in driver.answers.items()
        if "answer" in told and driver.asked[key]["kind"] == "receive"
    )
    assert accounts[SKU].stream.position("PU-01").on_hand == received
    for account in accounts.values():
        for position in account.stream.positions.values():
            assert position.unpromised >= 0
    await store.close()
