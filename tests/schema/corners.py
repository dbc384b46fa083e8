"""A schema with every corner that an answer can have, over the goods of ``strange_goods``. What
asks for them is dealt in ``dealing``.
"""

# mypy: disable-error-code="untyped-decorator, attr-defined"
# The library's decorators are untyped, and the context is one of this schema alone.

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Annotated, Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from resolvers.access import Principal, Role, Scope
from resolvers.batching import Batched
from schema.access import OPEN, Ask, Masked, guard
from schema.compiled.running import Compiled
from schema.fields import IS_PURE, instances_of, plain, pure_when, read_together
from schema.info import Info, RequestContext
from schema.limits import Bounds, Limits
from schema.root import Schema
from tests.schema.strange_goods import BagGoods, BoxGoods, Color, Fussy, Named, Steady, Tag, fussy

WIDE = Bounds(depth=40, aliases=2000, directives=2000, root_fields=500, cost=10**9)


def _beside(box: Any, info: Info, further: int) -> Any:
    key = _key(box) + further
    return None if key % 5 == 4 else BoxGoods(key, info.context.ctx.wild, 3)


async def _beside_all(boxes: Sequence[Any], info: Info, further: int = 1) -> list[Any]:
    await asyncio.sleep(0)
    return [_beside(box, info, further) for box in boxes]


def _counted(box: Any) -> int:
    if _key(box) % 7 == 3:
        raise LookupError(f"{box.name} is not counted")
    return len(str(box.name))


async def _counted_all(boxes: Sequence[Any], info: Info) -> list[int]:
    assert info.context.request_id, "it has the request's context"
    return [_counted(box) for box in boxes]


def _whispered(box: Any) -> str:
    return f"psst {box.name}"


async def _whispered_all(boxes: Sequence[Any], info: Info) -> list[str]:
    assert info.context.ctx.principal.may(Scope.COSTS), "nobody else is told"
    return [_whispered(box) for box in boxes]


@strawberry.type
class Bag(Named):
    is_type_of = instances_of(BagGoods)

    weight: int
    text: str | None
    inner: Annotated["Box", strawberry.lazy("tests.schema.corners")] | None


@strawberry.type
class Box(Named):
    is_type_of = instances_of((BoxGoods, Steady))  # type: ignore[arg-type]  # as isinstance takes it

    text: str | None
    number: int
    maybe_number: int | None
    ratio: float
    flag: bool
    key: strawberry.ID
    color: Color
    maybe_color: Color | None
    fussy: Fussy | None
    hard_fussy: Fussy
    words: list[str]
    maybe_words: list[str | None] | None
    colors: list[Color] | None
    grid: list[list[int]]
    rough: list[list[int | None] | None] | None
    inner: Annotated["Box", strawberry.lazy("tests.schema.corners")] | None
    sure: Annotated["Box", strawberry.lazy("tests.schema.corners")]
    boxes: list[Annotated["Box", strawberry.lazy("tests.schema.corners")]]
    some_boxes: list[Annotated["Box", strawberry.lazy("tests.schema.corners")] | None] | None
    box_grid: list[list[Annotated["Box", strawberry.lazy("tests.schema.corners")]]] | None
    named: Named | None
    nameds: list[Named]
    thing: (
        Annotated[
            Bag | Annotated["Box", strawberry.lazy("tests.schema.corners")],
            strawberry.union("Thing"),
        ]
        | None
    )
    things: list[
        Annotated[
            Bag | Annotated["Box", strawberry.lazy("tests.schema.corners")],
            strawberry.union("Thing"),
        ]
    ]
    street: str | None
    secret: str | None
    weight: int
    deep_text: str | None = plain("inner.text", "Two attributes away.")
    sealed: str = plain(lambda box: f"{box.name}/{box.number}", "Made of two attributes.")

    @strawberry.field(metadata=IS_PURE)
    @staticmethod
    def shout(
        box: strawberry.Parent[Any],
        times: int = 1,
        loud: bool = False,  # noqa: FBT002  # as a client says it
        color: Color = Color.RED,
    ) -> str:
        return f"{str(box.name) * times}{'!' if loud else ''}{color.value}"

    @strawberry.field(metadata=IS_PURE)
    @staticmethod
    def asked_by(box: strawberry.Parent[Any], info: Info) -> str | None:
        return f"{info.context.request_id} {box.number:03}"

    @strawberry.field(metadata=pure_when(lambda asked: asked.ctx.principal.role is Role.SHOPPER))
    @staticmethod
    def sometimes(box: strawberry.Parent[Any], info: Info) -> str | None:
        return f"{info.path.as_list()} {box.name}"

    @strawberry.field(
        metadata=pure_when(
            lambda asked: asked.ctx.principal.role is Role.SHOPPER,
            then=lambda box, times=1: str(box.name) * times,
        )
    )
    @staticmethod
    def told_simply(box: strawberry.Parent[Any], info: Info, times: int = 1) -> str | None:
        assert info.path is not None, "it has all of the request"
        return str(box.name) * times

    @strawberry.field
    @staticmethod
    def where(
        box: strawberry.Parent[Any], info: Info, words: list[str] | None = None
    ) -> str | None:
        return f"{info.path.as_list()} {words}"

    @strawberry.field
    @staticmethod
    async def later(box: strawberry.Parent[Any], text: str = "later") -> str | None:
        return f"{text} {box.name}"

    @strawberry.field(graphql_type=Annotated["Box", strawberry.lazy("tests.schema.corners")] | None)
    @staticmethod
    async def loaded(box: strawberry.Parent[Any], info: Info) -> Any:
        return await _loaded(info, _key(box))

    @strawberry.field(
        graphql_type=Annotated["Box", strawberry.lazy("tests.schema.corners")] | None,
        metadata=read_together(_beside_all),
    )
    @staticmethod
    async def beside(box: strawberry.Parent[Any], info: Info, further: int = 1) -> Any:
        return _beside(box, info, further)

    @strawberry.field(metadata=read_together(_counted_all))
    @staticmethod
    async def counted(box: strawberry.Parent[Any]) -> int | None:
        return _counted(box)

    @strawberry.field(metadata=read_together(_counted_all))
    @staticmethod
    async def surely_counted(box: strawberry.Parent[Any]) -> int:
        return _counted(box)

    @strawberry.field(metadata=read_together(_whispered_all))
    @staticmethod
    async def hidden_whisper(box: strawberry.Parent[Any]) -> str | None:
        return _whispered(box)

    @strawberry.field(graphql_type=list[Annotated["Box", strawberry.lazy("tests.schema.corners")]])
    @staticmethod
    async def loaded_many(box: strawberry.Parent[Any], info: Info) -> Any:
        return [await _loaded(info, number) for number in (1, _key(box))]


