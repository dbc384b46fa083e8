"""Kill -9 at random moments: what was answered is there, the rest once or not at all (S4, G4).

Twenty kills unless ``CHAOS_KILLS`` says how many; ``make chaos`` asks for two hundred.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resolvers.domain.reservation import Status
from tests.chaos.audit import audit
from tests.chaos.child import branch, work
from tests.chaos.mix import SKUS, Mix, Told, furnish
from tests.support import POINTS, SKU, open_store

KILLS = int(os.environ.get("CHAOS_KILLS", "20"))
SECONDS_MAX = 60
FRESH = 40
SEEDED = {sku: 400 if sku == SKU else 60 for sku in SKUS}


class Driver:
    """What the world outside the process knows: what it asked, and what it was answered."""

    def __init__(self, place: str, file: Path, seed: int) -> None:
        self.place = place
        self.mix = Mix(seed)
        self.dice = self.mix.dice
        self.asked: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, Told] = {}
        self._file = file

    def made(self, kind: str) -> list[dict[str, Any]]:
        """The holds, or the orders, that somebody was told of."""
        return [
            {"id": told["answer"]}
            for key, told in self.answers.items()
            if "answer" in told and self.asked[key]["kind"] == kind
        ]

    def fresh(self, count: int) -> list[dict[str, Any]]:
        """Commands that nobody has sent."""
        holds, orders = self.made("hold")[-20:], self.made("order")[-8:]
        return [self.mix.command(holds, orders) for _ in range(count)]

    def live(self, fresh: int, kill: bool) -> bool:
        """One life of the process, all that was left unanswered sent again first; says whether it
        was killed.
        """
        again = [self.asked[key] for key in self.asked.keys() - self.answers.keys()]
        new = self.fresh(fresh)
        self.asked |= {command["key"]: command for command in new}
        self._file.write_text("".join(json.dumps(c) + "\n" for c in (*again, *new)))
        plan: list[str] = []
        heard_max = len(again) + fresh
        if kill and self.dice.random() < 0.6:
            plan = [self.dice.choice(POINTS), str(self.dice.randint(1, 4))]
        elif kill:
            heard_max = self.dice.randint(0, fresh)
        words = ["-m", "tests.chaos.child", self.place, str(self._file), *plan]
        with subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            for heard, line in enumerate(process.stdout):
                if heard and line.endswith(b"\n"):  # a line that was cut is no answer
                    self.heard(json.loads(line))
                if heard == heard_max and kill and not plan:
                    process.kill()
                    break
            process.wait(SECONDS_MAX)
        assert process.returncode in (0, -signal.SIGKILL)
        return process.returncode != 0

    def heard(self, told: Told) -> None:
        """Keeps an answer. One that was there already is the same."""
        before = self.answers.setdefault(told["key"], told)
        assert before.get("answer") == told.get("answer")

    async def nothing_is_lost_or_doubled(self) -> None:
        """Looks the store over, and compares its ledger with what was asked and told."""
        store = await open_store(self.place)
        await audit(store, self.asked, self.answers, SEEDED)
        await store.close()


async def test_parts_may_be_given_back_in_another_order_than_they_were_asked_for(
    place: str,
) -> None:
    """As when a process dies with both under way: they are sent again in any order."""
    await furnish(place, 10, 10)
    hold: dict[str, Any] = {"key": "hold", "kind": "hold", "lines": {SKU: 3}}
    one: dict[str, Any] = {"key": "one", "kind": "release", "of": "hold", "lines": {SKU: 1}}
    two: dict[str, Any] = {"key": "two", "kind": "release", "of": "hold", "lines": {SKU: 2}}
    store = await open_store(place)
    told: dict[str, Told] = {}

    await work(branch(store), [hold, two, one], lambda it: told.update({it["key"]: it}), at_once=1)

    asked = {"hold": hold, "one": one, "two": two}
    found = await audit(store, asked, told, dict.fromkeys(SKUS, 10))
    [held] = found.reservations.values()
    assert (held.status, held.units) == (Status.RELEASED, ((SKU, 1),))
    await store.close()


@pytest.mark.timeout(60 + KILLS * 10)
async def test_a_process_that_is_killed_at_any_moment_keeps_its_word(
    place: str, tmp_path: Path
) -> None:
    driver = Driver(place, tmp_path / "commands", seed=20_261_125)
    await furnish(place, SEEDED[SKU], 60)
    wanted = KILLS // 4 if place.startswith("mongodb") else KILLS  # each takes longer there

    kills = 0
    for life in range(wanted * 3):
        kills += driver.live(FRESH, kill=True)
        await driver.nothing_is_lost_or_doubled()
        if os.environ.get("CHAOS_KILLS") and life % 10 == 9:
            sys.stderr.write(f"\r{kills} of {wanted} kills, {len(driver.answers)} answers ")
        if kills == wanted:
            break
    assert kills == wanted
    assert driver.live(0, kill=False) is False
    assert driver.asked.keys() == driver.answers.keys()
    first = dict(driver.answers)
    await driver.nothing_is_lost_or_doubled()

    driver.answers = {
        key: told
        for key, told in first.items()
        if "refused" in told or driver.asked[key]["kind"] == "expire"
    }
    driver.live(0, kill=False)  # every key that was answered is sent once more
    again = {key: told for key, told in driver.answers.items() if told.get("answer")}
    assert {key: told["answer"] for key, told in again.items()} == {
        key: told["answer"] for key, told in first.items() if told.get("answer")
    }
    assert {told["replayed"] for told in again.values()} == {True}
    await driver.nothing_is_lost_or_doubled()
