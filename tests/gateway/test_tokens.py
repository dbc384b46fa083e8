"""Tokens: what is signed is trusted again, and nothing else is."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from gateway.tokens import PROVED_MAX, KeyUnusable, SigningKey, Tokens, principal_of
from resolvers.access import Principal, Role
from resolvers.domain.errors import Unauthenticated

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = SigningKey(bytes(range(32)))
SHOPPER = principal_of(Role.SHOPPER)


def at(now: datetime, *, key: SigningKey = KEY, issuer: str = "house") -> Tokens:
    return Tokens(key, issuer, lambda: now, skew_seconds=30)


def signed(**changed: object) -> str:
    claims = {"sub": "shopper", "role": "shopper", "iss": "house"}
    times = {"iat": int(NOON.timestamp()), "exp": int(NOON.timestamp()) + 60}
    return jwt.encode({**claims, **times, **changed}, KEY.secret, algorithm="HS256")


def test_everything_about_a_caller_comes_back() -> None:
    caller = Principal(Role.MANAGER, "associate:A-7", "M-1", "A-7", ("ST-01",), ("store", "live"))

    assert at(NOON).verify(at(NOON).issue(caller, 60)) == caller


@pytest.mark.parametrize(
    ("member", "associate", "subject"),
    [(None, None, "associate"), ("M-1", None, "member:M-1"), (None, "A-7", "associate:A-7")],
)
def test_a_subject_is_fixed(member: str | None, associate: str | None, subject: str) -> None:
    assert principal_of(Role.ASSOCIATE, member=member, associate=associate).subject == subject


def test_a_token_is_good_until_its_end_and_the_skew_are_over() -> None:
    token = at(NOON).issue(SHOPPER, 60)

    assert at(NOON + timedelta(seconds=89)).verify(token) == SHOPPER
    with pytest.raises(Unauthenticated, match=r"^the token has expired; ask for a new one$"):
        at(NOON + timedelta(seconds=90)).verify(token)


def test_a_token_that_is_remembered_ends_when_it_ends() -> None:
    now = [NOON]
    tokens = Tokens(KEY, "house", lambda: now[0], skew_seconds=30)
    token = tokens.issue(SHOPPER, 60)
    told: list[bool | str] = []
    for seconds in (0, 89, -31, 89.999):
        now[0] = NOON + timedelta(seconds=seconds)
        try:
            told.append(tokens.verify(token) == SHOPPER)
        except Unauthenticated as refusal:
            told.append(str(refusal))

    assert told == [
        True,
        True,
        "the token was made in the future: compare the clocks",  # ours was set back
        True,
    ]
    now[0] = NOON + timedelta(seconds=90)
    for _ in range(2):
        with pytest.raises(Unauthenticated, match=r"^the token has expired"):
            tokens.verify(token)


def test_one_sign_of_a_token_that_is_remembered_makes_it_another() -> None:
    tokens = at(NOON)
    token = tokens.issue(SHOPPER, 60)
    assert tokens.verify(token) == SHOPPER

    head, _, signature = token.rpartition(".")
    for changed in (f"{head}.{signature[::-1]}", f"{token} ", token.swapcase(), f"{token}\udc80"):
        with pytest.raises(Unauthenticated):
            tokens.verify(changed)


def test_tokens_that_are_remembered_are_bounded_and_bad_ones_take_no_room() -> None:
    tokens = at(NOON)
    signatures = [tokens.issue(principal_of(Role.SHOPPER, member=f"M-{n}"), 60) for n in range(3)]
    for token in signatures:
        tokens.verify(token)
    for n in range(PROVED_MAX):
        with pytest.raises(Unauthenticated):
            tokens.verify(f"{signatures[0]}{n}")
    kept = len(tokens._proved)  # noqa: SLF001  # nobody else is told of it
    for n in range(PROVED_MAX):
        tokens.verify(signed(sub=f"s-{n}"))

    assert (kept, len(tokens._proved)) == (3, PROVED_MAX)  # noqa: SLF001  # the same
    assert [tokens.verify(token).member_id for token in signatures] == ["M-0", "M-1", "M-2"]


def test_a_caller_knows_when_its_token_ends() -> None:
    endless = signed(exp=10**18)

    assert at(NOON).verify(signed()).good_until == NOON + timedelta(seconds=90)
    assert at(NOON).verify(endless).good_until is None


def test_a_token_from_the_future_is_refused_past_the_skew() -> None:
    assert at(NOON - timedelta(seconds=30)).verify(signed()) == SHOPPER
    with pytest.raises(Unauthenticated, match="made in the future"):
        at(NOON - timedelta(seconds=31)).verify(signed())


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "this is not a token; make one with: gateway token"),
        ("a.b.c", "this is not a token; make one with: gateway token"),
        ("é.é.é", "this is not a token; make one with: gateway token"),
        ("x" * 4097, "the token is longer than any that is signed here"),
        (jwt.encode({"sub": "x"}, "", algorithm="none"), "the token is not signed with HS256"),
        (
            jwt.encode({"sub": "x"}, bytes(32), algorithm="HS256"),
            "the token was not signed here",
        ),
        (signed(iss="other"), "the token is of another issuer"),
        (
            signed(nbf=int(NOON.timestamp()) + 31),
            "the token is not good yet: compare the clocks",
        ),
        (signed(nbf=1.5), "the token's nbf makes no sense"),
        (signed(sub="line\nbreak"), "the token's sub makes no sense"),
        (signed(role="king"), "the token names no role that is known here"),
        (signed(role=["admin"]), "the token names no role that is known here"),
        (signed(sub=None), "the token does not say who calls"),
        (signed(loc="ST-01"), "the token's loc makes no sense"),
        (signed(ch=[1]), "the token's ch makes no sense"),
        (signed(member=""), "the token's member makes no sense"),
        (
            signed(exp=1e300),
            "the token does not say when it was made and when it ends",
        ),
        (
            signed(iat="now"),
            "the token does not say when it was made and when it ends",
        ),
    ],
)
def test_what_was_not_signed_here_is_refused(token: str, reason: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        at(NOON).verify(token)

    assert str(refused.value) == reason


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(SigningKey.of, [tmp_path] * 64))

    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["token.key"]
    assert stat.S_IMODE((tmp_path / "token.key").stat().st_mode) == 0o600


def test_a_key_is_never_printed() -> None:
    assert repr(KEY) == "SigningKey()"


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "token.key").write_text("half")

    with pytest.raises(KeyUnusable, match=r"token\.key is not a signing key: move it away"):
        SigningKey.of(tmp_path)
