"""The settings of a Vendure shop: the example is one that works, and an option that cannot be meant
is named before anything is asked of the shop.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.bootstrap import connect
from gateway.settings import SettingsError, load
from resolvers.backend_ports import Role

EXAMPLE = Path(__file__).parents[2] / "examples" / "vendure.toml"
SECRETS = {"TRYTON_GATEWAY_PASSWORD": "one", "VENDURE_GATEWAY_PASSWORD": "two"}


def test_the_example_is_one_that_works(tmp_path: Path) -> None:
    settings = load(EXAMPLE, SECRETS)
    [shop] = [at for at in settings.backends if at.vendor == "vendure"]

    backend = connect(settings, shop, tmp_path)

    assert (backend.code, backend.poll_seconds) == ("shop", 2.0)
    assert backend.capabilities.roles == (
        Role.LISTING_SOURCE,
        Role.ORDER_SOURCE,
        Role.PUBLICATION_SINK,
        Role.MEMBER_SOURCE,
        Role.LIVE_PRICES,
    )
    assert "two" not in repr(settings)


def test_an_option_that_cannot_be_meant_is_named(tmp_path: Path) -> None:
    settings = load(EXAMPLE, SECRETS)
    [shop] = [at for at in settings.backends if at.vendor == "vendure"]
    wrong = replace(shop, options={"channels": "mini=nowhere"})

    with pytest.raises(SettingsError) as caught:
        connect(settings, wrong, tmp_path)

    [problem] = caught.value.problems
    assert problem.key == "backends.shop.options.channels"
    assert problem.found == "'mini=nowhere'"
