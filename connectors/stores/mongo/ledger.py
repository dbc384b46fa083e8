"""The ledger in MongoDB: entries by SKU and place, and what they fold to."""

from collections.abc import Sequence
from datetime import datetime

from connectors.stores.mongo.documents import entries_from
from connectors.stores.mongo.session import Session
from resolvers.domain.ledger import Account
from resolvers.domain.stock import StockEntry
from resolvers.ports import EntryPlace


async def entries_of(session: Session, sku: str) -> list[StockEntry]:
    """Every entry of a SKU since its checkpoint, oldest first."""
    found = await session.find("journal", {"skus": sku}, order=(("_id", 1),))
    return [entry for of in found for entry in entries_from(of) if entry.sku == sku]


async def history(
    session: Session, sku: str, location: str | None, before: EntryPlace | None, limit: int
) -> list[tuple[EntryPlace, StockEntry]]:
    """Comes with its own change."""
    raise NotImplementedError


async def folded_at(session: Session, skus: Sequence[str]) -> dict[str, datetime]:
    """Comes with its own change."""
    raise NotImplementedError


async def accounts(session: Session, skus: Sequence[str]) -> dict[str, Account]:
    """Comes with its own change."""
    raise NotImplementedError
