"""WeChat's login (code2session): whose phone has been given a code.

An answer has status 200 and ``text/plain`` whatever it says; ``errcode`` tells. The session key
that comes with it is neither kept nor shown, nor is any part of the address, which holds secrets.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn

import httpx2
import orjson

from connectors.identity.asking import Late, NoAnswer, ask, door
from resolvers.domain.errors import (
    BackendRefused,
    BackendTimedOut,
    BackendUnavailable,
    CommerceError,
    Forbidden,
    InvalidInput,
    Overloaded,
)

ANSWER_BYTES_MAX = 65_536
EXCHANGES_MAX = 64
"""Codes exchanged at a time, so that a crowd of bad ones does not use up the process."""

_CODE = ("input", "code")
_NAME_CHARS_MAX = 128


class WechatApp:
    """One mini-program. Made without network; the first login connects."""

    def __init__(
        self,
        *,
        code: str,
        app_id: str,
        secret: str,
        url: str,
        timeout_seconds: float,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """``code`` is for errors; ``timeout_seconds`` bounds an exchange, and the wait for it."""
        self._code = code
        self._params = {"appid": app_id, "secret": secret, "grant_type": "authorization_code"}
        self._url = url
        self._timeout = timeout_seconds
        self._transport = door() if transport is None else transport
        self._room = asyncio.Semaphore(EXCHANGES_MAX)
        self._under_way: dict[str, asyncio.Task[str]] = {}

    async def user(self, code: str) -> str:
        """The openid of whoever was given a code. Who sends it again while it is exchanged, as a
        phone does whose connection broke, shares the answer: a second exchange would be refused.

        Raises:
            InvalidInput, Forbidden, Overloaded, BackendUnavailable, BackendTimedOut,
            BackendRefused: as the port says.
        """
        task = self._under_way.get(code)
        if task is None:
            task = asyncio.create_task(self._exchange(code), name=f"login at {self._code}")
            self._under_way[code] = task
            task.add_done_callback(lambda done: self._ended(code, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ends what is under way and lets go of the network."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._transport.aclose()

    def _ended(self, code: str, task: asyncio.Task[str]) -> None:
        del self._under_way[code]
        if not task.cancelled():
            task.exception()  # whoever asked may be gone

    async def _exchange(self, code: str) -> str:
        try:
            async with asyncio.timeout(self._timeout), self._room:
                body = await ask(
                    self._transport,
                    self._url,
                    self._timeout,
                    ANSWER_BYTES_MAX,
                    {**self._params, "js_code": code},
                )
        except (Late, TimeoutError):
            told = f"{self._code}: no answer within {self._timeout:g} s; log in with a new code"
            raise BackendTimedOut(told, backend=self._code) from None
        except NoAnswer as silence:
            raise self._unavailable(str(silence)) from None
        try:
            answer = orjson.loads(body)
        except ValueError:
            raise self._unavailable("an answer that is no JSON") from None
        if not isinstance(answer, dict):
            raise self._unavailable("an answer that is no object")
        return self._openid(answer)

    def _openid(self, answer: Mapping[str, Any]) -> str:
        failed = answer.get("errcode", 0)
        if failed != 0:
            self._refuse(failed)
        openid = answer.get("openid")
        if not isinstance(openid, str) or not 0 < len(openid) <= _NAME_CHARS_MAX:
            raise self._unavailable("an answer without an openid")
        return openid

    def _refuse(self, failed: object) -> NoReturn:
        """Raises what an ``errcode`` means. Its text is left out: it may quote what was sent."""
        match failed:
            case 40029:
                raise InvalidInput("this is no code, or one that is too old", field=_CODE)
            case 40163:
                told = "this code has been used; call wx.login for a new one"
                raise InvalidInput(told, field=_CODE)
            case 45011:
                raise Overloaded("this user logs in too often; try again in a minute")
            case 40226:
                raise Forbidden("WeChat does not let this user log in")
            case int() if failed in _OF_THE_APP:
                told = f"{self._code}: errcode {failed}: {_OF_THE_APP[failed]}"
                raise BackendRefused(told, backend=self._code, kind="AUTH")
            case int():
                raise self._unavailable(f"errcode {failed}")
            case _:
                raise self._unavailable("an errcode that is no number")

    def _unavailable(self, why: str) -> CommerceError:
        return BackendUnavailable(f"{self._code}: {why}", backend=self._code)


_OF_THE_APP: Mapping[int, str] = {
    40013: "the AppID is wrong",
    40125: "the AppSecret is wrong",
    40164: "this machine's address is not on the app's list",
    41002: "the AppID is missing",
    41004: "the AppSecret is missing",
    50002: "the app is frozen",
}
"""What whoever runs the gateway must mend."""
