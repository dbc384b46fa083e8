"""The connector at a Vendure that is played, with the quirks of the real one (S5, G4)."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from connectors.options import BadOption
from connectors.webhooks import Endpoint
from resolvers.backend_ports import Backend, Changes, Role
from resolvers.domain.breakers import BreakerState
from resolvers.domain.errors import BackendRefused, BackendUnavailable, NotUnderstood
from resolvers.domain.inbox import Hint, Message
from resolvers.domain.members import IdentityKind
from resolvers.event_ports import RawMessage
from resolvers.house import LISTINGS, MEMBERS, ORDERS
from tests.connectors.vendure_scripted import NOW, Shop, answer, recorded

DOWN = {"errors": [{"message": "connect ECONNREFUSED 127.0.0.1:5432"}], "data": None}


async def pages(backend: Backend, cursor: str = "") -> list[Changes[Any]]:
    assert backend.listings is not None
    return [page async for page in backend.listings.listings(cursor)]


async def read(backend: Backend, cursor: str = "") -> tuple[list[str], str]:
    """Ids of listings, and the cursor after them."""
    told = await pages(backend, cursor)
    return [it.id for page in told for it in page.items], told[-1].cursor if told else cursor


async def ordered(backend: Backend, cursor: str = "") -> tuple[list[str], str]:
    assert backend.order_source is not None
    ids: list[str] = []
    async for orders, after in backend.order_source.orders(cursor):
        ids += [order.id for order in orders]
        cursor = after
    return ids, cursor


def copies(shop: Shop, count: int) -> None:
    """Fills the shop with so many variants of one product."""
    row = shop.lists["productVariants"][0]
    shop.lists["productVariants"] = [{**row, "id": str(at)} for at in range(1, count + 1)]
    for prices in shop.prices.values():
        prices[:] = [{**prices[0], "id": str(at)} for at in range(1, count + 1)]


async def test_every_listing_is_read_once_in_pages_the_last_of_which_says_so():
    shop = Shop()
    copies(shop, 1101)

    told = await pages(shop.backend())

    ids = [it.id for page in told for it in page.items]
    assert ids == [str(at) for at in range(1, 1102)]
    assert [page.whole for page in told] == [False] * 22 + [True]
    assert all(len(page.items) <= 50 for page in told)


async def test_a_first_reading_that_was_stopped_goes_on_and_is_not_whole():
    shop = Shop()
    copies(shop, 120)
    first = (await pages(shop.backend()))[0]

    rest = await pages(shop.backend(), first.cursor)

    assert [it.id for page in rest for it in page.items] == [str(at) for at in range(51, 121)]
    assert rest[-1].whole is False


async def test_listings_that_go_while_all_are_read_do_not_take_others_with_them():
    """A list has places, not cursors: what is deleted moves all that follow."""
    shop = Shop()
    copies(shop, 1500)
    asked: list[str] = []

    def delete(query: str) -> None:
        if "items { id }" in query:
            asked.append(query)
            if len(asked) == 2:  # between the first page of ids and the second
                shop.lists["productVariants"] = shop.lists["productVariants"][10:]

    shop.before = delete
    told = await pages(shop.backend())

    ids = [it.id for page in told for it in page.items]
    assert ids == [str(at) for at in range(11, 1501)]
    assert told[-1].whole is True


async def test_changes_of_a_variant_or_its_product_are_told_once():
    shop = Shop()
    backend = shop.backend()
    _, cursor = await read(backend)
    _, cursor = await read(backend, cursor)  # looks back once
    assert await read(backend, cursor) == ([], cursor)

    shop.lists["productVariants"][1]["updatedAt"] = "2026-11-28T02:55:00.000Z"
    ids, cursor = await read(backend, cursor)
    assert ids == ["5"]
    assert json.loads(cursor) == {"since": "2026-11-28T02:55:00+00:00"}
    assert await read(backend, cursor) == ([], cursor)

    shop.lists["products"][0]["updatedAt"] = "2026-11-28T02:54:30.000Z"  # committed late
    ids, after = await read(backend, cursor)
    assert (ids, after) == (["1"], cursor)
    assert (await pages(backend, cursor))[-1:] == []


async def test_a_variant_that_was_deleted_between_two_questions_is_told_as_gone():
    shop = Shop()
    backend = shop.backend()
    _, cursor = await read(backend)
    shop.lists["productVariants"][0]["updatedAt"] = "2026-11-28T02:55:00.000Z"
    kept = shop.lists["productVariants"]

    def delete(query: str) -> None:
        if "stockLevels" in query:
            shop.lists["productVariants"] = kept[1:]

    shop.before = delete
    told = await pages(backend, cursor)

    assert [page.gone for page in told] == [["1"]]


async def test_a_session_that_is_over_is_made_anew_once():
    shop = Shop()
    backend = shop.backend()
    await read(backend)
    shop.tokens.clear()
    shop.seconds = 3600.0

    ids, _ = await read(backend)

    assert (len(ids), shop.logins) == (4, 2)


async def test_a_missing_right_does_not_log_in_again_and_again():
    shop = Shop()
    backend = shop.backend()
    await read(backend)
    shop.tokens.clear()

    for _ in range(3):
        with pytest.raises(BackendRefused, match="may not do this"):
            await read(backend)

    assert shop.logins == 1


async def test_a_wrong_password_is_tried_once_a_minute():
    shop = Shop()
    shop.login = recorded("errors")["wrong password"]
    backend = shop.backend()

    for _ in range(3):
        probe = await backend.health.probe()
    assert (probe.good, shop.logins) == (False, 1)

    shop.login, shop.seconds = recorded("login"), 61.0
    assert (await backend.health.probe()).good


async def test_a_database_that_is_away_is_an_outage_though_the_shop_answers_200():
    shop = Shop()
    backend = shop.backend()
    await read(backend)

    for _ in range(5):
        shop.broken = [answer(DOWN)]
        with pytest.raises(BackendUnavailable) as caught:
            await read(backend)
        assert str(caught.value) == "shop: it failed inside"

    assert backend.governor is not None
    assert backend.governor.standing().breaker is BreakerState.OPEN  # it has learned of that


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (httpx2.Response(200, content=b"{"), BackendUnavailable),
        (answer({"data": {"rows": None}}), BackendUnavailable),
        (answer({"data": {"rows": {"totalItems": 1, "items": [{}]}}}), BackendUnavailable),
        (httpx2.Response(500, content=b"oops"), BackendUnavailable),
        (httpx2.Response(404, content=b"<html>"), BackendRefused),
        (answer(recorded("errors")["unknown field"], status=400), BackendRefused),
        (answer(recorded("errors")["too many rows"]), BackendRefused),
    ],
)
async def test_every_bad_answer_has_its_error(broken, error):
    shop = Shop()
    backend = shop.backend()
    _, cursor = await read(backend)
    shop.broken = [broken]

    with pytest.raises(error, match=r"^shop: "):
        await read(backend, cursor)


async def test_a_cursor_of_somebody_else_is_refused():
    for wrong in ("x", "[]", "{}", '{"since": 3}'):
        with pytest.raises(BackendRefused, match="is no cursor"):
            await read(Shop().backend(), wrong)


async def test_changes_after_a_clock_that_was_ahead_was_set_right_are_told():
    """A cursor at the stamp from the future would leave them out for as long (P2)."""
    shop = Shop()
    copies(shop, 3)
    now = NOW
    backend = shop.backend(clock=lambda: now)
    ahead, right, *_ = shop.lists["productVariants"]
    ahead["updatedAt"] = "2026-11-28T03:10:00.000Z"
    _, cursor = await read(backend)
    _, cursor = await read(backend, cursor)

    now = NOW.replace(minute=2)
    right["updatedAt"] = "2026-11-28T03:01:30.000Z"
    changed, cursor = await read(backend, cursor)

    assert changed == [right["id"]]
    assert (await read(backend, cursor))[0] == []


async def test_orders_are_told_when_they_are_placed_and_when_their_state_moves():
    """Neither moves an order's own stamp."""
    shop = Shop()
    late = shop.lists["orders"].pop()
    backend = shop.backend()
    ids, cursor = await ordered(backend)
    assert ids == ["shop-1", "shop-2", "shop-3"]
    assert (await ordered(backend, cursor))[0] == []  # read again, and the same

    shop.lists["orders"].append({**late, "updatedAt": "2026-11-28T02:00:00.000Z"})
    ids, cursor = await ordered(backend, cursor)
    assert ids == ["shop-4"]

    shop.lists["orders"][2]["state"] = "PaymentSettled"
    shop.lists["orders"][2]["payments"][0]["state"] = "Settled"
    ids, cursor = await ordered(backend, cursor)
    assert ids == ["shop-3"]
    assert (await ordered(backend, cursor))[0] == []


