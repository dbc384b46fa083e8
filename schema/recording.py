"""What every mutation leaves behind, laid around all of them where the schema is guarded.

Nothing that a caller wrote is kept but the key, if it is harmless, and the id of a thing of ours;
and nothing at all of a caller without a token, who could otherwise fill the store.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from inspect import isawaitable
from typing import Any

from resolvers.access import NOBODY
from resolvers.commands import checked_key
from resolvers.domain.callers import AuditRecord, Deed
from resolvers.domain.errors import Denied, InvalidInput
from resolvers.domain.harmless import kept_key
from resolvers.recording import Sent
from schema.ids import key_of
from schema.info import RequestContext


@dataclass(frozen=True, slots=True)
class About:
    """What a mutation is about: a type with ids, and the input that names one, if it does."""

    kind: str
    input: str = ""


ABOUT: Mapping[str, About] = {
    "reserveStock": About("Reservation"),
    "extendReservation": About("Reservation", "reservationId"),
    "releaseReservation": About("Reservation", "reservationId"),
    "placeOrder": About("Order"),
    "recordPayment": About("Order", "orderId"),
    "cancelOrder": About("Order", "orderId"),
}
"""Mutations about things that have ids. One that is not here is about a SKU, a code, or nothing."""

_ID = re.compile("[0-9A-Za-z-]{1,64}")
"""What an id of ours may look like. A text that only says it is one is not kept."""


def recorded(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """A mutation's resolver that leaves a record behind."""

    @wraps(resolve)
    async def record_and_resolve(source: Any, info: Any, **arguments: Any) -> Any:
        context: RequestContext = info.context
        if context.ctx.principal == NOBODY:
            return await _answer(resolve(source, info, **arguments))
        sent = Sent(_record(context, info.field_name, arguments.get("input")))
        context.ctx = replace(context.ctx, sent=sent)
        recorder = context.ctx.recorder
        try:
            answer = await _answer(resolve(source, info, **arguments))
        except BaseException as error:
            recorder.note(sent.ended_by(error))
            raise
        refusals = getattr(answer, "user_errors", ())
        recorder.note(sent.came_to([str(refusal.code.value) for refusal in refusals]))
        return answer

    return record_and_resolve


def turned_away(
    context: RequestContext, asked: Iterable[tuple[str, object]], refusals: Iterable[Denied]
) -> None:
    """Leaves a record of each mutation of a document that was refused whole before any of it ran:
    its name, and the input that came with it.
    """
    if context.ctx.principal == NOBODY:
        return
    codes = [refusal.code for refusal in refusals]
    for mutation, said in asked:
        sent = Sent(_record(context, mutation, said))
        context.ctx.recorder.note(sent.came_to(codes))


async def _answer(answer: Any) -> Any:
    return await answer if isawaitable(answer) else answer


def _record(context: RequestContext, mutation: str, asked: object) -> AuditRecord:
    """What is kept of a mutation if it is done; the engine adds what it made."""
    ctx, said = context.ctx, asked if isinstance(asked, Mapping) else {}
    return AuditRecord(
        ctx.recorder.new_id(),
        ctx.now,
        ctx.principal.subject,
        ctx.principal.role.value,
        mutation,
        _key(said.get("idempotencyKey")),
        Deed.DONE,
        _target(mutation, said),
        client=context.client,
        request_id=context.request_id,
    )


def _key(said: object) -> str | None:
    """The key as it is kept, if it can be one."""
    try:
        return kept_key(checked_key(said)) if isinstance(said, str) else None
    except InvalidInput:
        return None


def _target(mutation: str, said: Mapping[str, Any]) -> str | None:
    """The key of the thing that a mutation names, if it can be one of ours."""
    about = ABOUT.get(mutation)
    if about is None or not about.input:
        return None
    key = key_of(about.kind, str(said.get(about.input)))
    return key if key is not None and _ID.fullmatch(key) else None
