"""The socket that the workers share: bound here, or handed over by systemd; and who may reach it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from simsearch.core.config import ServerSettings
from simsearch.core.errors import ConfigError
from simsearch.server.access import is_loopback, networks
from simsearch.server.tokens import Tokens

_FIRST = 3
"""Of the descriptors that systemd hands over (sd_listen_fds(3))."""
BACKLOG = 512
"""Connections that may wait for a worker."""
_EVERYWHERE = ("0.0.0.0", "::")


@contextmanager
def listening(settings: ServerSettings) -> Iterator[list[socket.socket]]:
    """The sockets to accept connections from. They listen already: whoever connects now waits for the first worker.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    found = activated()
    sockets = found if found else [_bound(settings)]
    try:
        for one in sockets:
            one.listen(BACKLOG)
        yield sockets
    finally:
        for one in sockets:
            one.close()


def activated() -> list[socket.socket]:
    """The sockets that systemd opened for this process; none where it did not."""
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    sockets = [socket.socket(fileno=_FIRST + n) for n in range(int(count))]
    if odd := [s for s in sockets if s.family not in (socket.AF_INET, socket.AF_INET6)]:
        raise ConfigError(f"socket activation: {odd[0].getsockname()!r} is no TCP socket; write ListenStream=PORT")
    return sockets


def _bound(settings: ServerSettings) -> socket.socket:
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        way = "choose another server.port" if error.errno == 98 else "check server.host"
        raise ConfigError(f"{host}:{port}: cannot be listened on ({error.strerror}); {way}") from None
    return made


def seen_by(sockets: list[socket.socket], settings: ServerSettings) -> ServerSettings:
    """The settings with the address that is really listened on: of several the one that most can reach."""
    names = [one.getsockname()[:2] for one in sockets]
    host, port = min(names, key=lambda name: is_loopback(name[0]))
    return replace(settings, host=host, port=port)


def check_exposed(settings: ServerSettings, tokens: Tokens) -> None:
    """Refuse an address that others reach where nothing says who they are.

    Names in `server.hosts` say that a proxy of this machine passes on what others ask: from loopback all of them would
    seem to be the administrator who sits here.

    Raises:
        ConfigError: it names the ways out.
    """
    networks(settings.trusted_proxies)
    here = is_loopback(settings.host)
    if here and all(map(is_loopback, settings.hosts)):
        return
    where = f"{settings.host}: others reach this address" + (" by the names in server.hosts" if here else "")
    if not tokens.any() and not (settings.trusted_proxies and settings.user_header):
        raise ConfigError(f"{where}; make a token (`simsearch token add NAME`) or name server.trusted_proxies first")
    if settings.host in _EVERYWHERE and not settings.hosts:
        raise ConfigError(f"{where} by any name; list the names of this server in server.hosts")
