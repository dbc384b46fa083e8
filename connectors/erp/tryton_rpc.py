"""One user's calls to one Tryton database: the session, its renewal, turns, and bounded pages.

What crosses the wire, and what an error means, is in ``tryton_wire``. Knows nothing of the trade.
"""

import asyncio
import base64
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

import httpx2

from connectors.erp.tryton_wire import (
    ANSWER_BYTES_MAX,
    LOGIN,
    Intent,
    LockedOut,
    Row,
    decoded,
    encoded,
    locked_out,
    misfit,
    refused,
    result,
    status_error,
    unknown_outcome,
    unpacked,
)
from connectors.governor import Governor, Lane
from connectors.wire import retry_after
from resolvers.domain.errors import BackendTimedOut, BackendUnavailable, CommerceError

PAGE = 200
"""Rows a call: 2,000 in one take as long as all pages together and hold up everybody else."""

READERS_MAX = 4
"""Reads at once: measured, more of them gain nothing."""

AUTH_PAUSE = timedelta(seconds=90)
"""Pause after a login that was refused: Tryton locks one at more than 5 of them in 5 minutes, and
counts those that it does not even look at."""

LOOKERS_MAX = 2
"""Reads at once, beside those, of people who wait for the answer."""

LOGOUT_SECONDS = 2.0

BY_ID = (("id", "ASC"),)
NOTHING: Mapping[str, Any] = {}

_FORGETFUL = "it forgot a new session at once"


@dataclass(frozen=True, slots=True, repr=False)
class _Session:
    """A session that the server knows, and the context that it wants with every call."""

    authorization: str
    context: Row


