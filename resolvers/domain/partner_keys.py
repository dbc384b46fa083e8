"""Keys of partners: how many may be live at a time, and what making, rotating and revoking decide.

Pure: ids, digests and instants come in as arguments; instants are aware UTC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from resolvers.domain.callers import ApiKey
from resolvers.domain.errors import InvalidInput, NotFound

LIVE_MAX = 2
"""Most live keys of one partner: the one in use, and the one that takes its place."""


class KeyState(StrEnum):
    """What a key is good for at an instant."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


def state_of(key: ApiKey, now: datetime) -> KeyState:
    """What a key is good for; one that was revoked stays so whatever else ended it."""
    if key.is_live(now):
        return KeyState.LIVE
    is_revoked = key.revoked_at is not None and key.revoked_at <= now
    return KeyState.REVOKED if is_revoked else KeyState.EXPIRED


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key's shown id and the digest of its text; the text itself is not kept."""

    id: str
    digest: str


def live_keys(keys: Iterable[ApiKey], partner: str, now: datetime) -> list[ApiKey]:
    """A partner's live keys, in the order given."""
    return [key for key in keys if key.partner == partner and key.is_live(now)]


def require_room(keys: Iterable[ApiKey], partner: str, now: datetime) -> None:
    """Refuses one more key for a partner that has as many as it may.

    Raises:
        InvalidInput: with the ids of its live keys.
    """
    live = live_keys(keys, partner, now)
    if len(live) >= LIVE_MAX:
        told = " and ".join(key.id for key in live)
        raise InvalidInput(f"{partner} has {len(live)} live keys, {told}; revoke one first")


def rotated(
    keys: Sequence[ApiKey],
    partner: str,
    minted: Minted,
    now: datetime,
    *,
    expires_at: datetime | None = None,
    old_ends_at: datetime | None = None,
) -> tuple[ApiKey, ApiKey]:
    """The key that takes the place of a partner's only live one, and that one as it is from now.

    The new key may do what the old one may, and lives as long as that was to live, unless an end is
    said. The old one's end is never put off.

    Raises:
        NotFound: the partner has no live key.
        InvalidInput: it has two.
    """
    require_room(keys, partner, now)
    live = live_keys(keys, partner, now)
    if not live:
        raise NotFound(f"{partner} has no live key; make one with: gateway keys create")
    [old] = live
    if expires_at is None and old.expires_at is not None:
        expires_at = now + (old.expires_at - old.created_at)
    new = replace(old, id=minted.id, digest=minted.digest, created_at=now, expires_at=expires_at)
    ends = [at for at in (old.expires_at, old_ends_at) if at is not None]
    return new, replace(old, expires_at=min(ends, default=None))


def revoked(keys: Iterable[ApiKey], id: str, now: datetime) -> ApiKey:
    """A key that opens nothing from now on; revoking it again changes nothing.

    Raises:
        NotFound: there is no key of this id.
    """
    for key in keys:
        if key.id == id:
            return key if key.revoked_at is not None else replace(key, revoked_at=now)
    raise NotFound(f"there is no key {id}")
