"""Making, rotating and revoking the keys of partners: one at a time, whichever process does it.

What a key's text looks like, and who is believed for it, stands in ``gateway/api_keys.py``.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from resolvers.domain import partner_keys
from resolvers.domain.callers import ApiKey
from resolvers.domain.errors import Contended
from resolvers.domain.partner_keys import Minted
from resolvers.ports import Store

_TURN = "api-keys"
_TURN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a new key is for: a partner, what it may do, and where."""

    partner: str
    scopes: tuple[str, ...]
    channels: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    expires_at: datetime | None = None


async def create(store: Store, asked: NewKey, minted: Minted, now: datetime) -> ApiKey:
    """Keeps a new key.

    Raises:
        InvalidInput: the partner has as many live keys as it may.
        Contended: somebody else changes keys just now.
    """
    async with _turn(store, minted.id, now) as keys:
        partner_keys.require_room(keys, asked.partner, now)
        key = ApiKey(
            minted.id,
            asked.partner,
            minted.digest,
            asked.scopes,
            asked.channels,
            asked.locations,
            now,
            asked.expires_at,
        )
        await store.callers.save_api_key(key)
    return key


async def rotate(
    store: Store,
    partner: str,
    minted: Minted,
    now: datetime,
    *,
    expires_at: datetime | None = None,
    old_ends_at: datetime | None = None,
) -> tuple[ApiKey, ApiKey]:
    """Keeps the successor of a partner's only live key; the new one and the old one.

    Raises:
        NotFound: the partner has no live key.
        InvalidInput: it has two.
        Contended: somebody else changes keys just now.
    """
    async with _turn(store, minted.id, now) as keys:
        new, old = partner_keys.rotated(
            keys, partner, minted, now, expires_at=expires_at, old_ends_at=old_ends_at
        )
        await store.callers.save_api_key(new)
        await store.callers.save_api_key(old)
    return new, old


async def revoke(store: Store, id: str, now: datetime, owner: str) -> ApiKey:
    """Ends a key at once; ``owner`` names who does it among those who take turns.

    Raises:
        NotFound: there is no key of this id.
        Contended: somebody else changes keys just now.
    """
    async with _turn(store, owner, now) as keys:
        key = partner_keys.revoked(keys, id, now)
        await store.callers.save_api_key(key)
    return key


@asynccontextmanager
async def _turn(store: Store, owner: str, now: datetime) -> AsyncIterator[Sequence[ApiKey]]:
    """The keys as they are, and nobody else changes them until the block ends: two who make a key
    at the same time would give a partner three.
    """
    lease = await store.house.lease(_TURN, owner, _TURN_SECONDS, now)
    if lease is None:
        raise Contended("somebody else changes keys just now; try again in a moment")
    try:
        yield await store.callers.api_keys()
    finally:
        await store.house.release_lease(lease)