class TrytonClient:
    """Calls by method name. Made without network; the first call logs in."""

    def __init__(
        self,
        *,
        code: str,
        url: str,
        database: str,
        user: str,
        password: str,
        timeout_seconds: float,
        clock: Callable[[], datetime],
        transport: httpx2.AsyncBaseTransport | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
        governor: Governor | None = None,
    ) -> None:
        """``code`` is for errors; ``timeout_seconds`` bounds every call, and the wait for it;
        ``headers`` are what else goes with each call. ``governor`` says when a call may be made;
        without one, whenever its turn is.
        """
        self.code = code
        self._user = user
        self._url = url.rstrip("/")
        self._database = database
        self._password = password
        self._timeout = timeout_seconds
        self._clock = clock
        self._transport = transport
        self._headers = headers
        self._governor = governor
        self._calls = itertools.count(1)
        self._http: httpx2.AsyncClient | None = None
        self._session: _Session | None = None
        self._login = asyncio.Lock()
        self._pause: tuple[datetime, Callable[[], CommerceError]] | None = None
        self._readers = asyncio.Semaphore(READERS_MAX)
        self._lookers = asyncio.Semaphore(LOOKERS_MAX)
        self._writer = asyncio.Lock()
        self.written = 0
        """Writes that were answered: who finds more than before has changed something."""

    async def read(
        self,
        method: str,
        *params: object,
        context: Row = NOTHING,
        lane: Lane = Lane.BACKGROUND,
    ) -> Any:
        """Asks; the session's context, with what ``context`` adds, is the last parameter.

        Raises:
            BackendUnavailable, BackendTimedOut, BackendRefused: as their names say.
        """
        gate = self._lookers if lane is Lane.LIVE else self._readers
        async with self._turn(gate, Intent.READ):
            return await self._call(method, params, context, Intent.READ, lane=lane)

    async def write(self, method: str, *params: object, context: Row = NOTHING) -> Any:
        """Tells. To be called within ``writing`` only.

        Raises:
            BackendUnavailable, BackendRefused: nothing was done.
            UnknownOutcome: it was sent, and no answer came.
        """
        assert self._writer.locked(), "one writer at a time: its caller takes the turn"
        answer = await self._call(method, params, context, Intent.WRITE)
        self.written += 1
        return answer

    def writing(self) -> contextlib.AbstractAsyncContextManager[None]:
        """The turn of the one writer: more gain nothing, and what it looked up stays true.

        Raises:
            BackendUnavailable: the turn did not come.
        """
        return self._turn(self._writer, Intent.WRITE)

    async def rows(
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        *,
        order: Sequence[object] = BY_ID,
        limit: int = PAGE,
        context: Row = NOTHING,
        lane: Lane = Lane.BACKGROUND,
    ) -> list[Row]:
        """At most ``limit`` matching records; by default those with the lowest ids.

        Raises:
            BackendUnavailable: also if an answer makes no sense: no rows, or without a field.
        """
        method = f"model.{model}.search_read"
        found: list[Row] = await self.read(
            method,
            domain,
            0,
            limit,
            order,
            fields,
            context=context,
            lane=lane,
        )
        if (wrong := misfit(found, fields)) is not None:
            self._broken(method, f"its answer makes no sense: {wrong}", Intent.READ)
        return found

    async def pages(
        self, model: str, domain: Sequence[object], fields: Sequence[str], *, after: int = 0
    ) -> AsyncIterator[list[Row]]:
        """All matching records above an id, in pages by id. Ends, as ids only grow.

        A row that changes meanwhile is neither skipped nor met twice.
        """
        while True:
            page = await self.rows(model, [*domain, ["id", ">", after]], fields)
            if page:
                yield page
                after = page[-1]["id"]
            if len(page) < PAGE:
                return

    async def every(self, model: str, domain: Sequence[object], fields: Sequence[str]) -> list[Row]:
        """All matching records."""
        return [row async for page in self.pages(model, domain, fields) for row in page]

    async def context(self) -> Row:
        """The user's base context: company, language, groups."""
        return (await self._logged_in()).context

    async def version(self) -> str:
        """The server's version; asks for no password."""
        method = "common.server.version"
        try:
            return str(await self._ask("/rpc/", method, [], None, Intent.READ))
        except _SessionOverError:
            self._broken(method, "HTTP 401, which Tryton does not answer here", Intent.READ)

    async def close(self) -> None:
        """Ends the session at the server, if it answers at once, and lets go of the network."""
        if self._session is not None:
            with contextlib.suppress(CommerceError, TimeoutError, _SessionOverError):
                async with asyncio.timeout(LOGOUT_SECONDS):
                    await self._ask(
                        self._rpc,
                        "common.db.logout",
                        [],
                        self._session.authorization,
                        Intent.READ,
                    )
            self._session = None
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    @property
    def _rpc(self) -> str:
        return f"/{self._database}/rpc/"

    @contextlib.asynccontextmanager
    async def _turn(
        self, gate: asyncio.Semaphore | asyncio.Lock, intent: Intent
    ) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                await gate.acquire()
        except TimeoutError:
            why = f"no turn to {intent.value} within {self._timeout:g} s"
            raise BackendUnavailable(f"{self.code}: {why}", backend=self.code) from None
        try:
            yield
        finally:
            gate.release()

    async def _call(
        self,
        method: str,
        params: Sequence[object],
        context: Row,
        intent: Intent,
        *,
        lane: Lane = Lane.BACKGROUND,
    ) -> Any:
        """Calls with a session; when the server has forgotten it, once more with a new one."""
        session = await self._logged_in()
        with contextlib.suppress(_SessionOverError):  # refused before anything was done
            return await self._within(session, method, params, context, intent, lane=lane)
        session = await self._logged_in(instead_of=session)
        try:
            return await self._within(session, method, params, context, intent, lane=lane)
        except _SessionOverError:
            raise refused(_FORGETFUL, "AUTH", self.code) from None

    async def _within(
        self,
        session: _Session,
        method: str,
        params: Sequence[object],
        context: Row,
        intent: Intent,
        *,
        lane: Lane,
    ) -> Any:
        everything = [*params, {**session.context, **context}]
        authorization = session.authorization
        return await self._ask(self._rpc, method, everything, authorization, intent, lane=lane)

    async def _logged_in(self, instead_of: _Session | None = None) -> _Session:
        """The session, made by whoever comes first; the others wait for that one."""
        async with self._login:
            if self._session is not None and self._session is not instead_of:
                return self._session
            self._session = None
            if self._pause is not None:
                until, error = self._pause
                if self._clock() < until:
                    raise error()
            self._session = await self._log_in()
            return self._session

    async def _log_in(self) -> _Session:
        secret = {"password": self._password}
        try:
            answer = await self._ask(
                self._rpc, LOGIN, [self._user, secret, "en"], None, Intent.READ
            )
        except LockedOut:  # each try would lock it for longer
            raise self._paused(lambda: locked_out(self.code)) from None
        except _SessionOverError:
            answer = None
        if not answer:
            raise self._paused(lambda: refused("user or password is wrong", "AUTH", self.code))
        user_id, token, *_ = answer
        session = f"{self._user}:{user_id}:{token}".encode()
        authorization = f"Session {base64.b64encode(session).decode()}"
        method = "model.res.user.get_preferences"
        try:
            context = await self._ask(self._rpc, method, [True, {}], authorization, Intent.READ)
        except _SessionOverError:
            raise refused(_FORGETFUL, "AUTH", self.code) from None
        return _Session(authorization, context)

    def _paused(self, error: Callable[[], CommerceError]) -> CommerceError:
        """An error that is the answer to everybody until the pause is over."""
        self._pause = self._clock() + AUTH_PAUSE, error
        return error()

    async def _ask(
        self,
        path: str,
        method: str,
        params: Sequence[object],
        authorization: str | None,
        intent: Intent,
        *,
        lane: Lane = Lane.BACKGROUND,
    ) -> Any:
        body = encoded(next(self._calls), method, params)
        turn = contextlib.nullcontext() if self._governor is None else self._governor.turn(lane)
        async with turn:  # the governor learns of every answer that is none, too
            status, told, answer = await self._post(path, method, body, authorization, intent)
            if status == 200:
                return self._told(answer, method, intent)
            if status != 401:
                raise status_error(status, method, intent, self.code, retry_after(told))
        raise _SessionOverError  # it has answered

    def _told(self, answer: bytes, method: str, intent: Intent) -> Any:
        try:
            return result(decoded(unpacked(answer)), method, intent, self.code)
        except (ValueError, TypeError, ArithmeticError) as error:
            self._broken(method, f"its answer makes no sense: {error}"[:120], intent)

    async def _post(
        self, path: str, method: str, body: bytes, authorization: str | None, intent: Intent
    ) -> tuple[int, str | None, bytes]:
        """The status, what it says of when to ask again, and the body."""
        headers = {**self._headers(), "Content-Type": "application/json", "Accept-Encoding": "gzip"}
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._connection().stream(
                    "POST", f"{self._url}{path}", content=body, headers=headers
                ) as response,
            ):
                answer = bytearray()
                async for chunk in response.aiter_raw():
                    answer += chunk
                    if len(answer) > ANSWER_BYTES_MAX:
                        self._broken(method, "its answer is too large", intent)
                return response.status_code, response.headers.get("retry-after"), bytes(answer)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            raise BackendUnavailable(
                f"{self.code}: no connection to {self._url}", backend=self.code
            ) from None
        except (httpx2.TimeoutException, TimeoutError):
            if intent is Intent.READ:
                raise BackendTimedOut(
                    f"{self.code}: no answer to {method} within {self._timeout:g} s",
                    backend=self.code,
                ) from None
            self._broken(method, f"no answer within {self._timeout:g} s", intent)
        except (httpx2.RequestError, httpx2.StreamError) as error:
            self._broken(method, type(error).__name__, intent)

    def _broken(self, method: str, why: str, intent: Intent) -> NoReturn:
        if intent is Intent.WRITE:
            raise unknown_outcome(method, why, self.code) from None
        raise BackendUnavailable(f"{self.code}: {method}: {why}", backend=self.code) from None

    def _connection(self) -> httpx2.AsyncClient:
        """The HTTP client, made inside the running loop.

        It keeps no connection, as the server closes each. Connecting gets half of the time, so that
        its failure is told from a slow answer.
        """
        if self._http is None:
            self._http = httpx2.AsyncClient(
                transport=self._transport,
                timeout=httpx2.Timeout(self._timeout, connect=self._timeout / 2),
                limits=httpx2.Limits(max_keepalive_connections=0),
                trust_env=False,
            )
        return self._http


class _SessionOverError(Exception):
    """HTTP 401: a wrong password, or a session that the server does not know any more."""
