"""What a running process takes over from its files without a restart: documents, rules, origins.

SIGHUP has the file of settings and the manifest read again; the manifest is also looked at now and
then by itself. All is read and looked over before anything is exchanged, so that a broken file
leaves everything as it was, and the log says why.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass, replace

from gateway import workers
from gateway.bootstrap import Runtime
from gateway.documents import Library, stamp_of
from gateway.http_layers import Origins
from gateway.listeners import Listeners
from gateway.settings import Settings, SettingsError
from resolvers.domain.errors import CommerceError

log = logging.getLogger(__name__)


class Reloader:
    """Exchanges what can be exchanged in one process; ``again`` reads its settings once more.

    None of it reaches into a request that is under way.
    """

    def __init__(
        self,
        runtime: Runtime,
        library: Library,
        listeners: Listeners,
        origins: Origins,
        again: Callable[[], Settings] | None = None,
    ) -> None:
        self._runtime = runtime
        self._library = library
        self._listeners = listeners
        self._origins = origins
        self._again = again or (lambda: runtime.settings)
        self._settings = runtime.settings
        self._stamp = library.edition.stamp
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Has everything read again, soon."""
        self._asked.set()

    async def run(self) -> None:
        """Waits to be asked, and looks at the manifest in between, until it is cancelled."""
        while True:
            pause = self._settings.documents.look_seconds
            try:
                async with asyncio.timeout(pause or None):
                    await self._asked.wait()
            except TimeoutError:
                await self._look()
            else:
                self._asked.clear()
                await self._told("settings", self._reload)

    async def _look(self) -> None:
        """Takes the manifest over if its file is another one than when it was last tried."""
        if stamp_of(self._settings.documents.manifest) != self._stamp:
            await self._told("manifest", self._reload_manifest)

    async def _told(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except SettingsError as error:
            for problem in error.problems:
                log.warning("%s not taken over, all stays as it was: %s", what, problem)
        except (CommerceError, OSError) as error:
            log.warning("%s not taken over, all stays as it was: %s", what, error)
        except Exception:  # the outermost place of this work: the process goes on as it was
            log.exception("taking over the %s failed in our own code", what)

    async def _reload_manifest(self) -> None:
        documents = self._settings.documents
        self._stamp = stamp_of(documents.manifest)
        edition = await asyncio.to_thread(self._library.opened, documents)
        self._library.adopt(edition)
        log.info("manifest taken over: %d documents", len(edition.manifest.entries))

    async def _reload(self) -> None:
        found = await asyncio.to_thread(self._again)
        now = _taken_over(self._settings, found)
        stamp = stamp_of(now.documents.manifest)
        edition = await asyncio.to_thread(self._library.opened, now.documents)
        await workers.rule(self._runtime, now.rules())
        self._library.adopt(edition)
        self._stamp = stamp  # not before: a manifest is looked at again if only the rules failed
        self._origins.allowed = now.server.allowed_origins
        self._listeners.bounds = replace(self._listeners.bounds, origins=now.sockets.origins)
        self._settings = now
        log.info(
            "settings taken over: %d documents, %d stock rules",
            len(edition.manifest.entries),
            len(now.rules()),
        )
        if left := differences(now, found):
            log.warning("changed, but not before a restart: %s", ", ".join(left))


def _taken_over(old: Settings, found: Settings) -> Settings:
    """Settings with what can be exchanged from those that were found."""
    return replace(
        old,
        documents=found.documents,
        stock_rules=found.stock_rules,
        server=replace(old.server, allowed_origins=found.server.allowed_origins),
        sockets=replace(old.sockets, origins=found.sockets.origins),
    )


def differences(one: Settings, other: Settings) -> list[str]:
    """What two settings differ in: ``section.key``, and the name of a list as a whole. A password
    is not compared.
    """
    told = []
    for section in fields(Settings):
        mine, its = getattr(one, section.name), getattr(other, section.name)
        if not is_dataclass(mine):
            told += [section.name] if mine != its else []
            continue
        told += [
            f"{section.name}.{item.name}"
            for item in fields(mine)
            if item.compare and getattr(mine, item.name) != getattr(its, item.name)
        ]
    return told


class Early:
    """Remembers that SIGHUP came before there was anybody to heed it, which ends a process else."""

    def __init__(self) -> None:
        self.came = False
        signal.signal(signal.SIGHUP, self._note)

    def _note(self, _: int, __: object) -> None:
        self.came = True


@asynccontextmanager
async def reloading(reloader: Reloader, early: Early) -> AsyncIterator[None]:
    """Heeds SIGHUP, and one that came early, and looks at the manifest, until the block ends."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.ask)
    if early.came:
        reloader.ask()
    task = asyncio.create_task(reloader.run(), name="reloading")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
