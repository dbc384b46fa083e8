"""Several operations in one request, as a list: one look at all, one deadline, one answer each.

How the list is read stands in ``gateway.wire``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from gateway.desk import Desk
from gateway.notes import note
from gateway.wire import Asked, TurnedAway, malformed, require_short
from resolvers.access import Principal
from schema.operations import Answer, Kind, Operation


async def answered(
    desk: Desk, asked: Sequence[Asked], caller: Principal, request_id: str, client: str
) -> list[Any]:
    """The answers to some operations, in their order; they run one after another.

    All are admitted before the first runs, so that a caller who has sent too much is told so before
    half of it is done. Together they get the time of one; what is not answered then is told in its
    place, and what was answered before stays. A document that is not known, or not trusted, is told
    in its place too.

    Raises:
        TurnedAway: one of them may not run now, or never in a list.
    """
    found = [_found(desk, each, caller, client) for each in asked]
    operations = [each for each in found if isinstance(each, Operation)]
    require_short([operation.document for operation in operations])
    kinds = [desk.admit(each, caller) if isinstance(each, Operation) else None for each in found]
    if Kind.SUBSCRIPTION in kinds:
        raise malformed("a subscription needs a WebSocket, graphql-transport-ws")
    note(cost=sum(desk.points(operation) for operation in operations))
    until = asyncio.get_running_loop().time() + desk.deadline_seconds
    bodies: list[Any] = []
    codes: set[str] = set()
    for each, kind in zip(found, kinds, strict=True):
        try:
            if isinstance(each, TurnedAway):
                raise each
            answering = partial(desk.answer, each, kind, caller, request_id)
            answer = await _within(until, answering)
        except TurnedAway as refusal:
            desk.turned_away(refusal, kind)
            bodies.append({"errors": [refusal.error(request_id)]})
            codes.add(refusal.code)
        else:
            bodies.append(answer.body)
            codes.update(answer.codes)
    told = {"operations": len(bodies), "result": "errors" if codes else "ok"}
    note(**told, **({"codes": sorted(codes)} if codes else {}))
    return bodies


def _found(desk: Desk, asked: Asked, caller: Principal, client: str) -> Operation | TurnedAway:
    """An operation with its document, or why it has none."""
    try:
        return desk.operation(asked, caller, client)
    except TurnedAway as refusal:
        return refusal


async def _within(until: float, answering: Callable[[], Awaitable[Answer]]) -> Answer:
    """One answer, up to an instant of the loop's clock; after it none begins."""
    if asyncio.get_running_loop().time() >= until:
        raise _late()
    try:
        async with asyncio.timeout_at(until):
            return await answering()
    except TimeoutError as late:
        raise _late() from late


def _late() -> TurnedAway:
    return TurnedAway(
        503,
        "DEADLINE_EXCEEDED",
        "the time that a list has is over; send a mutation again with its key",
        retryable=True,
    )
