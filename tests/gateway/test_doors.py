"""The sockets that a gateway listens on."""

import socket
from collections.abc import Callable

import pytest

from gateway.doors import listening, sharing


@pytest.mark.parametrize("opened", [listening, sharing])
def test_what_is_written_to_a_connection_is_sent_at_once(
    opened: Callable[[str, int], socket.socket],
) -> None:
    with opened("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
