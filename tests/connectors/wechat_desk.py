"""WeChat's code2session as it is documented, on loopback: codes that are good once, errors with
status 200 as ``text/plain``.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import httpx2

from connectors.identity.wechat import WechatApp

APP_ID, SECRET = "wx0123456789abcdef", "hush-hush-hush"
OPENID, SESSION_KEY = "oGZUI0egBJY1zhBYw2KhdUfwVJJE", "tiihtNczf5v6AKRyjwEUhQ=="
URL = "http://127.0.0.1:9/sns/jscode2session"

Message = MutableMapping[str, Any]


class Wechat:
    """``users`` are by the codes that they were given. What is said in ``instead`` is answered to
    all; a code that waits is answered when ``gate`` opens.
    """

    def __init__(self, **users: str) -> None:
        self.users = users or {"good": OPENID}
        self.used: set[str] = set()
        self.instead: tuple[int, bytes] | None = None
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.heard = asyncio.Event()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self.asked += 1
        self.heard.set()
        status, body = self.instead or (200, json.dumps(self._answer(scope)).encode())
        await self.gate.wait()
        headers = [(b"content-type", b"text/plain"), (b"location", b"http://127.0.0.1:9/")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Message) -> dict[str, Any]:
        asked = {
            name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()
        }
        assert (scope["method"], scope["path"]) == ("GET", "/sns/jscode2session")
        assert asked["grant_type"] == "authorization_code"
        code = asked["js_code"]
        if asked["appid"] != APP_ID:
            return {"errcode": 40013, "errmsg": "invalid appid, rid: 1"}
        if asked["secret"] != SECRET:
            return {"errcode": 40125, "errmsg": f"invalid appsecret {asked['secret']}, rid: 1"}
        if code in self.used:
            return {"errcode": 40163, "errmsg": f"code been used, hints: [ req_id: {code} ]"}
        if code not in self.users:
            return {"errcode": 40029, "errmsg": "invalid code, rid: 1"}
        self.used.add(code)
        return {
            "session_key": SESSION_KEY,
            "openid": self.users[code],
            "unionid": "o6_bmasdasdsad6",
        }


def app_of(wechat: Wechat, secret: str = SECRET, timeout_seconds: float = 5.0) -> WechatApp:
    """The connector at this WeChat."""
    return WechatApp(
        code="mini",
        app_id=APP_ID,
        secret=secret,
        url=URL,
        timeout_seconds=timeout_seconds,
        transport=httpx2.ASGITransport(wechat),
    )
