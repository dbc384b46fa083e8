"""What is wrong with the configured backends, and what to do: the work of ``gateway doctor``.

It only looks. How each backend is asked stands behind its ``Health`` port.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from gateway.settings import BackendSettings, Settings
from resolvers.domain.errors import CommerceError
from resolvers.ports import Backend

Connect = Callable[[Settings, BackendSettings, Path], Backend]
"""Builds one backend from its settings; where it keeps files, in the data directory."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check of one backend said. ``remedy`` says what to do if it is not good."""

    backend: str
    check: str
    good: bool
    detail: str
    remedy: str = ""


def examine(settings: Settings, data: Path, connect: Connect) -> list[Finding]:
    """Asks every configured backend at once whether it is well; none waits for another."""
    return asyncio.run(_examine(settings, data, connect))


async def _examine(settings: Settings, data: Path, connect: Connect) -> list[Finding]:
    asked = (_examine_one(settings, backend, data, connect) for backend in settings.backends)
    return list(await asyncio.gather(*asked))


async def _examine_one(
    settings: Settings, configured: BackendSettings, data: Path, connect: Connect
) -> Finding:
    code, seconds = configured.code, configured.timeout_seconds
    try:
        backend = connect(settings, configured, data)
        async with asyncio.timeout(seconds):
            probe = await backend.health.probe()
    except TimeoutError:
        remedy = (
            "see whether it runs and is reachable from here; raise timeout_seconds if it is slow"
        )
        return Finding(code, "answers", False, f"no answer within {seconds:g} s", remedy)
    except (CommerceError, OSError) as error:
        remedy = f"compare the settings of backends.{code} with the system itself"
        return Finding(code, "answers", False, str(error), remedy)
    return Finding(code, "answers", probe.good, probe.detail, probe.remedy)


def table(findings: Sequence[Finding]) -> Table:
    """The findings for people, one a row."""
    shown = Table("Backend", "Check", "Result", "What was seen", "What to do")
    for finding in findings:
        result = Text("good", "green") if finding.good else Text("wrong", "bold red")
        words = (Text(finding.detail), Text(finding.remedy))
        shown.add_row(Text(finding.backend), Text(finding.check), result, *words)
    return shown
