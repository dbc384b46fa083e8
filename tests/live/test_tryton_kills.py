"""Exactly once in effect on a real Tryton, whenever the process that tells it dies (O6, G4)."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.erp.tryton import backend
from resolvers.backend_ports import Backend
from resolvers.domain.outbox import Adjustment, Write, WriteAction, WriteStatus
from tests.live.kills import Crossed, Relays, Sent, Step
from tests.live.tryton.door import CHANNELS, sale
from tests.live.tryton.house import RunningTryton
from tests.live.tryton.rpc import Witness

pytestmark = [pytest.mark.live_long, pytest.mark.timeout(1800)]

CRASHES = (
    (Step.BEFORE_NOTING, 1),
    (Step.NOTED, 1),
    *((Step.SENT, count) for count in (2, 4, 6, 8)),
    (Step.CALLED, 1),
    (Step.SAVED, 1),
)
"""The requests of a call are in between: looked up, made, quoted, confirmed, looked at again."""


def made(crossed: Crossed, url: str, database: str, password_file: str) -> Backend:
    """Tryton as it is told, with short waits."""
    whole = backend(
        code="erp",
        url=url,
        database=database,
        user="gateway",
        password=Path(password_file).read_text(),
        channels=CHANNELS,
        transport=Sent(crossed),
    )
    return replace(
        whole,
        capabilities=replace(whole.capabilities, write_seconds_max=3.0),
        timeout_seconds=3.0,
        catalog=None,
        locations=None,
        stock=None,
        live_stock=None,
        movements=None,
        order_source=None,
    )


@pytest.fixture
def relays(own_tryton: RunningTryton, tmp_path: Path) -> Relays:
    secret = tmp_path / "password"
    secret.touch(0o600)
    secret.write_text(own_tryton.house.password("gateway"))
    args = [own_tryton.url, own_tryton.database, str(secret)]
    return Relays(tmp_path / "store", "tests.live.test_tryton_kills:made", args)


def of_sale(reference: str, action: WriteAction) -> Write:
    told = sale(reference, ("BT0101-01", 1, 73_700), at="SH01")
    now = datetime.now(UTC)
    return Write(
        f"{reference}/{action}", "erp", action, reference, now, sale=told, order_id=reference
    )


async def test_each_sale_is_there_once_and_each_cancellation_too(
    relays: Relays, witness: Witness
) -> None:
    placed = [f"UC9-{number}" for number in range(len(CRASHES))]
    for reference, (step, count) in zip(placed, CRASHES, strict=True):
        await relays.post([of_sale(reference, WriteAction.PLACE_SALE)])
        relays.run(step, count)
    await relays.post([of_sale("UC9-8", WriteAction.PLACE_SALE)])
    dying = relays.start(Step.CALLED)  # two processes at once, one of which dies in between
    relays.finish()
    dying.wait(60)
    booked = witness.sales("UC9-")
    assert sorted(row["reference"] for row in booked) == [*placed, "UC9-8"]
    assert {row["state"] for row in booked} == {"processing"}

    for reference, (step, count) in zip(placed, CRASHES, strict=True):
        await relays.post([of_sale(reference, WriteAction.CANCEL_SALE)])
        relays.run(step, min(count, 4))
    relays.finish(at_once=2)
    rows = witness.sales("UC9-")
    assert [row["reference"] for row in rows] == [row["reference"] for row in booked]
    assert {row["shipment_state"] for row in rows if row["reference"] in placed} == {"none"}
    assert [row["shipment_state"] for row in rows if row["reference"] == "UC9-8"] == ["waiting"]
    for reference in placed:
        statuses = {write.status for write in await relays.of_order(reference)}
        assert statuses == {WriteStatus.DONE}


async def test_each_correction_is_booked_once(relays: Relays, witness: Witness) -> None:
    before = witness.on_hand("SH02")["LG0101-01"]
    for number, (step, count) in enumerate(CRASHES):
        found = Adjustment(f"adj-kill-{number}", "LG0101-01", "SH02", 1, "found")
        write = Write(
            found.reference,
            "erp",
            WriteAction.ADJUST_STOCK,
            "LG0101-01@SH02",
            datetime.now(UTC),
            adjustment=found,
        )
        await relays.post([write])
        relays.run(step, min(count, 4))
    relays.finish(at_once=2)

    assert witness.on_hand("SH02")["LG0101-01"] == before + len(CRASHES)
