"""A schema with every corner that an answer can have, goods to fill it with, and documents that
ask for them: all dealt by a seed, so that two runs are given the same.

Some goods are sound; of others an attribute raises, is an error, is missing, is of another type, or
has to be awaited.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Annotated, Any

import strawberry
from aiodataloader import DataLoader
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from resolvers.access import Principal, Role, Scope
from resolvers.domain.errors import Refused
from schema.access import OPEN, Ask, Masked, guard
from schema.compiled.running import Compiled
from schema.fields import IS_PURE, instances_of, plain, pure_when
from schema.info import Info, RequestContext
from schema.limits import Bounds, Limits
from schema.root import Schema

WIDE = Bounds(depth=40, aliases=2000, directives=2000, root_fields=500, cost=10**9)

SAID = ("", "plain", "\u2028 quote \" ' \\", "__import__('os')", "雪")


@strawberry.enum
class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Fussy:
    """Values of the scalar that refuses some."""


def _fussy(value: object) -> object:
    async def late() -> str:
        return "late"

    if not isinstance(value, int):
        raise GraphQLError("it is no number")
    if value == 13:
        return late()
    if value == 14:
        return {"any": [value, None]}
    if value < 0:
        raise ValueError("it is below zero")
    return None if value == 0 else f"#{value}"


# ---- goods ---------------------------------------------------------------------------------------


class Goods:
    """Something whose attributes are dealt when they are asked for, each time the same."""

    def __init__(self, seed: int, wild: float, depth: int = 0) -> None:
        self.seed, self.wild, self.depth = seed, wild, depth

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in DEALT:
            raise AttributeError(name)
        dice = random.Random(f"{self.seed} {name}")
        made = DEALT[name](self, dice)
        return spoiled(made, dice) if dice.random() < self.wild else made

    def child(self, dice: random.Random) -> Any:
        """Goods of one of the classes, one level deeper."""
        seed, wild = dice.randrange(10**6), self.wild
        kind = dice.choice((BoxGoods, BoxGoods, BagGoods))
        if dice.random() < 0.3:
            return Steady.of(seed, wild, self.depth + 1)
        return kind(seed, wild, self.depth + 1)

    def box(self, dice: random.Random) -> Any:
        seed = dice.randrange(10**6)
        if dice.random() < 0.5:
            return Steady.of(seed, self.wild, self.depth + 1)
        return BoxGoods(seed, self.wild, self.depth + 1)

    def many(self, dice: random.Random, make: Any) -> Any:
        made = [make(dice) for _ in range(dice.randrange(4))]
        return tuple(made) if dice.random() < 0.2 else made


class BoxGoods(Goods):
    """Of the type Box, by its class."""


class BagGoods(Goods):
    """Of the type Bag, by its class."""


@dataclass(frozen=True, slots=True)
class Steady:
    """A box with all attributes in slots, as records of the house have them."""

    name: Any
    text: Any
    number: Any
    ratio: Any
    flag: Any
    key: Any
    color: Any
    words: Any
    grid: Any
    is_own: bool
    street: Any
    goods: Any

    @classmethod
    def of(cls, seed: int, wild: float, depth: int) -> "Steady":
        goods = BoxGoods(seed, wild, depth)
        told = {}
        for name in cls.__slots__[:9]:
            dice = random.Random(f"{seed} {name}")
            told[name] = DEALT[name](goods, dice)
            if dice.random() < wild:
                told[name] = dice.choice((None, 7, "seven", [None], 2**40, ValueError("kept")))
        own = random.Random(seed).random() < 0.5
        return cls(**told, is_own=own, street="Main Street", goods=goods)

    def __getattr__(self, name: str) -> Any:
        if name in DEALT and name not in type(self).__slots__:
            return getattr(self.goods, name)
        raise AttributeError(name)


def spoiled(value: Any, dice: random.Random) -> Any:
    """The same gone wrong in one of the ways."""

    async def late() -> Any:
        return value

    async def in_vain() -> Any:
        raise RuntimeError("it was waited for in vain")

    ways = (
        lambda: None,
        late,
        in_vain,
        lambda: ValueError("an error for a value"),
        lambda: Refused("it was refused"),
        lambda: dice.choice((7, "seven", 1.5, True, [], {}, object, -1, 0, 13, 2**40, float("nan"))),
        lambda: _raise(KeyError("it is not there")),
        lambda: (each for each in (value if isinstance(value, list) else [value])),
    )
    return dice.choice(ways)()


def _raise(error: Exception) -> Any:
    raise error


def _deep(goods: Goods, made: Any) -> Any:
    return None if goods.depth > 4 else made()


DEALT: dict[str, Any] = {
    "name": lambda _, dice: dice.choice(SAID),
    "text": lambda _, dice: dice.choice((None, *SAID)),
    "number": lambda _, dice: dice.randrange(-9, 99),
    "maybe_number": lambda _, dice: dice.choice((None, 5, True, "6", 7.0)),
    "ratio": lambda _, dice: dice.choice((0.5, 2, 1e300)),
    "flag": lambda _, dice: dice.choice((True, False)),
    "key": lambda _, dice: dice.choice(("k1", 5)),
    "color": lambda _, dice: dice.choice((Color.RED, Color.BLUE)),
    "maybe_color": lambda _, dice: dice.choice((Color.RED, None, "red", "green", [])),
    "fussy": lambda _, dice: dice.choice((1, 2, 3, 14)),
    "hard_fussy": lambda _, dice: dice.choice((1, 2, 3, 14)),
    "words": lambda goods, dice: goods.many(dice, lambda d: d.choice(SAID)),
    "maybe_words": lambda goods, dice: goods.many(dice, lambda d: d.choice((None, *SAID))),
    "colors": lambda goods, dice: goods.many(dice, lambda d: d.choice((Color.RED, Color.BLUE))),
    "grid": lambda goods, dice: goods.many(dice, lambda d: goods.many(d, lambda e: e.randrange(9))),
    "rough": lambda goods, dice: goods.many(
        dice, lambda d: d.choice((None, [1, None], [], (2, "x"), {3}))
    ),
    "inner": lambda goods, dice: _deep(goods, lambda: goods.box(dice)),
    "sure": lambda goods, dice: goods.box(dice) if goods.depth < 6 else Steady.of(1, 0, 9),
    "boxes": lambda goods, dice: _deep(goods, lambda: goods.many(dice, goods.box)) or [],
    "some_boxes": lambda goods, dice: _deep(
        goods, lambda: goods.many(dice, lambda d: goods.box(d) if d.random() < 0.8 else None)
    ),
    "box_grid": lambda goods, dice: _deep(
        goods, lambda: goods.many(dice, lambda d: goods.many(d, goods.box))
    ),
    "named": lambda goods, dice: _deep(goods, lambda: goods.child(dice)),
    "nameds": lambda goods, dice: _deep(goods, lambda: goods.many(dice, _some_named(goods))) or [],
    "thing": lambda goods, dice: _deep(goods, lambda: goods.child(dice)),
    "things": lambda goods, dice: _deep(goods, lambda: goods.many(dice, goods.child)) or [],
    "street": lambda _, dice: dice.choice(("Main Street", None)),
    "is_own": lambda _, dice: dice.random() < 0.5,
    "secret": lambda _, dice: dice.choice(("hush", None)),
    "weight": lambda _, dice: dice.randrange(9),
}
"""What each attribute is when it is sound."""


def _some_named(goods: Goods) -> Any:
    return lambda dice: Tag(name=dice.choice(SAID)) if dice.random() < 0.3 else goods.child(dice)


# ---- the schema ----------------------------------------------------------------------------------


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Tag(Named):
    """Made of itself, so that the library tells its type."""


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
    thing: Annotated[Bag | Annotated["Box", strawberry.lazy("tests.schema.corners")], strawberry.union("Thing")] | None
    things: list[Annotated[Bag | Annotated["Box", strawberry.lazy("tests.schema.corners")], strawberry.union("Thing")]]
    street: str | None
    secret: str | None
    weight: int
    deep_text: str | None = plain("inner.text", "Two attributes away.")
    sealed: str = plain(lambda box: f"{box.name}/{box.number}", "Made of two attributes.")

    @strawberry.field(metadata=IS_PURE)
    @staticmethod
    def shout(
        box: strawberry.Parent[Any], times: int = 1, loud: bool = False, color: Color = Color.RED
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

    @strawberry.field
    @staticmethod
    def where(box: strawberry.Parent[Any], info: Info, words: list[str] | None = None) -> str | None:
        return f"{info.path.as_list()} {words}"

    @strawberry.field
    @staticmethod
    async def later(box: strawberry.Parent[Any], text: str = "later") -> str | None:
        return f"{text} {box.name}"

    @strawberry.field(graphql_type=Annotated["Box", strawberry.lazy("tests.schema.corners")] | None)
    @staticmethod
    async def loaded(box: strawberry.Parent[Any], info: Info) -> Any:
        return await info.context.ctx.loader.load(box.number)

    @strawberry.field(graphql_type=list[Annotated["Box", strawberry.lazy("tests.schema.corners")]])
    @staticmethod
    async def loaded_many(box: strawberry.Parent[Any], info: Info) -> Any:
        return [await info.context.ctx.loader.load(number) for number in (1, box.number)]


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


@strawberry.type
class ReserveStockPayload:
    box: Box | None = plain("made", "What was made.")
    count: int = plain("count", "How many were made before.")


@strawberry.type
class Mutation:
    @strawberry.mutation(graphql_type=ReserveStockPayload)
    @staticmethod
    async def reserve_stock(info: Info, seed: int = 3) -> Any:
        ctx = info.context.ctx
        ctx.made.append(seed)
        if seed == 13:
            raise RuntimeError("not this one")
        return SimpleNamespace(made=_start(seed, ctx.wild), count=len(ctx.made))


TABLE: dict[str, Ask] = {
    "Query.guarded": Scope.MEMBERS,
    "Query.*": OPEN,
    "Box.street": Masked(Scope.PERSONAL, lambda text: text[:1] + "***"),
    "Box.secret": Scope.COSTS,
    "Box.weight": Scope.HOUSE,
    "Box.*": OPEN,
    "Bag.*": OPEN,
    "Tag.*": OPEN,
    "ReserveStockPayload.*": OPEN,
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
                    name="Fussy", serialize=_fussy, parse_value=lambda value: value
                )
            }
        ),
    )
    guard(schema._schema, {k: v for k, v in TABLE.items() if not k.startswith("Reserve")})
    schema.compiled = Compiled(schema, WIDE, after=0)
    return schema


def context(role: Role, wild: float) -> RequestContext:
    """A request of a caller of some role, to goods of which so many are spoiled."""
    batches: list[list[int]] = []

    async def load(numbers: list[int]) -> list[Any]:
        batches.append(numbers)
        return [
            ValueError("not to be had") if number % 7 == 3 else BoxGoods(number, wild, 3)
            for number in numbers
        ]

    ctx: Any = SimpleNamespace(
        principal=Principal(role, role.value),
        loader=DataLoader(load),
        batches=batches,
        wild=wild,
        made=[],
    )
    return RequestContext(ctx, [], "r-1")


# ---- documents -----------------------------------------------------------------------------------

LEAVES = (
    "name text number maybeNumber ratio flag key color maybeColor fussy hardFussy words maybeWords"
    " colors grid rough street secret weight deepText sealed askedBy sometimes later __typename"
).split()
OF_BOX = "inner sure boxes someBoxes boxGrid loaded loadedMany".split()
OF_NAMED = "named nameds".split()
OF_THING = "thing things".split()
NAMES = ("a", "b", "v0", "run", "parent", "known_1", "__proto", "None_", "import", "def", "class_")
BADLY = {"fussy", "hardFussy", "weight", "maybeColor", "rough", "loadedMany"}
"""Fields that often fail; they are asked for less, so that not all answers are null."""


@dataclass
class Documents:
    """Deals documents."""

    dice: random.Random
    fragments: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    left: int = 60

    def document(self) -> tuple[str, dict[str, Any]]:
        """One document and its variables."""
        roots = " ".join(self._roots())
        given = {name: value for name, (_, _, value) in self.variables.items() if value is not ...}
        defined = ", ".join(
            f"${name}: {kind}{'' if default is None else f' = {default}'}"
            for name, (kind, default, _) in self.variables.items()
        )
        head = f"query Dealt({defined})" if defined else "query Dealt"
        return f"{head} {{ {roots} }} {' '.join(self.fragments)}", given

    def _roots(self) -> Iterator[str]:
        for at in range(self.dice.randrange(1, 4)):
            kind = self.dice.choice(("box", "box", "sureBox", "boxes", "nameds", "guarded"))
            alias = f"r{at}: "
            if kind in ("box", "sureBox"):
                seed = self.dice.randrange(10**6)
                yield f"{alias}{kind}(seed: {seed}){self._condition()} {{ {self._box(0)} }}"
            elif kind == "boxes":
                yield f"{alias}boxes(first: {self.dice.randrange(4)}) {{ {self._box(0)} }}"
            elif kind == "nameds":
                yield f"{alias}nameds {{ {self._named(0)} }}"
            else:
                yield f"{alias}guarded"

    def _box(self, depth: int) -> str:
        return " ".join(self._fields(depth)) or "name"

    def _fields(self, depth: int) -> Iterator[str]:
        for _ in range(self.dice.randrange(1, 7)):
            self.left -= 1
            sort = self.dice.random()
            if sort < 0.6 or depth > 4 or self.left < 0:
                name = self.dice.choice(LEAVES)
                if name in BADLY and self.dice.random() < 0.7:
                    name = "name"
                yield f"{self._alias(name)}{name}{self._condition()}"
            elif sort < 0.68:
                yield f"s{self.left}: {self._called()}{self._condition()}"
            elif sort < 0.78:
                name = self.dice.choice(OF_BOX)
                inner = self._box(depth + 1)
                yield f"{self._alias(name, depth)}{name}{self._condition()} {{ {inner} }}"
            elif sort < 0.88:
                name = self.dice.choice(OF_NAMED + OF_THING)
                inner = self._named(depth + 1) if name in OF_NAMED else self._thing(depth + 1)
                yield f"{self._alias(name, depth)}{name}{self._condition()} {{ {inner} }}"
            elif sort < 0.94:
                yield f"...{self._on('Box')}{self._condition()} {{ {self._box(depth + 1)} }}"
            else:
                yield f"...{self._fragment(depth)}{self._condition()}"

    def _called(self) -> str:
        if self.dice.random() < 0.3:
            return f'where(words: ["a", "{self.dice.randrange(3)}"])'
        said = []
        if self.dice.random() < 0.7:
            said.append(f"times: {self._variable('Int', '2', 3)}")
        if self.dice.random() < 0.5:
            said.append(f"loud: {self._variable('Boolean', 'true', False)}")
        if self.dice.random() < 0.5:
            said.append("color: BLUE")
        return f"shout({', '.join(said)})" if said else "shout"

    def _named(self, depth: int) -> str:
        parts = ["__typename name"]
        if self.dice.random() < 0.7:
            parts.append(f"... on Box {{ {self._box(depth + 1)} }}")
        if self.dice.random() < 0.5:
            parts.append("... on Bag { weight inner { name } }")
        if self.dice.random() < 0.3:
            parts.append("... on Tag { t: name }")
        return " ".join(parts)

    def _thing(self, depth: int) -> str:
        parts = [f"... on Named {{ name }} ... on Box {{ {self._box(depth + 1)} }}"]
        if self.dice.random() < 0.5:
            parts.insert(0, "__typename")
        if self.dice.random() < 0.5:
            parts.append("... on Bag { w: weight text }")
        return " ".join(parts)

    def _fragment(self, depth: int) -> str:
        name = f"F{len(self.fragments)}"
        self.fragments.append("")
        at = len(self.fragments) - 1
        self.fragments[at] = f"fragment {name} on Box {{ {self._box(depth + 1)} }}"
        return name

    def _alias(self, name: str, depth: int = 0) -> str:
        """Mostly none, so that fields of one name meet; else one that is this field's alone."""
        if name in OF_BOX + OF_NAMED + OF_THING:
            return f"o{self.left}_{depth}: "
        if self.dice.random() < 0.8:
            return ""
        return f"{self.dice.choice(NAMES)}_{name.strip('_')}: "

    def _on(self, kind: str) -> str:
        return self.dice.choice(("", f" on {kind}", " on Named" if kind == "Named" else f" on {kind}"))

    def _condition(self) -> str:
        if self.dice.random() < 0.85:
            return ""
        which = self.dice.choice(("skip", "include"))
        if self.dice.random() < 0.3:
            return f" @{which}(if: {self.dice.choice(('true', 'false'))})"
        return f" @{which}(if: {self._variable('Boolean!', 'true', self.dice.random() < 0.5)})"

    def _variable(self, kind: str, default: str, value: Any) -> str:
        name = f"x{self.dice.randrange(4)}{kind.strip('!')}"
        if name not in self.variables:
            with_default = self.dice.random() < 0.5
            given = ... if with_default and self.dice.random() < 0.5 else value
            whole = kind if kind.endswith("!") else f"{kind}!"
            self.variables[name] = (whole, default if with_default else None, given)
        return f"${name}"
