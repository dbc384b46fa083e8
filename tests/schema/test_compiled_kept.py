"""What was made of a record that does not change is made once, and is never anybody else's (G5)."""

# mypy: disable-error-code="untyped-decorator"
# The library's decorators are untyped.

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry

from connectors.sandbox import goods
from resolvers.access import Principal, Role
from schema.compiled.kept import Kept
from schema.compiled.running import Compiled
from schema.fields import IS_PURE, instances_of, plain
from schema.info import Info, RequestContext
from schema.limits import Bounds
from schema.operations import Operation, run
from schema.root import BOUNDS, Schema, build_schema
from tests.support import MANAGER, SHOPPER, Shop, open_shop

LIST = """query($locale: String, $channel: String!) { products(first: 10) { nodes { handle brand
  title(locale: $locale) variants(first: 3) { nodes { sku title(locale: $locale) unitCost { amount }
    price(channel: $channel) { amount currencyCode } } } } } }"""
SAID = {"locale": "en", "channel": "mini-program"}


def of(kept: Kept) -> Schema:
    schema = build_schema()
    schema.compiled = Compiled(schema, BOUNDS, after=0, kept=kept)
    return schema


async def told(
    schema: Schema, shop: Shop, caller: Principal = SHOPPER, **said: Any
) -> Mapping[str, Any]:
    context = RequestContext(shop.context(caller), [], "r-1")
    return (await run(schema, Operation(LIST, {**SAID, **said}), context)).body


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


async def test_a_record_that_is_asked_for_again_in_the_same_way_is_made_once(shop: Shop) -> None:
    kept, stock = Kept(), build_schema(compiled=False)
    schema = of(kept)

    answers = [await told(schema, shop) for _ in range(3)]

    assert kept.count == 10
    assert answers == [await told(stock, shop)] * 3


@pytest.mark.parametrize(
    ("caller", "said"),
    [
        (SHOPPER, {"locale": "zh-CN"}),
        (SHOPPER, {"locale": None}),
        (SHOPPER, {"channel": "no-such-channel"}),
        (MANAGER, {}),  # who sees costs
    ],
)
async def test_whoever_asks_in_another_way_is_told_another_thing(
    shop: Shop, caller: Principal, said: dict[str, Any]
) -> None:
    kept, stock = Kept(), build_schema(compiled=False)
    schema = of(kept)
    first = await told(schema, shop)

    other = await told(schema, shop, caller, **said)

    assert other == await told(stock, shop, caller, **said) != first
    assert kept.count == 20
    assert await told(schema, shop) == first


async def test_what_has_changed_is_made_anew(shop: Shop) -> None:
    schema, stock = of(Kept()), build_schema(compiled=False)
    before = await told(schema, shop)
    changed = replace(goods.catalogue()[0], brand="Another")

    await shop.store.catalog.save_products([changed], shop.clock())

    after = await told(schema, shop)
    assert after == await told(stock, shop) != before


async def test_no_more_is_kept_than_may_be(shop: Shop) -> None:
    kept, stock = Kept(most=40), build_schema(compiled=False)
    schema = of(kept)

    for at in range(30):
        said: Any = {"locale": f"xx-{at}"}
        assert await told(schema, shop, **said) == await told(stock, shop, **said)
        assert 0 < kept.weight <= 40


async def test_nothing_is_kept_for_long_arguments(shop: Shop) -> None:
    """They are anybody's words, and would be kept with it."""
    kept, stock = Kept(), build_schema(compiled=False)
    said: Any = {"locale": "x" * 300}

    assert await told(of(kept), shop, **said) == await told(stock, shop, **said)
    assert (kept.count, kept.weight) == (0, 0)


# ---- what looks at the request -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thing:
    """A record that every request is given again."""

    name: str
    size: int = 1
    colour: str = "red"
    weight: int = 2


@strawberry.type(name="Thing")
class ThingType:
    is_type_of = instances_of(Thing)

    name: str
    size: int
    colour: str
    weight: int
    loud: str = plain(lambda thing: thing.name.upper(), "Louder.")

    @strawberry.field(metadata=IS_PURE)
    @staticmethod
    def asked_by(thing: strawberry.Parent[Thing], info: Info) -> str:
        return f"{thing.name} {info.context.request_id}"


THINGS = [Thing("a"), Thing("b")]


@strawberry.type
class Query:
    @strawberry.field(graphql_type=list[ThingType])
    @staticmethod
    async def things() -> Any:
        return THINGS


@pytest.mark.parametrize(
    ("fields", "kept_things"),
    [
        ("name size colour weight loud", 2),
        ("name size colour weight loud askedBy", 0),  # it looks at the request
        ("name size", 0),  # too few
    ],
)
async def test_what_looks_at_the_request_is_made_for_each(fields: str, kept_things: int) -> None:
    schema, kept = Schema(query=Query), Kept(classes=[Thing])
    compiled = Compiled(schema, Bounds(), after=0, kept=kept)
    document = f"{{ things {{ {fields} }} }}"
    ctx: Any = SimpleNamespace(principal=Principal(Role.SHOPPER, "member:M-1", "M-1"))

    for id in ("r-1", "r-2"):
        context = RequestContext(ctx, [], id)
        found = await compiled.run(document, None, {}, context)
        expected = await schema.execute(document, {}, context)
        assert found is not None
        assert (found.data, found.errors) == (expected.data, None)

    assert kept.count == kept_things
