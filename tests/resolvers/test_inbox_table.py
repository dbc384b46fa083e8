"""What becomes of a message that cannot be followed (S2)."""

from datetime import timedelta

import pytest

from resolvers.domain.inbox import (
    Message,
    MessageStatus,
    Wish,
    known_by,
    pause_after,
    put_off,
    wish_of,
    wished,
)
from resolvers.domain.values import utc

NOON = utc(2026, 3, 2, 12)
MESSAGE = Message("m", "crm", "k", NOON, b"{}")
DAY = timedelta(hours=24)


def test_pauses_grow_up_to_five_minutes() -> None:
    pauses = [pause_after(attempts) for attempts in (1, 2, 3, 7, 8, 9, 300)]

    assert pauses == [2.0, 4.0, 8.0, 128.0, 256.0, 300.0, 300.0]


def test_after_a_day_of_tries_it_waits_for_a_person() -> None:
    message, tries = MESSAGE, 0
    while message.status is MessageStatus.WAITING:
        message = put_off(message, "gone" * 200, NOON, DAY)
        tries += 1

    assert (message.status, tries, message.attempts) == (MessageStatus.PARKED, 296, 296)
    assert message.error == "gone" * 125


def test_a_longer_pause_that_the_backend_asked_for_is_kept() -> None:
    assert put_off(MESSAGE, "", NOON, DAY, 900.0).not_before == NOON + timedelta(seconds=900)


def test_a_wish_is_the_same_for_the_same_caller_and_key() -> None:
    wish = Wish(("orders", "stock"), whole=True)
    one, again, other = (
        wished(id, "crm", subject, "k", wish, NOON)
        for id, subject in (("1", "ann"), ("2", "ann"), ("3", "bob"))
    )

    assert one.dedupe_key == again.dedupe_key != other.dedupe_key
    assert wish_of(one) == wish
    assert wish_of(MESSAGE) is None


@pytest.mark.parametrize("key", ["", "x" * 256, "\x1fwish:1", "a\nb", "\ud800"])
def test_a_key_that_cannot_be_kept_or_is_ours_becomes_the_bodys_digest(key: str) -> None:
    assert known_by(key, b"{}").startswith("sha256:44136fa355b3678a")
    assert known_by("b54557e4", b"{}") == "b54557e4"
