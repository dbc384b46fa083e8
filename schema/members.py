"""Members as clients see them, and what is asked about them."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from resolvers import freshness, members, orders
from resolvers.domain.catalog import Provenance
from resolvers.domain.orders import Order
from resolvers.filters import MemberFilter
from resolvers.house import MEMBERS
from resolvers.members import Shown
from schema.enums import IdentityKind
from schema.fields import After, First, instances_of, plain
from schema.ids import NodeType, identity, key_of
from schema.info import Info
from schema.order_inputs import ExternalRefInput
from schema.orders import OrderType
from schema.paging import ConnectionType, Listed, after_of, listed
from schema.values import ProvenanceType

LIST, ORDERS_LIST = "members", "memberOrders"


def _phone(shown: Shown) -> str | None:
    return shown.member.first(IdentityKind.PHONE)


def _email(shown: Shown) -> str | None:
    return shown.member.first(IdentityKind.EMAIL)


@strawberry.type(
    name="Identity",
    description="One thing that a member is known by in a system. Its value is masked as the "
    "member is; of ids that systems made up nothing is left then.",
)
class IdentityType:
    """Read from the domain's identity, masked where it must be."""

    kind: IdentityKind = strawberry.field(description="What it is.")
    system: str = strawberry.field(description="Code of the system that knows it.")
    value: str = strawberry.field(
        description="The phone as E.164, the mail address in lower case, the card or the id; "
        "masked: `+861****8000`, `l****@example.com`, `****1234`, `****`."
    )
    linked_at: datetime = strawberry.field(description="When the system learnt of it.")
    evidence: str = strawberry.field(description="Who vouches for it.")


@strawberry.type(name="Consent", description="What a member allowed or forbade.")
class ConsentType:
    """Read from the domain's consent."""

    kind: str = strawberry.field(description="What it is about, in its system's words.")
    given: bool = strawberry.field(description="Whether it was allowed.")
    at: datetime = strawberry.field(description="When that was said.")


@strawberry.type(
    name="Member",
    description="One person's record in one system. The member itself, and who has the scope "
    "`personal:read`, sees it whole; to others names, phones, mail addresses, cards and foreign "
    "ids are masked.",
)
class MemberType(NodeType):
    """Read from a member as the caller may see it."""

    is_type_of = instances_of(Shown)

    id: strawberry.ID = identity("Member", "member.id")
    display_name: str | None = plain(
        "member.display_name", "The name; masked: `林**`. Null if the system has none."
    )
    phone: str | None = plain(
        _phone, "The first phone, E.164; masked: `+861****8000`. Null if none is known."
    )
    email: str | None = plain(
        _email, "The first mail address; masked: `l****@example.com`. Null if none is known."
    )
    tier: str | None = plain("member.tier", "The tier, in the system's words; null if it has none.")
    tags: list[str] = plain("member.tags", "What the system's people noted, in order.")
    consents: list[ConsentType] = plain("member.consents", "What was allowed and forbidden.")
    identities: list[IdentityType] = plain("member.identities", "All that the member is known by.")

    @strawberry.field(
        description="Points that can be spent, as the system that keeps them counts them now; null "
        "if it keeps none. If it gives no answer they are those that it last told, and "
        "`extensions.warnings` of the answer say so."
    )
    @staticmethod
    async def points_balance(shown: strawberry.Parent[Shown], info: Info) -> int | None:
        """What the member may spend."""
        found = await members.points_of(info.context.ctx, shown)
        if found.outage is not None:
            backend = found.outage.backend or "its system"
            info.context.warn_stale(
                f"{backend} gives no answer; its points are those that it last told",
                path=["pointsBalance"],
            )
        return found.points

    @strawberry.field(
        graphql_type=ConnectionType[OrderType],
        description="What this record's member bought, as far as the caller may see it, the newest "
        "first.",
    )
    @staticmethod
    async def orders(
        shown: strawberry.Parent[Shown], info: Info, first: First, after: After = UNSET
    ) -> Listed[Order]:
        """A page of the member's orders."""
        place = after_of(after, ORDERS_LIST)
        page = await orders.orders_of_member(info.context.ctx, shown.member.id, first, place)
        return listed(page, ORDERS_LIST)

    @strawberry.field(
        graphql_type=list[ProvenanceType],
        description="The system that has the record, what it calls it (masked: `****`), and when "
        "it last spoke of members.",
    )
    @staticmethod
    async def provenance(shown: strawberry.Parent[Shown], info: Info) -> list[Provenance]:
        """Where the record came from."""
        return await freshness.confirmed(info.context.ctx, [shown.member.provenance], MEMBERS)


