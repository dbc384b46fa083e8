"""The settings of a Vendure shop: the example is one that works, and an option that cannot be meant
is named before anything is asked of the shop.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.bootstrap import connect
from gateway.settings import BackendSettings, Settings, SettingsError, load
from resolvers.backend_ports import Idempotency, Role

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


def shop_with(**options: str) -> tuple[Settings, BackendSettings]:
    settings = load(EXAMPLE, SECRETS)
    [shop] = [at for at in settings.backends if at.vendor == "vendure"]
    return settings, replace(shop, options={**shop.options, **options})


ENTERS = {"order_customer": "gateway@example.com", "order_shipping": "elsewhere"}


def test_a_shop_takes_orders_once_it_is_said_for_whom_and_how(tmp_path: Path) -> None:
    settings, shop = shop_with(**ENTERS)

    backend = connect(settings, shop, tmp_path)

    assert Role.ORDER_SINK in backend.capabilities.roles
    assert backend.capabilities.cancels
    assert backend.capabilities.idempotency is Idempotency.EXTERNAL_REFERENCE
    assert backend.capabilities.write_seconds_max == 90.0


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"order_customer": "nobody"}, "order_customer"),
        ({"order_customer": "gateway@example.com"}, "order_shipping"),
        ({"order_shipping": "elsewhere"}, "order_customer"),
    ],
)
def test_half_of_it_is_refused(tmp_path: Path, options: dict[str, str], key: str) -> None:
    settings, shop = shop_with(**options)

    with pytest.raises(SettingsError) as caught:
        connect(settings, shop, tmp_path)

    assert [at.key for at in caught.value.problems] == [f"backends.shop.options.{key}"]


def test_a_channel_names_a_backend_that_takes_orders(tmp_path: Path) -> None:
    settings, takes = shop_with(**ENTERS)
    _, takes_none = shop_with()
    [web, *others] = settings.channels
    told = replace(settings, channels=(replace(web, order_sink="shop"), *others))

    assert connect(told, takes, tmp_path).order_sink is not None
    with pytest.raises(SettingsError) as caught:
        connect(told, takes_none, tmp_path)

    assert [at.key for at in caught.value.problems] == ["channels.web.order_sink"]


def test_only_a_marketplace_is_told_what_it_may_sell(tmp_path: Path) -> None:
    """S5: a person who switches it on at the ERP hears of it, and does not wait in vain."""
    settings, shop = shop_with()
    [erp] = [at for at in settings.backends if at.vendor == "tryton"]

    assert connect(settings, replace(shop, publish=True), tmp_path).publishes
    with pytest.raises(SettingsError) as caught:
        connect(settings, replace(erp, publish=True), tmp_path)

    assert [at.key for at in caught.value.problems] == [f"backends.{erp.code}.publish"]


def test_a_channel_names_a_backend_that_there_is(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace('code = "web"', 'code = "web"\norder_sink = "nowhere"', 1))

    with pytest.raises(SettingsError) as caught:
        load(wrong, SECRETS)

    assert [at.key for at in caught.value.problems] == ["channels.web.order_sink"]
