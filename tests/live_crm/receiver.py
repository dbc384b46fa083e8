"""A receiver of webhooks on 127.0.0.1, which keeps them as they came."""

import queue
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from resolvers.event_ports import RawMessage

SECONDS = 30


class Receiver:
    """Takes every message, and answers at once that it has it."""

    def __init__(self) -> None:
        came: queue.Queue[RawMessage] = queue.Queue()

        class Taken(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                at = datetime.now(UTC)
                came.put(RawMessage("POST", self.path, "", headers, body, at))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self._came = came
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taken)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/crm"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(SECONDS)

    def next(self) -> RawMessage:
        """The next message; waits for it."""
        return self._came.get(timeout=SECONDS)
