"""The gateway beside other commerce servers: one hot SKU, many buyers, the same clients for all.

    python -m bench.peers [--quick] [--rounds N] [--minutes M] [--only NAME ...] [--out FILE]
    python -m bench.peers --show FILE ...

Medusa and Vendure are installed on the first run, each on a PostgreSQL of its own that waits for
its disk. Races are interleaved: round after round, one product at a time, and whose turn is first
changes. Each buyer keeps a connection. Holds go on for some seconds; for a purchase, a peer's
sessions and carts are made before the clock, one a buyer, and a buyer of the gateway goes on.
``--show`` prints the page of results that were kept. Exit status: 1 if the gateway oversold.
"""

import argparse
import asyncio
import itertools
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

from bench import processor
from bench.peers.figures import Case, Kind
from bench.peers.medusa.house import Locks
from bench.peers.medusa.stall import NAME as MEDUSA
from bench.peers.medusa.stall import medusa
from bench.peers.ours import NAME as OURS
from bench.peers.ours import gateway
from bench.peers.page import Race, Results, page
from bench.peers.race import CUT_SECONDS, HOLD_SECONDS, PREPARE_SECONDS, Bounds, Failed, Stall, race
from bench.peers.vendure import NAME as VENDURE
from bench.peers.vendure import vendure
from tests.live.processes import SystemFailed

RESULTS = Path(__file__).parents[1] / "results" / "peers.json"
PRODUCTS = {"gateway": OURS, "medusa": MEDUSA, "vendure": VENDURE}
PROCESSES, BUYERS, UNITS = (1, 2, 4), (50, 500), (10, 10_000)
ALONE = 4  # processes at which only the gateway is raced, for what it oversells
TROUBLE = (SystemFailed, Failed, RuntimeError, TimeoutError, ConnectionError)
WARM = (10, 10_000, 3.0)  # buyers, units, seconds: a server's first seconds are not its own pace


def cases(asked: argparse.Namespace) -> Iterator[Case]:
    """What is raced: the fewest buyers first, as the time may be up before all is."""
    shapes = itertools.product(asked.buyers, asked.processes, asked.kinds, asked.units)
    for buyers, processes, kind, units in shapes:
        yield Case(kind, processes, buyers, units)


class Bench:
    """One whole run, which ends in time."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._bounds = Bounds(asked.hold, asked.cut, asked.prepare)
        self._end = time.monotonic() + asked.minutes * 60
        self.results = Results()
        self._programs: dict[str, set[int]] = {}

    async def run(self) -> None:
        """Every case; the servers of one number of buyers and processes are started anew."""
        by_servers = itertools.groupby(
            cases(self._asked), lambda case: (case.buyers, case.processes)
        )
        for (_, processes), group in by_servers:
            names = [OURS] if processes == ALONE else self._asked.only
            await self._beside(processes, list(group), names)

    async def _beside(self, processes: int, group: Sequence[Case], names: Sequence[str]) -> None:
        async with AsyncExitStack() as stack:
            stalls = []
            for name in names:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peers-")))
                if (stall := await self._opened(stack, name, folder, processes)) is not None:
                    stalls.append(stall)
            for case in group:
                for turn in range(self._asked.rounds):
                    for at in range(len(stalls)):
                        await self._race(stalls[(turn + at) % len(stalls)], case, turn)

    async def _opened(
        self, stack: AsyncExitStack, name: str, folder: Path, processes: int
    ) -> Stall | None:
        """A product that runs and is warm; None, and a note, of one that could not be had."""
        say(f"starting {name}, {processes} process(es)")
        facts = self.results.facts.setdefault(name, {})
        try:
            stall = await stack.enter_async_context(self._product(name, folder, processes, facts))
            buyers, units, seconds = WARM
            for kind in self._asked.kinds:
                if kind not in stall.steps:
                    continue
                case = Case(kind, processes, buyers, units)
                await race(stall, case, Bounds(seconds, self._bounds.cut, self._bounds.prepare))
        except TROUBLE as failure:
            self._noted(f"{name}, {processes} process(es), is left out: {failure}")
            return None
        self._claims(name)
        self.results.steps[name] = {str(kind): said for kind, said in stall.steps.items()}
        return stall

    def _product(
        self, name: str, folder: Path, processes: int, facts: dict[str, str]
    ) -> AbstractAsyncContextManager[Stall]:
        if name == MEDUSA:
            locks = Locks.MEMORY if processes == 1 else Locks(self._asked.locks)
            return medusa(folder, processes, locks, facts)
        if name == VENDURE:
            return vendure(folder, processes, facts)
        return gateway(folder, processes)

    async def _race(self, stall: Stall, case: Case, turn: int) -> None:
        if case.kind not in stall.steps:
            return
        if time.monotonic() > self._end:
            self._noted(f"{stall.name}, {case}: not run, the time was up")
            return
        load = os.getloadavg()[0]
        try:
            run = await race(
                stall,
                case,
                self._bounds,
                lambda: processor.taken(self._programs[stall.name]),
            )
            self._claims(stall.name)
        except TROUBLE as failure:
            self._noted(f"{stall.name}, {case}: {type(failure).__name__} {failure}")
            return
        self.results.races.append(Race(stall.name, case, run, load))
        self.results.kept(self._asked.out)
        say(f"{case.kind}, {case.processes} x, {case.buyers} after {case.units}, round {turn + 1}: "
            f"{stall.name} {run.accepted_per_second}/s, {run.accepted} accepted in "
            f"{run.seconds} s, {run.oversold} oversold")  # fmt: skip

    def _claims(self, name: str) -> None:
        """Programs that nobody's were are those of the product that was started last."""
        running = processor.children(os.getpid())
        others = (pids for whose, pids in self._programs.items() if whose != name)
        self._programs[name] = running.difference(*others)

    def _noted(self, note: str) -> None:
        if note not in self.results.notes:
            say(note)
            self.results.notes.append(note)


