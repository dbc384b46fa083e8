"""Goods that are dealt by a seed, so that two runs are given the same.

Some are sound; of others an attribute raises, is an error, is missing, is of another type, or has
to be awaited.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import strawberry
from graphql import GraphQLError

from resolvers.domain.errors import Refused

SAID = ("", "plain", "\u2028 quote \" ' \\", "__import__('os')", "雪")


@strawberry.enum
class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Fussy:
    """Values of the scalar that refuses some."""


def fussy(value: object) -> object:
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


class Late:
    """What has to be awaited; an error is raised then."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "late"

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


class Once:
    """What can be gone through once."""

    def __init__(self, values: Any) -> None:
        self._values = iter(values)

    def __repr__(self) -> str:
        return "once"

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self._values)


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
        made = [make(dice) for _ in range(dice.choice((0, 1, 1, 2, 3 if self.depth < 2 else 2)))]
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


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Tag(Named):
    """Made of itself, so that the library tells its type."""


def spoiled(value: Any, dice: random.Random) -> Any:
    """The same gone wrong in one of the ways."""

    ways: tuple[Callable[[], Any], ...] = (
        lambda: None,
        lambda: Late(value),
        lambda: Late(RuntimeError("it was waited for in vain")),
        lambda: ValueError("an error for a value"),
        lambda: Refused("it was refused"),
        lambda: dice.choice(
            (7, "seven", 1.5, True, [], {}, object, -1, 0, 13, 2**40, float("nan"))
        ),
        lambda: _raise(KeyError("it is not there")),
        lambda: Once(value if isinstance(value, list) else [value]),
    )
    return dice.choice(ways)()


def _raise(error: Exception) -> Any:
    raise error


def _deep(goods: Goods, made: Any) -> Any:
    return None if goods.depth > 3 else made()


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
