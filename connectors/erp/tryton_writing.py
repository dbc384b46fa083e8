"""How anything is written to Tryton: in the one writer's turn, in time, and button by button.

What is written stands in ``tryton_sales`` and ``tryton_adjustments``. A button that was pressed by
an earlier try answers with a refusal, so after each refusal the record's state decides.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from connectors.erp.tryton_rpc import TrytonClient
from connectors.erp.tryton_wire import FailedInside, unknown_outcome
from resolvers.backend_ports import WriteResult
from resolvers.domain.errors import BackendRefused, BackendTimedOut, BackendUnavailable, HalfDone

_OF_THIS_RECORD = ("INVALID", "CONFLICT")
"""Kinds of refusal that concern this one write, not the login or the server."""


class CannotBook(Exception):
    """Tryton cannot take this as it is; the message is for people. ``standing`` is the name of what
    stands there of it all the same.
    """

    standing: str | None = None


@contextmanager
def standing(name: str) -> Iterator[None]:
    """Says of what is refused in the block under which name it stands there: whoever calls it off
    has to call it off there.
    """
    try:
        yield
    except CannotBook as error:
        error.standing = name
        raise
    except BackendRefused as error:
        if error.kind not in _OF_THIS_RECORD:
            raise
        cannot = CannotBook(error.message)
        cannot.standing = name
        raise cannot from error


class Writer:
    """Does one write after another, each of several steps."""

    def __init__(self, client: TrytonClient, seconds: float) -> None:
        """``seconds`` is the longest that one write may take once it has its turn."""
        self.client = client
        self._seconds = seconds

    async def answered(
        self, reference: str, work: Callable[[], Awaitable[WriteResult]]
    ) -> WriteResult:
        """Does the work; that Tryton or its people do not want it is an answer too.

        Raises:
            BackendRefused: the login or the server is not as it has to be.
            BackendUnavailable: nothing of it is under way, or was done.
            HalfDone: nothing of it is under way; some steps of it were done.
            UnknownOutcome: a step of it may have been done.
        """
        try:
            async with self.client.writing(), asyncio.timeout(self._seconds):
                return await self._through(work)
        except TimeoutError:
            why = f"not through after {self._seconds:g} s"
            raise unknown_outcome(reference, why, self.client.code) from None
        except BackendTimedOut as error:  # a question was not answered, so nothing is under way
            raise BackendUnavailable(error.message, backend=self.client.code) from error
        except CannotBook as error:
            return WriteResult(reference, error.standing, str(error))
        except BackendRefused as error:
            if error.kind not in _OF_THIS_RECORD:
                raise
            return WriteResult(reference, error=error.message)

    async def _through(self, work: Callable[[], Awaitable[WriteResult]]) -> WriteResult:
        """Does the work in its turn; what ends it after a step was done says so."""
        before = self.client.written
        try:
            return await work()
        except (BackendUnavailable, BackendTimedOut) as error:
            if self.client.written == before:
                raise
            raise HalfDone(error.message, backend=self.client.code) from error
        except FailedInside as error:  # of a question: the work is as good as before
            lost = BackendUnavailable if self.client.written == before else HalfDone
            raise lost(error.message, backend=self.client.code) from error
        except BackendRefused as error:
            if self.client.written == before or error.kind in _OF_THIS_RECORD:
                raise
            raise HalfDone(error.message, backend=self.client.code) from error

    async def press(self, model: str, button: str, id: int, before: Sequence[str]) -> None:
        """Presses a button that leads out of some states; does nothing if another try was faster.

        Raises:
            BackendRefused: it was refused, and the record is still in one of those states.
        """
        try:
            await self.client.write(f"model.{model}.{button}", [id])
        except BackendRefused as error:
            still = [["id", "=", id], ["state", "in", before]]
            if error.kind not in _OF_THIS_RECORD or await self.client.rows(model, still, ["state"]):
                raise
