"""What backends are to be told: written with the change itself, sent later, exactly once in effect.

A write names its backend, what is to happen there, and the reference under which it can be found
again before any second try. Pure records.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from resolvers.domain.values import Money


class WriteStatus(StrEnum):
    """How far a write has come. FAILED waits for a person or a policy."""

    WAITING = "WAITING"
    DONE = "DONE"
    FAILED = "FAILED"


class WriteAction(StrEnum):
    """What the backend is told."""

    PLACE_SALE = "PLACE_SALE"
    CANCEL_SALE = "CANCEL_SALE"
    ADJUST_STOCK = "ADJUST_STOCK"
    RETURN_SALE = "RETURN_SALE"
    TRANSFER_STOCK = "TRANSFER_STOCK"


@dataclass(frozen=True, slots=True)
class SaleLine:
    """So many units of one SKU at one unit price (tax included)."""

    sku: str
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class Sale:
    """An order's part at one location, for its backend to book. ``reference`` is ours, unique."""

    reference: str
    location: str
    placed_at: datetime
    lines: tuple[SaleLine, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of on-hand stock that a location's own system shall book. ``reference`` is ours."""

    reference: str
    sku: str
    location: str
    delta: int
    reason: str


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """So many units of one SKU that came back, and what the buyer gets for all of them in money,
    tax included; nothing if they were exchanged for others.
    """

    sku: str
    quantity: int
    refund: Money


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Goods that a buyer has brought or sent back to a location, whichever place had sold them.

    ``reference`` is ours, unique among sales and returns; ``sale`` is the reference of the sale
    that they are of, None where its backend was never told one.
    """

    reference: str
    location: str
    returned_at: datetime
    lines: tuple[ReturnedLine, ...]
    sale: str | None = None
    note: str = ""


class TransferStep(StrEnum):
    """How far goods have come between two locations, or that they are not to leave after all."""

    REQUESTED = "REQUESTED"
    SHIPPED = "SHIPPED"
    RECEIVED = "RECEIVED"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True)
class TransferLine:
    """So many units of one SKU. A transfer names each SKU once."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """One step of goods that go from one location to another. ``reference`` is ours, the same at
    every step.

    ``lines`` are what is asked for, what has left, or what has arrived, as the step says. What has
    left and does not arrive stays under way in its backend's books until a person looks.
    """

    reference: str
    step: TransferStep
    origin: str
    target: str
    lines: tuple[TransferLine, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """One thing that one backend is told, with what came of it so far.

    ``subject`` orders writes: of one backend and subject (an order, a SKU) only the eldest is sent.
    ``sent_at`` is the start of the last try; ``settle_until`` is set while that try may still be
    running at the backend and a second one must wait.
    """

    id: str
    backend: str
    action: WriteAction
    subject: str
    created_at: datetime
    sale: Sale | None = None
    adjustment: Adjustment | None = None
    give_back: GiveBack | None = None
    transfer: Transfer | None = None
    order_id: str | None = None
    status: WriteStatus = WriteStatus.WAITING
    attempts: int = 0
    not_before: datetime | None = None
    sent_at: datetime | None = None
    settle_until: datetime | None = None
    external_id: str | None = None
    last_error: str | None = None
    sequence: int = 0
