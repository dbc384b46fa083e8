"""How a mutation becomes a command: its key and fingerprint are checked before anything else.

A request that would be refused may still be a replay of one that was not, so even a refusal goes
through the engine, which looks at the key first.
"""

import unicodedata
from collections.abc import Awaitable, Callable
from hashlib import sha256

from resolvers.context import Context
from resolvers.domain.books import Books, Change, Key, Scope
from resolvers.domain.errors import InvalidInput, Refused
from resolvers.domain.values import KEY_LENGTH_MAX, NAME_LENGTH_MAX, is_name
from resolvers.engine import Command, Outcome

Decide = Callable[[Books], tuple[Change, str]]
Prepare = Callable[[], Awaitable[tuple[Scope, Decide]]]
"""Looks up what a decision needs; may refuse."""

NOTE_LENGTH_MAX = 500
"""Longest reason or note of a request, in characters."""

_FIELD = ("input", "idempotencyKey")


async def run(ctx: Context, mutation: str, key: str, request: object, prepare: Prepare) -> Outcome:
    """Runs one mutation under the caller's key. ``request`` is all that the caller sent.

    Raises:
        Refused: nothing changed.
        Unready: nothing changed, or it is not known; the same key may be sent again.
    """
    checked_key(key)
    try:
        scope, decide = await prepare()
    except Refused as refusal:
        scope, decide = Scope(), _refusing(refusal)
    sent = ctx.sent
    command = Command(
        Key(ctx.principal.subject, mutation, key),
        fingerprint(request),
        scope,
        decide,
        None if sent is None else sent.record,
    )
    outcome = await ctx.engine.run(command)
    if sent is not None:
        sent.outcome = outcome
    return outcome


def checked_key(key: str) -> str:
    """The key, if it can be one.

    Raises:
        InvalidInput: not 1 to 255 characters, or one that nobody can see or send again.
    """
    if not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise InvalidInput(f"a key has 1 to {KEY_LENGTH_MAX} characters", field=_FIELD)
    # Nearly every key is printable, which is seen thirty times as fast.
    unprintable = "" if key.isprintable() else key
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in unprintable):
        raise InvalidInput("a key has no control characters", field=_FIELD)
    return key


def checked_note(note: str | None, *field: str) -> str | None:
    """A text for people, if it is one that can be kept.

    Raises:
        InvalidInput: longer than anybody reads.
    """
    if note is not None and len(note) > NOTE_LENGTH_MAX:
        raise InvalidInput(f"at most {NOTE_LENGTH_MAX} characters", field=("input", *field))
    return note


def checked_name(text: str | None, *field: str | int) -> str | None:
    """A name that a caller gives, if it can be one.

    Raises:
        InvalidInput: nothing, longer than any name, or with signs that nobody can print.
    """
    if text is not None and not is_name(text):
        raise InvalidInput(f"1 to {NAME_LENGTH_MAX} printable characters", field=("input", *field))
    return text


def fingerprint(request: object) -> str:
    """A digest of all that the caller sent; frozen records print the same every time."""
    return sha256(repr(request).encode("utf-8", "surrogatepass")).hexdigest()


def _refusing(refusal: Refused) -> Decide:
    def decide(_: Books) -> tuple[Change, str]:
        raise refusal

    return decide
