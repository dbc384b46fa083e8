"""Asks Shopify's Admin API: with a good token, no dearer than its points allow, and no more at once
than one question may cost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from connectors.governor import CostBucket, Lane
from connectors.marketplace.shopify_operations import PATH, Operation
from connectors.marketplace.shopify_tokens import TokenSource
from connectors.marketplace.shopify_wire import (
    Envelope,
    NotLetIn,
    TooCostly,
    encoded,
    judged,
    opened,
    read_as,
)
from connectors.wire import Call, Reply, Wire
from resolvers.domain.errors import BackendThrottled

T = TypeVar("T")

THROTTLED_MAX = 4
"""So often a question is turned down before its asker hears of it. Only who shares our points can
bring that about, for our own are counted."""


@dataclass(frozen=True, slots=True)
class _Asked:
    operation: Operation
    variables: Mapping[str, object]
    size: int
    estimate: float


class ShopifyClient:
    """One app in one shop."""

    def __init__(self, wire: Wire, tokens: TokenSource, bucket: CostBucket) -> None:
        self.code = wire.code
        self._wire = wire
        self._tokens = tokens
        self._bucket = bucket
        self._costs: dict[tuple[str, int], float] = {}
        self._sizes: dict[str, int] = {}
        self.version = ""
        """The version of the API that has answered last."""
        self.told_at: datetime | None = None
        """The shop's own time at its last answer."""

    async def ask(
        self,
        operation: Operation,
        variables: Mapping[str, object],
        answer: type[T],
        *,
        lane: Lane = Lane.BACKGROUND,
        size: int = 0,
    ) -> T:
        """Asks one thing. ``size`` tells questions of one name apart that cost more or less.

        Raises:
            TooCostly: less has to be asked for at once.
            BackendThrottled: its points are used up by others; nothing was done.
            BackendRefused: it said no; nothing was done.
            UnknownOutcome: a write may have been done.
            BackendUnavailable, BackendTimedOut: it could not be asked, or failed.
        """
        renewed, throttled = False, 0
        while True:
            token = await self._tokens.token()
            estimate = self._costs.get((operation.name, size), operation.cost)
            await self._bucket.spend(estimate)
            asked = _Asked(operation, variables, size, estimate)
            try:
                data = await self._sent(asked, token, lane)
            except NotLetIn:
                if renewed:
                    raise
                renewed = True
                await self._tokens.renew(token)
            except BackendThrottled:
                throttled += 1
                if throttled == THROTTLED_MAX:
                    raise
            else:
                return read_as(data, answer, operation, self.code)

    async def fitted(
        self,
        operation: Operation,
        variables: Callable[[int], Mapping[str, object]],
        answer: type[T],
    ) -> T:
        """Asks for as many things at once as Shopify lets us; how many is learned."""
        while True:
            size = self._sizes.get(operation.name, operation.first)
            try:
                return await self.ask(operation, variables(size), answer, size=size)
            except TooCostly:
                if size == 1:
                    raise
                self._sizes[operation.name] = size // 2

    async def close(self) -> None:
        """Lets go of the network."""
        await self._wire.close()

    async def _sent(self, asked: _Asked, token: str, lane: Lane) -> Mapping[str, Any]:
        headers = {"content-type": "application/json", "x-shopify-access-token": token}
        content = encoded(asked.operation, asked.variables)
        found: list[Mapping[str, Any]] = []

        def judge(reply: Reply) -> None:
            envelope = opened(reply)
            self._learn(asked, reply, envelope)
            found.append(judged(envelope, asked.operation, self.code))

        call = Call("POST", PATH, asked.operation.intent, headers, content=content)
        await self._wire.send(call, lane, judge)
        return found[0]

    def _learn(self, asked: _Asked, reply: Reply, envelope: Envelope) -> None:
        """Takes over what an answer says beside its data. Shopify gives back what a question was
        taken to cost and did not.
        """
        self.version = reply.headers.get("x-shopify-api-version", self.version)
        self.told_at = _instant(reply.headers.get("date")) or self.told_at
        if (cost := envelope.cost) is not None:
            self._costs[asked.operation.name, asked.size] = cost.requested
            self._bucket.refund(max(0.0, asked.estimate - cost.actual))
            self._bucket.told(cost.available, cost.maximum, cost.restore_per_second)


def _instant(told: str | None) -> datetime | None:
    try:
        at = parsedate_to_datetime(told or "")
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
