"""What the doctor says of names in the settings that no backend has: a warning, not a failure."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from gateway import doctor
from gateway.settings import (
    BackendSettings,
    ChannelSettings,
    LocationOverlay,
    LowStock,
    Settings,
    StockRuleSettings,
)
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Probe
from resolvers.domain.errors import BackendUnavailable
from resolvers.domain.locations import ChannelKind, Location, LocationKind
from resolvers.domain.rules import RuleKind

SETTINGS = Settings(
    channels=(ChannelSettings("web", "Web", ChannelKind.ONLINE, locations=("ST-01", "ST-9")),),
    locations=(LocationOverlay("ST-01", region="East"), LocationOverlay("ST-7")),
    backends=(BackendSettings("erp", "sandbox-erp"),),
    stock_rules=(
        StockRuleSettings(
            "keep",
            RuleKind.SAFETY_STOCK,
            quantity=1,
            locations=("ST-01", "ST-8"),
            regions=("East", "West"),
        ),
    ),
    low_stock=(LowStock("few", 9, locations=("ST-01",)),),
)


class Erp:
    """A backend with one shop."""

    async def probe(self) -> Probe:
        return Probe(True, "one shop")

    async def locations(self) -> Sequence[Location]:
        return [Location("ST-01", "Bund", LocationKind.STORE)]


class Mute(Erp):
    """One that is well and says nothing of its places."""

    async def locations(self) -> Sequence[Location]:
        raise BackendUnavailable("no answer", backend="erp")


def examined(settings: Settings, data: Path, erp: Erp) -> list[doctor.Finding]:
    backend = Backend("erp", "any", Capabilities((), Idempotency.NONE), erp, locations=erp)
    return doctor.examine(settings, data, lambda *_: backend)


def test_names_that_no_backend_has_are_warned_of(tmp_path: Path) -> None:
    well, *warnings = examined(SETTINGS, tmp_path, Erp())

    assert (well.good, well.detail) == (True, "one shop")
    assert [(finding.detail, finding.remedy) for finding in warnings] == [
        ("stock_rules.keep.locations: no backend has ST-8", "compare with what they have: ST-01"),
        ("stock_rules.keep.regions: no backend has West", "compare with what they have: East"),
        ("channels.web.locations: no backend has ST-9", "compare with what they have: ST-01"),
        ("locations: no backend has ST-7", "compare with what they have: ST-01"),
    ]
    assert not any(finding.wrong for finding in warnings)
    console = Console(record=True, width=200)
    console.print(doctor.table(warnings))
    assert console.export_text().count("warning") == 4


def test_what_nobody_has_is_not_told_while_a_backend_gives_no_answer(tmp_path: Path) -> None:
    [finding] = examined(SETTINGS, tmp_path, Mute())

    assert (finding.check, finding.wrong, finding.detail) == ("answers", True, "no answer")


def test_settings_that_name_nothing_strange_have_no_warning(tmp_path: Path) -> None:
    plain = replace(SETTINGS, channels=(), locations=(), stock_rules=())

    assert [finding.good for finding in examined(plain, tmp_path, Erp())] == [True]
