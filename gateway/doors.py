"""The sockets that a gateway listens on: one of its own, or a port that several workers share."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

BACKLOG = 2048
"""Connections that wait to be taken: a burst of a launch's first second."""

CAN_SHARE = sys.platform == "linux"
"""Whether the system deals a port's connections out to several processes; others that know the
option let the last one have them all.
"""


class CannotListen(OSError):
    """The address to listen on is not to be had."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; nothing else is opened before it is.

    Raises:
        CannotListen: with what to do.
    """
    with _told_where(host, port):
        return _prompt(socket.create_server((host, port), family=_family(host), backlog=BACKLOG))


def sharing(host: str, port: int) -> socket.socket:
    """A socket at a port that others of this user share, and that does not listen yet: the kernel
    deals connections out to those that listen.

    Raises:
        CannotListen: with what to do.
    """
    with _told_where(host, port):
        shared = socket.socket(_family(host), socket.SOCK_STREAM)
        try:
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind((host, port))
            _prompt(shared)
        except BaseException:
            shared.close()
            raise
        return shared


@contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """Keeps a port for workers that share it, while none of them listens; its number.

    Raises:
        CannotListen: somebody listens there, who may share it, too.
    """
    with listening(host, port) as alone:
        found: int = alone.getsockname()[1]
    with sharing(host, found):
        yield found


def _prompt(listener: socket.socket) -> socket.socket:
    """Has its connections send at once what is written to them. Else the kernel keeps a body back
    until the client has acknowledged its head, which takes it 40 ms; uvloop says so of each
    connection itself, asyncio only of sockets whose protocol is written out.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@contextmanager
def _told_where(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while attempting")[0].lower()
        raise CannotListen(
            f"cannot listen on {host}, port {port}: {reason}; name another with --port or --host"
        ) from error


def address_of(listener: socket.socket, host: str) -> str:
    """Where a browser of this machine finds a socket."""
    port = listener.getsockname()[1]
    named = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # compared, not listened on
    shown = named.get(host) or (f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
