"""An issuer of tokens on this machine: a real server of its keys, which counts who asks, and pens
that sign whatever a test wants signed.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.bootstrap import issuer_of
from gateway.settings import IssuerSettings
from resolvers.access import Role
from tests.gateway.house import NOON, House, house_of, opened

NAME = "https://login.example"
AUDIENCE = "gateway"
AT = int(NOON.timestamp())


@dataclass(frozen=True, slots=True)
class Pen:
    """A private key with its name and the algorithm that it signs with."""

    kid: str | None
    algorithm: str
    key: Any

    @property
    def jwk(self) -> dict[str, Any]:
        """Its public half as a set has it."""
        shape: Any = {"R": RSAAlgorithm, "E": ECAlgorithm}.get(self.algorithm[0], RSAAlgorithm)
        shape = OKPAlgorithm if self.algorithm == "EdDSA" else shape
        told: dict[str, Any] = shape.to_jwk(self.key.public_key(), as_dict=True)
        return {**told, **({"kid": self.kid} if self.kid else {})}

    def sign(self, header: str, claims: str) -> str:
        """A token of two texts, whatever they are."""
        signed = f"{coded(header.encode())}.{coded(claims.encode())}"
        rule = jwt.PyJWS().get_algorithm_by_name(self.algorithm)
        return f"{signed}.{coded(rule.sign(signed.encode(), self.key))}"

    def token(self, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """A good token of the issuer, but for what is changed; None leaves a claim out."""
        claims = {**CLAIMS, **changed}
        told = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **(header or {})}
        return self.sign(_without_none(told), _without_none(claims))


CLAIMS = {"iss": NAME, "aud": AUDIENCE, "sub": "u-1", "iat": AT, "exp": AT + 60}


def coded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _without_none(told: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in told.items() if value is not None})


@cache
def rsa_pen(kid: str | None = "r-1", bits: int = 2048) -> Pen:
    return Pen(kid, "RS256", rsa.generate_private_key(public_exponent=65_537, key_size=bits))


@cache
def ec_pen(kid: str | None = "e-1", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> Pen:
    return Pen(kid, "ES256", ec.generate_private_key(curve()))


@cache
def ed_pen(kid: str | None = "o-1") -> Pen:
    return Pen(kid, "EdDSA", ed25519.Ed25519PrivateKey.generate())


@dataclass
class Keys:
    """A server of keys. ``status`` and ``body`` are what it answers, ``asked`` how often it was
    asked, which sets ``heard``; before it answers it waits for ``gate``.
    """

    url: str = ""
    status: str = "200 OK"
    body: bytes = b""
    asked: int = 0
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, *pens: Pen, **more: Any) -> None:
        """Publishes these keys and no others."""
        self.body = json.dumps({"keys": [pen.jwk for pen in pens], **more}).encode()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        self.heard.set()
        await self.gate.wait()
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\n"
        head += "Location: /elsewhere\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + self.body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def publishing(*pens: Pen) -> AsyncIterator[Keys]:
    """A server on loopback that publishes keys."""
    keys = Keys()
    keys.show(*pens)
    keys.gate.set()
    server = await asyncio.start_server(keys.answer, "127.0.0.1", 0)
    keys.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"
    try:
        yield keys
    finally:
        keys.gate.set()
        server.close()
        await server.wait_closed()


def settings(keys: Keys, **changed: Any) -> IssuerSettings:
    plain = IssuerSettings("acme", NAME, keys.url, AUDIENCE, (Role.SHOPPER,))
    return replace(plain, **changed)


@asynccontextmanager
async def trusting(data: Path, *issuers: IssuerSettings) -> AsyncIterator[House]:
    """A gateway that believes these issuers."""
    plain = await opened(data)
    known = {one.issuer: issuer_of(one, plain.runtime.clock, 30) for one in issuers}
    house = house_of(replace(plain.runtime, issuers=known))
    try:
        yield house
    finally:
        await house.runtime.close()
