"""The page as it is handed out: who gets a token with it, and what its files may do."""

from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from gateway import graphiql

TOKEN = '{"Authorization": "Bearer secret"}'
MANIFEST = '{"script": "one.js", "style": "one.css", "workers": {}}'


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What a build would have written."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "one.js").write_text("", encoding="utf-8")
    (tmp_path / "manifest.json").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


async def fetched(
    dist: Path, host: str, client: str = "127.0.0.1", path: str = "/graphiql", **more: str
) -> httpx2.Response:
    app = Starlette(routes=graphiql.routes(dist, examples=[], headers=lambda: TOKEN))
    transport = httpx2.ASGITransport(app, client=(client, 50_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://any.test") as asking:
        return await asking.get(path, headers={"host": host, **more})


@pytest.mark.parametrize(
    ("host", "client"),
    [("127.0.0.1:8000", "127.0.0.1"), ("localhost", "127.0.0.1"), ("[::1]:8000", "::1")],
)
async def test_a_browser_of_this_machine_is_given_the_token_and_keeps_none(
    built: Path, host: str, client: str
) -> None:
    answer = await fetched(built, host, client)

    assert "Bearer secret" in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("127.0.0.1:8000", "192.0.2.7"),
        ("rebound.example:8000", "127.0.0.1"),
        ("localhost.example", "127.0.0.1"),
        ("[::1", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
async def test_nobody_else_is_given_the_token(built: Path, host: str, client: str) -> None:
    answer = await fetched(built, host, client)

    assert answer.status_code == 200
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"],
)
async def test_a_proxy_of_this_machine_is_given_no_token(built: Path, header: str) -> None:
    answer = await fetched(built, "127.0.0.1:8000", **{header: "x"})

    assert answer.status_code == 200
    assert "secret" not in answer.text


async def test_a_worker_may_reach_nobody(built: Path) -> None:
    answer = await fetched(built, "127.0.0.1", path="/graphiql/assets/one.js")

    assert answer.headers["content-security-policy"] == "default-src 'none'"
