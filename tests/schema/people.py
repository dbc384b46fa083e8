"""A shop whose members come from two systems, and those members."""

from typing import Any

from resolvers.access import Principal, Role
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Probe
from resolvers.domain.catalog import Provenance
from resolvers.domain.members import Consent, Identity, IdentityKind, Member, member_id
from schema.ids import seal
from tests.support import NOON, SKU, Shop, open_shop

PHONE, CARD = "+8613800138000", "622588001234"
LIN = member_id("crm", "c1")
LIN_ID = seal("Member", LIN)
HERSELF = Principal(Role.SHOPPER, f"member:{LIN}", LIN)


class Source:
    """A system that is configured to have members, and is never asked."""

    async def probe(self) -> Probe:
        raise AssertionError

    def members(self, cursor: str) -> Any:
        raise AssertionError

    async def member(self, external_id: str) -> Member | None:
        raise AssertionError


def source(code: str) -> Backend:
    never = Source()
    return Backend(code, "any", Capabilities((), Idempotency.NONE), never, members=never)


def person(
    system: str, external_id: str, name: str, *known: tuple[IdentityKind, str, str], **more: Any
) -> Member:
    identities = tuple(Identity(kind, at, value, NOON, "crm") for kind, at, value in known)
    where = Provenance(system, external_id, NOON)
    return Member(member_id(system, external_id), name, identities, where, NOON, **more)


PEOPLE = (
    person(
        "crm",
        "c1",
        "林若溪",
        (IdentityKind.PHONE, "crm", PHONE),
        (IdentityKind.EMAIL, "crm", "lin@example.com"),
        (IdentityKind.CARD, "crm", CARD),
        (IdentityKind.UNION_ID, "wechat", "u-1"),
        (IdentityKind.EXTERNAL, "marketplace-a", "buyer-7"),
        tier="GOLD",
        points=1200,
        tags=("护肤", "送礼"),
        consents=(Consent("sms", given=True, at=NOON),),
    ),
    person("shop", "s1", "林若溪", (IdentityKind.PHONE, "shop", PHONE)),
    person("shop", "s2", "小林", (IdentityKind.PHONE, "shop", PHONE)),
    person(
        "crm",
        "c2",
        "陈思远",
        (IdentityKind.PHONE, "crm", "+8613911111111"),
        (IdentityKind.CARD, "crm", "1000"),
        tier="SILVER",
        tags=("送礼",),
    ),
    person("crm", "c3", "陈思远", (IdentityKind.CARD, "crm", "1000"), tier="SILVER"),
    person("crm", "c4", "谁", gone=True),
)


async def peopled_shop() -> Shop:
    """A shop whose members come from two systems, the CRM first."""
    opened = await open_shop(backends=[source("crm"), source("shop")])
    await opened.stocked(SKU, "WH-01", 9)
    await opened.stocked(SKU, "ST-01", 3)
    await opened.store.members.save_members(PEOPLE)
    return opened
