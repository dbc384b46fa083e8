"""The example of settings, and what is said when they cannot be meant."""

from pathlib import Path

import pytest

from gateway.bootstrap import connect
from gateway.settings import Settings, SettingsError, load
from resolvers.backend_ports import Backend

EXAMPLE = Path(__file__).parents[2] / "examples" / "shopify.toml"
ENVIRON = {"TRYTON_GATEWAY_PASSWORD": "x", "SHOPIFY_CLIENT_SECRET": "shpss_secret"}


def connected(settings: Settings, data: Path) -> Backend:
    [configured] = [it for it in settings.backends if it.code == "shop"]
    return connect(settings, configured, data)


def test_the_example_connects_a_shop(tmp_path: Path) -> None:
    settings = load(EXAMPLE, ENVIRON)
    backend = connected(settings, tmp_path)

    assert (backend.code, backend.vendor, backend.poll_seconds) == ("shop", "shopify", 5.0)
    assert "shpss_secret" not in repr(settings)


def test_an_option_that_cannot_be_meant_is_named(tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    text = EXAMPLE.read_text(encoding="utf-8").replace('"60000000001"', '"Shanghai"')
    config.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as wrong:
        connected(load(config, ENVIRON), tmp_path)

    assert "backends.shop.options.location: expected the number of the location" in str(wrong.value)
