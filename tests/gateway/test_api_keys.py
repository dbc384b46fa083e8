"""API keys: who is believed for one, within which bound, and what never leaves the gateway."""

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from connectors.stores.memory.engine import open_memory
from gateway.api_keys import (
    BELIEVED_READINGS,
    KeyRing,
    digest_of,
    id_in,
    mint,
)
from resolvers.access import Role, Scope
from resolvers.domain.callers import ApiKey
from resolvers.domain.errors import BackendUnavailable, Unauthenticated
from resolvers.ports import Store
from tests.support import NOON, Clock, counted

PAUSE = 5.0


@dataclass
class Ring:
    """A ring over a memory store, with time that is turned by hand."""

    store: Store = field(default_factory=open_memory)
    clock: Clock = field(default_factory=Clock)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.store, self.asked = counted(self.store)
        self.ring = KeyRing(self.store.callers, self.clock, PAUSE, lambda: self.seconds)

    async def keep(self, partner: str = "agency-1", **more: object) -> tuple[str, ApiKey]:
        """A new key that is in the store and was not read yet."""
        text, minted = mint()
        key = ApiKey(minted.id, partner, minted.digest, ("orders:own",), (), (), NOON)
        key = replace(key, **more)  # type: ignore[arg-type]
        await self.store.callers.save_api_key(key)
        return text, key

    def refused(self, text: str) -> str:
        with pytest.raises(Unauthenticated) as error:
            self.ring.holder(text)
        return str(error.value)


@pytest.fixture
async def ring() -> Ring:
    made = Ring()
    await made.ring.read()
    return made


def test_a_key_has_a_word_an_id_and_256_random_bits() -> None:
    made = [mint() for _ in range(200)]

    for text, minted in made:
        assert re.fullmatch(r"ucg_[0-9a-z]{10}_[0-9A-Za-z]{49}", text)
        assert (id_in(text), id_in(f"ucg_{minted.id}"), id_in(minted.id)) == (minted.id,) * 3
        assert minted.digest == digest_of(text)
        assert minted.id not in minted.digest
    assert len({text for text, _ in made}) == 200
    assert min(len({text[at] for text, _ in made}) for at in range(15, 58)) > 20


async def test_a_holder_is_its_partner_with_what_the_key_leaves(ring: Ring) -> None:
    ends = NOON + timedelta(days=1)
    text, key = await ring.keep(
        scopes=("catalog:read", "rules:set"), channels=("live",), locations=("ST-01",)
    )
    await ring.store.callers.save_api_key(replace(key, expires_at=ends))
    await ring.ring.read()

    caller = ring.ring.holder(text)

    assert (caller.role, caller.subject) == (Role.PARTNER, "partner:agency-1")
    assert (caller.channels, caller.locations) == (("live",), ("ST-01",))
    assert (caller.good_until, caller.key_id) == (ends, key.id)
    assert [scope for scope in Scope if caller.may(scope)] == [Scope.BROWSE]


async def test_two_live_keys_are_one_caller(ring: Ring) -> None:
    first, _ = await ring.keep()
    second, _ = await ring.keep()
    await ring.ring.read()

    assert ring.ring.holder(first) == ring.ring.holder(second)


async def test_a_slip_of_the_hand_is_told_from_a_stranger(ring: Ring) -> None:
    text, _ = await ring.keep()
    slipped = text[:30] + ("a" if text[30] != "a" else "b") + text[31:]

    torn = "this is no whole API key: copy it again, from its first sign to its last"
    assert ring.refused(slipped) == torn
    assert ring.refused(text[:-1]) == torn
    assert ring.refused("ucg_") == torn
    assert ring.refused("ucg_" + "\ud83d" * 60) == torn
    assert ring.refused(text) == "this API key is not known here"


async def test_a_right_id_with_another_secret_is_a_stranger(ring: Ring) -> None:
    text, _ = await ring.keep(digest=digest_of("another"))
    await ring.ring.read()

    assert ring.refused(text) == "this API key is not known here"


