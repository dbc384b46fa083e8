"""Carts that are filled before a race, some at once, for as long as that may take."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar


class Cart(Protocol):
    """Something that is made ready once, and can be sold while it is."""

    @property
    def filled(self) -> bool:
        """Whether it can still be sold: not after it was, nor after an error midway."""

    def close(self) -> None:
        """Hangs up."""


C = TypeVar("C", bound=Cart)


class Carts(Generic[C]):
    """Those of one shop. What a race refused in order is sold in the next one."""

    def __init__(self, fill: Callable[[int], Awaitable[C | None]], at_once: int) -> None:
        """``fill`` makes one of a number, or None where the server failed at it."""
        self._fill = fill
        self._at_once = at_once
        self._made: list[C] = []
        self._numbers = 0

    async def ready(self, wanted: int, seconds: float) -> list[C]:
        """So many filled carts, or as many as there are after so long."""
        until = time.perf_counter() + seconds
        self._made = [cart for cart in self._made if cart.filled]
        waiting = iter(range(wanted - len(self._made)))

        async def fills() -> None:
            for _ in waiting:
                if time.perf_counter() > until:
                    return
                self._numbers += 1
                if (one := await self._fill(self._numbers)) is not None:
                    self._made.append(one)

        await asyncio.gather(*(fills() for _ in range(self._at_once)))
        return self._made[:wanted]
