"""What stands between the doorman and GraphQL over HTTP, as the settings want it.

Pages of other origins are let in here. Sockets have no layer: they pass by.
"""

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from gateway.settings import Server

PREFLIGHT_SECONDS = 7200
"""How long a browser need not ask again before it sends; Chromium heeds no longer time."""


def layers(server: Server) -> list[Middleware]:
    """The layers around the endpoint, the outermost first."""
    return _origins(server)


def _origins(server: Server) -> list[Middleware]:
    """Lets pages of the named origins ask; without any, no browser lets any page do so."""
    if not server.allowed_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=server.allowed_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("*",),  # that is what the browser asks for, whatever it is
            allow_credentials=False,  # a caller is known by a token; a cookie says nothing here
            expose_headers=("X-Request-Id", "Retry-After"),
            max_age=PREFLIGHT_SECONDS,
        )
    ]
