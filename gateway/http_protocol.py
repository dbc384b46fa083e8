"""The server's HTTP protocol with a bound on request heads, which the library reads without end."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 65_536
"""Longest request line and headers, counted after the first read of a connection's socket: a
document in a query string may take half of it."""


class BoundedHttp(HttpToolsProtocol):
    """Hangs up on a client whose request head does not end."""

    _head_is_open = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Takes what came, unless it makes a head too long."""
        if self._head_is_open:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.send_400_response("the head of the request is too long")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begins to count."""
        self._head_is_open, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Counts no further: a body has its own bound."""
        self._head_is_open = False
        super().on_headers_complete()
