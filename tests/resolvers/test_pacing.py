"""When each entity of a backend is read next (S2, G4)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from resolvers.backend_ports import Backend, Capabilities, Idempotency, Role
from resolvers.domain.feeds import Feed
from resolvers.domain.pacing import Beat, Pace, pause
from resolvers.domain.values import utc
from resolvers.house import CATALOG, LISTINGS, LOCATIONS, MEMBERS
from resolvers.schedule import Schedule
from resolvers.sync import Read
from resolvers.terms import SyncTerms

NOW = utc(2026, 11, 28, 9)
TERMS = SyncTerms(quiet_seconds=8.0, scan_seconds=100.0, whole_hours=24.0)
NEW, NOTHING_NEW, FAILED = Read(True, 3), Read(True, 0), Read(False, 0)


class Source:
    """Stands where a role is; nobody asks it."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


def shop(**more: object) -> Backend:
    source = Source()
    can = Capabilities((Role.CATALOG_SOURCE,), Idempotency.NONE)
    backend = Backend("shop", "any", can, source, poll_seconds=2.0, catalog=source)  # type: ignore[arg-type]
    return replace(backend, **more)  # type: ignore[arg-type]


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_looks_follow_each_other_quickly_until_ten_of_them_have_found_nothing() -> None:
    pace, beat, pauses = Pace(2.0, 8.0, 2.0), Beat(), []
    for _ in range(14):
        beat = beat.found(0)
        pauses.append(pause(pace, beat))

    assert pauses == [2.0] * 10 + [4.0, 8.0, 8.0, 8.0]
    assert pause(pace, beat.found(1)) == 2.0


def test_failed_looks_wait_longer_and_longer_up_to_fifteen_seconds() -> None:
    pace, beat, pauses = Pace(2.0, 8.0, 2.0), Beat(), []
    for _ in range(5):
        beat = beat.failed()
        pauses.append(pause(pace, beat))

    assert pauses == [2.0, 4.0, 8.0, 15.0, 15.0]
    assert pause(Pace(100.0, 100.0, 2.0), beat) == 15.0


def test_an_entity_is_due_again_after_its_pause_and_never_twice_at_once() -> None:
    schedule = Schedule(shop(), TERMS, NOW)
    assert schedule.due(NOW) == [CATALOG]

    assert not schedule.begin(CATALOG, [], NOW)
    assert schedule.due(NOW + seconds(60)) == []
    schedule.end(CATALOG, NEW, NOW + seconds(60))

    assert schedule.seconds_left(NOW + seconds(60)) == 2.0
    assert schedule.due(NOW + seconds(62)) == [CATALOG]


def test_once_a_backend_is_back_all_of_it_is_looked_at_at_once() -> None:
    """Else what is looked at seldom would be called failing until its turn (G4)."""
    source = Source()
    schedule = Schedule(shop(locations=source), TERMS, NOW)
    for entity in (LOCATIONS, CATALOG):
        schedule.begin(entity, [], NOW)
        schedule.end(entity, NOTHING_NEW, NOW)
    away = Read(good=False, changed=0, there=False)

    schedule.begin(CATALOG, [], NOW + seconds(2))
    schedule.end(CATALOG, away, NOW + seconds(2))
    assert schedule.due(NOW + seconds(3)) == []
    schedule.begin(CATALOG, [], NOW + seconds(4))
    schedule.end(CATALOG, NOTHING_NEW, NOW + seconds(4))

    assert schedule.due(NOW + seconds(4)) == [LOCATIONS]


def test_one_that_fails_alone_brings_nobody_elses_turn_forward() -> None:
    """G4: its own pause grows, and the others keep theirs, or all would be read without one."""
    schedule = Schedule(shop(locations=Source()), TERMS, NOW)
    for entity in (LOCATIONS, CATALOG):
        schedule.begin(entity, [], NOW)
        schedule.end(entity, NOTHING_NEW, NOW)
    schedule.begin(CATALOG, [], NOW + seconds(2))
    schedule.end(CATALOG, Read(good=False, changed=0, there=False), NOW + seconds(2))

    schedule.begin(LOCATIONS, [], NOW + seconds(2))
    schedule.end(LOCATIONS, NOTHING_NEW, NOW + seconds(2))

    assert schedule.due(NOW + seconds(2)) == []


def test_what_waits_for_something_else_counts_neither_as_failed_nor_as_quiet() -> None:
    schedule = Schedule(shop(), TERMS, NOW)
    for _ in range(20):
        schedule.begin(CATALOG, [], NOW)
        schedule.end(CATALOG, Read(good=False, changed=0, waits=True), NOW)

    assert schedule.seconds_left(NOW) == 2.0


def test_a_hint_has_it_read_at_once_and_again_if_it_came_while_it_was_read() -> None:
    schedule = Schedule(shop(), TERMS, NOW)
    schedule.begin(CATALOG, [], NOW)
    schedule.hint(CATALOG, NOW)
    schedule.hint(MEMBERS, NOW)
    schedule.end(CATALOG, NOTHING_NEW, NOW + seconds(1))

    assert schedule.due(NOW + seconds(1)) == [CATALOG]
    schedule.begin(CATALOG, [], NOW)
    schedule.end(CATALOG, NOTHING_NEW, NOW + seconds(1))
    assert schedule.due(NOW + seconds(1)) == []


def test_what_can_only_be_read_whole_is_read_seldom() -> None:
    can = Capabilities((Role.MEMBER_SOURCE,), Idempotency.NONE, scanned=(MEMBERS,))
    schedule = Schedule(shop(catalog=None, members=Source(), capabilities=can), TERMS, NOW)
    assert not schedule.begin(MEMBERS, [], NOW)
    schedule.end(MEMBERS, NEW, NOW)

    assert schedule.seconds_left(NOW) == 100.0


@pytest.mark.parametrize(
    ("feed", "deletions", "whole"),
    [
        (None, False, False),
        (Feed("shop", LISTINGS, cursor="9", whole_at=NOW - timedelta(hours=23)), False, False),
        (Feed("shop", LISTINGS, cursor="9", whole_at=NOW - timedelta(hours=24)), False, True),
        (Feed("shop", LISTINGS, cursor="9"), False, True),
        (Feed("shop", LISTINGS, cursor="9", read=500), False, False),
        (Feed("shop", LISTINGS, cursor="9"), True, False),
    ],
)
def test_what_nobody_tells_the_end_of_is_read_whole_once_a_day(
    feed: Feed | None, *, deletions: bool, whole: bool
) -> None:
    can = Capabilities((Role.LISTING_SOURCE,), Idempotency.NONE, deletions=deletions)
    schedule = Schedule(shop(listings=Source(), capabilities=can), TERMS, NOW)

    assert schedule.begin(LISTINGS, [] if feed is None else [feed], NOW) is whole


def test_a_person_may_wish_it_whole_once() -> None:
    schedule = Schedule(shop(), TERMS, NOW)
    schedule.hint(CATALOG, NOW, whole=True)

    assert schedule.begin(CATALOG, [], NOW)
    schedule.end(CATALOG, NEW, NOW)
    assert not schedule.begin(CATALOG, [], NOW)
