"""The GraphiQL page: its HTML, its security policy and the files that it loads.

Everything comes from this server; ``gateway/page/build.mjs`` builds the files. What the example
tabs ask stands in ``gateway.examples``.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")

PASSED_ON = frozenset(
    {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
)
"""Headers of a request that came by a proxy."""

# Addresses are relative to /graphiql, so that the page also works behind a proxy's path prefix.
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GraphiQL · Unified commerce gateway</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="graphiql/assets/{style}">
<script type="application/json" id="settings">{settings}</script>
<script type="module" src="graphiql/assets/{script}"></script>
</head>
<body>
<div id="graphiql"><p class="starting">GraphiQL is starting; it needs JavaScript.</p></div>
</body>
</html>
"""

NOT_BUILT = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>GraphiQL has not been built</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>GraphiQL has not been built</h1>
<p>Its files are not in this installation. Run <code>make install</code>, which needs Node.js 20
or later, then start the gateway again.</p>
<p>The GraphQL endpoint works without this page.</p>
</body>
</html>
"""


@dataclass(frozen=True)
class Example:
    """A tab that GraphiQL opens with. ``variables`` is JSON text, as its editor shows it."""

    title: str
    query: str
    variables: str


class Manifest(msgspec.Struct, frozen=True):
    """The names that the build gave to the files that the HTML loads."""

    script: str
    style: str


class ImmutableFiles(StaticFiles):
    """Files whose names change with their content, so that a browser never asks twice."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answers with a file that may be kept for ever; with a refusal that may not."""
        response = await super().get_response(path, scope)
        if response.status_code in (200, 304):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        # A worker does not heed the page's policy, only its own file's.
        response.headers["Content-Security-Policy"] = "default-src 'none'"
        return response


def routes(
    dist: Path,
    *,
    examples: Sequence[Example],
    endpoint: str = "graphql",
    headers: Callable[[], str] | None = None,
) -> list[Route | Mount]:
    """The page at ``/graphiql`` and its files at ``/graphiql/assets``.

    Args:
        dist: what the build wrote; it is read here, once.
        examples: the tabs shown to whoever has none open yet.
        endpoint: where operations go, relative to ``/graphiql``.
        headers: writes what the editor of headers holds, JSON that may have comments. As it may
            hold a token, only browsers of this machine are given it.
    """
    manifest = read_manifest(dist)
    if manifest is None:
        return [Route("/graphiql", not_built)]

    html = page(manifest, examples, endpoint, "")

    async def built(request: Request) -> Response:
        policy = security_headers(request.headers.get("host", ""))
        if headers is None or not at_home(request):
            return HTMLResponse(html, headers=policy)
        personal = page(manifest, examples, endpoint, headers())
        return HTMLResponse(personal, headers={**policy, "Cache-Control": "no-store"})

    return [
        Route("/graphiql", built),
        Mount("/graphiql/assets", ImmutableFiles(directory=dist / "assets")),
    ]


def read_manifest(dist: Path) -> Manifest | None:
    """What the build wrote last, or nothing when it has not run."""
    path = dist / "manifest.json"
    return msgspec.json.decode(path.read_bytes(), type=Manifest) if path.exists() else None


def at_home(request: Request) -> bool:
    """Whether a browser of this machine asks, by one of this machine's names.

    The name is looked at because a page of another host may have its own name lead here; and
    whether a proxy of this machine has passed the request on, which it may do for anybody.
    """
    if not PASSED_ON.isdisjoint(request.headers.keys()):
        return False
    client = request.client
    named = HOST.fullmatch(request.headers.get("host", ""))
    if client is None or named is None:
        return False
    name = named[1].strip("[]")
    return is_loopback(client.host) and (name == "localhost" or is_loopback(name))


def is_loopback(address: str) -> bool:
    """Whether some text is a loopback address of IPv4 or IPv6."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def page(manifest: Manifest, examples: Sequence[Example], endpoint: str, headers: str) -> str:
    """The HTML; its settings are data that the script reads, not a script."""
    told = {"endpoint": endpoint, "examples": examples, "headers": headers}
    settings = msgspec.json.encode(told).decode()
    return PAGE.format(
        style=escape(manifest.style),
        script=escape(manifest.script),
        settings=settings.replace("<", "\\u003c"),  # no "</script>" or "<!--" inside the data
    )


async def not_built(_request: Request) -> Response:
    """Says in the browser what is missing, and how to get it."""
    return HTMLResponse(NOT_BUILT, status_code=503, headers=security_headers(""))


def security_headers(host: str) -> dict[str, str]:
    """Lets the page load from, and talk to, this server alone."""
    return {
        "Content-Security-Policy": content_security_policy(host),
        "Cache-Control": "no-cache",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def content_security_policy(host: str) -> str:
    """The policy for a page that was asked for at ``host``, the request's Host header.

    Older browsers do not count a WebSocket of the same host as 'self', so it is named too. Both
    schemes are, since TLS may end before this server. A host that is not one is left out.
    """
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            # Monaco writes its themes and measured positions as <style> and style="".
            "style-src 'self' 'unsafe-inline'",
            "worker-src 'self'",
            f"connect-src 'self'{sockets}",
            "font-src 'self' data:",  # the style sheet holds its fonts
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
