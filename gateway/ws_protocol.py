"""The server's WebSocket protocol without a traceback for each text that is none."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class QuietSocket(WebSocketsSansIOProtocol):
    """Hangs up with 1007 on a client whose text is not UTF-8, as the library does, but unlogged:
    anybody can send such a text, as often as they like.
    """

    def send_receive_event_to_app(self) -> None:
        """Hands a whole message on."""
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self.frames = []
            self.conn.send_close(1007)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
