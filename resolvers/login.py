"""Logging in: as a guest whom only a number tells from others, or as the user of an app.

What is kept of anybody is a subject that a hash or a number makes; no name, no phone number.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from resolvers.access import APP_USERS, GUESTS, NOBODY, Principal, Role
from resolvers.context import Context
from resolvers.domain.errors import Forbidden, InvalidInput, NotFound, Overloaded

CODE_CHARS_MAX = 256
_SUBJECT_SIGNS = 32


@dataclass(frozen=True, slots=True)
class Login:
    """A token, and when it ends."""

    token: str = field(repr=False)
    expires_at: datetime


async def guest_login(ctx: Context) -> tuple[Login, bool]:
    """A token for somebody who has none: one stable caller, who may do what a shopper without a
    member may. A guest's own token is renewed: the same caller, a later end.

    Raises:
        Forbidden: no such tokens are given out, or the caller is somebody already.
        Overloaded: too many logins from this address.
    """
    caller, ttl = ctx.principal, ctx.logins.guest_ttl_seconds
    if ttl == 0:
        raise Forbidden("guests are given no tokens here; log in")
    if caller != NOBODY and not caller.subject.startswith(GUESTS):
        raise Forbidden("this token says who calls already; only guests and who has none may ask")
    _let_in(ctx)
    subject = f"{GUESTS}{ctx.new_id()}" if caller == NOBODY else caller.subject
    return _signed(ctx, subject, ttl), False


async def wechat_login(
    ctx: Context, app_id: str, code: str, phone_code: str | None
) -> tuple[Login, bool]:
    """A token for the user of a mini-program: the same caller at every login, without a member.

    Raises:
        InvalidInput: a code that is none, is used up, or asks for what is not kept.
        NotFound: no such app.
        Overloaded: too many logins from this address, or of this user.
        Forbidden, Unready, BackendRefused: as the app's users say.
    """
    app = ctx.logins.apps.get(app_id)
    if app is None:
        raise NotFound("no app of this id logs in here", field=("input", "appId"))
    if phone_code is not None:
        told = "no phone numbers are kept here yet; leave phoneCode out, the code is still good"
        raise InvalidInput(told, field=("input", "phoneCode"))
    if not (1 <= len(code) <= CODE_CHARS_MAX and code.isascii() and code.isprintable()):
        raise InvalidInput("this is no code of wx.login", field=("input", "code"))
    _let_in(ctx)
    user = await app.user(code)
    return _signed(ctx, wechat_subject(app_id, user), ctx.logins.ttl_seconds), False


def wechat_subject(app_id: str, user: str) -> str:
    """The subject of an app's user: always the same, and no way back to the user's own id."""
    digest = sha256(f"{app_id}\x1f{user}".encode()).hexdigest()
    return f"{APP_USERS}{digest[:_SUBJECT_SIGNS]}"


def _let_in(ctx: Context) -> None:
    wait = ctx.logins.gate(ctx.principal.address or ctx.principal.subject)
    if wait > 0:
        raise Overloaded(f"too many logins from this address; try again in {wait:.0f} s")


def _signed(ctx: Context, subject: str, ttl_seconds: int) -> Login:
    expires_at = ctx.now.replace(microsecond=0) + timedelta(seconds=ttl_seconds)
    return Login(ctx.logins.sign(Principal(Role.SHOPPER, subject), ttl_seconds), expires_at)
