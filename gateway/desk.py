"""Where every operation is taken in, by HTTP or WebSocket.

It says who calls, whether an operation may run now and how long, and what is told of it afterwards.
What the bytes look like stands in ``gateway.wire``; what runs, in ``schema``.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from starlette.datastructures import Address

from gateway.answers import Answers, Ran, key_of
from gateway.api_keys import KeyRing, is_key
from gateway.bootstrap import Runtime
from gateway.clients import UNNAMED, calling, shown_name
from gateway.documents import Library
from gateway.limits import Allowance, Crowd, place_of
from gateway.notes import note
from gateway.redaction import speaks
from gateway.settings import Limits
from gateway.states import States
from gateway.telemetry import Telemetry
from gateway.tracing import Span
from gateway.wire import Asked, TurnedAway
from resolvers.access import NOBODY, Principal, Role
from resolvers.called_off import strays_told
from resolvers.domain.errors import Unauthenticated, Unready
from schema.info import RequestContext
from schema.inspection import faults
from schema.operations import (
    REFUSED_COST,
    Answer,
    Bounds,
    Kind,
    Operation,
    Outline,
    Schema,
    Share,
    alone,
    outline,
    policy_of,
    run,
    watch,
)
from schema.root import build_schema
from schema.usage import deprecated_in, uses


@dataclass(frozen=True, slots=True)
class Desk:
    """One app's desk.

    ``keys`` are the API keys that are believed. ``allowance`` counts mutations, ``budget`` points,
    ``crowd`` what is under way; ``answers`` has those that more than one may be given,
    ``states_shared`` those of subscriptions; ``deadline_seconds`` bounds each query and mutation.
    """

    runtime: Runtime
    keys: KeyRing
    schema: Schema
    telemetry: Telemetry
    allowance: Allowance
    budget: Allowance
    crowd: Crowd
    bounds: Bounds
    deadline_seconds: float
    show_cost: bool
    library: Library
    answers: Answers
    states_shared: States

    async def caller(self, authorization: str | None, address: Address | None = None) -> Principal:
        """Says who calls, by the value of an Authorization header; nobody, if there is none, from
        some address.

        Raises:
            TurnedAway: there is one that cannot be trusted, or nobody could say (503, to be sent
                again). It is never taken for nobody's.
        """
        if authorization is None:
            return NOBODY if address is None else replace(NOBODY, address=place_of(address.host))
        scheme, _, rest = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise _untrusted("send Authorization: Bearer and a token")
        token = rest.strip()
        try:
            if is_key(token):
                caller = self.keys.holder(token)
                note(key=caller.key_id)
                return caller
            caller = await self.runtime.trust.authenticate(token)
        except Unauthenticated as refusal:
            raise _untrusted(str(refusal)) from refusal
        except Unready as silence:
            raise _later(503, silence.code, silence.message, 1) from silence
        if address is None or not caller.logged_in_here:
            return caller
        return replace(caller, address=place_of(address.host))

    def require_room(self) -> None:
        """Refuses one more operation while the process is busy: before it is read, that is cheap.

        Raises:
            TurnedAway: it is (503, to be sent again).
        """
        if self.crowd.full:
            raise _later(503, "OVERLOADED", "too many requests are under way here", 1)

    def operation(self, asked: Asked, caller: Principal, client: str) -> Operation:
        """What a request asks to run, with its document: sent, or found by its name.

        Raises:
            TurnedAway: there is no document of this name, or this one may not run here.
        """
        return self.library.operation(asked, caller, client)

    def admit(self, operation: Operation, caller: Principal) -> Kind | None:
        """Says what kind an operation is, and whether its caller may send it now.

        None stands for a document that cannot be read; running it says what is wrong.

        Raises:
            TurnedAway: the process is busy, or the caller has sent too many mutations or asked for
                too much.
        """
        speaks(operation)
        began = time.perf_counter()
        self.require_room()
        asked = outline(self.schema, operation, self.bounds)
        if asked is not None and asked.kind is Kind.MUTATION:
            wait = self.allowance.take(_payer(caller), asked.fields)
            if wait > 0:
                raise _later(429, "THROTTLED", "too many mutations from this caller", wait)
        points = _points(asked)
        self._admitted(caller, points, began)
        wait = self.budget.take(_payer(caller), points)
        if wait > 0:
            told = f"this caller has not saved the {points:,} points that this costs"
            raise _later(429, "THROTTLED", told, wait)
        if asked is not None and operation.keep_as is not None:
            self.library.keep(operation.keep_as, operation.document, caller)
        return None if asked is None else asked.kind

    def points(self, operation: Operation) -> int:
        """What an operation costs; it is read once, however often this is asked."""
        return _points(outline(self.schema, operation, self.bounds))

    async def answer(
        self,
        operation: Operation,
        kind: Kind | None,
        caller: Principal,
        request_id: str,
        *,
        show_cost: bool = False,
    ) -> Answer:
        """Runs a query or mutation and counts it; what it cost is told if asked, or configured.

        Raises:
            TurnedAway: it took too long; a mutation may be sent again with the same key.
        """
        speaks(operation)  # in a list it is not the last that was admitted
        began = time.perf_counter()
        try:
            with self.crowd.one_more(), self.telemetry.tracing.operation(_type(kind)) as span:
                with strays_told():
                    async with asyncio.timeout(self.deadline_seconds):
                        answer = await self._made(operation, kind, caller, request_id)
                self._told(kind, operation, caller, answer, began=began, span=span)
        except TimeoutError as late:
            told = f"no answer within {self.deadline_seconds:g} s; a mutation keeps its key"
            raise _later(503, "DEADLINE_EXCEEDED", told, 1) from late
        return self._with_cost(answer, operation, caller) if show_cost or self.show_cost else answer

    async def _made(
        self, operation: Operation, kind: Kind | None, caller: Principal, request_id: str
    ) -> Answer:
        """The answer to an operation: made for it, or for another that asks the same."""

        async def ran() -> Ran:
            context = self._context(caller, request_id)
            answer = await run(self.schema, operation, context)
            loaders = context.ctx.loaders
            return Ran(answer, frozenset(loaders.skus_read), loaders.good_seconds)

        if kind is Kind.QUERY:
            policy = policy_of(self.schema, operation, self.bounds)
            return await self.answers.answer(
                operation,
                policy,
                caller,
                request_id=request_id,
                seconds=self.deadline_seconds,
                run=ran,
            )
        refused = False
        try:
            answer = (await ran()).answer
            refused = answer.refused
            return answer
        finally:  # who has no token changes nothing, and its subject is everybody's who has none
            if kind is Kind.MUTATION and not refused:
                self.runtime.watch.written()
                if caller != NOBODY:
                    self.answers.wrote(caller)

    async def states(
        self, operation: Operation, caller: Principal, request_id: str
    ) -> AsyncGenerator[Answer, None]:
        """Runs a subscription until it ends or nobody listens any more."""
        speaks(operation)
        share = self._share(operation, caller)
        answers = watch(self.schema, operation, self._context(caller, request_id), share)
        last = Answer({}, refused=False, codes=())
        metrics, tracing = self.telemetry.metrics, self.telemetry.tracing
        with metrics.subscriptions.track_inprogress(), tracing.subscription() as span:
            try:
                async with aclosing(answers):
                    with strays_told():
                        async for last in answers:
                            yield last
            finally:
                self._told(Kind.SUBSCRIPTION, operation, caller, last, began=None, span=span)

    def _share(self, operation: Operation, caller: Principal) -> Share:
        """With whom a subscription shares what it is told: others of equal rights that ask the
        same, if its fields are the same for all of them.
        """
        if not policy_of(self.schema, operation, self.bounds, Kind.SUBSCRIPTION).public:
            return alone
        key = key_of(operation, caller)
        return alone if key is None else partial(self.states_shared.answer, key)

    def turned_away(self, refusal: TurnedAway, kind: Kind | None = None) -> None:
        """Counts a request that was refused before anything ran."""
        self.telemetry.metrics.ended(_type(kind), "refused", [refusal.code], None)
        note(kind=_type(kind), result="refused", codes=[refusal.code])

    def _with_cost(self, answer: Answer, operation: Operation, caller: Principal) -> Answer:
        """An answer that says what it cost and what its caller has left."""
        cost = {
            "requestedQueryCost": self.points(operation),
            "maximumQueryCost": self.bounds.cost,
            "throttleStatus": {
                "maximumAvailable": self.budget.saved_max,
                "currentlyAvailable": self.budget.left(_payer(caller)),
                "restoreRate": self.budget.per_second,
            }
            if self.budget.per_second
            else None,
        }
        extensions = {**answer.body.get("extensions", {}), "cost": cost}
        return replace(answer, body={**answer.body, "extensions": extensions})

    def _context(self, caller: Principal, request_id: str) -> RequestContext:
        client = calling()
        return RequestContext(
            self.runtime.context(caller),
            [],
            request_id,
            self.bounds.telling,
            None if client is UNNAMED else client.name,
        )

    def _admitted(self, caller: Principal, points: int, began: float) -> None:
        """Notes what is known of an operation before it runs."""
        read_ms = round((time.perf_counter() - began) * 1000, 2)
        note(role=str(caller.role), cost=points, read_ms=read_ms)

    def _told(
        self,
        kind: Kind | None,
        operation: Operation,
        caller: Principal,
        answer: Answer,
        *,
        began: float | None,
        span: Span,
    ) -> None:
        """Counts an operation that ended, and notes for its line what is told of it."""
        result = "refused" if answer.refused else "errors" if answer.codes else "ok"
        used = None if answer.refused else uses(self.schema, operation, self.bounds.tokens)
        name = shown_name(operation.name if used is None else used.name)
        client, codes = calling(), sorted(set(answer.codes))
        told: dict[str, Any] = {"kind": _type(kind), "result": result}
        if name:
            told["operation"] = name
        if codes:
            told["codes"] = codes
        seconds = None
        if began is not None:
            seconds = time.perf_counter() - began
            told["run_ms"] = round(seconds * 1000, 2)
        self.telemetry.metrics.ended(
            _type(kind), result, answer.codes, seconds, name=name, trusted=caller.role in _KNOWN
        )
        note(**told)
        span.note(name=name, result=result, client=client.name, role=str(caller.role))
        span.note_document(operation.document)
        if codes:
            span.failed(codes[0])
        usage = self.telemetry.usage
        if usage is not None and used is not None:
            aged = deprecated_in(used, operation.variables) if used.watched else ()
            usage.add(used, client.name, aged)


_KNOWN = frozenset(Role) - {Role.GUEST, Role.SHOPPER}
"""Whose operations may be counted by name: anybody can become a shopper."""


def _type(kind: Kind | None) -> str:
    return "unknown" if kind is None else kind.value


def _payer(caller: Principal) -> str:
    """Whose points a request costs: a token's subject. Guests, with a token or without, are told
    apart by their address: whoever asks is given another token.
    """
    if caller.is_guest and caller.address:
        return f"{NOBODY.subject}\x1f{caller.address}"
    return caller.subject


def desk_of(runtime: Runtime, telemetry: Telemetry) -> Desk:
    """Where the operations of a runtime are taken in, within the limits of its settings.

    Raises:
        SettingsError: the manifest of trusted documents cannot be used.
    """
    limits = runtime.settings.limits
    bounds = bounds_of(limits)
    schema = build_schema(bounds, compiled=runtime.settings.server.compiled)
    library = Library(
        lambda document, remember: faults(schema, document, bounds, remember=remember), telemetry
    )
    library.adopt(library.opened(runtime.settings.documents))
    crowd = Crowd(limits.concurrent_max, limits.wait_seconds)
    telemetry.metrics.crowded(crowd)
    return Desk(
        runtime,
        KeyRing(runtime.store.callers, runtime.clock, runtime.settings.auth.key_pause_seconds),
        schema,
        telemetry,
        Allowance(runtime.settings.server.mutations_per_second),
        Allowance(limits.cost_per_second, saved_max=limits.cost_saved_max),
        crowd,
        bounds,
        limits.deadline_seconds,
        limits.show_cost,
        library,
        Answers(runtime.watch, runtime.settings.cache, telemetry.metrics.registry),
        States(),
    )


def bounds_of(limits: Limits) -> Bounds:
    """What one document may ask for, by the settings."""
    return Bounds(
        tokens=limits.tokens_max,
        depth=limits.depth_max,
        fields=limits.fields_max,
        answer_fields=limits.answer_fields_max,
        aliases=limits.aliases_max,
        root_fields=limits.root_fields_max,
        directives=limits.directives_max,
        operations=limits.operations_max,
        overlaps=limits.overlaps_max,
        cost=limits.cost_max,
        variables=limits.variables_max,
        introspection=limits.introspection,
        suggestions=limits.suggestions,
    )


def _points(asked: Outline | None) -> int:
    """What an operation costs; one that cannot be read, as much as one that is refused."""
    return REFUSED_COST if asked is None else asked.cost


def _later(status: int, code: str, message: str, wait: float) -> TurnedAway:
    """The refusal of what may be sent again after so many seconds."""
    seconds = math.ceil(wait)
    told = f"{message}; try again in {seconds} s"
    return TurnedAway(status, code, told, retryable=True, headers={"Retry-After": str(seconds)})


def _untrusted(message: str) -> TurnedAway:
    told = {"WWW-Authenticate": "Bearer"}
    return TurnedAway(401, Unauthenticated.code, message, headers=told)
