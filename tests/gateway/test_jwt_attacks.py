"""Tokens that somebody has forged, bent or kept for too long: each is answered 401, with a reason.

The issuer's keys come from a real server on loopback, which counts how often it is asked.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from resolvers.access import Role
from tests.gateway.house import House
from tests.gateway.issuing import (
    AT,
    AUDIENCE,
    CLAIMS,
    NAME,
    Keys,
    Pen,
    coded,
    ec_pen,
    ed_pen,
    publishing,
    rsa_pen,
    settings,
    trusting,
)

OTHER = "https://partner.example"
HEADER = '{"alg": "RS256", "kid": "r-1"}'


@pytest.fixture
async def published() -> AsyncIterator[Keys]:
    """Good keys of each kind, and keys that are none: weak, of another curve, symmetric."""
    weak, bent = rsa_pen("weak", 1024), ec_pen("bent", ec.SECP384R1)
    async with publishing(rsa_pen(), ec_pen(), ed_pen(), weak, bent) as keys:
        told = json.loads(keys.body)
        told["keys"] += [
            {"kty": "oct", "kid": "oct", "k": coded(b"k" * 32), "alg": "HS256"},
            {**rsa_pen("enc").jwk, "use": "enc"},
            {**ec_pen("told").jwk, "alg": "ES384"},
            {"kty": "RSA", "kid": "broken", "n": "", "e": "AQAB"},
            {"kty": "RSA", "kid": "number", "n": 5, "e": None},
            None,
        ]
        keys.body = json.dumps(told).encode()
        yield keys


@pytest.fixture
async def house(tmp_path: Path, published: Keys) -> AsyncIterator[House]:
    """A gateway that trusts this issuer for shoppers, and another with the same names of keys."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(publishing(rsa_pen(None, 2048)))
        other.body = json.dumps({"keys": [{**rsa_pen(None).jwk, "kid": "r-1"}]}).encode()
        partner = settings(other, code="partner", issuer=OTHER, roles=(Role.PARTNER,))
        yield await stack.enter_async_context(trusting(tmp_path, settings(published), partner))


async def told(house: House, token: str) -> tuple[int, str, str]:
    """The status, code and message that a token is answered with."""
    answer = await house.post({"query": "{ channels { code } }"}, Authorization=f"Bearer {token}")
    error = answer.json().get("errors", [{"extensions": {"code": ""}, "message": ""}])[0]
    return answer.status_code, error["extensions"]["code"], error["message"]


@pytest.mark.parametrize("pen", [rsa_pen(), ec_pen(), ed_pen()], ids=lambda pen: pen.algorithm)
async def test_a_token_of_the_issuer_is_trusted(house: House, pen: Pen) -> None:
    assert (await told(house, pen.token()))[0] == 200


def mac(secret: bytes, **header: str) -> str:
    """A token signed with a secret."""
    head = json.dumps({"alg": "HS256", **header}).encode()
    signed = f"{coded(head)}.{coded(json.dumps(CLAIMS).encode())}"
    return f"{signed}.{coded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def public_pem() -> bytes:
    key = rsa_pen().key.public_key()
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def unsigned(algorithm: str) -> str:
    head = json.dumps({"alg": algorithm, "kid": "r-1"}).encode()
    return f"{coded(head)}.{coded(json.dumps(CLAIMS).encode())}."


def shown(**claims: object) -> str:
    return json.dumps({**CLAIMS, **claims})


def ending(exp: str) -> str:
    """Claims whose end is written so, whatever it is."""
    return shown(exp=0).replace('"exp": 0', f'"exp": {exp}')


def raw(claims: str, header: str = HEADER) -> str:
    return rsa_pen().sign(header, claims)


ALGORITHM = "the token's algorithm is none that is trusted here"
TIMES = "the token does not say when it was made and when it ends"
NO_TOKEN = "this is not a token"
TWICE = "the token says a member twice"
NO_KEY = "the token's key is none of its issuer's"
NOT_SIGNED = "the token was not signed by its issuer"
EXPIRED = "the token has expired; ask for a new one"
FUTURE = "the token was made in the future: compare the clocks"
OURS = "the token was not signed here"
NAME_OF_KEY = "the token's kid makes no sense"
EXTENSION = "the token asks for an extension that is not known here"
KIND = "the token is not of a kind that says who calls"
AUDIENCES = "the token is for another audience"
ISSUERS = "the token is of an issuer that is not known here"
EARLY = "the token is not good yet: compare the clocks"
HUGE = "the token is longer than any that is trusted here"
SUBJECT = "the token's sub makes no sense"

