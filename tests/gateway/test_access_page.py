"""``docs/access.md``: what it says is what the table says, followed from the roots."""

from pathlib import Path

from gateway.access_page import page
from resolvers.access import Role
from schema.reach import Sight, shown
from schema.root import build_schema

SIGHTS = {f"{row.kind}.{row.field}": row.sights for row in shown(build_schema())}


def test_the_committed_page_is_what_the_code_makes() -> None:
    committed = Path(__file__).parents[2] / "docs" / "access.md"

    assert committed.read_text(encoding="utf-8") == page(), "run `make docs`"


def sees(role: Role, sight: Sight) -> set[str]:
    return {field for field, sights in SIGHTS.items() if sights[role] is sight}


def test_an_admin_sees_every_field_so_that_none_is_out_of_reach() -> None:
    assert sees(Role.ADMIN, Sight.WHOLE) == SIGHTS.keys()


def test_what_nothing_leads_to_is_not_seen_though_it_asks_nothing_itself() -> None:
    """The field ``node`` finds orders, and is open to all; it shows them to whom ``order`` does."""
    guest = sees(Role.GUEST, Sight.WHOLE)

    assert {"Query.node", "Product.id", "StockLevel.onHand"} <= guest
    assert not {"Order.number", "Delivery.address", "Backend.code", "StockRule.id"} & guest
    mutations = sorted(field for field in guest if field.startswith("Mutation."))
    assert mutations == ["Mutation.guestLogin", "Mutation.wechatLogin"]


def test_personal_data_is_masked_for_those_who_see_orders_and_lack_the_scope() -> None:
    personal = {f"Address.{field}" for field in ("recipient", "phone", "street", "postalCode")}

    assert sees(Role.GUEST, Sight.MASKED) == set()
    assert sees(Role.SHOPPER, Sight.MASKED) == personal
    assert sees(Role.ASSOCIATE, Sight.MASKED) == personal
    assert sees(Role.PARTNER, Sight.MASKED) == set()
