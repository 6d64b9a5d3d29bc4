"""How the server is: what answers, what the catalog holds, what the last night and the last search did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from simsearch.server.access import Admin, Reader
from simsearch.server.duplicate_runs import DuplicateRuns
from simsearch.server.page.language import N_
from simsearch.server.page.render import page
from simsearch.server.problems import Problem
from simsearch.server.reviewing import Speaker, search_duplicates
from simsearch.server.state import Shared

router = APIRouter(include_in_schema=False)
_CHANGES = ("added", "changed", "redescribed", "retired", "refused", "unchanged")


@router.get("/status")
async def status(request: Request, shared: Shared, who: Reader) -> Response:
    """The present state."""

    def made() -> Response:
        found = shared.app.status()
        runs = DuplicateRuns(shared.app.home).all()
        return page(
            request, "status.html.j2", screen="status", title=N_("Status"), status=found, night=_night(found.nightly),
            problem=found.problem, undescribed=sum(found.undescribed.values()), disk=sum(found.disk_bytes.values()),
            search=next(iter(runs), None), searched=next((run for run in runs if run.state == "done"), None),
            moment=_moment,
        )  # fmt: skip

    return await shared.lightly(made)


@router.post("/status/duplicates")
async def search(request: Request, shared: Shared, who: Admin) -> Response:
    """Start a search for duplicates, and show how far it is."""
    speaker = Speaker.of(request, who)

    def begin() -> None:
        try:
            search_duplicates(shared, speaker)
        except Problem as problem:
            if problem.name != "running":
                raise  # else the page shows the one that is under way

    await shared.lightly(begin)
    return RedirectResponse("/status#duplicates", 303)


def _night(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is shown of the last night; None before the first. A report of an older simsearch may lack some of it."""
    if not report:
        return None
    steps = [(name, float(s)) for name, s in (report.get("steps_s") or {}).items() if isinstance(s, int | float)]
    longest = max((seconds for _, seconds in steps), default=0)
    changes = report.get("changes") or {}
    return {
        "outcome": str(report.get("outcome", "failed")), "error": report.get("error"), "at": _time(report),
        "seconds": float(report.get("seconds") or 0), "generation": report.get("generation"),
        "steps": [(name, s, round(100 * s / longest) if longest else 0) for name, s in steps],
        "changes": [(name, int(changes[name])) for name in _CHANGES if name in changes],
    }  # fmt: skip


def _time(report: Mapping[str, Any]) -> datetime | None:
    return _moment(report.get("started_at"))


def _moment(written: object) -> datetime | None:
    """The moment, in UTC without saying so; None where it is none."""
    try:
        found = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
