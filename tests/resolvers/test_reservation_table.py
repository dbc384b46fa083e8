"""The table of what may become of a reservation, looked at as a whole."""

from resolvers.domain.reservation import TRANSITIONS, Action, Status

ENDS = {Status.FULFILLED, Status.RELEASED, Status.EXPIRED}


def reachable(start: Status) -> set[Status]:
    """Every state that some steps from ``start`` lead to, itself included."""
    seen: set[Status] = set()
    waiting = [start]
    while waiting:
        status = waiting.pop()
        if status not in seen:
            seen.add(status)
            waiting += [after for (before, _), after in TRANSITIONS.items() if before is status]
    return seen


def test_every_state_can_be_reached_from_a_new_hold() -> None:
    assert reachable(Status.HELD) == set(Status)


def test_an_end_has_no_way_on_and_every_other_state_has_a_way_to_one() -> None:
    assert set(Status) - {before for before, _ in TRANSITIONS} == ENDS
    for status in set(Status) - ENDS:
        assert reachable(status) & ENDS


def test_every_action_is_possible_somewhere() -> None:
    assert {action for _, action in TRANSITIONS} == set(Action)


def test_only_what_is_committed_leaves_the_building_and_it_never_expires() -> None:
    assert {before for before, action in TRANSITIONS if action is Action.FULFILL} == {
        Status.COMMITTED
    }
    assert (Status.COMMITTED, Action.EXPIRE) not in TRANSITIONS
