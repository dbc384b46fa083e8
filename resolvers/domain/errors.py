"""The tree of errors that cross rooms: connectors translate into it, schema answers from it.

    CommerceError
     ├─ Refused                  understood and denied; becomes a userError of the payload
     │   ├─ InvalidInput         a value that cannot be meant; names the field
     │   ├─ NotFound             no such thing, or not the caller's to see
     │   ├─ InsufficientStock    fewer units can be promised than asked for, one a line
     │   ├─ LimitReached         a limit of the channel, the day or the member is used up
     │   ├─ CallerLimitReached   one caller has as many units live as it may
     │   ├─ NoEligibleLocation   no place can do what was asked
     │   ├─ ReservationNotHeld   the step is not allowed from the reservation's state
     │   ├─ ReservationExpired   the hold's time is over
     │   ├─ IdempotencyKeyReused the same key came with other content
     │   ├─ NotAuthoritative     a backend owns this number and cannot take the change
     │   ├─ StockMoved           a recount expected another quantity on hand
     │   ├─ OrderNotOpen         the step is not allowed from the order's state
     │   └─ Several              more than one of the above at once
     ├─ Denied                   who calls may not; a top-level error
     │   ├─ Unauthenticated
     │   └─ Forbidden
     ├─ BackendRefused           a backend understood a write and said no
     ├─ ReadingRefused           what a source says cannot be so; nothing of it was taken
     ├─ NotUnderstood            a message of a backend makes no sense to us; it is parked
     └─ Unready                  try again with the same key; a top-level error, retryable
         ├─ Contended · Overloaded · BackendTimedOut · UnknownOutcome
         └─ BackendUnavailable
             └─ BackendThrottled it is asked too much; it may say when to come again

Anything else that is raised is a bug: masked to the caller, logged whole.
"""

from collections.abc import Sequence


class CommerceError(Exception):
    """What the house can say about a failed request. ``code`` is public and stable."""

    code = "INTERNAL"


