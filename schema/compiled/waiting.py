"""What code has to wait for: it makes all that it can of a part of an answer, and notes which
fields are open. Each of those is then read once for all objects that have it, and set in its place.

So a list of products whose variants are each asked what can be promised is made by code but for one
call; the library would call a resolver, and put its answers together, for each variant.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql.pyutils.gather_with_cancel import gather_with_cancel

from schema.compiled.values import Arguments, Open, Run, Space

Waiting = dict["Wait", list[Open]]
"""What is open: fields, each with the objects that have it."""


@dataclass(eq=False, slots=True)
class Wait:
    """A field that is read of many parents together: under which name it stands in the answer, what
    reads it with which arguments, and the function of the code's space that completes a value.
    """

    name: str
    many: Callable[..., Awaitable[Sequence[Any]]]
    arguments: Arguments
    space: Space
    completed: str

    async def read(self, parts: list[Open], run: Run) -> Sequence[Any]:
        """What the field is for each of some objects."""
        given = self.arguments.read(run.variables)
        return await self.many([parent for parent, _ in parts], info=run.bare, **given)

    def set(self, parts: list[Open], values: Sequence[Any], run: Run) -> None:
        """Sets it in the answer."""
        name, completed = self.name, self.space[self.completed]
        for (_, made), value in zip(parts, values, strict=True):
            made[name] = completed(value, run)


async def filled(run: Run, waiting: Waiting) -> None:
    """Waits for what is open in a part of an answer until nothing is.

    Raises:
        Exception: whatever a field has raised, or that something is not as plain as it was to be;
            the part is of no use then.
    """
    while waiting:  # no deeper than the document, which has a limit
        fields = waiting.items()
        reading = [field.read(parts, run) for field, parts in fields]
        # One alone needs no task of its own: nearly all documents have no more.
        found = [await reading[0]] if len(reading) == 1 else await gather_with_cancel(*reading)
        beneath: Waiting = {}
        run.waiting = beneath
        for (field, parts), values in zip(fields, found, strict=True):
            field.set(parts, values, run)
        waiting = beneath
