"""Logging in as clients see it. What a caller is then stands in ``resolvers``."""

from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import login
from resolvers.login import Login
from schema.fields import plain
from schema.info import Info
from schema.payloads import Answer, UserErrorType, answered, user_errors_field


@strawberry.input(
    name="WechatLoginInput",
    description="What `wx.login` has given a mini-program, which is good once and for minutes.",
)
class WechatLoginInput:
    """Becomes the flow's arguments."""

    app_id: str = strawberry.field(description="The mini-program's AppID.")
    code: str = strawberry.field(
        description="The code of `wx.login`. One that was used is refused: after a lost answer "
        "call `wx.login` again, the new token is the same caller's."
    )
    phone_code: str | None = strawberry.field(
        default=None,
        description="The code of `getPhoneNumber`. Refused for now, before anything is exchanged: "
        "no phone numbers are kept here.",
    )


@strawberry.type(name="LoginPayload", description="What came of a login.")
class LoginPayload:
    """Read from an answer."""

    token: str | None = plain(
        lambda answer: answer.made and answer.made.token,
        "Send it as `Authorization: Bearer …` and keep it to yourself; null when there is none.",
    )
    expires_at: datetime | None = plain(
        lambda answer: answer.made and answer.made.expires_at,
        "When it ends; log in again before. Null when there is none.",
    )
    user_errors: list[UserErrorType] = user_errors_field()


Asked = Annotated[WechatLoginInput, strawberry.argument(description="Who logs in where.")]


@strawberry.type
class LoginsMutation:
    """The root fields that give out tokens."""

    @strawberry.mutation(
        graphql_type=LoginPayload,
        description="Logs a mini-program's user in: a token of a caller that is the same at every "
        "login, who may browse, hold and order without being a member. Open to callers without a "
        "token. Takes no idempotency key: a second login makes nothing but another token.",
    )
    @staticmethod
    async def wechat_login(info: Info, input: Asked) -> Answer[Login]:
        """One login."""
        return await answered(
            lambda: login.wechat_login(info.context.ctx, input.app_id, input.code, input.phone_code)
        )

    @strawberry.mutation(
        graphql_type=LoginPayload,
        description="Gives a visitor without a token one of its own: a new caller, who may browse, "
        "hold and order, and finds its own again as long as the token lives. With a guest's token "
        "it is renewed, for the same caller. `FORBIDDEN` where guests are given none.",
    )
    @staticmethod
    async def guest_login(info: Info) -> Answer[Login]:
        """One guest."""
        return await answered(lambda: login.guest_login(info.context.ctx))
