"""A folder in the settings: the example works, and what cannot be meant is named (G2)."""

from pathlib import Path

import pytest

from connectors.pos import folder
from gateway.bootstrap import closed, connect
from gateway.settings import SettingsError, load
from tests.architecture.sources import ROOT

EXAMPLE = ROOT / "examples" / "folder.toml"


async def test_the_example_is_a_folder_in_every_role_that_it_plays(tmp_path: Path):
    settings = load(EXAMPLE, {})

    backend = connect(settings, settings.backends[0], tmp_path)
    await closed(backend)

    assert (backend.code, backend.vendor) == ("till", folder.VENDOR)
    assert [str(role) for role in backend.capabilities.roles] == [
        "CATALOG_SOURCE",
        "LOCATION_SOURCE",
        "STOCK_FEED",
        "ORDER_SOURCE",
        "ORDER_SINK",
        "EVENT_PULLER",
    ]


def test_an_option_that_cannot_be_meant_is_named_where_it_stands(tmp_path: Path):
    path = tmp_path / "shop.toml"
    path.write_text(EXAMPLE.read_text(encoding="utf-8").replace('"/srv/till"', '"till"'))
    settings = load(path, {})

    with pytest.raises(SettingsError, match=r"backends\.till\.options\.path"):
        connect(settings, settings.backends[0], tmp_path)
