"""Errors of simsearch as problems. The one place that turns one into the other."""

from __future__ import annotations

from simsearch.core.errors import (
    CatalogError,
    EngineError,
    GenerationError,
    ImageError,
    SimsearchError,
    UsageError,
    WeightsError,
)
from simsearch.server.problems import Problem

_SOON, _BACK, _LATER = 2, 5, 30
"""Seconds after which it is worth asking again."""
_STATUS = {"too_large": "too-large", "not_an_image": "not-an-image"}
"""Code of an ImageError -> problem; of any other: unreadable-image."""


def unreadable(error: ImageError) -> Problem:
    """Why a photo is not answered."""
    return Problem(_STATUS.get(error.code, "unreadable-image"), str(error), code=error.code)


def problem(error: SimsearchError) -> Problem:
    """The problem that `error` is to a client. Messages with paths of the server stay in its log."""
    if isinstance(error, ImageError):
        return unreadable(error)
    if isinstance(error, UsageError):
        return Problem("invalid", str(error))
    if isinstance(error, CatalogError):
        text = str(error)
        if "locked" in text or "is writing there" in text or "were in use" in text:
            return Problem("busy", "another process writes the catalog; try again", retry_after=_SOON)
        if "holds no catalog" in text:
            return Problem("no-catalog", "nothing was indexed yet: `simsearch index SOURCE`", retry_after=_LATER)
        return Problem("out-of-order", "the catalog cannot be used; the log says why", retry_after=_LATER)
    if isinstance(error, EngineError):
        return Problem("no-engine", "a server of the indexes does not answer; the log says which", retry_after=_BACK)
    if isinstance(error, GenerationError):
        return Problem("rebuilding", "the indexes cannot be used; `simsearch rebuild` repairs them", retry_after=_LATER)
    if isinstance(error, WeightsError):
        return Problem("out-of-order", "weights or calibration cannot be used; the log says why", retry_after=_LATER)
    return Problem("defect", "something failed that should not; the log has it")