class Refused(CommerceError):
    """The request was understood and denied; sending it again alone will not help.

    ``field`` is the path of the offending input, starting at ``input``; empty when none is to
    blame.
    """

    code = "INVALID_INPUT"

    def __init__(self, message: str, *, field: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.field = tuple(str(part) for part in field)


class InvalidInput(Refused):
    """A value that cannot be meant: out of range, empty, malformed, or not the caller's to send."""


class NotFound(Refused):
    """Nothing of that name, or nothing that this caller may see."""

    code = "NOT_FOUND"


class InsufficientStock(Refused):
    """Fewer units of one SKU can be promised than were asked for."""

    code = "INSUFFICIENT_STOCK"

    def __init__(
        self, sku: str, requested: int, available: int, *, field: Sequence[str | int] = ()
    ) -> None:
        super().__init__(
            f"{available} of {requested} units of {sku} can be promised now", field=field
        )
        self.sku = sku
        self.requested = requested
        self.available = available


class LimitReached(Refused):
    """A cap, a daily limit or a limit per member leaves fewer units than were asked for."""

    code = "CHANNEL_LIMIT_REACHED"

    def __init__(self, sku: str, left: int, rule: str, *, field: Sequence[str | int] = ()) -> None:
        super().__init__(f"rule {rule} leaves {left} units of {sku}", field=field)
        self.sku = sku
        self.left = left
        self.rule = rule


class CallerLimitReached(Refused):
    """One caller has as many units held or ordered as it may at a time."""

    code = "CALLER_LIMIT_REACHED"

    def __init__(self, most: int, left: int) -> None:
        super().__init__(
            f"one caller may have {most} units held or ordered at a time; {left} are left",
            field=("input", "lines"),
        )
        self.left = left


class NoEligibleLocation(Refused):
    """No location can do what was asked, whatever its stock."""

    code = "NO_ELIGIBLE_LOCATION"


class ReservationNotHeld(Refused):
    """The reservation's state does not allow this step."""

    code = "RESERVATION_NOT_HELD"


class ReservationExpired(Refused):
    """The hold's time to live is over; its units may already be promised to somebody else."""

    code = "RESERVATION_EXPIRED"


class IdempotencyKeyReused(Refused):
    """The same key was used before with other content. Nothing was done."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__(
            "this key was used before with other content; make a new key for a new request",
            field=("input", "idempotencyKey"),
        )


class NotAuthoritative(Refused):
    """A backend is the authority of this number and cannot take the change from us."""

    code = "NOT_AUTHORITATIVE"


class StockMoved(Refused):
    """A recount named an expected quantity that is no longer on hand."""

    code = "STOCK_MOVED"

    def __init__(self, expected: int, on_hand: int) -> None:
        super().__init__(
            f"{on_hand} units are on hand now, not {expected}; count again",
            field=("input", "recount", "expected"),
        )


class OrderNotOpen(Refused):
    """The order's state does not allow this step."""

    code = "ORDER_NOT_OPEN"


class Several(Refused):
    """More than one refusal of one request, for example one for each line that is short."""

    def __init__(self, refusals: Sequence[Refused]) -> None:
        assert refusals, "several refusals are at least one"
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = tuple(refusals)


def refuse(refusals: Sequence[Refused]) -> None:
    """Raises what was collected: nothing, the one refusal, or all of them together."""
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise Several(refusals)


class Denied(CommerceError):
    """Who calls may not do this."""


class Unauthenticated(Denied):
    """No token, or one that cannot be trusted."""

    code = "UNAUTHENTICATED"


class Forbidden(Denied):
    """The token is good, its role or binding does not allow this."""

    code = "FORBIDDEN"


class Unready(CommerceError):
    """Nothing was decided, or its outcome is not known: send the same key again, later."""

    code = "CONTENDED"

    def __init__(self, message: str, *, backend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.backend = backend


class Contended(Unready):
    """Others were writing the same stock for the whole time of this request."""


class Overloaded(Unready):
    """More requests wait than the house has room for."""

    code = "THROTTLED"


class BackendUnavailable(Unready):
    """A backend refused the connection, failed, or its answer made no sense."""

    code = "BACKEND_UNAVAILABLE"


class HalfDone(BackendUnavailable):
    """A backend was lost between two steps of one write: none is under way, and some were done."""


class BackendTimedOut(Unready):
    """A backend did not answer a read in time."""

    code = "BACKEND_TIMEOUT"


class BackendThrottled(BackendUnavailable):
    """A backend is asked too much. ``retry_after`` is in seconds, None if it does not say."""

    def __init__(self, message: str, *, backend: str, retry_after: float | None = None) -> None:
        super().__init__(message, backend=backend)
        self.retry_after = retry_after


class UnknownOutcome(Unready):
    """A backend did not answer a write in time: it may have happened or not. Look it up first."""

    code = "BACKEND_TIMEOUT"


class BackendRefused(CommerceError):
    """A backend understood a write and said no; repeating it will not help.

    ``kind`` is one of ``AUTH``, ``INVALID``, ``CONFLICT``, ``NOT_FOUND``, ``PERMANENT``.
    """

    code = "BACKEND_REFUSED"

    def __init__(self, message: str, *, backend: str, kind: str) -> None:
        super().__init__(message)
        self.message = message
        self.backend = backend
        self.kind = kind

    @property
    def final(self) -> bool:
        """Whether asking the same again is of no use. A login that fails is mended by people."""
        return self.kind != "AUTH"


class ReadingRefused(CommerceError):
    """What a source of stock says cannot be so, or not be placed: nothing of it was taken."""

    code = "READING_REFUSED"


class NotUnderstood(CommerceError):
    """A message of a backend makes no sense to us. It is parked, and blocks nobody."""

    code = "NOT_UNDERSTOOD"