def say(progress: str) -> None:
    """A line for whoever waits."""
    print(f"peers: {progress}", file=sys.stderr, flush=True)


def asked_for(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="the smallest cases, one process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, help="no race begins later")
    parser.add_argument("--only", nargs="+", choices=PRODUCTS, metavar="NAME",
                        help=f"of {', '.join(PRODUCTS)}")  # fmt: skip
    parser.add_argument("--kinds", nargs="+", choices=[kind.name.lower() for kind in Kind])
    parser.add_argument("--processes", nargs="+", type=int, choices=PROCESSES)
    parser.add_argument("--buyers", nargs="+", type=int)
    parser.add_argument("--units", nargs="+", type=int)
    parser.add_argument("--locks", choices=[*map(str, Locks)], default=str(Locks.REDIS),
                        help="Medusa's, of several processes")  # fmt: skip
    parser.add_argument("--hold", type=float, default=HOLD_SECONDS, help="seconds buyers go on")
    parser.add_argument("--cut", type=float, default=CUT_SECONDS, help="seconds of a race at most")
    parser.add_argument("--prepare", type=float, default=PREPARE_SECONDS, help="seconds for carts")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--show", type=Path, nargs="+", metavar="FILE")
    asked = parser.parse_args(words)
    quick = asked.quick
    asked.only = [PRODUCTS[word] for word in asked.only or PRODUCTS]
    asked.kinds = [Kind[word.upper()] for word in asked.kinds] if asked.kinds else [*Kind]
    asked.processes = asked.processes or (PROCESSES[:1] if quick else PROCESSES)
    asked.buyers = asked.buyers or (BUYERS[:1] if quick else BUYERS)
    asked.units = asked.units or UNITS
    asked.minutes = asked.minutes or (30.0 if quick else 300.0)
    return asked


async def _whole(bench: Bench) -> None:
    """The run, which a signal ends as it would end by itself: servers first."""
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    await bench.run()


def main() -> int:
    """Races and prints, or prints what was kept."""
    asked = asked_for()
    if asked.show is not None:
        first, *others = map(Results.read, asked.show)
        for one in others:
            first.adds(one)
        print(page(first))
        return 0
    bench = Bench(asked)
    try:
        asyncio.run(_whole(bench))
    except (asyncio.CancelledError, KeyboardInterrupt):
        bench.results.notes.append("the run was ended from outside")
    bench.results.kept(asked.out)
    print(page(bench.results))
    ours = [race for race in bench.results.races if race.product == OURS]
    return 1 if any(race.run.oversold for race in ours) else 0


if __name__ == "__main__":
    sys.exit(main())