async def test_a_key_opens_nothing_from_its_end_on(ring: Ring) -> None:
    text, key = await ring.keep(expires_at=NOON + timedelta(hours=1))
    await ring.ring.read()
    ring.ring.holder(text)

    ring.clock.advance(hours=1)
    assert ring.refused(text) == "this API key has expired"

    await ring.store.callers.save_api_key(replace(key, revoked_at=NOON))
    await ring.ring.read()
    assert ring.refused(text) == "this API key was revoked"


async def test_a_flood_of_unknown_keys_asks_the_store_nothing(ring: Ring) -> None:
    before = ring.asked["callers.api_keys"]

    answers = {ring.refused(mint()[0]) for _ in range(2000)}

    assert answers == {"this API key is not known here"}
    assert ring.asked["callers.api_keys"] == before


async def test_keys_are_believed_for_a_while_when_the_store_is_away(ring: Ring) -> None:
    text, _ = await ring.keep()
    await ring.ring.read()

    ring.seconds += PAUSE * BELIEVED_READINGS
    ring.ring.holder(text)
    ring.seconds += 1
    with pytest.raises(BackendUnavailable, match="API keys cannot be looked up now"):
        ring.ring.holder(text)


def test_nobody_is_believed_before_the_first_reading() -> None:
    with pytest.raises(BackendUnavailable):
        Ring().ring.holder(mint()[0])


async def test_a_process_knows_new_and_revoked_keys_without_a_restart(ring: Ring) -> None:
    other = KeyRing(ring.store.callers, ring.clock, 0.001)

    async def read_again() -> None:
        before = ring.asked["callers.api_keys"]
        async with asyncio.timeout(5):
            # The second that begins from now on is behind one that has seen it all.
            while ring.asked["callers.api_keys"] < before + 2:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.001)

    async with other.kept():
        text, key = await ring.keep()
        await read_again()
        assert other.holder(text).subject == "partner:agency-1"

        await ring.store.callers.save_api_key(replace(key, revoked_at=NOON))
        await read_again()
        with pytest.raises(Unauthenticated, match="this API key was revoked"):
            other.holder(text)


class Away:
    """A store of callers that cannot be read."""

    async def api_keys(self) -> Sequence[ApiKey]:
        raise ConnectionError("the store is away")


async def test_a_store_that_is_away_at_the_start_is_told_and_hinders_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ring = KeyRing(Away(), Clock(), PAUSE)  # type: ignore[arg-type]

    with caplog.at_level(logging.ERROR):
        async with ring.kept():
            pass

    assert [line.message for line in caplog.records] == [
        "reading the API keys failed; trying again"
    ]


async def test_what_a_key_has_open_is_ended_by_the_reading_that_finds_it_dead(ring: Ring) -> None:
    text, key = await ring.keep()
    other, _ = await ring.keep("agency-2")
    await ring.ring.read()
    ended: list[str] = []

    with (
        ring.ring.ending(ring.ring.holder(text), lambda: ended.append("agency-1")),
        ring.ring.ending(ring.ring.holder(other), lambda: ended.append("agency-2")),
    ):
        await ring.ring.read()
        assert ended == []
        await ring.store.callers.save_api_key(replace(key, revoked_at=NOON))
        await ring.ring.read()
        assert ended == ["agency-1"]
    await ring.ring.read()
    assert ended == ["agency-1"]


def test_no_line_of_the_log_shows_a_key() -> None:
    text, minted = mint()
    program = """
import logging, sys, structlog
from gateway.logs import configure_logging
configure_logging()
structlog.get_logger().info("request", at="/x/" + sys.argv[1], headers=[sys.argv[1]])
logging.getLogger("driver").warning("cannot use %s", sys.argv[1])
try:
    raise ValueError(sys.argv[1])
except ValueError:
    logging.getLogger("driver").exception("failed")
"""

    told = subprocess.run(
        [sys.executable, "-c", program, text], capture_output=True, text=True, check=True
    )

    assert told.stderr.count("[hidden]") >= 4
    assert minted.id not in told.stderr
    assert text[-49:] not in told.stderr
