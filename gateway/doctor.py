"""What is wrong with the configured backends, and what to do: the work of ``gateway doctor``.

It only looks. How each backend is asked stands behind its ports. What the settings name and no
backend has is a warning: a place may open later.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from gateway.settings import BackendSettings, LowStock, Settings, StockRuleSettings
from resolvers.backend_ports import Backend
from resolvers.domain.errors import CommerceError
from resolvers.domain.locations import Location

_NAMES_SHOWN = 20

Connect = Callable[[Settings, BackendSettings, Path], Backend]
"""Builds one backend from its settings; where it keeps files, in the data directory."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check of one backend said. ``remedy`` says what to do if it is not good; one that is
    not ``grave`` is a warning.
    """

    backend: str
    check: str
    good: bool
    detail: str
    remedy: str = ""
    grave: bool = True

    @property
    def wrong(self) -> bool:
        """Says whether something must be mended."""
        return self.grave and not self.good


def examine(settings: Settings, data: Path, connect: Connect) -> list[Finding]:
    """Asks every configured backend at once whether it is well; none waits for another."""
    return asyncio.run(_examine(settings, data, connect))


async def _examine(settings: Settings, data: Path, connect: Connect) -> list[Finding]:
    asked = (_examine_one(settings, backend, data, connect) for backend in settings.backends)
    seen = await asyncio.gather(*asked)
    places: list[Location] = []
    for _, known in seen:
        if known is None:  # what nobody has cannot be told while one of them gives no answer
            return [finding for finding, _ in seen]
        places += known
    return [*(finding for finding, _ in seen), *unknown_names(settings, places)]


async def _examine_one(
    settings: Settings, configured: BackendSettings, data: Path, connect: Connect
) -> tuple[Finding, Sequence[Location] | None]:
    """What a backend says of itself, and its locations; None if it does not say."""
    code, seconds = configured.code, configured.timeout_seconds
    try:
        backend = connect(settings, configured, data)
        async with asyncio.timeout(seconds):
            probe = await backend.health.probe()
            places = await _places_of(backend) if probe.good else None
    except TimeoutError:
        remedy = (
            "see whether it runs and is reachable from here; raise timeout_seconds if it is slow"
        )
        return Finding(code, "answers", False, f"no answer within {seconds:g} s", remedy), None
    except (CommerceError, OSError) as error:
        remedy = f"compare the settings of backends.{code} with the system itself"
        return Finding(code, "answers", False, str(error), remedy), None
    return Finding(code, "answers", probe.good, probe.detail, probe.remedy), places


async def _places_of(backend: Backend) -> Sequence[Location]:
    return () if backend.locations is None else await backend.locations.locations()


def unknown_names(settings: Settings, places: Sequence[Location]) -> list[Finding]:
    """Warnings of locations and regions that the settings name and no backend has."""
    if not places:
        return []
    overlays = {overlay.code: overlay for overlay in settings.locations}
    codes = {at.code for at in places}
    laid = [overlays[at.code].over(at) if at.code in overlays else at for at in places]
    regions = {at.region for at in laid if at.region is not None}
    scopes: list[tuple[str, StockRuleSettings | LowStock]] = [
        (f"stock_rules.{one.code}", one) for one in settings.stock_rules
    ]
    scopes += [(f"low_stock.{one.code}", one) for one in settings.low_stock]
    named = [(f"{key}.locations", scope.locations, codes) for key, scope in scopes]
    named += [(f"{key}.regions", scope.regions, regions) for key, scope in scopes]
    named += [(f"channels.{at.code}.locations", at.locations, codes) for at in settings.channels]
    named += [("locations", tuple(overlays), codes)]
    return [
        Finding(
            "settings",
            "names",
            False,
            f"{key}: no backend has {', '.join(strange)}",
            f"compare with what they have: {_some(known)}",
            grave=False,
        )
        for key, values, known in named
        if (strange := [value for value in values if value not in known])
    ]


def _some(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:_NAMES_SHOWN]) or "none"
    return f"{shown} …" if len(names) > _NAMES_SHOWN else shown


def table(findings: Sequence[Finding]) -> Table:
    """The findings for people, one a row."""
    shown = Table("Backend", "Check", "Result", "What was seen", "What to do")
    for finding in findings:
        result = Text("good", "green")
        if not finding.good:
            result = Text("wrong", "bold red") if finding.grave else Text("warning", "yellow")
        words = (Text(finding.detail), Text(finding.remedy))
        shown.add_row(Text(finding.backend), Text(finding.check), result, *words)
    return shown
