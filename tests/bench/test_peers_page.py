"""What is kept and shown of races: all comes back, and no ratio stands where none may (G5)."""

from pathlib import Path

from bench.peers.figures import Case, Kind, Run
from bench.peers.ours import NAME as OURS
from bench.peers.page import Race, Results, page

CASE = Case(Kind.HOLD, processes=2, buyers=50, units=10_000)


def race(product: str, rate: float, *, buyers: int = 50, oversold: int = 0) -> Race:
    run = Run(
        buyers=buyers,
        accepted=60,
        accepted_per_second=rate,
        answers_per_second=rate,
        p50_ms=1234.5,
        p99_ms=2345.6,
        refused=0,
        failed=2,
        unanswered=0,
        oversold=oversold,
        uncounted=0,
        cpu_ms=4.25,
        seconds=6.0,
        cut=False,
        reasons={"500 no lock": 2},
    )
    return Race(product, CASE, run, load=3.0)


def results(*races: Race) -> Results:
    return Results(
        at="2026-11-28T10:00+00:00",
        machine="2 cores",
        steps={OURS: {"hold": "one request"}, "peer": {}},
        facts={"peer": {"fsync": "on"}},
        races=list(races),
        notes=["the run was ended from outside"],
    )


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    found = results(race(OURS, 100.0), race("peer", 5.0))

    found.kept(tmp_path / "results" / "peers.json")

    assert Results.read(tmp_path / "results" / "peers.json") == found
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["peers.json"]


def test_a_page_tells_steps_figures_ratios_and_what_failed() -> None:
    ours = [race(OURS, rate) for rate in (90.0, 100.0, 110.0)]
    peers = [race("peer", rate, buyers=40, oversold=3) for rate in (4.5, 5.0, 5.0)]

    lines = page(results(*ours, *peers)).splitlines()

    assert lines[0] == "2026-11-28T10:00+00:00, 2 cores; load 3 to 3."
    assert "- peer, hold: there is no such thing." in lines
    assert "- peer runs on: fsync on." in lines
    figures = "| 3 | 60 | 5.0 | 5.0 | 10% | 1,234 | 2,346 | 4.2 | 6 | 0 | 3 | 0 |"
    assert f"| hold | 2 | 40 of 50 | 10,000 | peer {figures}" in lines
    assert "| hold | 2 | 50 | 10,000 | peer | 20.0 x | 1.0 x |" in lines
    assert "- peer failed 6 times 500 no lock." in lines
    assert lines[-1] == "- the run was ended from outside"


def test_a_page_says_why_there_is_no_ratio() -> None:
    ours = [race(OURS, rate) for rate in (50.0, 100.0, 110.0)]
    peers = [race("peer", 5.0) for _ in range(3)]

    shown = page(results(*ours, *peers))

    assert "| peer | none: spread 60% (ours) | 1.0 x |" in shown


def test_results_of_two_runs_are_shown_as_one() -> None:
    first, second = results(race(OURS, 1.0)), results(race(OURS, 2.0))

    first.adds(second)

    assert [found.run.accepted_per_second for found in first.races] == [1.0, 2.0]
