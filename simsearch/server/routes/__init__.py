"""The addresses of the API, by what they are about."""

from __future__ import annotations

from fastapi import APIRouter

from simsearch.server.routes import health


def routers() -> list[APIRouter]:
    """All of them."""
    return [health.router]