async def test_a_refund_of_a_closed_order_is_found_within_a_quarter_of_an_hour():
    shop = Shop()
    now = NOW
    backend = shop.backend(clock=lambda: now)
    shop.lists["orders"][1]["state"] = "Delivered"
    _, cursor = await ordered(backend)
    _, cursor = await ordered(backend, cursor)
    refund = {"updatedAt": "2026-11-28T02:59:00.000Z", "state": "Settled", "total": 500}
    shop.lists["orders"][1]["payments"][0]["refunds"].append(refund)
    assert (await ordered(backend, cursor))[0] == []

    now = NOW.replace(minute=15)

    assert (await ordered(backend, cursor))[0] == ["shop-2"]


async def test_carts_are_no_orders():
    shop = Shop()
    shop.lists["orders"][0]["orderPlacedAt"] = None

    ids, _ = await ordered(shop.backend())

    assert ids == ["shop-2", "shop-3", "shop-4"]


async def test_members_are_read_whole_and_by_id():
    members = Shop().backend().members
    assert members is not None

    told = [page async for page in members.members("")]
    one = await members.member("7")

    assert [len(page.items) for page in told] == [4]
    assert told[-1].whole
    assert one is not None
    assert one.first(IdentityKind.PHONE) == "+8613700132001"
    assert await members.member("99") is None


