"""Load over HTTP by wrk: what one round came to.

wrk keeps its connections alive and asks on each as soon as it was answered, so what is measured is
a server that always has as many requests before it as there are connections.
"""

import asyncio
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.servers.cases import Case
from bench.servers.house import HERE, Server
from bench.servers.processes import cpu_seconds, resident_mib

LENGTH_MAY_DIFFER = 0.05
"""How far answers may differ in length from the one looked at: dates and ids do a little."""

REQUESTS_MIN = 10
STOP_SECONDS = 30


class NotMeasured(RuntimeError):
    """A round was not what it has to be; the message says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """What wrk has counted. Times in microseconds."""

    requests: int
    micros: int
    bytes: int
    refused: int
    broken: int
    late: int
    p50: int
    p99: int


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to. CPU is the server's own, all its processes; a rate by core is what
    one core would do that did nothing else. Times in milliseconds, memory in MiB.
    """

    requests: int
    per_second: float
    per_core: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    resident_mib: float


def told(text: str) -> Told:
    """What wrk has printed.

    Raises:
        NotMeasured: it has printed no figures.
    """
    for line in text.splitlines():
        if line.startswith("measured "):
            return Told(**json.loads(line.removeprefix("measured ")))
    raise NotMeasured(f"wrk told no figures: {text[-500:]}")


def round_of(counted: Told, cpu: float, resident: float, length: int) -> Round:
    """A round, of what wrk has counted and what the server has used; ``length`` is that of an
    answer that was looked at.

    Raises:
        NotMeasured: some requests were not answered, or with something else.
    """
    if counted.refused or counted.broken or counted.late:
        raise NotMeasured(
            f"of {counted.requests} requests {counted.refused} were refused, {counted.broken} broke"
            f" off and {counted.late} came too late"
        )
    if counted.requests < REQUESTS_MIN or cpu <= 0:
        raise NotMeasured(f"{counted.requests} requests and {cpu:g} s of CPU are too few to tell")
    mean = counted.bytes / counted.requests
    if abs(mean - length) > LENGTH_MAY_DIFFER * length:
        raise NotMeasured(f"answers have {mean:.0f} bytes, the one looked at has {length}")
    return Round(
        counted.requests,
        round(counted.requests / counted.micros * 1e6, 1),
        round(counted.requests / cpu, 1),
        round(counted.p50 / 1e3, 2),
        round(counted.p99 / 1e3, 2),
        round(cpu * 1e3 / counted.requests, 4),
        round(resident, 1),
    )


async def loaded(server: Server, case: Case, seconds: int, *, length: int, folder: Path) -> Round:
    """Some seconds of one case on one server.

    Raises:
        NotMeasured: the round was not what it has to be.
    """
    body = folder / "body.json"
    body.write_text(case.body, encoding="utf-8")
    env = {
        **os.environ,
        "BENCH_BODY": str(body),
        "BENCH_RUN": f"r{time.time_ns()}",
        "BENCH_TOKEN": server.shopper,
    }
    words = ("-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", "wrk.lua")
    before = cpu_seconds(server.pid)
    process = await asyncio.create_subprocess_exec(
        "wrk",
        *words,
        f"http://{server.host}:{server.port}/graphql",
        cwd=HERE,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(seconds + STOP_SECONDS):
            text, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    used = cpu_seconds(server.pid) - before
    try:
        return round_of(told(text.decode()), used, resident_mib(server.pid), length)
    except NotMeasured as found:
        raise NotMeasured(f"{server.name}, {case.name}: {found}") from found
