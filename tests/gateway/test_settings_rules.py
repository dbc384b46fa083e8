"""Settings of rules, presets and low stock: what they become, and how mistakes are told (G3)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.settings import Settings, SettingsError, load
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.rules import RuleKind, StockRule
from resolvers.domain.signals import Threshold

LIVE = '[[channels]]\ncode = "live"\nname = "Live"\nkind = "LIVE_STREAM"\n'
RULE = '[[stock_rules]]\ncode = "r"\nkind = "CAP"\n'


def read(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read(folder, text)
    return [str(problem).replace(f"{folder}/", "") for problem in refused.value.problems]


def test_a_rule_of_the_file_is_a_stock_rule_whole(tmp_path: Path) -> None:
    text = LIVE + (
        '[[stock_rules]]\ncode = "vip"\nkind = "PROTECTION"\npercent = 10\nchannels = ["live"]\n'
        'locations = ["WH-01"]\nregions = ["East"]\nskus = ["A"]\ncategories = ["beauty"]\n'
        "active_from = 2026-11-11T00:00:00+08:00\nactive_to = 2026-11-12T00:00:00+08:00\n"
        'precedence = 5\nlend_back_from = "2026-11-11T10:00:00Z"\n'
    )

    [rule] = read(tmp_path, text).rules()

    assert rule == StockRule(
        "vip",
        RuleKind.PROTECTION,
        percent=10.0,
        channels=("live",),
        locations=("WH-01",),
        regions=("East",),
        skus=("A",),
        categories=("beauty",),
        active_from=datetime(2026, 11, 10, 16, tzinfo=UTC),
        active_to=datetime(2026, 11, 11, 16, tzinfo=UTC),
        precedence=5,
        lend_back_from=datetime(2026, 11, 11, 10, tzinfo=UTC),
    )


def test_a_channel_has_the_rules_and_times_of_its_preset(tmp_path: Path) -> None:
    settings = read(tmp_path, LIVE + 'preset = "live-stream"\n')

    [channel] = settings.sales_channels()
    [rule] = settings.rules()

    assert channel == Channel(
        "live",
        "Live",
        ChannelKind.LIVE_STREAM,
        "CNY",
        payment_due_seconds=600,
        ttl_default_seconds=300,
        ttl_max_seconds=600,
        life_max_seconds=600,
    )
    assert (rule.code, rule.kind, rule.quantity, rule.channels) == (
        "preset.live.member-limit",
        RuleKind.MEMBER_LIMIT,
        2,
        ("live",),
    )


def test_a_preset_is_changed_or_made_in_the_file_and_a_channel_has_the_last_word(
    tmp_path: Path,
) -> None:
    text = (
        LIVE
        + 'preset = "live-stream"\npayment_due_seconds = 120\n'
        + LIVE.replace('"live"', '"flash"')
        + 'preset = "flash-sale"\n'
        + '[[presets]]\ncode = "live-stream"\nmember_limit = 0\ncap = 50\n'
        + '[[presets]]\ncode = "flash-sale"\nsafety_stock = 1\nper_stale_hour = 0.5\n'
    )

    settings = read(tmp_path, text, GATEWAY_PRESETS_LIVE_STREAM_CAP="60")

    assert [(rule.code, rule.quantity, rule.per_stale_hour) for rule in settings.rules()] == [
        ("preset.live.cap", 60, None),
        ("preset.flash.safety-stock", 1, 0.5),
    ]
    live, flash = settings.sales_channels()
    assert (live.payment_due_seconds, live.ttl_max_seconds) == (120, 600)
    assert (flash.payment_due_seconds, flash.ttl_max_seconds) == (1800, None)


def test_what_is_low_is_said_for_some_levels_first_and_then_for_all(tmp_path: Path) -> None:
    text = (
        "[signals]\nlow_units = 4\n"
        '[[low_stock]]\ncode = "lips"\nunits = 20\ncategories = ["beauty/lips"]\n'
    )

    assert read(tmp_path, text).terms().low_stock == (
        Threshold(20, categories=("beauty/lips",)),
        Threshold(4),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            LIVE + RULE + 'quantity = 1\nchannels = ["live", "web"]\n',
            "shop.toml:9: stock_rules.r.channels: expected codes of [[channels]] (live), "
            "found there is no 'web'",
        ),
        (
            RULE + 'quantity = 1\nlocations = ["ST-01"]\n',
            "shop.toml:5: stock_rules.r.locations: expected a rule that can be meant, "
            "found a limit counts a SKU wherever it lies; name no place",
        ),
        (
            RULE,
            "shop.toml:1: stock_rules.r.quantity: expected a rule that can be meant, "
            "found a limit needs a quantity",
        ),
        (
            RULE.replace("CAP", "SAFETY_STOCK") + "percent = 101\n",
            "shop.toml:4: stock_rules.r.percent: expected a number from 0 to 100, found 101",
        ),
        (
            RULE + "quantity = 1\nactive_from = 2026-11-11T00:00:00\n",
            "shop.toml:5: stock_rules.r.active_from: expected a date and time with its offset, "
            "such as 2026-11-11T00:00:00+08:00, found the date or time 2026-11-11 00:00:00",
        ),
        (
            RULE + "quantity = 1\n"
            "active_from = 2026-11-11T00:00:00Z\nactive_to = 2026-11-10T00:00:00Z\n",
            "shop.toml:6: stock_rules.r.active_to: expected a rule that can be meant, "
            "found the window ends before it starts",
        ),
        (
            RULE + "quantity = 1\n" + RULE + "quantity = 2\n",
            "shop.toml:6: stock_rules.r.code: expected a code that no other of [[stock_rules]] "
            'has, found "r"',
        ),
        (
            LIVE + 'preset = "flash"\n',
            "shop.toml:5: channels.live.preset: expected one of group-buy, live-stream, "
            'instant-retail, found "flash"',
        ),
        (
            '[[presets]]\ncode = "flash"\nttl_default_seconds = 900\nttl_max_seconds = 600\n',
            "shop.toml:3: presets.flash.ttl_default_seconds: expected at most "
            "presets.flash.ttl_max_seconds, which is 600, found 900",
        ),
        (
            LIVE + "ttl_max_seconds = 90000\n",
            "shop.toml:5: channels.live.ttl_max_seconds: expected at most "
            "reservations.life_max_seconds, which is 86400, found 90000",
        ),
        (
            '[[low_stock]]\ncode = "lips"\n',
            "shop.toml:1: low_stock.lips.units: expected a whole number from 0 to 1000000, "
            "found nothing",
        ),
    ],
)
def test_a_mistake_is_told_once_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert problems(tmp_path, text) == [told]