@strawberry.input(
    name="MemberBy",
    description="One member, by exactly one of the things that it is known by.",
    one_of=True,
)
class MemberByInput:
    """Which member is asked for."""

    id: strawberry.ID | None = strawberry.field(description="Its opaque id.")
    phone: str | None = strawberry.field(
        description="A phone in any notation; without a country's code, of the retailer's region."
    )
    email: str | None = strawberry.field(description="A mail address; its case does not matter.")
    card: str | None = strawberry.field(
        description="A card's number; blanks do not matter, case does."
    )
    union_id: str | None = strawberry.field(description="A WeChat union id.")
    external: ExternalRefInput | None = strawberry.field(
        description="What a system calls the member."
    )


@strawberry.input(
    name="MemberFilter",
    description="Which members are asked for. A list means any of its values; absent means all.",
)
class MemberFilterInput:
    """Becomes the port's filter."""

    phone: str | None = strawberry.field(description="Known by this phone, in any notation.")
    email: str | None = strawberry.field(description="Known by this mail address.")
    card: str | None = strawberry.field(description="Known by this card.")
    system: list[str] | None = strawberry.field(description="Records of these systems.")
    tier: list[str] | None = strawberry.field(description="In one of these tiers.")
    tags: list[str] | None = strawberry.field(description="With one of these tags.")
    updated_since: datetime | None = strawberry.field(
        description="Changed in their system at or after this instant."
    )

    def asked(self) -> MemberFilter:
        """The same for the flow."""
        return MemberFilter(
            self.phone,
            self.email,
            self.card,
            tuple(self.system or ()),
            tuple(self.tier or ()),
            tuple(self.tags or ()),
            self.updated_since,
        )


Filter = Annotated[
    MemberFilterInput | None, strawberry.argument(description="Which members. Absent: all.")
]


@strawberry.type
class MembersQuery:
    """The root fields about members."""

    @strawberry.field(
        graphql_type=MemberType | None,
        description="The member that the caller's token is; null if it is none, or none is known.",
    )
    @staticmethod
    async def me(info: Info) -> Shown | None:
        """The caller."""
        return await members.myself(info.context.ctx)

    @strawberry.field(
        graphql_type=MemberType | None,
        description="A member; null if there is none. Of several records that are known by the "
        "same, that of the source which is configured first; if that has several, the question is "
        "refused: list them with `members`.",
    )
    @staticmethod
    async def member(
        info: Info,
        by: Annotated[
            MemberByInput, strawberry.argument(description="Which, by exactly one thing.")
        ],
    ) -> Shown | None:
        """One member, by whatever it is known by."""
        ctx = info.context.ctx
        if by.external is not None:
            return await members.member_by_external(ctx, by.external.system, by.external.id)
        for value, find in (
            (by.phone, members.member_by_phone),
            (by.email, members.member_by_email),
            (by.card, members.member_by_card),
            (by.union_id, members.member_by_union_id),
        ):
            if value is not None:
                return await find(ctx, value)
        key = key_of("Member", by.id or "")
        return None if key is None else await members.member_by_id(ctx, key)

    @strawberry.field(
        graphql_type=ConnectionType[MemberType],
        description="Members of every source, each record by itself, in an order that stays.",
    )
    @staticmethod
    async def members(
        info: Info, first: First, after: After = UNSET, filter: Filter = UNSET
    ) -> Listed[Shown]:
        """A page of members."""
        asked = filter.asked() if filter else MemberFilter()
        page = await members.browse_members(info.context.ctx, asked, first, after_of(after, LIST))
        return listed(page, LIST)
