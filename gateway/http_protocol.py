"""The server's HTTP protocol with bounds on request heads, which the library awaits without end."""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 65_536
"""Longest request line and headers, counted after the first read of a connection's socket: a
document in a query string may take half of it."""

HEAD_SECONDS = 10.0
"""How long a head may take to come, from the connection or its first byte on."""


class BoundedHttp(HttpToolsProtocol):
    """Hangs up on a client whose request head does not end, or does not come."""

    head_seconds: ClassVar[float] = HEAD_SECONDS

    _head_is_open = False
    _head_bytes = 0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what came, unless it makes a head too long."""
        if self._head_is_open:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.send_400_response("the head of the request is too long")
                return
        super().data_received(data)
        is_ours = self in self.connections  # else it is a WebSocket by now
        if is_ours and getattr(self.cycle, "response_complete", True):
            self._wait_for_head()  # blank lines may have come, which begin no head

    def on_message_begin(self) -> None:
        """Begins to count."""
        self._head_is_open, self._head_bytes = True, 0
        self._wait_for_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Counts no further: a body has its own bound."""
        self._head_is_open = False
        self._stop_waiting()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(self.head_seconds, self._hang_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _hang_up(self) -> None:
        self._patience = None
        if not self.transport.is_closing():
            self.transport.close()
