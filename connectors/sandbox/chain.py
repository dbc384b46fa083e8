"""The make-believe chain: its places, channels, associates and members, as fixed data.

What is sold stands in ``goods``; what happens to it is kept by ``systems``. Nothing here changes at
run time. People and streets are made up; cities stand where they really are. Telephone numbers
begin with digits that no network in China hands out, mail addresses end in ``example.com``.
"""

import random
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache

from resolvers.domain.locations import (
    Capability,
    Channel,
    ChannelKind,
    GeoPoint,
    Location,
    LocationKind,
    OpeningHours,
)
from resolvers.domain.orders import Address
from resolvers.domain.values import utc

SEEDED_AT = utc(2026, 3, 1)
"""The instant at which the chain opens: nothing seeded is younger."""

CURRENCY = "CNY"
MEMBERS = 200
TWINS = 6
"""So many of the members are written down a second time, by somebody who did not look."""

ASSOCIATES_PER_SHOP = 3

CHANNELS: tuple[Channel, ...] = (
    Channel("mini-program", "小程序商城 Mini Program", ChannelKind.ONLINE, CURRENCY),
    Channel("store", "门店 Stores", ChannelKind.IN_STORE, CURRENCY),
    Channel("marketplace-a", "平台甲 Marketplace A", ChannelKind.MARKETPLACE, CURRENCY),
    Channel("marketplace-b", "平台乙 Marketplace B", ChannelKind.MARKETPLACE, CURRENCY),
    Channel(
        "live-stream", "直播间 Live Stream", ChannelKind.LIVE_STREAM, CURRENCY, ("WH-01", "DS-01")
    ),
)

_SHOP = (Capability.PICKUP, Capability.SHIP_FROM, Capability.RETURN, Capability.SERVICE)
_WEEKDAYS = range(1, 8)


def _shop(  # noqa: PLR0917  # one row a shop, read as a table
    code: str, name: str, region: str, address: str, area: str, geo: GeoPoint
) -> Location:
    return Location(
        code,
        name,
        LocationKind.STORE,
        region,
        geo,
        _SHOP,
        address,
        f"+86{area}000000{code[-2:]}",
        opening_hours=tuple(OpeningHours(day, "10:00", "22:00") for day in _WEEKDAYS),
        safety_stock=1,
        authority="erp",
    )


LOCATIONS: tuple[Location, ...] = (
    Location(
        "WH-01",
        "上海中央仓",
        LocationKind.WAREHOUSE,
        "华东",
        GeoPoint(31.1537, 121.1241),
        (Capability.SHIP_FROM,),
        "上海市青浦区示例物流园 1 号",
        "+862100000091",
        opening_hours=tuple(OpeningHours(day, "08:00", "20:00") for day in _WEEKDAYS),
        authority="erp",
    ),
    Location(
        "DS-01",
        "北京前置仓",
        LocationKind.DARK_STORE,
        "华北",
        GeoPoint(39.9289, 116.4883),
        (Capability.PICKUP, Capability.SHIP_FROM),
        "北京市朝阳区示例东街 20 号",
        "+861000000092",
        opening_hours=tuple(OpeningHours(day, "07:00", "23:00") for day in _WEEKDAYS),
        authority="erp",
    ),
    _shop(
        "ST-01",
        "上海静安店",
        "华东",
        "上海市静安区示例西路 101 号",
        "21",
        GeoPoint(31.2304, 121.4737),
    ),
    _shop(
        "ST-02",
        "杭州西湖店",
        "华东",
        "杭州市西湖区示例大道 12 号",
        "571",
        GeoPoint(30.2741, 120.1551),
    ),
    _shop(
        "ST-03",
        "南京新街口店",
        "华东",
        "南京市玄武区示例路 33 号",
        "25",
        GeoPoint(32.0603, 118.7969),
    ),
    _shop(
        "ST-04",
        "北京东城店",
        "华北",
        "北京市东城区示例大街 44 号",
        "10",
        GeoPoint(39.9042, 116.4074),
    ),
    _shop(
        "ST-05", "天津和平店", "华北", "天津市和平区示例道 5 号", "22", GeoPoint(39.0842, 117.2009)
    ),
    _shop(
        "ST-06",
        "广州天河店",
        "华南",
        "广州市天河区示例北路 66 号",
        "20",
        GeoPoint(23.1291, 113.2644),
    ),
    _shop(
        "ST-07", "深圳南山店", "华南", "深圳市南山区示例路 7 号", "755", GeoPoint(22.5431, 114.0579)
    ),
    _shop(
        "ST-08",
        "南宁青秀店",
        "华南",
        "南宁市青秀区示例大道 88 号",
        "771",
        GeoPoint(22.8170, 108.3665),
    ),
    _shop(
        "ST-09", "成都锦江店", "西南", "成都市锦江区示例街 9 号", "28", GeoPoint(30.5728, 104.0668)
    ),
    _shop(
        "ST-10",
        "重庆渝中店",
        "西南",
        "重庆市渝中区示例路 100 号",
        "23",
        GeoPoint(29.5630, 106.5516),
    ),
)

