"""The catalogue merged: who is believed, what a listing adds, and that nothing else counts (P1)."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from resolvers.domain.catalog import Media, Product, Provenance, Variant
from resolvers.domain.listings import Listing, Offer
from resolvers.domain.merging import Attribute, Sources, merged
from resolvers.domain.price_differences import difference_of
from resolvers.domain.values import Money, utc

NOON = utc(2026, 3, 2, 12)
SOURCES = Sources(("erp", "pim"), ("market", "shop"))


def yuan(amount: int) -> Money:
    return Money(amount * 100, "CNY")


def master(system: str, **more: object) -> Product:
    fact = (Provenance(system, f"{system}-1", NOON),)
    bag = Variant(
        "BAG-1",
        "bag",
        {"en": f"{system} bag"},
        ("690",),
        prices={"web": yuan(100)},
        provenance=fact,
    )
    made = Product("bag", {"en": f"{system} bag"}, (bag,), updated_at=NOON, provenance=fact)
    return replace(made, **more)  # type: ignore[arg-type]


def listing(id: str, backend: str = "market", **more: object) -> Listing:
    made = Listing(
        backend,
        id,
        f"Bag on {backend}",
        Provenance(backend, id, NOON),
        NOON,
        "BAG-1",
        prices=((backend, yuan(120)),),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def shown(product: Product | None) -> Variant:
    assert product is not None
    return product.variants[0]


def test_what_one_system_says_alone_is_left_as_it_is() -> None:
    assert merged({"erp": master("erp")}, [], SOURCES) == master("erp")
    assert merged({"erp": master("erp")}, [Offer(listing("1"), "OTHER")], SOURCES) == master("erp")
    assert merged({"gone": master("gone")}, [Offer(listing("1"), "BAG-1")], SOURCES) is None


def test_masters_are_believed_but_for_the_price_of_a_marketplaces_own_channel() -> None:
    told = listing("1", description="Soft", media=(Media("https://a.example/1.jpg"),))

    product = merged({"erp": master("erp", brand="B")}, [Offer(told, "BAG-1")], SOURCES)

    assert product is not None
    assert (product.brand, product.description) == ("B", "Soft")
    assert product.media == told.media
    assert product.titles == {"en": "erp bag"}
    assert product.said_by["description"] == ("market",)
    assert [fact.system for fact in product.provenance] == ["erp", "market"]
    variant = shown(product)
    assert variant.prices == {"web": yuan(100), "market": yuan(120)}
    assert variant.titles == {"en": "erp bag"}
    assert variant.said_by["prices.market"] == ("market",)
    assert [fact.system for fact in variant.provenance] == ["erp", "market"]


def test_the_configuration_says_who_goes_before_whom() -> None:
    sources = replace(SOURCES, preferred={"title": ("market",), "prices": ("erp",)})
    priced = replace(shown(master("erp")), prices={"market": yuan(90)})
    masters = {"pim": master("pim", brand="P"), "erp": master("erp", variants=(priced,))}

    product = merged(masters, [Offer(listing("1"), "BAG-1")], sources)

    assert product is not None
    assert product.brand == "P"
    assert shown(product).titles == {"en": "Bag on market"}
    assert shown(product).prices == {"market": yuan(90), "web": yuan(100)}


def test_a_listing_of_several_units_says_the_price_of_one_and_nothing_else() -> None:
    three = listing("1", prices=(("market", yuan(300)),), barcodes=("691",), description="Three")

    product = merged({"erp": master("erp")}, [Offer(three, "BAG-1", 3)], SOURCES)

    assert product is not None
    assert product.description is None
    assert shown(product).prices["market"] == yuan(100)
    assert shown(product).barcodes == ("690",)


def test_a_price_that_is_no_whole_amount_is_none_and_is_said() -> None:
    priced = replace(shown(master("erp")), prices={"market": yuan(40), "web": yuan(40)})
    masters = {"erp": master("erp", variants=(priced,))}
    offers = [Offer(listing("1", prices=(("market", yuan(100)),)), "BAG-1", 3)]

    product = merged(masters, offers, SOURCES)
    difference = difference_of(shown(product), masters, offers, SOURCES)

    assert shown(product).prices == {"web": yuan(40)}
    assert difference is not None
    assert difference.difference is None
    assert [(it.channel, it.price, it.fact.system, it.shown) for it in difference.said] == [
        ("market", None, "market", False),
        ("market", yuan(40), "erp", False),
        ("web", yuan(40), "erp", True),
    ]


def test_a_barcode_of_a_listing_counts_unless_another_sku_has_it() -> None:
    two = replace(shown(master("erp")), sku="BAG-2", barcodes=("700",))
    masters = {"erp": master("erp", variants=(shown(master("erp")), two))}
    told = listing("1", barcodes=("691", "692", "700"))

    product = merged(masters, [Offer(told, "BAG-1")], SOURCES, frozenset({"692"}))

    assert product is not None
    assert [variant.barcodes for variant in product.variants] == [("690", "691"), ("700",)]


# ---- what holds of any sources ----------------------------------------------------------------

TEXTS = st.sampled_from(["", "a", "b"])
CODES = st.lists(st.sampled_from(["690", "691", "692"]), max_size=2, unique=True).map(tuple)
SKUS = ("BAG-1", "BAG-2", "BAG-3")


@st.composite
def masters_said(draw: st.DrawFn) -> dict[str, Product]:
    said = {}
    for system in draw(st.lists(st.sampled_from(["erp", "pim"]), min_size=1, unique=True)):
        skus = draw(st.lists(st.sampled_from(SKUS), min_size=1, unique=True))
        variants = tuple(
            Variant(
                sku,
                "bag",
                {draw(st.sampled_from(["en", "zh-CN"])): f"{system} {sku}"},
                draw(CODES),
                prices={channel: yuan(draw(st.integers(1, 3))) for channel in ("web", "market")},
                provenance=(Provenance(system, sku, NOON),),
            )
            for sku in skus
        )
        said[system] = master(system, variants=variants, brand=draw(TEXTS) or None)
    return said


@st.composite
def offers_said(draw: st.DrawFn) -> list[Offer]:
    return [
        Offer(
            listing(
                str(at),
                draw(st.sampled_from(["market", "shop", "stranger"])),
                barcodes=draw(CODES),
                description=draw(TEXTS) or None,
                prices=(("market", yuan(draw(st.integers(1, 4)))),),
                updated_at=NOON + timedelta(hours=draw(st.integers(0, 2))),
            ),
            draw(st.sampled_from(SKUS)),
            draw(st.integers(1, 3)),
        )
        for at in range(draw(st.integers(0, 4)))
    ]


SETTINGS = st.fixed_dictionaries(
    {},
    optional={at.value: st.permutations(["pim", "market", "erp"]).map(tuple) for at in Attribute},
)


@given(masters_said(), offers_said(), SETTINGS, st.randoms())
def test_the_order_in_which_sources_came_does_not_count(masters, offers, preferred, chance):
    sources = replace(SOURCES, preferred=preferred)
    before = merged(masters, offers, sources)
    turned = dict(reversed(masters.items()))
    chance.shuffle(offers)

    after = merged(turned, offers, sources)

    assert repr(after) == repr(before), "to the order of the keys, as stores tell products apart"


@given(masters_said(), offers_said(), SETTINGS, st.data())
def test_a_source_that_went_leaves_nothing_behind(masters, offers, preferred, data):
    """Whether it says nothing any more, or is not configured any more."""
    gone = data.draw(st.sampled_from(["erp", "pim", "market", "shop"]))
    rest = {code: product for code, product in masters.items() if code != gone}
    left = [offer for offer in offers if offer.listing.backend != gone]
    without = replace(
        SOURCES,
        masters=tuple(code for code in SOURCES.masters if code != gone),
        listings=tuple(code for code in SOURCES.listings if code != gone),
        preferred=preferred,
    )

    by_data = merged(rest, left, replace(SOURCES, preferred=preferred))
    by_settings = merged(masters, offers, without)

    assert repr(by_data) == repr(by_settings)
    made: list[Product | Variant] = [] if by_data is None else [by_data, *by_data.variants]
    systems = {fact.system for one in made for fact in one.provenance}
    assert gone not in systems
    assert "stranger" not in systems


@given(masters_said(), SETTINGS)
def test_what_was_merged_is_merged_already(masters, preferred):
    """A product that is merged and said by one master alone stays as it is."""
    made = merged(masters, [], replace(SOURCES, preferred=preferred))
    assert made is not None

    assert merged({"erp": made}, [], SOURCES) == made
