"""Carts that are filled before a race, some at once, for as long as that may take."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def filled(
    numbers: Iterable[int],
    fill: Callable[[int], Awaitable[T | None]],
    at_once: int,
    until: float,
) -> list[T]:
    """What ``fill`` made of the numbers; None is left out, and so is what was not begun in time."""
    waiting = iter(numbers)
    made: list[T] = []

    async def fills() -> None:
        for number in waiting:
            if time.perf_counter() > until:
                return
            if (one := await fill(number)) is not None:
                made.append(one)

    await asyncio.gather(*(fills() for _ in range(at_once)))
    return made
