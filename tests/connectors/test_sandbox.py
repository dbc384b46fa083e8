"""What the sandbox retailer has: exact counts, plain first fifty, always the same."""

from collections import Counter

from connectors.sandbox import goods
from connectors.sandbox.chain import (
    CHANNELS,
    LOCATIONS,
    SHOPS,
    associates,
    members,
)
from connectors.sandbox.erp import SandboxErp
from connectors.sandbox.retailer import backends
from resolvers.backend_ports import Idempotency, Role
from resolvers.domain.catalog import Component, Product
from resolvers.domain.locations import Capability, ChannelKind, LocationKind
from resolvers.domain.values import Money, utc

SKU = "BT-0001-30ML"
NOON = utc(2026, 3, 2, 12)


async def catalogue_of(erp: SandboxErp, cursor: str = "") -> list[Product]:
    return [product async for page, _ in erp.products(cursor) for product in page]


async def test_the_catalogue_is_320_products_and_1050_skus_in_four_pages(erp):
    pages = [(len(page), cursor) async for page, cursor in erp.products("")]
    products = await catalogue_of(erp)
    variants = [variant for product in products for variant in product.variants]

    assert pages == [(100, "100"), (100, "200"), (100, "300"), (20, "320")]
    assert len({product.handle for product in products}) == 320
    assert len({variant.sku for variant in variants}) == 1050
    assert len({code for variant in variants for code in variant.barcodes}) == 1050
    assert len({product.titles["zh-CN"] for product in products}) == 320
    assert len({product.titles["en"] for product in products}) == 320
    assert Counter(product.categories[0] for product in products) == {
        "beauty/skincare": 100,
        "beauty/makeup": 80,
        "beauty/fragrance": 50,
        "beauty/gift-sets": 10,
        "leather/bags": 40,
        "leather/small-goods": 40,
    }


async def test_the_catalogue_comes_in_the_order_of_its_handles(erp):
    products = await catalogue_of(erp)

    assert [product.handle for product in products] == sorted(p.handle for p in products)
    assert [product.handle for product in products[:2]] == [
        "amber-essence-001",
        "amber-essence-002",
    ]
    assert [variant.sku for variant in products[0].variants] == [
        "BT-0001-30ML",
        "BT-0001-50ML",
        "BT-0001-75ML",
    ]
    assert dict(products[0].titles) == {"zh-CN": "琥珀水润精华", "en": "Amber Hydrating Essence"}
    assert list(products[0].titles) == ["zh-CN", "en"]
    assert products[0].variants[0].prices["mini-program"] == Money(76000, "CNY")


