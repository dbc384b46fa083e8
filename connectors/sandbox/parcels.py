"""What comes back to the sandbox ERP, and what goes from one place of the chain to another, as
questions and postings on its open file. Sales and the shelves themselves are in ``ledger``.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.sandbox.ledger import Movement, checked, on_hand, post
from connectors.sandbox.systems import following
from resolvers.backend_ports import WriteResult
from resolvers.domain.errors import InvalidInput, NotFound
from resolvers.domain.outbox import (
    GiveBack,
    ReturnedLine,
    Transfer,
    TransferLine,
    TransferStep,
)
from resolvers.domain.values import Money

LAYOUT = """
CREATE TABLE give_back (
  reference TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, sale TEXT, location TEXT NOT NULL,
  returned_at TEXT NOT NULL, taken INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX give_back_sale ON give_back (sale);
CREATE TABLE give_back_line (
  reference TEXT, line INTEGER, sku TEXT NOT NULL, quantity INTEGER NOT NULL,
  minor INTEGER NOT NULL, currency TEXT NOT NULL, PRIMARY KEY (reference, line)
) WITHOUT ROWID;
CREATE TABLE transfer (
  reference TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, step TEXT NOT NULL,
  origin TEXT NOT NULL, target TEXT NOT NULL, taken INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE transfer_line (
  reference TEXT, sku TEXT, quantity INTEGER NOT NULL, PRIMARY KEY (reference, sku)
) WITHOUT ROWID
"""

_ORDER = (TransferStep.REQUESTED, TransferStep.SHIPPED, TransferStep.RECEIVED)


@dataclass(frozen=True, slots=True)
class BookedReturn:
    """A return as the ERP has it: its own id, our reference, and what was paid back for what."""

    id: str
    reference: str
    location: str
    lines: tuple[ReturnedLine, ...]


@dataclass(frozen=True, slots=True)
class BookedTransfer:
    """A transfer as the ERP has it; ``lines`` are those of its last step."""

    id: str
    reference: str
    step: TransferStep
    origin: str
    target: str
    lines: tuple[TransferLine, ...]


# ---- returns ----------------------------------------------------------------------------------


def give_back(db: sqlite3.Connection, returned: GiveBack) -> WriteResult:
    """Books a return and puts its goods on the shelf, or finds it by its reference.

    Of a sale that the ERP has, no more can come back than has left.
    """
    reference = returned.reference
    known = db.execute(
        "SELECT id, taken FROM give_back WHERE reference = ?", (reference,)
    ).fetchone()
    if known:
        return WriteResult(reference, external_id=known[0], acknowledged=known[1])
    try:
        for line in returned.lines:
            checked(returned.location, line.sku, line.quantity)
    except (NotFound, InvalidInput) as refusal:
        return WriteResult(reference, error=refusal.message)
    if error := _too_much(db, returned):
        return WriteResult(reference, error=error)
    id = f"RT-{following(db, 'return'):06}"
    at = following(db)
    for line in returned.lines:
        at = post(db, Movement.RETURN, reference, returned.location, line.sku, line.quantity)
    db.execute(
        "INSERT INTO give_back VALUES (?, ?, ?, ?, ?, ?)",
        (reference, id, returned.sale, returned.location, returned.returned_at.isoformat(), at),
    )
    db.executemany(
        "INSERT INTO give_back_line VALUES (?, ?, ?, ?, ?, ?)",
        [
            (reference, number, line.sku, line.quantity, line.refund.minor, line.refund.currency)
            for number, line in enumerate(returned.lines, start=1)
        ],
    )
    return WriteResult(reference, external_id=id, acknowledged=at)


def _too_much(db: sqlite3.Connection, returned: GiveBack) -> str | None:
    """Why goods cannot be of the sale that they are said to be of."""
    sold = db.execute("SELECT id FROM sale WHERE reference = ?", (returned.sale,)).fetchone()
    if sold is None:
        return None
    wanted: dict[str, int] = {}
    for line in returned.lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    for sku, units in wanted.items():
        (left,) = db.execute(
            "SELECT -COALESCE(SUM(on_hand), 0) FROM movement"
            " WHERE reference = ? AND kind = ? AND sku = ?",
            (returned.sale, Movement.SHIPMENT, sku),
        ).fetchone()
        (back,) = db.execute(
            "SELECT COALESCE(SUM(quantity), 0) FROM give_back_line JOIN give_back USING (reference)"
            " WHERE sale = ? AND sku = ?",
            (returned.sale, sku),
        ).fetchone()
        if units > left - back:
            return f"{left - back} units of {sku} are out for {sold[0]}, not {units}"
    return None


def returns(db: sqlite3.Connection) -> Sequence[BookedReturn]:
    """Every return in the order of its id."""
    lines: dict[str, list[ReturnedLine]] = {}
    for reference, sku, quantity, minor, currency in db.execute(
        "SELECT reference, sku, quantity, minor, currency FROM give_back_line"
        " ORDER BY reference, line"
    ):
        line = ReturnedLine(sku, quantity, Money(minor, currency))
        lines.setdefault(reference, []).append(line)
    rows = db.execute("SELECT id, reference, location FROM give_back ORDER BY id")
    return [BookedReturn(id, ours, at, tuple(lines[ours])) for id, ours, at in rows]


# ---- transfers --------------------------------------------------------------------------------


def transfer(db: sqlite3.Connection, told: Transfer) -> WriteResult:
    """Books a step of a transfer, or finds that it, or a later one, is booked."""
    known = _transfers(db, told.reference)
    now = known[0] if known else None
    if now is not None and (now.origin, now.target) != (told.origin, told.target):
        return WriteResult(
            told.reference, now.id, f"{now.id} goes from {now.origin} to {now.target}"
        )
    if told.step is TransferStep.CANCELED:
        return _canceled(db, told, now)
    if now is not None and now.step is TransferStep.CANCELED:
        return WriteResult(told.reference, now.id, f"{now.id} was called off")
    if now is not None and _ORDER.index(now.step) >= _ORDER.index(told.step):
        return WriteResult(told.reference, now.id, acknowledged=_taken(db, told.reference))
    if error := _cannot(db, told, now):
        return WriteResult(told.reference, now.id if now is not None else None, error)
    return _booked(db, told, now)


def _cannot(db: sqlite3.Connection, told: Transfer, now: BookedTransfer | None) -> str | None:
    """Why a step that is next cannot be taken."""
    if told.origin == told.target:
        return f"goods of {told.origin} are there already"
    try:
        for line in told.lines:
            checked(told.origin, line.sku, line.quantity)
            checked(told.target, line.sku, line.quantity)
    except (NotFound, InvalidInput) as refusal:
        return refusal.message
    if told.step is TransferStep.SHIPPED:
        for line in told.lines:
            if on_hand(db, told.origin, line.sku) < line.quantity:
                return f"fewer than {line.quantity} units of {line.sku} lie at {told.origin}"
    if told.step is TransferStep.RECEIVED:
        if now is None or now.step is not TransferStep.SHIPPED:
            return "it has not left"
        left = {line.sku: line.quantity for line in now.lines}
        for line in told.lines:
            if line.quantity > left.get(line.sku, 0):
                return f"{left.get(line.sku, 0)} units of {line.sku} have left, not {line.quantity}"
    return None


def _booked(db: sqlite3.Connection, told: Transfer, now: BookedTransfer | None) -> WriteResult:
    at = following(db)
    for line in told.lines:
        if told.step is TransferStep.SHIPPED:
            at = post(db, Movement.TRANSFER, told.reference, told.origin, line.sku, -line.quantity)
        elif told.step is TransferStep.RECEIVED:
            at = post(db, Movement.TRANSFER, told.reference, told.target, line.sku, line.quantity)
    id = now.id if now is not None else f"TR-{following(db, 'transfer'):06}"
    db.execute(
        "REPLACE INTO transfer VALUES (?, ?, ?, ?, ?, ?)",
        (told.reference, id, told.step, told.origin, told.target, at),
    )
    db.execute("DELETE FROM transfer_line WHERE reference = ?", (told.reference,))
    db.executemany(
        "INSERT INTO transfer_line VALUES (?, ?, ?)",
        [(told.reference, line.sku, line.quantity) for line in told.lines],
    )
    return WriteResult(told.reference, id, acknowledged=at)


def _canceled(db: sqlite3.Connection, told: Transfer, now: BookedTransfer | None) -> WriteResult:
    """Calls off what has not left; one that never came is called off."""
    if now is None:
        return WriteResult(told.reference)
    if now.step in (TransferStep.SHIPPED, TransferStep.RECEIVED):
        return WriteResult(
            told.reference, now.id, f"it is too late: {now.id} is {now.step.lower()}"
        )
    if now.step is TransferStep.REQUESTED:
        db.execute(
            "UPDATE transfer SET step = ?, taken = ? WHERE reference = ?",
            (told.step, following(db), told.reference),
        )
    return WriteResult(told.reference, now.id, acknowledged=_taken(db, told.reference))


def _taken(db: sqlite3.Connection, reference: str) -> int:
    row = db.execute("SELECT taken FROM transfer WHERE reference = ?", (reference,)).fetchone()
    return int(row[0])


def transfers(db: sqlite3.Connection) -> Sequence[BookedTransfer]:
    """Every transfer in the order of its id."""
    return _transfers(db, None)


def _transfers(db: sqlite3.Connection, reference: str | None) -> list[BookedTransfer]:
    lines: dict[str, list[TransferLine]] = {}
    for ours, sku, quantity in db.execute(
        "SELECT reference, sku, quantity FROM transfer_line"
        " WHERE ?1 IS NULL OR reference = ?1 ORDER BY reference, sku",
        (reference,),
    ):
        lines.setdefault(ours, []).append(TransferLine(sku, quantity))
    rows = db.execute(
        "SELECT id, reference, step, origin, target FROM transfer"
        " WHERE ?1 IS NULL OR reference = ?1 ORDER BY id",
        (reference,),
    )
    return [
        BookedTransfer(id, ours, TransferStep(step), origin, target, tuple(lines.get(ours, ())))
        for id, ours, step, origin, target in rows
    ]
