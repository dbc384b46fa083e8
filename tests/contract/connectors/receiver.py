"""Where real systems send their messages. One may be turned away once, so that it comes again."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from resolvers.event_ports import RawMessage

SECONDS = 90
"""Longest wait for a message: a system may take its time before it sends again."""

NEXT_SECONDS = 30
"""Longest wait for one that is sent for the first time."""


class Receiver:
    """Keeps what came, on 127.0.0.1. ``same`` is the word by which a message is known again."""

    def __init__(self, same: Callable[[RawMessage], str], *, polite: bool = False) -> None:
        """``polite``: it takes each message the first time."""
        self.came: dict[str, list[RawMessage]] = {}
        self._arrived: queue.Queue[RawMessage] = queue.Queue()
        kept = self

        class Taken(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                raw = RawMessage("POST", self.path, "", headers, body, datetime.now(UTC))
                known = kept.came.setdefault(same(raw), [])
                known.append(raw)
                kept._arrived.put(raw)
                self.send_response(503 if len(known) == 1 and not polite else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taken)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhooks"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(SECONDS)

    def next(self) -> RawMessage:
        """The next message in the order in which they came; waits for it."""
        return self._arrived.get(timeout=NEXT_SECONDS)

    def has(self, count: int) -> None:
        """Waits until so many messages have come."""
        self._until(lambda: len(self.came) >= count, f"{count} messages")

    def three(self) -> Sequence[RawMessage]:
        """Two messages, and the second once more."""
        self._until(lambda: len(self.came) > 1 and self._twice() is not None, "one of two again")
        second = self._twice()
        assert second is not None
        first = next(known for known in list(self.came.values()) if known is not second)
        return first[0], second[0], second[1]

    def _twice(self) -> list[RawMessage] | None:
        return next((known for known in list(self.came.values()) if len(known) > 1), None)

    def _until(self, so: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + SECONDS
        while not so():
            assert time.monotonic() < ends, f"{what} did not come within {SECONDS} s"
            time.sleep(0.1)