async def test_every_sku_is_ascii_upper_case_and_every_barcode_an_ean_13(erp):
    for product in await catalogue_of(erp):
        for variant in product.variants:
            (code,) = variant.barcodes
            digits = [int(digit) for digit in code]
            assert variant.sku.isascii() and variant.sku == variant.sku.upper()
            assert len(digits) == 13
            assert (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0
            assert all(price.currency == "CNY" for price in variant.prices.values())
            assert all(price.minor % 100 == 0 for price in variant.prices.values())
            assert variant.unit_cost is not None
            assert 0 < variant.unit_cost.minor < min(p.minor for p in variant.prices.values())


async def test_the_first_fifty_products_are_plain(erp):
    plain = (await catalogue_of(erp))[:50]
    by_location = {at.code: (await erp.read(at.code)).levels for at in LOCATIONS}
    codes = {channel.code for channel in CHANNELS}

    for variant in (variant for product in plain for variant in product.variants):
        assert set(variant.prices) == codes, variant.sku
        assert len(set(variant.prices.values())) == 1, variant.sku
        assert variant.components == ()
        assert 40 <= by_location["WH-01"][variant.sku].on_hand <= 200
        assert 5 <= by_location["DS-01"][variant.sku].on_hand <= 25


async def test_past_the_first_fifty_some_are_special(erp):
    variants = [v for product in await catalogue_of(erp) for v in product.variants]
    stocked = {sku for at in LOCATIONS for sku in (await erp.read(at.code)).levels}
    bundles = [variant for variant in variants if variant.components]

    assert len(bundles) == 10
    assert bundles[2].sku == "BT-0313-SET"
    assert bundles[2].components == (
        Component("BT-0303-30ML", 2),
        Component("BT-0293-30ML", 1),
    )
    assert not stocked & {bundle.sku for bundle in bundles}
    assert {part.sku for bundle in bundles for part in bundle.components} <= stocked
    assert len([v for v in variants if "marketplace-b" not in v.prices]) == 139
    assert len([v for v in variants if len(set(v.prices.values())) > 1]) == 116
    assert len({v.sku for v in variants} - stocked - {b.sku for b in bundles}) == 19


async def test_twelve_locations_in_four_regions(erp):
    locations = {at.code: at for at in await erp.locations()}

    assert list(locations) == ["WH-01", "DS-01", *(f"ST-{n:02}" for n in range(1, 11))]
    assert Counter(at.region for at in locations.values()) == {
        "华东": 4,
        "华北": 3,
        "华南": 3,
        "西南": 2,
    }
    assert locations["WH-01"].kind is LocationKind.WAREHOUSE
    assert locations["WH-01"].capabilities == (Capability.SHIP_FROM,)
    assert locations["DS-01"].kind is LocationKind.DARK_STORE
    assert locations["DS-01"].capabilities == (Capability.PICKUP, Capability.SHIP_FROM)
    assert set(locations["ST-10"].capabilities) == set(Capability)
    assert {at.authority for at in locations.values()} == {"erp"}
    assert {code: at.safety_stock for code, at in locations.items()} == {
        code: int(code in SHOPS) for code in locations
    }
    assert len({at.phone for at in locations.values()}) == 12


def test_five_channels_sell_in_yuan():
    assert [(channel.code, channel.kind) for channel in CHANNELS] == [
        ("mini-program", ChannelKind.ONLINE),
        ("store", ChannelKind.IN_STORE),
        ("marketplace-a", ChannelKind.MARKETPLACE),
        ("marketplace-b", ChannelKind.MARKETPLACE),
        ("live-stream", ChannelKind.LIVE_STREAM),
    ]
    assert {channel.currency for channel in CHANNELS} == {"CNY"}
    assert [channel.locations for channel in CHANNELS] == [(), (), (), (), ("WH-01", "DS-01")]


def test_two_hundred_members_six_of_them_twice_and_thirty_associates():
    first, twins = members()[:200], members()[200:]

    assert len({member.phone for member in first}) == len({member.email for member in first}) == 200
    assert (first[0].id, first[0].phone) == ("C100001", "+8612000000001")
    assert all(str(member.email).endswith("@example.com") for member in first)
    assert [twin.id for twin in twins] == [f"C10020{n}" for n in range(1, 7)]
    assert [person.code for person in associates()] == [f"AS-{n:03}" for n in range(1, 31)]
    assert Counter(person.location for person in associates()) == dict.fromkeys(SHOPS, 3)


async def test_two_chains_are_the_same_chain(tmp_path):
    first, second = SandboxErp(tmp_path / "one"), SandboxErp(tmp_path / "two")
    goods.catalogue.cache_clear()
    try:
        assert await catalogue_of(first) == await catalogue_of(second)
        for at in LOCATIONS:
            assert await first.read(at.code) == await second.read(at.code)
    finally:
        first.close()
        second.close()


async def test_each_system_has_what_it_was_seeded_with(tmp_path):
    systems = backends(tmp_path)
    probes = [await backend.health.probe() for backend in systems]
    for backend in systems:
        assert backend.close is not None
        backend.close()

    assert [probe.detail for probe in probes] == [
        "320 products, 12 locations",
        "206 members",
        "0 tickets",
        "963 listings",
        "912 listings",
    ]


def test_the_systems_say_what_they_can_do(tmp_path):
    systems = {backend.code: backend for backend in backends(tmp_path)}

    assert list(systems) == ["erp", "crm", "pos", "marketplace-a", "marketplace-b"]
    assert systems["erp"].capabilities.idempotency is Idempotency.NATIVE_KEY
    assert systems["erp"].capabilities.cancels
    assert systems["erp"].capabilities.sales_per_call == 20
    assert systems["erp"].capabilities.write_seconds_max == 1.0
    assert systems["crm"].capabilities.roles == (Role.MEMBER_SOURCE, Role.LOYALTY)
    assert systems["crm"].capabilities.deletions
    assert systems["pos"].capabilities.roles == (Role.ORDER_SOURCE,)
    assert {backend.poll_seconds for backend in systems.values()} == {1.0}
