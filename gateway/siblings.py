"""What the workers behind one port tell of each other: who is asked for metrics tells all.

Each listens on a socket in a folder of its crew's own, and writes its metrics to whoever connects.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

ANSWER_SECONDS = 1.0
"""How long a sibling has to tell its metrics: a scrape waits ten times as long."""

LABEL = "worker"

log = logging.getLogger(__name__)


class Siblings:
    """The ``count`` workers that meet in a folder, as the one with a number sees them."""

    def __init__(self, number: int, count: int, meeting: Path) -> None:
        self._number = number
        self._count = count
        self._meeting = meeting

    def _door(self, number: int) -> Path:
        return self._meeting / f"{number}"

    @asynccontextmanager
    async def told(self, registry: CollectorRegistry) -> AsyncIterator[None]:
        """Tells siblings what a registry holds, until the block ends."""

        async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                writer.write(generate_latest(registry))
                await writer.drain()
                writer.close()

        door = self._door(self._number)
        door.unlink(missing_ok=True)  # of the one that had this place before
        server = await asyncio.start_unix_server(tell, door)
        try:
            yield
        finally:
            server.close()
            door.unlink(missing_ok=True)

    async def metrics(self, registry: CollectorRegistry) -> bytes:
        """What all workers count, each under a label with its number; one that gives no answer has
        nothing but ``gateway_worker_up`` 0.
        """
        others = [at for at in range(self._count) if at != self._number]
        heard = await asyncio.gather(*(self._heard(at) for at in others))
        texts = {at: text for at, text in zip(others, heard, strict=True) if text}
        texts[self._number] = generate_latest(registry).decode()
        together = CollectorRegistry()
        together.register(_Together(range(self._count), texts))
        return generate_latest(together)

    async def _heard(self, number: int) -> str:
        """A sibling's metrics; "" if it gives none."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._door(number))
                try:
                    return (await reader.read()).decode()
                finally:
                    writer.close()
        except (TimeoutError, OSError) as error:
            log.warning("worker %d did not tell its metrics: %s", number, type(error).__name__)
            return ""


class _Together(Collector):
    """The metrics of several workers as one's."""

    def __init__(self, numbers: Iterable[int], texts: dict[int, str]) -> None:
        self._numbers = numbers
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        """Every family once, with the samples of all."""
        up = Metric("gateway_worker_up", "1 while a worker tells its metrics.", "gauge")
        families: dict[str, Metric] = {up.name: up}
        for number in self._numbers:
            label = {LABEL: str(number)}
            up.add_sample(up.name, label, float(number in self._texts))
            for family in text_string_to_metric_families(self._texts.get(number, "")):
                whole = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    whole.add_sample(sample.name, {**sample.labels, **label}, sample.value)
        yield from families.values()
