"""A Tryton that is restored from a backup: the sale that it lost is named, told again, there once
(G4, G6).
"""

import asyncio
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.live.served import CONFIG, Caller, command, served, token
from tests.live.test_gateway_on_tryton import buy, eventually, variables
from tests.live.tryton.house import RunningTryton, TrytonHouse

pytestmark = [pytest.mark.live_long, pytest.mark.timeout(900)]

SKU = "BT0101-01"


def copied(source: Path, target: Path) -> None:
    """What SQLite says the file holds, also what lies in its log; what stood there is gone."""
    for beside in ("", "-wal", "-shm"):
        target.with_name(target.name + beside).unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def reconciled(erp: RunningTryton, data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words: list[str | Path] = [
        command(),
        "reconcile",
        "erp",
        "--config",
        CONFIG,
        "--data",
        data,
        *options,
    ]
    environment = {**os.environ, **variables(erp), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        words, env=environment, capture_output=True, text=True, check=False, timeout=180
    )


async def told(url: str, bearer: str) -> None:
    """Waits until the ERP has answered all that it was told, also what was cut off."""
    async with Caller(url, bearer) as operator:
        for _ in range(180):
            answer = await operator.ask("{ backends { pendingOut } }")
            if not any(backend["pendingOut"] for backend in answer["backends"]):
                return
            await asyncio.sleep(1)
    raise AssertionError("the ERP is still to be told something")


async def test_a_sale_that_a_restored_tryton_lost_is_named_told_again_and_there_once(
    tmp_path: Path,
) -> None:
    saved = tmp_path / "saved.sqlite"
    with TrytonHouse.ready().start(tmp_path / "erp") as erp:
        database = erp.workdir / "database" / f"{erp.database}.sqlite"
        erp.witness().count_stock("CW01", SKU, 10)
        with served(tmp_path / "data", variables(erp)) as [gateway]:
            gateway.wait_until_ready()
            bearers = (
                token(gateway.data, "shopper", "--member", "M-1"),
                token(gateway.data, "partner", "--channel", "mini-program"),
            )
            async with (
                Caller(gateway.url, bearers[0]) as shopper,
                Caller(gateway.url, bearers[1]) as partner,
            ):
                _, kept = await buy(shopper, partner, SKU, "kept", "CW01")
                assert kept is not None
                assert len(await eventually(erp, 1, {kept}, 60)) == 1
                erp.stop()
                copied(database, saved)
                erp.start_again()
                _, lost = await buy(shopper, partner, SKU, "lost", "CW01")
                assert lost is not None
                assert len(await eventually(erp, 1, {lost}, 90)) == 1
            await told(gateway.url, token(gateway.data, "operator"))
            sound = reconciled(erp, gateway.data)

            erp.stop()
            copied(saved, database)
            erp.start_again()
            assert await eventually(erp, 0, {lost}, 1) == []

            named = reconciled(erp, gateway.data)
            assert await eventually(erp, 0, {lost}, 1) == [], "looking writes nothing"
            again = reconciled(erp, gateway.data, "--tell-again")
            there = await eventually(erp, 2, {kept, lost}, 90)
            after = reconciled(erp, gateway.data, "--tell-again")

    assert (sound.returncode, sound.stderr) == (0, "")
    assert "2 of orders of 7 days, 0 not there" in sound.stdout
    assert named.returncode == again.returncode == 1
    assert (lost in named.stdout, kept in named.stdout) == (True, False)
    assert "0 numbers differ" in named.stdout
    assert "1 sales wait to be told again" in again.stdout
    assert sorted(sale["reference"].split("/")[0] for sale in there) == sorted([kept, lost])
    assert (after.returncode, "wait to be told again" in after.stdout) == (0, False)
