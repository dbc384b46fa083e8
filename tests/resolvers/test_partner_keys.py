"""Keys of partners: at most two live, one after the other, and never longer than was said."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from connectors.stores.memory.engine import open_memory
from resolvers import partner_keys
from resolvers.domain.callers import ApiKey
from resolvers.domain.errors import Contended, InvalidInput, NotFound
from resolvers.domain.partner_keys import KeyState, Minted, revoked, rotated, state_of
from resolvers.partner_keys import NewKey
from tests.support import NOON

DAY = timedelta(days=1)
FIRST = ApiKey("first", "agency-1", "d1", ("orders:own",), ("live",), ("ST-01",), NOON)
NEXT = Minted("second", "d2")


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "state"),
    [
        (None, None, KeyState.LIVE),
        (NOON + DAY, None, KeyState.LIVE),
        (NOON, None, KeyState.EXPIRED),
        (None, NOON, KeyState.REVOKED),
        (NOON - DAY, NOON - DAY, KeyState.REVOKED),
    ],
)
def test_a_key_ends_at_the_instant_that_was_said(
    expires_at: datetime | None, revoked_at: datetime | None, state: KeyState
) -> None:
    assert state_of(replace(FIRST, expires_at=expires_at, revoked_at=revoked_at), NOON) == state


def test_a_successor_may_do_what_the_first_may_and_the_first_goes_on() -> None:
    new, old = rotated([FIRST], "agency-1", NEXT, NOON + DAY)

    assert new == replace(FIRST, id="second", digest="d2", created_at=NOON + DAY)
    assert old == FIRST


def test_a_successor_lives_as_long_as_the_first_was_to_live() -> None:
    first = replace(FIRST, expires_at=NOON + 90 * DAY)

    new, old = rotated([first], "agency-1", NEXT, NOON + 80 * DAY)

    assert (new.expires_at, old.expires_at) == (NOON + 170 * DAY, NOON + 90 * DAY)


@pytest.mark.parametrize(
    ("expires_at", "old_ends_at", "ends"),
    [(None, NOON + DAY, NOON + DAY), (NOON + DAY, NOON + 2 * DAY, NOON + DAY)],
)
def test_the_first_may_be_given_an_end_that_is_never_put_off(
    expires_at: datetime | None, old_ends_at: datetime, ends: datetime
) -> None:
    first = replace(FIRST, expires_at=expires_at)

    _, old = rotated([first], "agency-1", NEXT, NOON, old_ends_at=old_ends_at)

    assert old.expires_at == ends


def test_what_has_no_live_key_or_two_is_not_rotated() -> None:
    dead = replace(FIRST, revoked_at=NOON)

    with pytest.raises(NotFound, match="agency-1 has no live key"):
        rotated([dead], "agency-1", NEXT, NOON)
    with pytest.raises(InvalidInput, match="has 2 live keys, first and other; revoke one first"):
        rotated([FIRST, replace(FIRST, id="other"), dead], "agency-1", NEXT, NOON)


def test_a_key_is_revoked_once() -> None:
    once = revoked([FIRST], "first", NOON)

    assert once == replace(FIRST, revoked_at=NOON)
    assert revoked([once], "first", NOON + DAY) == once
    with pytest.raises(NotFound, match="there is no key third"):
        revoked([once], "third", NOON)


async def test_a_third_live_key_is_refused_until_one_has_ended() -> None:
    store = open_memory()
    asked = NewKey("agency-1", ("orders:own",))
    await partner_keys.create(store, asked, Minted("a", "d"), NOON)
    await partner_keys.create(store, asked, Minted("b", "d"), NOON)

    with pytest.raises(InvalidInput):
        await partner_keys.create(store, asked, Minted("c", "d"), NOON)
    await partner_keys.create(store, NewKey("agency-2", ()), Minted("c", "d"), NOON)
    await partner_keys.revoke(store, "a", NOON, "me")
    await partner_keys.create(store, asked, Minted("d", "d"), NOON)

    assert [key.id for key in await store.callers.api_keys()] == ["a", "b", "d", "c"]


async def test_two_who_change_keys_at_once_take_turns() -> None:
    store = open_memory()
    await store.house.lease("api-keys", "somebody", 10, NOON)

    with pytest.raises(Contended):
        await partner_keys.create(store, NewKey("agency-1", ()), Minted("a", "d"), NOON)

    assert await store.callers.api_keys() == []
