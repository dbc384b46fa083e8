"""Where every operation is taken in, by HTTP or WebSocket.

It says who calls, whether an operation may run now and how long, and what is told of it afterwards.
What the bytes look like stands in ``gateway.wire``; what runs, in ``schema``.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from gateway.bootstrap import Runtime
from gateway.limits import Allowance
from gateway.telemetry import Telemetry
from gateway.wire import TurnedAway
from resolvers.access import NOBODY, Principal
from resolvers.domain.errors import Unauthenticated
from schema.info import RequestContext
from schema.operations import Answer, Bounds, Kind, Operation, Schema, outline, run, watch

DEADLINE_SECONDS = 10.0
"""Longest that a query or mutation may take: well under the 60 s at which mini-programs give up."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One app's desk. ``deadline_seconds`` bounds each query and mutation."""

    runtime: Runtime
    schema: Schema
    telemetry: Telemetry
    allowance: Allowance
    deadline_seconds: float = DEADLINE_SECONDS

    def caller(self, authorization: str | None) -> Principal:
        """Says who calls, by the value of an Authorization header; nobody, if there is none.

        Raises:
            TurnedAway: there is one that cannot be trusted. It is never taken for nobody's.
        """
        if authorization is None:
            return NOBODY
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise _untrusted("send Authorization: Bearer and a token")
        try:
            return self.runtime.tokens.verify(token.strip())
        except Unauthenticated as refusal:
            raise _untrusted(str(refusal)) from refusal

    def admit(self, operation: Operation, caller: Principal) -> Kind | None:
        """Says what kind an operation is, and whether its caller may send it now.

        None stands for a document that cannot be read; running it says what is wrong.

        Raises:
            TurnedAway: the caller has sent too many mutations.
        """
        asked = outline(self.schema, operation, Bounds())
        if asked is None:
            return None
        if asked.kind is Kind.MUTATION:
            wait = self.allowance.take(caller.subject, asked.fields)
            if wait > 0:
                seconds = math.ceil(wait)
                raise TurnedAway(
                    429,
                    "THROTTLED",
                    f"too many mutations from this caller; try again in {seconds} s",
                    retryable=True,
                    headers={"Retry-After": str(seconds)},
                )
        return asked.kind

    async def answer(
        self, operation: Operation, kind: Kind | None, caller: Principal, request_id: str
    ) -> Answer:
        """Runs a query or mutation and counts it.

        Raises:
            TurnedAway: it took too long; a mutation may be sent again with the same key.
        """
        began = time.perf_counter()
        context = self._context(caller, request_id)
        try:
            async with asyncio.timeout(self.deadline_seconds):
                answer = await run(self.schema, operation, context)
        except TimeoutError as late:
            raise TurnedAway(
                503,
                "DEADLINE_EXCEEDED",
                f"no answer within {self.deadline_seconds:g} s; send a mutation again with its key",
                retryable=True,
                headers={"Retry-After": "1"},
            ) from late
        self._told(kind, answer, time.perf_counter() - began)
        return answer

    async def states(
        self, operation: Operation, caller: Principal, request_id: str
    ) -> AsyncGenerator[Answer, None]:
        """Runs a subscription until it ends or nobody listens any more."""
        answers = watch(self.schema, operation, self._context(caller, request_id))
        last = Answer({}, refused=False, codes=())
        try:
            async with aclosing(answers):
                async for last in answers:
                    yield last
        finally:
            self._told(Kind.SUBSCRIPTION, last, None)

    def turned_away(self, refusal: TurnedAway, kind: Kind | None = None) -> None:
        """Counts a request that was refused before anything ran."""
        self.telemetry.metrics.ended(kind or "unknown", "refused", [refusal.code], None)

    def _context(self, caller: Principal, request_id: str) -> RequestContext:
        return RequestContext(self.runtime.context(caller), [], request_id)

    def _told(self, kind: Kind | None, answer: Answer, seconds: float | None) -> None:
        result = "refused" if answer.refused else "errors" if answer.codes else "ok"
        self.telemetry.metrics.ended(kind or "unknown", result, answer.codes, seconds)
        structlog.contextvars.bind_contextvars(
            operation=kind or "unknown", result=result, **_named(answer.codes)
        )


def _untrusted(message: str) -> TurnedAway:
    told = {"WWW-Authenticate": "Bearer"}
    return TurnedAway(401, Unauthenticated.code, message, headers=told)


def _named(codes: tuple[str, ...]) -> dict[str, list[str]]:
    return {"codes": sorted(set(codes))} if codes else {}