SHOPS: tuple[str, ...] = tuple(at.code for at in LOCATIONS if at.kind is LocationKind.STORE)


@dataclass(frozen=True, slots=True)
class SandboxAssociate:
    """A person who sells in one shop."""

    code: str
    name: str
    location: str


@dataclass(frozen=True, slots=True)
class SandboxMember:
    """A customer as the CRM knows them. ``id`` is the CRM's own, ``phone`` as somebody wrote it."""

    id: str
    name: str
    phone: str
    email: str | None
    card: str | None
    union_id: str | None
    points: int
    allows_sms: bool
    tier: str
    tags: tuple[str, ...]
    home_location: str
    joined_on: date
    updated_at: datetime


TIERS = ("BRONZE", "SILVER", "GOLD", "PLATINUM")
_TIER_WEIGHTS = (50, 30, 15, 5)
_TAGS = ("护肤爱好者", "敏感肌", "香氛收藏", "皮具收藏", "直播常客", "到店自提", "送礼", "新客")
_SURNAMES = "林陈黄张李王吴刘蔡杨许郑谢郭洪曾邱廖赖周叶苏庄吕"
_GIVEN = (
    "若溪",
    "子涵",
    "雨桐",
    "思远",
    "嘉怡",
    "一鸣",
    "梓萱",
    "浩然",
    "诗涵",
    "俊杰",
    "晓彤",
    "明轩",
    "语嫣",
    "承泽",
    "静姝",
    "志远",
    "佳宁",
    "博文",
    "欣妍",
    "宇航",
    "清妍",
    "景行",
    "安琪",
    "知行",
)


def _names(seed: str, count: int) -> list[str]:
    """So many different names, always the same for a seed."""
    names = [surname + given for surname in _SURNAMES for given in _GIVEN]
    return random.Random(seed).sample(names, count)


@cache
def associates() -> tuple[SandboxAssociate, ...]:
    """The thirty people who sell, three a shop, by code."""
    names = _names("associates", len(SHOPS) * ASSOCIATES_PER_SHOP)
    return tuple(
        SandboxAssociate(f"AS-{at + 1:03}", name, SHOPS[at // ASSOCIATES_PER_SHOP])
        for at, name in enumerate(names)
    )


@cache
def members() -> tuple[SandboxMember, ...]:
    """The members that the CRM starts with, by id: two hundred people, six of them twice."""
    rng = random.Random("members")
    made: list[SandboxMember] = []
    for at, name in enumerate(_names("member names", MEMBERS), start=1):
        tier = rng.choices(TIERS, _TIER_WEIGHTS)[0]
        tags = tuple(sorted(rng.sample(_TAGS, rng.randint(0, 3))))
        joined = date(2021, 1, 1) + timedelta(days=rng.randrange(1800))
        made.append(
            SandboxMember(
                f"C{100000 + at}",
                name,
                f"+86120{at:08}",
                f"member{at:03}@example.com",
                f"88{at:06}",
                f"union-{at:06}" if at % 3 == 0 else None,
                at * 37 % 5000,
                at % 4 != 0,
                tier,
                tags,
                SHOPS[(at - 1) % len(SHOPS)],
                joined,
                SEEDED_AT - timedelta(minutes=at),
            )
        )
    return (*made, *(_twin(made[at * 30], at) for at in range(1, TWINS + 1)))


def _twin(member: SandboxMember, at: int) -> SandboxMember:
    """The same person once more: the same phone, written otherwise, and nothing else known."""
    number = member.phone.removeprefix("+86")
    written = (f"0086-{number}", f"{number[:3]} {number[3:7]} {number[7:]}", f"(+86){number}")
    return replace(
        member,
        id=f"C{100000 + MEMBERS + at}",
        phone=written[at % len(written)],
        email=None,
        card=None,
        union_id=None,
        points=0,
        tier=TIERS[0],
        tags=(),
        updated_at=SEEDED_AT - timedelta(minutes=MEMBERS + at),
    )


def buyer_of(serial: int) -> SandboxMember:
    """A marketplace's buyer number so and so, who has linked the account there to the chain's."""
    return members()[serial % MEMBERS]


def address_of(serial: int) -> Address:
    """Where a marketplace's buyer number so and so lives."""
    member = buyer_of(serial)
    home = next(at for at in LOCATIONS if at.code == member.home_location)
    assert home.address is not None, "every shop has an address"
    city = home.address.split("市")[0]
    return Address(
        recipient=member.name,
        phone=member.phone,
        country_code="CN",
        region=city,
        city=city,
        street=f"示例小区 {serial % 97 + 1} 号",
        geo=home.geo,
    )
