"""What connectors and rigs declare is so, and the page about the suite is of today (P1)."""

from inspect import getattr_static, signature
from pathlib import Path
from typing import Any

import pytest

from connectors.webhooks import SCHEMES
from resolvers.backend_ports import Backend, Idempotency, Role
from tests.contract.connectors import cases
from tests.contract.connectors.cases import Case, shows
from tests.contract.connectors.reading import FEEDS, Reading, read
from tests.contract.connectors.rig import ABILITIES, Rig, Things, Unanswered, asked_of
from tests.contract.connectors.rigs.every import RIGS

PARTS = {
    Role.CATALOG_SOURCE: "catalog",
    Role.LOCATION_SOURCE: "locations",
    Role.STOCK_FEED: "stock",
    Role.STOCK_SINK: "stock_sink",
    Role.ORDER_SOURCE: "order_source",
    Role.ORDER_SINK: "order_sink",
    Role.RETURN_SINK: "return_sink",
    Role.TRANSFER_SINK: "transfer_sink",
    Role.LISTING_SOURCE: "listings",
    Role.PUBLICATION_SINK: "publication",
    Role.MEMBER_SOURCE: "members",
    Role.EVENT_RECEIVER: "events",
    Role.EVENT_PULLER: "puller",
    Role.LOYALTY: "loyalty",
    Role.LIVE_STOCK: "live_stock",
    Role.LIVE_PRICES: "live_prices",
}

WRITES = frozenset({Role.STOCK_SINK, Role.ORDER_SINK, Role.RETURN_SINK, Role.TRANSFER_SINK})
"""Roles whose writes do something anew each time, unless they are known again."""


@shows("the roles that it declares are those that it has, and those of its rig")
async def test_roles_are_those_that_are_there(case: Case, rig: Rig) -> None:
    backend = rig.backend
    present = {role for role, part in PARTS.items() if getattr(backend, part) is not None}

    assert set(PARTS) == set(Role)
    assert set(backend.capabilities.roles) == present == set(rig.roles)
    assert len(backend.capabilities.roles) == len(present)


@shows("what it declares of calls, writes and messages can be meant")
async def test_what_is_declared_can_be_meant(case: Case, rig: Rig) -> None:
    told = rig.backend.capabilities

    assert told.sales_per_call >= 1 and told.publications_per_call >= 1
    assert told.live_stock_per_call >= 1 and told.live_prices_per_call >= 1
    assert told.calls_at_once >= 1 and told.calls_per_second > 0
    assert told.write_seconds_max > 0
    assert set(told.scanned) <= {FEEDS[role] for role in rig.roles if role in FEEDS}
    assert (told.stock is not None) == (Role.STOCK_FEED in rig.roles)
    assert (told.webhooks is not None) == (Role.EVENT_RECEIVER in rig.roles)
    assert told.webhooks is None or told.webhooks in SCHEMES
    assert told.returns == (Role.RETURN_SINK in rig.roles)
    assert told.transfers == (Role.TRANSFER_SINK in rig.roles)
    assert told.pulls_events == (Role.EVENT_PULLER in rig.roles)
    assert (told.loyalty is not None) == (Role.LOYALTY in rig.roles)
    if WRITES.intersection(rig.roles):
        assert told.idempotency is not Idempotency.NONE, "a write is found again by something"


@shows("what it says is scanned goes on from the beginning; all else from its cursor", *FEEDS,
       of=["there"])  # fmt: skip
async def test_scanned_is_what_has_no_cursor(case: Case, rig: Rig, things: Things) -> None:
    assert case.role is not None
    await things.there()
    reading: Reading = await read(rig.backend, case.role)

    scanned = FEEDS[case.role] in rig.backend.capabilities.scanned
    assert scanned == (reading.cursor == "")


@pytest.mark.parametrize("rig", RIGS)
def test_what_a_rig_cannot_is_named_and_nothing_else_is(rig: type[Rig]) -> None:
    """A system that cannot do something says why; one that can is tested."""
    asked = asked_of(rig)
    for who, name, reasons, base in asked:
        answered = getattr_static(who, name) is not getattr_static(base, name)
        assert answered or name in reasons, f"{who.__name__}.{name} is missing"
        assert name not in reasons or name not in vars(who), f"{who.__name__} can {name}"
    named = {(id(reasons), name) for _, name, reasons, _ in asked}
    for reasons in {id(reasons): reasons for _, _, reasons, _ in asked}.values():
        assert all((id(reasons), name) in named for name in reasons), "a reason that nobody needs"


class Silent(Rig):
    """Answers nothing, and gives no reason."""

    def made(self, **otherwise: Any) -> Backend:
        raise AssertionError("nobody needs one")

    async def ask(self, backend: Backend) -> object:
        raise AssertionError("nobody asks")


@pytest.mark.parametrize("name", sorted({name for asked in ABILITIES.values() for name in asked}))
async def test_an_ability_that_nobody_answers_says_which_and_what_to_do(
    name: str, tmp_path: Path
) -> None:
    ability = getattr(Silent(None, tmp_path), name)
    needed = [it for it in signature(ability).parameters.values() if it.default is it.empty]
    given = [None for it in needed if it.kind is it.POSITIONAL_OR_KEYWORD]

    with pytest.raises(Unanswered, match=f"^Silent neither answers {name} nor names it"):
        await ability(*given)


def test_every_test_of_the_suite_says_what_it_shows() -> None:
    told = [shown.what for _, shown in cases.tests()]
    assert len(told) == len(set(told))
    assert {role for rig in RIGS for role in rig.roles} == set(Role)


def test_the_page_is_of_this_suite_and_of_a_run_that_showed_all() -> None:
    assert cases.PAGE.read_text(encoding="utf-8") == cases.page(cases.all_shown())
