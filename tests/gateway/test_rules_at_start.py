"""Rules of the settings at the start of a gateway: in force with its first request (G3)."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway import workers
from gateway.bootstrap import bootstrap
from gateway.settings import ChannelSettings, Settings, StockRuleSettings
from gateway.tokens import principal_of
from resolvers import ruling
from resolvers.access import Role
from resolvers.domain.locations import ChannelKind
from resolvers.domain.rules import RuleKind

LIVE = ChannelSettings("live", "Live", ChannelKind.LIVE_STREAM, preset="live-stream")
LAUNCH = StockRuleSettings("launch", RuleKind.CAP, quantity=5, channels=("live",))
SETTINGS = Settings(channels=(LIVE,), stock_rules=(LAUNCH,))


async def started(settings: Settings, data: Path) -> list[tuple[str, int | None, str]]:
    """What rules are set once a gateway has started: code, quantity and author."""
    runtime = bootstrap(settings, data)
    try:
        async with workers.running(runtime):
            rules = (await runtime.store.stock.rules()).rules
    finally:
        await runtime.close()
    return sorted((rule.code, rule.quantity, rule.set_by) for rule in rules)


async def test_the_rules_of_the_file_and_of_presets_are_in_force_from_the_start(
    tmp_path: Path,
) -> None:
    both = await started(SETTINGS, tmp_path)
    changed = replace(SETTINGS, stock_rules=(replace(LAUNCH, quantity=8),))
    later = await started(changed, tmp_path)
    none = await started(Settings(), tmp_path)

    preset = ("preset.live.member-limit", 2, "configuration")
    assert both == [("launch", 5, "configuration"), preset]
    assert later == [("launch", 8, "configuration"), preset]
    assert none == []


async def test_a_rule_that_a_person_has_set_is_kept_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = bootstrap(Settings(channels=(LIVE,)), tmp_path)
    operator = runtime.context(principal_of(Role.OPERATOR))
    await ruling.set_stock_rule(operator, "k", replace(LAUNCH.rule(), quantity=1))
    await runtime.close()

    rules = await started(SETTINGS, tmp_path)

    assert rules == [("launch", 1, "operator"), ("preset.live.member-limit", 2, "configuration")]
    assert [record.getMessage() for record in caplog.records if "launch" in record.message] == [
        "stock rule launch of the configuration is not in force: somebody has set one of this "
        "code; remove that and start again, or rename the one in the file"
    ]
