"""Who is in the live CRM's books: three hundred records of about two hundred and seventy people.

The same at every run. Read by the seed, which enters them with the CRM's own Python, and by the
tests, which compare. Nothing of the CRM and nothing of ours is imported.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

COUNT = 300

TIERS = ("silver", "gold", "platinum", "diamond")
TAGS = (*(f"tier:{tier}" for tier in TIERS), "channel:wechat", "channel:store", "敏感肌", "生日月")

FIELDS = (
    ("wechat_unionid", "text"),
    ("wechat_openid", "text"),
    ("member_card", "text"),
    ("pos_customer_id", "text"),
    ("birthday", "date"),
    ("points", "number"),
    ("consent_sms", "checkbox"),
    ("consent_email", "checkbox"),
)
"""Keys of the custom fields of a contact, and their kinds."""

NOTATIONS = (
    "+86 {a} {b} {c}", "{a}-{b}-{c}", "0086{a}{b}{c}", "{a}{b}{c}", "+86{a}{b}{c}",
    "(+86) {a}{b}{c}", "86-{a}-{b}-{c}", "{a} {b} {c}", "0086 {a} {b} {c}", "+86-{a}{b}{c}",
)  # fmt: skip
"""How people write one telephone number."""

SHOPPERS = (
    ("林", "晓彤", "13800131001", "lin.xiaotong@example.com"),
    ("陈", "嘉木", "13900131002", "chen.jiamu@example.com"),
    ("吴", "若溪", "13600131003", "wu.ruoxi@example.com"),
    ("郑", "一帆", "13700131004", "zheng.yifan@example.com"),
    ("许", "静姝", "13500131005", "xu.jingshu@example.com"),
    ("何", "承泽", "13300131006", "he.chengze@example.com"),
    ("沈", "知夏", "13700132001", "shen.zhixia@example.com"),
    ("韩", "牧之", "", "han.muzhi@example.com"),
)
"""Those whom the live ERP and the live webshop know too."""

_SURNAMES = ("王", "李", "张", "刘", "陈", "杨", "黄", "赵", "周", "吴", "欧阳", "司马")
_GIVEN = ("伟", "芳", "娜", "敏", "静", "雨桐", "思琪", "俊熙", "一诺", "可馨", "宇航")


@dataclass(frozen=True)
class Person:
    """One record as it is entered. ``number`` is the national number; ``ref`` ours alone."""

    ref: str
    last_name: str
    first_name: str
    number: str
    phone: str
    email: str | None
    tags: tuple[str, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def e164(self) -> str | None:
        return f"+86{self.number}" if self.number else None


def written(number: str, notation: int) -> str:
    """A number as somebody writes it."""
    if not number:
        return ""
    form = NOTATIONS[notation % len(NOTATIONS)]
    return form.format(a=number[:3], b=number[3:7], c=number[7:])


def people() -> list[Person]:
    """All records: shoppers, people with the numbers from 138 0000 0001 on, and second records."""
    found: list[Person] = [_shopper(at) for at in range(len(SHOPPERS))]
    number = 0
    while len(found) < COUNT:
        number += 1
        found.append(_person(number))
        if number % 9 == 0 and len(found) < COUNT:
            found.append(_second(found[-3], number // 9))
    return found


def _shopper(at: int) -> Person:
    last, first, number, email = SHOPPERS[at]
    fields = {"member_card": f"M{at + 1:08d}", "points": 100 * at, "consent_sms": at % 2 == 0}
    return Person(
        f"shopper-{at + 1:03d}", last, first, number, written(number, at), email,
        (f"tier:{TIERS[at % 4]}",), fields,
    )  # fmt: skip


def _person(at: int) -> Person:
    number = f"138{at:08d}"
    fields: dict[str, Any] = {"member_card": f"C{at:08d}", "points": at * 37 % 20_000}
    fields["consent_sms"] = at % 3 != 0
    if at % 4 == 0:
        fields["consent_email"] = at % 8 == 0
    if at % 5 < 3:
        fields |= {"wechat_unionid": f"o6_union_{at:06d}", "wechat_openid": f"oMini_{at:06d}"}
    if at % 7 == 0:
        fields["birthday"] = f"{1965 + at % 40}-{1 + at % 12:02d}-{1 + at % 28:02d}"
    tags = [f"tier:{TIERS[at % 11 % 4]}", "channel:wechat" if at % 2 else "channel:store"]
    if at % 13 == 0:
        tags.append("敏感肌")
    return Person(
        f"person-{at:06d}",
        _SURNAMES[at % len(_SURNAMES)],
        _GIVEN[at % len(_GIVEN)],
        number,
        written(number, at),
        None if at % 4 == 3 else f"Member{at:05d}@Example.com",
        tuple(tags),
        fields,
    )


def _second(first: Person, at: int) -> Person:
    """The same person under another record, or somebody who shares the telephone."""
    other = replace(
        first,
        ref=f"second-{at:06d}",
        phone=written(first.number, at + 3),
        email=None,
        tags=("channel:store",),
        fields={},
    )
    match at % 3:
        case 0:  # with an address of their own
            return replace(other, email=f"shop{at:05d}@example.org")
        case 1:  # the shop wrote the whole name into one field, and knows the till's number
            whole = first.last_name + first.first_name
            known = {"pos_customer_id": f"POS{at:06d}"}
            return replace(other, first_name=whole, last_name="-", fields=known)
        case _:  # a family with one number
            return replace(other, first_name=f"{first.first_name}儿")


def by_reference() -> dict[str, Person]:
    """All records by the reference that is entered with them."""
    return {person.ref: person for person in people()}


def with_phone(e164: str) -> Iterator[Person]:
    """Everybody who is known by a telephone."""
    return (person for person in people() if person.e164 == e164)
