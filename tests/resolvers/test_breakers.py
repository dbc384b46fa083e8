"""The circuit breaker: when a system that failed is asked again (G4)."""

from resolvers.domain.breakers import Breaker, BreakerState, BreakerTerms

TERMS = BreakerTerms(failures_max=3, pause_first=1.0, pause_max=4.0, probe_seconds=10.0)


def after(failures: int, at: float = 100.0) -> Breaker:
    breaker = Breaker()
    for _ in range(failures):
        breaker = breaker.failed(at, TERMS)
    return breaker


def test_a_few_failures_open_nothing_and_an_answer_forgets_them() -> None:
    assert after(2).state(100.0, TERMS) is BreakerState.CLOSED
    assert after(2).answered() == Breaker()


def test_it_opens_at_the_last_failure_allowed_and_asks_again_when_the_pause_is_over() -> None:
    opened = after(3)

    assert opened.state(100.9, TERMS) is BreakerState.OPEN
    assert opened.asked(100.9, TERMS) is None
    assert opened.state(101.0, TERMS) is BreakerState.HALF_OPEN


def test_one_asks_whether_it_is_back_and_the_others_are_turned_away() -> None:
    probing = after(3).asked(101.0, TERMS)

    assert probing is not None
    assert probing.asked(101.1, TERMS) is None
    assert probing.answered() == Breaker()
    assert probing.left().asked(101.1, TERMS) is not None


def test_a_prober_that_never_comes_back_keeps_nobody_out_for_ever() -> None:
    probing = after(3).asked(101.0, TERMS)

    assert probing is not None
    assert probing.asked(110.9, TERMS) is None
    assert probing.asked(111.0, TERMS) is not None


def test_pauses_double_up_to_the_longest() -> None:
    breaker, now, pauses = after(3), 100.0, []
    for _ in range(4):
        pauses.append(breaker.until - now)
        now = breaker.until
        probing = breaker.asked(now, TERMS)
        assert probing is not None
        breaker = probing.failed(now, TERMS)

    assert pauses == [1.0, 2.0, 4.0, 4.0]


def test_those_who_had_asked_before_it_opened_do_not_make_the_pause_longer() -> None:
    assert after(8).until == after(3).until
