"""The make-believe catalogue: 320 products, 1,050 SKUs of beauty and leather, and their stock.

Made by rule from tables, always the same; nothing is read or kept. Products are numbered in the
order of their handles. The first fifty are plain: one price, sold in every channel, no bundle,
at least forty units in the warehouse. Prices are CNY in minor units. Brands are made up.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from connectors.sandbox.chain import CHANNELS, CURRENCY, SEEDED_AT, SHOPS
from resolvers.domain.catalog import Component, Media, Product, Provenance, Variant
from resolvers.domain.values import Money

SYSTEM = "erp"
PLAIN = 50
"""How many products, in the order of their handles, have nothing special."""

_PER_FAMILY = 10
_ERP_PRODUCT_BASE = 700_000
_ERP_ITEM_BASE = 7_100_000


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to buy a product: the SKU's ending, its options, and its price in per cent."""

    suffix: str
    options: tuple[tuple[str, str], ...]
    percent: int = 100


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of goods: its names, category, lowest and highest price in yuan, and choices."""

    slug: str
    en: str
    zh: str
    category: str
    yuan: tuple[int, int]
    nuances: tuple[tuple[str, str], ...]
    choices: tuple[_Choice, ...]


def _sizes(*sizes: tuple[str, int]) -> tuple[_Choice, ...]:
    return tuple(_Choice(size.upper(), (("size", size),), percent) for size, percent in sizes)


def _named(option: str, *values: tuple[str, str]) -> tuple[_Choice, ...]:
    return tuple(_Choice(suffix, ((option, name),)) for suffix, name in values)


_CARE = (
    ("Hydrating", "水润"),
    ("Radiance", "亮采"),
    ("Firming", "紧致"),
    ("Calming", "舒缓"),
    ("Repair", "修护"),
    ("Renewing", "焕活"),
    ("Balancing", "平衡"),
    ("Nourishing", "滋养"),
    ("Purifying", "净澈"),
    ("Protecting", "防护"),
)
_FINISH = (
    ("Velvet", "丝绒"),
    ("Satin", "缎光"),
    ("Dewy", "水光"),
    ("Matte", "哑光"),
    ("Sheer", "轻透"),
    ("Glow", "光耀"),
    ("Airy", "云雾"),
    ("Petal", "花瓣"),
    ("Mirror", "镜面"),
    ("Soft", "柔雾"),
)
_NOTES = (
    ("Jasmine", "茉莉"),
    ("Cedar", "雪松"),
    ("Fig", "无花果"),
    ("Iris", "鸢尾"),
    ("Neroli", "橙花"),
    ("White Tea", "白茶"),
    ("Osmanthus", "桂花"),
    ("Vetiver", "香根草"),
    ("Rose", "玫瑰"),
    ("Sandalwood", "檀香"),
)
_SHAPES = (
    ("Tote", "托特"),
    ("Crossbody", "斜挎"),
    ("Hobo", "流浪"),
    ("Bucket", "水桶"),
    ("Saddle", "马鞍"),
    ("Satchel", "剑桥"),
    ("Clutch", "手拿"),
    ("Backpack", "双肩"),
    ("Shoulder", "单肩"),
    ("Mini", "迷你"),
)
_CRAFT = (
    ("Classic", "经典"),
    ("Slim", "纤薄"),
    ("Woven", "编织"),
    ("Grained", "荔枝纹"),
    ("Embossed", "压花"),
    ("Quilted", "绗缝"),
    ("Stitched", "明线"),
    ("Vintage", "复古"),
    ("Travel", "旅行"),
    ("Studio", "工坊"),
)
_COLOURS = (
    ("BLK", "黑色 Black"),
    ("TAN", "焦糖 Tan"),
    ("IVR", "象牙白 Ivory"),
    ("RED", "酒红 Red"),
)
_SHADES = (
    ("R01", "玫瑰 Rose"),
    ("R02", "豆沙 Bean"),
    ("R03", "珊瑚 Coral"),
    ("R04", "浆果 Berry"),
    ("R05", "砖红 Brick"),
    ("R06", "裸粉 Nude"),
)
_TONES = (
    ("N10", "瓷白 Porcelain"),
    ("N20", "象牙 Ivory"),
    ("N30", "自然 Natural"),
    ("N40", "蜜糖 Honey"),
    ("N50", "小麦 Wheat"),
)
_BELTS = tuple(
    _Choice(f"{colour}-{size}", (("colour", name), ("size", f"{size} cm")))
    for colour, name in _COLOURS[:2]
    for size in (80, 95)
)
_MILLILITRES = _sizes(("30ml", 100), ("50ml", 150), ("75ml", 200))
_SPRAYS = _sizes(("30ml", 100), ("50ml", 145), ("100ml", 220))

_ESSENCE = _Kind("essence", "Essence", "精华", "beauty/skincare", (320, 880), _CARE, _MILLILITRES)
_CREAM = _Kind(
    "cream",
    "Cream",
    "面霜",
    "beauty/skincare",
    (280, 760),
    _CARE,
    _sizes(("30g", 100), ("50g", 150)),
)
_CLEANSER = _Kind(
    "cleanser",
    "Cleanser",
    "洁面乳",
    "beauty/skincare",
    (120, 260),
    _CARE,
    _sizes(("100ml", 100), ("150ml", 135)),
)
_LIPSTICK = _Kind(
    "lipstick", "Lipstick", "口红", "beauty/makeup", (180, 340), _FINISH, _named("shade", *_SHADES)
)
_FOUNDATION = _Kind(
    "foundation",
    "Foundation",
    "粉底液",
    "beauty/makeup",
    (260, 480),
    _FINISH,
    _named("shade", *_TONES),
)
_BLUSH = _Kind(
    "blush", "Blush", "腮红", "beauty/makeup", (200, 320), _FINISH, _named("shade", *_SHADES[:3])
)
_PERFUME = _Kind("perfume", "Perfume", "香水", "beauty/fragrance", (420, 980), _NOTES, _SPRAYS)
_CANDLE = _Kind(
    "candle",
    "Scented Candle",
    "香氛蜡烛",
    "beauty/fragrance",
    (260, 420),
    _NOTES,
    _sizes(("190g", 100)),
)
_BAG = _Kind(
    "bag", "Bag", "包", "leather/bags", (2800, 9800), _SHAPES, _named("colour", *_COLOURS[:3])
)
_WALLET = _Kind(
    "wallet",
    "Wallet",
    "钱包",
    "leather/small-goods",
    (980, 2600),
    _CRAFT,
    _named("colour", *_COLOURS),
)
_BELT = _Kind("belt", "Belt", "腰带", "leather/small-goods", (880, 2200), _CRAFT, _BELTS)
_GIFT_SET = _Kind(
    "gift-set", "Gift Set", "礼盒", "beauty/gift-sets", (0, 0), _NOTES, (_Choice("SET", ()),)
)

_FAMILIES: tuple[tuple[str, str, str, _Kind], ...] = (
    ("amber", "琥珀", "Velorine", _ESSENCE),
    ("aurora", "极光", "Lumarelle", _LIPSTICK),
    ("birch", "白桦", "Qingwu", _PERFUME),
    ("breeze", "清风", "Tarvano", _BAG),
    ("camellia", "山茶", "Velorine", _CREAM),
    ("cinder", "炭灰", "Mosskarn", _BELT),
    ("cloud", "云朵", "Lumarelle", _FOUNDATION),
    ("coral", "珊瑚", "Lumarelle", _BLUSH),
    ("crane", "云鹤", "Mosskarn", _WALLET),
    ("dawn", "晨曦", "Yuelanne", _ESSENCE),
    ("dune", "沙丘", "Qingwu", _PERFUME),
    ("ember", "余烬", "Lumarelle", _LIPSTICK),
    ("fern", "蕨影", "Yuelanne", _CLEANSER),
    ("flint", "燧石", "Tarvano", _BAG),
    ("frost", "霜华", "Velorine", _CREAM),
    ("harbor", "海港", "Mosskarn", _BELT),
    ("hazel", "榛子", "Lumarelle", _FOUNDATION),
    ("ivory", "象牙", "Yuelanne", _ESSENCE),
    ("jade", "青玉", "Yuelanne", _CREAM),
    ("juniper", "杜松", "Qingwu", _CANDLE),
    ("lagoon", "潟湖", "Qingwu", _PERFUME),
    ("lotus", "莲华", "Velorine", _CLEANSER),
    ("maple", "枫叶", "Tarvano", _BAG),
    ("meadow", "草甸", "Lumarelle", _BLUSH),
    ("mist", "薄雾", "Yuelanne", _CREAM),
    ("onyx", "玄玉", "Mosskarn", _WALLET),
    ("opal", "欧泊", "Lumarelle", _LIPSTICK),
    ("pearl", "珍珠", "Lumarelle", _FOUNDATION),
    ("quill", "羽笔", "Tarvano", _BAG),
    ("river", "溪流", "Qingwu", _PERFUME),
    ("silk", "丝缕", "Velorine", _ESSENCE),
    ("zenith", "天顶", "Velorine", _GIFT_SET),
)


@cache
def catalogue() -> tuple[Product, ...]:
    """Every product in the order of handles, as the ERP starts with it."""
    rng = random.Random("goods")
    made: list[Product] = []
    for at in range(len(_FAMILIES) * _PER_FAMILY):
        made.append(_product(at, rng, made))
    return tuple(made)


def _product(at: int, rng: random.Random, before: Sequence[Product]) -> Product:
    """The product at a place of the catalogue; bundles are put together from those before it."""
    number, within = at + 1, at % _PER_FAMILY
    word, word_zh, brand, kind = _FAMILIES[at // _PER_FAMILY]
    nuance, nuance_zh = kind.nuances[within]
    handle = f"{word}-{kind.slug}-{within + 1:03}"
    titles = {
        "zh-CN": f"{word_zh}{nuance_zh}{kind.zh}",
        "en": f"{word.capitalize()} {nuance} {kind.en}",
    }
    updated_at = SEEDED_AT - timedelta(hours=number)
    if kind is _GIFT_SET:
        variants: tuple[Variant, ...] = (_bundle(number, within, handle, titles, before),)
    else:
        low, high = kind.yuan
        base = rng.randrange(low, high, 10) * 100
        variants = tuple(
            _variant(number, place, choice, base=base, handle=handle, titles=titles, kind=kind)
            for place, choice in enumerate(kind.choices)
        )
    return Product(
        handle,
        titles,
        variants,
        brand,
        f"{brand} {word_zh}系列：{nuance_zh}{kind.zh}。示例商品，仅供演示。",
        (kind.category,),
        (Media(f"https://media.example.com/{handle}.jpg", titles["zh-CN"]),),
        updated_at,
        (Provenance(SYSTEM, str(_ERP_PRODUCT_BASE + number), updated_at),),
    )


def _variant(
    number: int,
    place: int,
    choice: _Choice,
    *,
    base: int,
    handle: str,
    titles: Mapping[str, str],
    kind: _Kind,
) -> Variant:
    """One SKU of a product; its price in a channel follows from the product's number."""
    prefix = "LG" if kind.category.startswith("leather") else "BT"
    chosen = " ".join(value for _, value in choice.options)
    price = base * choice.percent // 10_000 * 100
    item = _ERP_ITEM_BASE + number * 10 + place
    return Variant(
        f"{prefix}-{number:04}-{choice.suffix}",
        handle,
        {locale: f"{title} {chosen}" for locale, title in titles.items()},
        (barcode(number, place),),
        choice.options,
        {code: Money(minor, CURRENCY) for code, minor in _prices(number, price).items()},
        Money(price * (28 + number % 12) // 100, CURRENCY),
        provenance=(Provenance(SYSTEM, str(item), SEEDED_AT - timedelta(hours=number)),),
    )


def _bundle(
    number: int, within: int, handle: str, titles: Mapping[str, str], before: Sequence[Product]
) -> Variant:
    """A gift set: an essence and a perfume of the two families before; every third has two."""
    essence = before[-_PER_FAMILY].variants[0]
    perfume = before[-2 * _PER_FAMILY].variants[0]
    units = 2 if within % 3 == 2 else 1
    full = essence.prices["store"].minor * units + perfume.prices["store"].minor
    price = full * 85 // 10_000 * 100
    assert essence.unit_cost is not None
    assert perfume.unit_cost is not None
    item = _ERP_ITEM_BASE + number * 10
    return Variant(
        f"BT-{number:04}-SET",
        handle,
        titles,
        (barcode(number, 0),),
        (),
        {code: Money(price, CURRENCY) for code in ("mini-program", "store")},
        essence.unit_cost.times(units) + perfume.unit_cost,
        (Component(essence.sku, units), Component(perfume.sku, 1)),
        (Provenance(SYSTEM, str(item), SEEDED_AT - timedelta(hours=number)),),
    )


def _prices(number: int, price: int) -> dict[str, int]:
    """A price for each channel that sells the product.

    The first fifty are the same everywhere; after them, some are cheaper live, some dearer on a
    marketplace, some not sold in a channel.
    """
    prices = {channel.code: price for channel in CHANNELS}
    if number <= PLAIN:
        return prices
    if number % 13 == 0:
        prices["live-stream"] = price * 90 // 10_000 * 100
    if number % 17 == 0:
        prices["marketplace-a"] = price * 105 // 10_000 * 100
    if number % 7 == 0:
        del prices["marketplace-b"]
    if number % 11 == 0:
        del prices["live-stream"], prices["marketplace-a"]
    return prices


def barcode(number: int, place: int) -> str:
    """An EAN-13 of the range 29, which is for use inside a house and belongs to nobody."""
    digits = f"29{number:06}{place:04}"
    total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


@cache
def variants_by_sku() -> Mapping[str, Variant]:
    """Every SKU with what it is, bundles included."""
    return {variant.sku: variant for product in catalogue() for variant in product.variants}


def opening_stock() -> list[tuple[str, str, int]]:
    """(location, SKU, on hand) of everything in stock on the first day, none for bundles.

    After the first fifty products a few are scarce in the warehouse, and a few are sold out.
    """
    rng = random.Random("stock")
    stock: list[tuple[str, str, int]] = []
    for number, product in enumerate(catalogue(), start=1):
        for variant in product.variants:
            plenty, few = rng.randint(40, 200), rng.randint(5, 25)
            shelves = [rng.randint(0, 6) for _ in SHOPS]
            if variant.components or (number > PLAIN and number % 41 == 0):
                continue
            if number > PLAIN and number % 17 == 0:
                plenty, few = plenty % 4, few % 3
            stock += [("WH-01", variant.sku, plenty), ("DS-01", variant.sku, few)]
            stock += zip(SHOPS, [variant.sku] * len(SHOPS), shelves, strict=True)
    return [row for row in stock if row[2] > 0]
