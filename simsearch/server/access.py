"""Who asks, and what they may do: a token, a trusted proxy's word, or nobody in particular from this machine."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated

from fastapi import Depends, Request

from simsearch.core.config import ServerSettings
from simsearch.core.errors import ConfigError
from simsearch.server.problems import Problem
from simsearch.server.tokens import Tokens

COOKIE = "simsearch_token"
"""In which a browser carries the token that a person entered on the page."""
Network = IPv4Network | IPv6Network


class Role(IntEnum):
    """What a client may do. Each role may do what those below it may."""

    READ = 1
    """Ask, and see answers and catalog."""
    REVIEW = 2
    """Say what is right and wrong."""
    ADMIN = 3
    """Start searches for duplicates."""

    @classmethod
    def named(cls, name: str) -> Role:
        """The role of that name; KeyError where there is none."""
        return cls[name.upper()]


@dataclass(frozen=True)
class Principal:
    """Who asks."""

    name: str
    """Name of the token, user that the proxy let in, or "local"."""
    role: Role
    via: str
    """"token", "proxy" or "local"."""


@dataclass(frozen=True)
class Peer:
    """Where a request comes from."""

    address: str
    """Of the client, as a trusted proxy says where one is between."""
    scheme: str
    """"http" or "https", likewise."""
    proxied: bool
    """Whether a trusted proxy sent it."""


def networks(listed: Sequence[str]) -> list[Network]:
    """The networks of `server.trusted_proxies`.

    Raises:
        ConfigError: one is neither address nor network.
    """
    try:
        return [ip_network(one, strict=False) for one in listed]
    except ValueError as error:
        raise ConfigError(f"server.trusted_proxies: {error}; write 10.0.0.1 or 10.0.0.0/8") from None


def inside(address: str, trusted: Sequence[Network]) -> bool:
    """Whether `address` is in one of the networks; False where it is no address."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in trusted)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Door:
    """Tells who asks. One a worker."""

    def __init__(self, settings: ServerSettings, tokens: Tokens) -> None:
        self.settings, self.tokens = settings, tokens
        self.trusted = networks(settings.trusted_proxies)

    def peer(self, address: str, scheme: str, headers: Callable[[str], str | None]) -> Peer:
        """Where a request comes from. `headers`: gives the value of a header, None where it is not there."""
        if not (self.trusted and inside(address, self.trusted)):
            return Peer(address, scheme, False)
        told = (headers("x-forwarded-proto") or scheme).strip().lower()
        hops = [hop.strip() for hop in (headers("x-forwarded-for") or "").split(",") if hop.strip()]
        # From the right: each trusted proxy appends the one that it heard from.
        client = next((hop for hop in reversed(hops) if not inside(hop, self.trusted)), address)
        return Peer(client if len(client) < 64 else address, told if told in ("http", "https") else scheme, True)

    def principal(self, peer: Peer, request: Request) -> Principal | None:
        """Who asks; None where nobody vouches.

        Raises:
            Problem: no-token: a token is given, and unknown.
        """
        given = bearer(request)
        if given is not None:
            token = self.tokens.find(given)
            if token is None:
                raise Problem("no-token", "this token is unknown or was revoked; `simsearch token add NAME` makes one")
            return Principal(token.name, Role.named(token.role), "token")
        header = self.settings.user_header
        if peer.proxied and header and (user := request.headers.get(header, "").strip()):
            return Principal(user[:200], Role.named(self.settings.proxy_role), "proxy")
        if self.open_to_all and not peer.proxied:
            return Principal("local", Role.ADMIN, "local")
        return None

    @property
    def open_to_all(self) -> bool:
        """Whether nobody need say who they are: only this machine reaches the server, and no token was made."""
        return is_loopback(self.settings.host) and not self.tokens.any()


def bearer(request: Request) -> str | None:
    """The token of a request: of its Authorization header, else of the page's cookie; None without one."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    return request.cookies.get(COOKIE) or None


def at_least(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency: the principal of a request, who has `role` or more."""

    async def dependency(request: Request) -> Principal:
        door: Door = request.app.state.server.door
        found = door.principal(request.state.peer, request)
        if found is None:
            raise Problem("no-token", "send `Authorization: Bearer TOKEN`; `simsearch token add NAME` makes a token")
        request.state.principal = found
        if found.role < role:
            raise Problem(
                "not-allowed", f"{found.name} may {found.role.name.lower()}, and this needs {role.name.lower()}"
            )
        return found

    return dependency


def limited(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    """As :func:`at_least`, for questions and changes: they count for the client's rate."""
    allowed = at_least(role)

    async def dependency(request: Request) -> Principal:
        found = await allowed(request)
        shared = request.app.state.server
        who = request.state.peer.address if found.via == "local" else f"{found.via}:{found.name}"
        wait = shared.rates.wait_s(who)
        if wait > 0:
            text = f"more than {shared.settings.rate_per_s:g} requests a second"
            raise Problem("too-many-requests", f"{text}; wait a little", retry_after=math.ceil(wait))
        return found

    return dependency


Reader = Annotated[Principal, Depends(at_least(Role.READ))]
Asker = Annotated[Principal, Depends(limited(Role.READ))]
Changer = Annotated[Principal, Depends(limited(Role.REVIEW))]
Admin = Annotated[Principal, Depends(limited(Role.ADMIN))]
