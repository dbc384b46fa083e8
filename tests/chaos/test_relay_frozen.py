"""A process that stood still while another took its turn neither sends nor saves (O6, G4, G5)."""

import asyncio
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from resolvers.backend_ports import Backend, Capabilities, Idempotency, Probe, Role, WriteResult
from resolvers.domain.outbox import Sale, SaleLine, Write, WriteAction, WriteStatus
from resolvers.domain.values import Money
from tests.live.kills import FREEZE, SENT, Crossed, Relays, Step

NETWORK_SECONDS = 0.2


class Ledger:
    """A backend that is a file: it takes a reference twice without a word, and can be looked at."""

    def __init__(self, file: Path, crossed: Crossed) -> None:
        self._file, self._crossed = file, crossed

    async def probe(self) -> Probe:
        return Probe(good=True, detail="")

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]:
        [sale] = sales
        known = second_try and sale.reference in self._file.read_text().split()
        self._crossed(SENT)
        await asyncio.sleep(NETWORK_SECONDS)  # its answer to the look-up is on its way
        if not known:
            with self._file.open("a") as ledger:
                ledger.write(f"{sale.reference}\n")
        return [WriteResult(sale.reference, f"L-{sale.reference}")]


def made(crossed: Crossed, file: str) -> Backend:
    """That backend, with short waits."""
    ledger: Any = Ledger(Path(file), crossed)
    declared = Capabilities(
        (Role.ORDER_SINK,), Idempotency.EXTERNAL_REFERENCE, write_seconds_max=1.0
    )
    return Backend("erp", "ledger", declared, ledger, timeout_seconds=2.0, order_sink=ledger)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", [Step.BEFORE_NOTING, Step.NOTED, Step.SENT, Step.CALLED])
async def test_what_wakes_up_after_its_turn_does_nothing(tmp_path: Path, step: Step) -> None:
    file = tmp_path / "ledger"
    file.touch()
    relays = Relays(tmp_path / "store", "tests.chaos.test_relay_frozen:made", [str(file)])
    sale = Sale("N1", "WH", datetime.now(UTC), (SaleLine("A", 1, Money(100, "CNY")),))
    await relays.post(
        [Write("w", "erp", WriteAction.PLACE_SALE, "1", sale.placed_at, sale=sale, order_id="1")]
    )
    frozen = relays.start(step, how=FREEZE)
    try:
        relays.until_frozen(frozen)
        relays.finish()
        [before] = await relays.of_order("1")
    finally:
        frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(60) == 0

    assert file.read_text() == "N1\n"
    [write] = await relays.of_order("1")
    assert write == before
    assert (write.status, write.external_id) == (WriteStatus.DONE, "L-N1")
