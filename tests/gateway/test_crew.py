"""How a crew of workers is looked after, without a gateway in it (G4)."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from gateway.crew import PAUSE_MAX_SECONDS, Crew, Post, pause_after
from gateway.logs import configure_logging
from gateway.siblings import Siblings

STARTS_MAX_SECONDS = 30.0


def test_a_worker_that_dies_again_and_again_is_started_less_and_less_often() -> None:
    pauses = [pause_after(failures) for failures in range(9)]

    assert pauses == [0.0, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert pause_after(1_000_000) == PAUSE_MAX_SECONDS


def test_a_first_worker_that_cannot_serve_ends_the_crew_with_its_code(tmp_path: Path) -> None:
    starts = tmp_path / "starts"

    def work(post: Post) -> int:
        with starts.open("a") as file:
            file.write(f"{post.number} {post.greets}\n")
        return 2

    assert Crew(3, work, patience_seconds=1).run() == 2
    assert starts.read_text() == "0 True\n"


def test_a_bug_in_a_first_worker_ends_the_crew(capfd: pytest.CaptureFixture[str]) -> None:
    def work(_: Post) -> int:
        raise RuntimeError

    assert Crew(2, work, patience_seconds=1).run() == 1


def test_the_others_follow_when_the_first_serves_and_all_hear_of_the_end(tmp_path: Path) -> None:
    supervisor = os.getpid()

    def work(post: Post) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        (tmp_path / f"{post.number}").write_text(f"{post.of} {post.greets}")
        if len(list(tmp_path.iterdir())) == 3:
            os.kill(supervisor, signal.SIGTERM)
        post.serving()
        return 0 if signal.sigwait([signal.SIGTERM]) else 1

    assert Crew(3, work, patience_seconds=5).run() == 0
    said = [(tmp_path / f"{number}").read_text() for number in range(3)]
    assert said == ["3 True", "3 False", "3 False"]


def test_a_worker_that_dies_is_started_anew_and_the_signal_to_read_again_reaches_it(
    tmp_path: Path,
) -> None:
    supervisor, lives = os.getpid(), tmp_path / "lives"

    def work(post: Post) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGHUP])
        with lives.open("a") as file:
            file.write(f"{post.number} {post.early.came}\n")
        post.serving()
        if post.number == 0:
            return 0 if signal.sigwait([signal.SIGTERM]) else 1
        if len(lives.read_text().splitlines()) == 2:
            os.kill(supervisor, signal.SIGHUP)
            signal.sigwait([signal.SIGHUP])
            os.kill(os.getpid(), signal.SIGKILL)
        os.kill(supervisor, signal.SIGTERM)
        return 0 if signal.sigwait([signal.SIGTERM]) else 1

    assert Crew(2, work, patience_seconds=5).run() == 0
    # the second life of worker 1 reads its settings again, as worker 0 was told to
    assert sorted(lives.read_text().splitlines()) == ["0 False", "1 False", "1 True"]


def test_a_worker_that_will_not_end_is_killed_and_the_crew_says_that_it_failed() -> None:
    supervisor = os.getpid()

    def work(post: Post) -> int:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        post.serving()
        os.kill(supervisor, signal.SIGTERM)
        threading.Event().wait(STARTS_MAX_SECONDS)
        return 0

    began = time.monotonic()

    assert Crew(1, work, patience_seconds=-4).run() == 1  # a second, with what is waited beyond
    assert time.monotonic() - began < STARTS_MAX_SECONDS


def test_a_worker_that_hangs_is_killed_and_started_anew(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    supervisor, lives = os.getpid(), tmp_path / "lives"
    configure_logging()

    def work(post: Post) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        with lives.open("a") as file:
            file.write(f"{post.number}\n")
        post.serving()
        if len(lives.read_text().splitlines()) < 3:
            if post.number == 1:
                threading.Event().wait(STARTS_MAX_SECONDS)  # hung
        else:
            os.kill(supervisor, signal.SIGTERM)
        while not signal.sigtimedwait([signal.SIGTERM], 0.01):
            post.serving()  # well
        return 0

    assert Crew(2, work, patience_seconds=5, look_seconds=0.1).run() == 0
    assert lives.read_text().splitlines() == ["0", "1", "1"]
    assert "worker 1" in capfd.readouterr().err


def test_nothing_is_left_of_a_crew(tmp_path: Path) -> None:
    met = tmp_path / "met"

    def work(post: Post) -> int:
        met.write_text(str(post.meeting))
        return 0 if post.meeting.is_dir() else 3

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    assert Crew(1, work, patience_seconds=1).run() == 1  # it never served
    assert not Path(met.read_text()).exists()
    assert {number: signal.getsignal(number) for number in before} == before


# ---- metrics of all ----------------------------------------------------------------------------


def counting(number: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    counter = Counter("gateway_operations", "Operations.", ["type"], registry=registry)
    counter.labels("query").inc(number + 1)
    return registry


def lines_of(text: bytes) -> list[str]:
    return [line for line in text.decode().splitlines() if "_created" not in line]


async def test_whoever_is_asked_tells_what_all_workers_count(tmp_path: Path) -> None:
    siblings = [Siblings(number, 3, tmp_path) for number in range(3)]
    registries = [counting(number) for number in range(3)]

    async with siblings[0].told(registries[0]), siblings[1].told(registries[1]):
        text = await siblings[1].metrics(registries[1])

    assert lines_of(text) == [
        "# HELP gateway_worker_up 1 while a worker tells its metrics.",
        "# TYPE gateway_worker_up gauge",
        'gateway_worker_up{worker="0"} 1.0',
        'gateway_worker_up{worker="1"} 1.0',
        'gateway_worker_up{worker="2"} 0.0',
        "# HELP gateway_operations_total Operations.",
        "# TYPE gateway_operations_total counter",
        'gateway_operations_total{type="query",worker="0"} 1.0',
        'gateway_operations_total{type="query",worker="1"} 2.0',
    ]


async def test_a_worker_that_was_killed_leaves_its_place_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("")  # a socket that nobody listens on any more looks so
    one, other = Siblings(0, 2, tmp_path), Siblings(1, 2, tmp_path)
    async with one.told(counting(0)):
        alone = await one.metrics(counting(0))
        async with other.told(counting(1)):
            both = await one.metrics(counting(0))

    assert 'gateway_worker_up{worker="1"} 0.0' in lines_of(alone)
    assert 'gateway_operations_total{type="query",worker="1"} 2.0' in lines_of(both)
