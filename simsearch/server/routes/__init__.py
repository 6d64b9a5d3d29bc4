"""The addresses of the API, by what they are about."""

from __future__ import annotations

from fastapi import APIRouter

from simsearch.server.routes import catalog, decisions, duplicates, health, queries, status


def routers() -> list[APIRouter]:
    """All of them."""
    return [part.router for part in (queries, decisions, duplicates, catalog, status, health)]