def _key(box: Any) -> int:
    return box.number if isinstance(box.number, int) else -1


async def _loaded(info: Info, number: int) -> Any:
    """Shielded, since a sibling's error would leave a load that was called off to all others."""
    found = await asyncio.shield(info.context.ctx.loader.load(number))
    if found is None:
        raise LookupError(f"{number} is not to be had")
    return found


def _start(seed: int, wild: float) -> Any:
    return BoxGoods(seed, wild)


@strawberry.type
class Query:
    @strawberry.field(graphql_type=Box | None)
    @staticmethod
    async def box(info: Info, seed: int = 1) -> Any:
        return _start(seed, info.context.ctx.wild)

    @strawberry.field(graphql_type=Box)
    @staticmethod
    def sure_box(info: Info, seed: int = 2) -> Any:
        return _start(seed, info.context.ctx.wild)

    @strawberry.field(graphql_type=list[Box | None] | None)
    @staticmethod
    async def boxes(info: Info, first: int = 2) -> Any:
        return [_start(seed, info.context.ctx.wild) for seed in range(first)]

    @strawberry.field(graphql_type=list[Named])
    @staticmethod
    async def nameds(info: Info) -> Any:
        return [_start(5, info.context.ctx.wild), BagGoods(6, info.context.ctx.wild), Tag(name="t")]

    @strawberry.field(graphql_type=str | None)
    @staticmethod
    async def guarded() -> str:
        return "told"


TABLE: dict[str, Ask] = {
    "Query.guarded": Scope.MEMBERS,
    "Query.*": OPEN,
    "Box.street": Masked(Scope.PERSONAL, lambda text: text[:1] + "***"),
    "Box.secret": Scope.COSTS,
    "Box.weight": Scope.HOUSE,
    "Box.hiddenWhisper": Scope.COSTS,
    "Box.*": OPEN,
    "Bag.*": OPEN,
    "Tag.*": OPEN,
}


def cornered() -> Schema:
    """The schema; what runs it compiled is beside it."""
    schema = Schema(
        query=Query,
        types=[Tag, Bag],
        extensions=[lambda: Limits(WIDE)],
        config=StrawberryConfig(
            scalar_map={
                Fussy: strawberry.scalar(
                    name="Fussy", serialize=fussy, parse_value=lambda value: value
                )
            }
        ),
    )
    core = schema._schema  # noqa: SLF001  # the library has no other door to it
    guard(core, TABLE)
    schema.compiled = Compiled(schema, WIDE, after=0)
    return schema


def context(role: Role, wild: float) -> RequestContext:
    """A request of a caller of some role, to goods of which so many are spoiled."""
    batches: list[list[int]] = []

    async def load(numbers: list[int]) -> list[Any]:
        batches.append(numbers)
        return [None if number % 7 == 3 else BoxGoods(number, wild, 3) for number in numbers]

    ctx: Any = SimpleNamespace(
        principal=Principal(role, role.value),
        loader=Batched(load),
        batches=batches,
        wild=wild,
        renewed=lambda: context(role, wild).ctx,
    )
    return RequestContext(ctx, [], "r-1")