ATTACKS: dict[str, tuple[Callable[[], str], str]] = {
    "none": (lambda: unsigned("none"), ALGORITHM),
    "None": (lambda: unsigned("None"), ALGORITHM),
    "nOnE": (lambda: unsigned("nOnE"), ALGORITHM),
    "no algorithm": (lambda: raw(shown(), '{"kid": "r-1"}'), ALGORITHM),
    "an algorithm of no text": (lambda: raw(shown(), '{"alg": ["RS256"]}'), ALGORITHM),
    "rs256": (lambda: raw(shown(), '{"alg": "rs256", "kid": "r-1"}'), ALGORITHM),
    "RS512": (lambda: raw(shown(), '{"alg": "RS512", "kid": "r-1"}'), ALGORITHM),
    "an empty signature": (lambda: unsigned("RS256"), NOT_SIGNED),
    "another's signature": (lambda: rsa_pen("x").sign(HEADER, shown()), NOT_SIGNED),
    "other claims": (
        lambda: ".".join(
            [
                coded(HEADER.encode()),
                coded(shown(sub="u-2").encode()),
                rsa_pen().token().split(".")[2],
            ]
        ),
        NOT_SIGNED,
    ),
    "a secret that is the public key": (lambda: mac(public_pem(), kid="r-1"), OURS),
    "a secret out of the set": (lambda: mac(b"k" * 32, kid="oct"), OURS),
    "an empty secret": (lambda: mac(b""), OURS),
    "a key of another kind": (lambda: raw(shown(), '{"alg": "RS256", "kid": "e-1"}'), NO_KEY),
    "a weak key": (lambda: rsa_pen("weak", 1024).token(), NO_KEY),
    "another curve": (lambda: ec_pen("bent", ec.SECP384R1).token(), NO_KEY),
    "a key for encryption": (lambda: rsa_pen("enc").token(), NO_KEY),
    "a key for another algorithm": (lambda: ec_pen("told").token(), NO_KEY),
    "an unknown key": (lambda: rsa_pen("unknown").token(), NO_KEY),
    "a path for a key": (lambda: rsa_pen().token({"kid": "../../dev/null"}), NO_KEY),
    "a key of no text": (lambda: rsa_pen().token({"kid": 7}), NAME_OF_KEY),
    "a long name of a key": (lambda: rsa_pen().token({"kid": "k" * 257}), NAME_OF_KEY),
    "its own key": (lambda: rsa_pen("own").token({"jwk": rsa_pen("own").jwk}), NO_KEY),
    "its own set of keys": (lambda: rsa_pen("own").token({"jku": "http://127.0.0.1:9/"}), NO_KEY),
    "its own certificate": (lambda: rsa_pen("own").token({"x5u": "http://127.0.0.1:9/"}), NO_KEY),
    "something critical": (lambda: rsa_pen().token({"crit": ["exp"]}), EXTENSION),
    "no base 64": (lambda: rsa_pen().token({"b64": False}), EXTENSION),
    "made for a logout": (lambda: rsa_pen().token({"typ": "logout+jwt"}), KIND),
    "another audience": (lambda: rsa_pen().token(aud="elsewhere"), AUDIENCES),
    "other audiences": (lambda: rsa_pen().token(aud=["a", "b"]), AUDIENCES),
    "no audience": (lambda: rsa_pen().token(aud=None), AUDIENCES),
    "part of the audience": (lambda: rsa_pen().token(aud=AUDIENCE + "s"), AUDIENCES),
    "an unknown issuer": (lambda: rsa_pen().token(iss="https://evil.example"), ISSUERS),
    "no issuer": (lambda: rsa_pen().token(iss=None), ISSUERS),
    "a list of issuers": (lambda: rsa_pen().token(iss=[NAME]), ISSUERS),
    "another issuer's name": (lambda: rsa_pen().token(iss=OTHER), NOT_SIGNED),
    "another issuer's key": (lambda: rsa_pen(None).token({"kid": "r-1"}), NOT_SIGNED),
    "our own name": (lambda: rsa_pen().token(iss="unified-commerce-gateway"), ISSUERS),
    "expired": (lambda: rsa_pen().token(exp=AT - 30), EXPIRED),
    "expired before there was time": (lambda: rsa_pen().token(exp=-(10**400)), EXPIRED),
    "of the future": (lambda: rsa_pen().token(iat=AT + 31), FUTURE),
    "not good yet": (lambda: rsa_pen().token(nbf=AT + 31), EARLY),
    "not good yet, in words": (
        lambda: rsa_pen().token(nbf="now"),
        "the token's nbf makes no sense",
    ),
    "no end": (lambda: rsa_pen().token(exp=None), TIMES),
    "an end in words": (lambda: rsa_pen().token(exp=str(AT + 60)), TIMES),
    "an end that is a truth": (lambda: rsa_pen().token(exp=True), TIMES),
    "an end between seconds": (lambda: rsa_pen().token(exp=AT + 60.5), TIMES),
    "an end in infinity": (lambda: raw(ending("1e400")), TIMES),
    "an end that is no number": (lambda: raw(ending("NaN")), NO_TOKEN),
    "an end of 5,000 digits": (lambda: raw(ending("1" + "0" * 5000)), NO_TOKEN),
    "two subjects": (lambda: raw(shown()[:-1] + ', "sub": "u-2"}'), TWICE),
    "two subjects in disguise": (lambda: raw(shown()[:-1] + ', "\\u0073ub": "u-2"}'), TWICE),
    "two algorithms": (lambda: raw(shown(), '{"alg": "none", "alg": "RS256"}'), TWICE),
    "no subject": (lambda: rsa_pen().token(sub=None), "the token does not say who calls"),
    "half a sign": (lambda: raw(shown(sub="\ud800")), SUBJECT),
    "a sign that nobody sees": (lambda: raw(shown(sub="u\u202e1")), SUBJECT),
    "a long subject": (lambda: rsa_pen().token(sub="u" * 257), SUBJECT),
    "a list for claims": (lambda: raw(json.dumps([CLAIMS])), NO_TOKEN),
    "deep claims": (lambda: raw("[" * 2500 + "]" * 2500), NO_TOKEN),
    "a deep header": (lambda: raw(shown(), '{"alg":' * 600), NO_TOKEN),
    "another encoding": (lambda: coded(HEADER.encode("utf-16")) + ".e30.AA", NO_TOKEN),
    "signs outside of base 64": (lambda: rsa_pen().token() + "=", NO_TOKEN),
    "four parts": (lambda: rsa_pen().token() + ".e30", NO_TOKEN),
    "five parts, encrypted": (lambda: "e30.e30.e30.e30.e30", NO_TOKEN),
    "a huge token": (lambda: rsa_pen().token(more="m" * 8000), HUGE),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_token_that_is_none_is_told_why(house: House, attack: str) -> None:
    forge, reason = ATTACKS[attack]

    assert await told(house, forge()) == (401, "UNAUTHENTICATED", reason)


async def test_thousands_of_unknown_keys_are_asked_for_once(house: House, published: Keys) -> None:
    good = rsa_pen().token()
    assert (await told(house, good))[0] == 200
    claims, signature = good.split(".")[1:]
    answers = set()

    for at in range(3000):
        header = coded(json.dumps({"alg": "RS256", "kid": f"k-{at}"}).encode())
        token = f"{header}.{claims}.{signature}"
        try:
            await house.runtime.trust.authenticate(token)
        except Exception as refusal:  # noqa: BLE001  # whatever it is, it is compared
            answers.add((type(refusal).__name__, str(refusal)))

    assert answers == {("Unauthenticated", NO_KEY)}
    assert published.asked == 1
    assert (await told(house, good))[0] == 200


async def test_no_issuer_says_who_somebody_is_to_another_or_to_us(house: House) -> None:
    trust = house.runtime.trust

    ours = await trust.authenticate(rsa_pen().token(sub="member:M-1", role="admin", member="M-1"))
    theirs = await trust.authenticate(rsa_pen(None).token({"kid": "r-1"}, iss=OTHER))

    assert (ours.role, ours.subject, ours.member_id) == (
        Role.SHOPPER,
        "issuer:acme:member:M-1",
        None,
    )
    assert (theirs.role, theirs.subject) == (Role.PARTNER, "issuer:partner:u-1")