async def test_the_doctor_says_which_right_or_channel_or_place_is_missing():
    shop = Shop()
    [home, mini] = shop.login["data"]["login"]["channels"]
    mini["permissions"].remove("ReadOrder")
    probe = await shop.backend().health.probe()
    assert probe.detail == "its user may not ReadOrder in the channel mini"

    shop.login["data"]["login"]["channels"] = [home]
    probe = await shop.backend().health.probe()
    assert probe.detail == "its user may not enter the channel mini"

    options = {"location": "CW02"}
    probe = await shop.backend(options=options).health.probe()
    assert probe.detail == "shop: it has no stock location named 'CW02'"


@pytest.mark.parametrize(
    "options",
    [
        {"channels": "mini"},
        {"channels": "mini=unknown"},
        {"channels": "mini=web,mini=web"},
        {"barcode_field": "a } b"},
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(options):
    with pytest.raises(BadOption):
        Shop().backend(options=options)


def test_what_is_declared_is_what_is_there():
    declared = Shop().backend().capabilities
    assert Role.EVENT_RECEIVER not in declared.roles
    assert declared.webhooks is None

    told = Shop().backend(webhooks=Endpoint((b"k" * 16,))).capabilities
    assert told.roles[-1] is Role.EVENT_RECEIVER
    assert (told.webhooks, told.publications_per_call) == ("vendure", 50)


def message(topic: str, about: Any) -> Message:
    body = json.dumps({"id": "e", "topic": topic, "channel": None, "data": about}).encode()
    return Message("1", "shop", "e", NOW, body)


@pytest.mark.parametrize(
    ("topic", "about", "hints"),
    [
        ("variant", {"ids": ["7", "8"]}, [Hint(LISTINGS, "7"), Hint(LISTINGS, "8")]),
        ("stock", {"ids": ["7"]}, [Hint(LISTINGS, "7")]),
        ("stock", {"ids": []}, [Hint(LISTINGS)]),
        ("variant", {"ids": ["7"] * 1001}, [Hint(LISTINGS)]),
        ("product", {"ids": ["3"]}, [Hint(LISTINGS)]),
        ("customer", {"ids": ["3"]}, [Hint(MEMBERS, "3")]),
        ("order-state", {"orderId": "9", "to": "Shipped"}, [Hint(ORDERS, "9")]),
        ("fulfillment", {"to": "Shipped"}, [Hint(ORDERS)]),
    ],
)
def test_a_message_hints_at_what_has_changed(topic, about, hints):
    events = Shop().backend(webhooks=Endpoint((b"k" * 16,))).events
    assert events is not None

    assert list(events.hints(message(topic, about))) == hints


@pytest.mark.parametrize(
    ("topic", "about"),
    [("weather", {}), ("variant", {}), ("variant", {"ids": [7]}), ("order-state", [])],
)
def test_a_message_of_another_kind_is_parked(topic, about):
    events = Shop().backend(webhooks=Endpoint((b"k" * 16,))).events
    assert events is not None

    with pytest.raises(NotUnderstood):
        events.hints(message(topic, about))
    with pytest.raises(NotUnderstood):
        events.hints(replace(message(topic, about), body=b"\xff"))


def test_a_message_is_known_by_its_signature_and_its_id():
    """Signed by Node.js as the plugin does it, with this secret and body."""
    events = Shop().backend(webhooks=Endpoint((b"known to the shop and to us alone",))).events
    assert events is not None
    headers = {
        "x-vendure-signature": "sha256="
        "d549381468cbde88c418921a5dbe743075ad1f517f33f071ba850795d7edfa45",
        "x-vendure-event-id": "11111111-2222-4333-8444-555555555555",
        "x-vendure-topic": "customer",
    }
    raw = RawMessage("POST", "/", "", headers, b'{"topic":"customer"}', datetime.now(UTC))

    assert events.verify(raw)
    assert events.dedupe_key(raw) == "11111111-2222-4333-8444-555555555555"
    assert events.kept_headers(raw) == {"x-vendure-topic": "customer"}
    assert not events.verify(replace(raw, body=b'{"topic":"product"}'))
