"""simsearch: which drug is this, and which catalog photos show the same thing twice.

The Python entrance is :func:`open_app`::

    from simsearch import open_app

    with open_app(home="pharmacy") as app:
        app.index(["catalog.csv"])
        [answer] = app.query(["photo.jpg"])

The names in `__all__` are the public ones: the application, what it takes, what it returns, and its errors. The modules
inside may move from version to version.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simsearch.app import App, open_app
    from simsearch.catalog.corrections import Correction
    from simsearch.catalog.decisions import DecisionReview, DecisionVerdict, RecordedDecision
    from simsearch.catalog.doubts import Clash, Doubt, DoubtedPhoto, DoubtKind, DoubtVerdict, FilingAction
    from simsearch.catalog.images import ImageFacts
    from simsearch.catalog.reviews import ReviewVerdict
    from simsearch.core.errors import (
        REFUSALS,
        CatalogError,
        ConfigError,
        DamagedDescriptor,
        EngineError,
        GenerationError,
        ImageError,
        RefusedError,
        SimsearchError,
        SourceError,
        TrainingError,
        UsageError,
        WeightsError,
    )
    from simsearch.core.status import PhotoCheck, PrintStatus, Readiness, Status
    from simsearch.core.types import (
        Decision,
        Hit,
        LaneShare,
        LookAlike,
        Outcome,
        Package,
        PairVerdict,
        Photo,
        PhotoLike,
        PhotoPrint,
        PrintAlone,
        PrintComparison,
        PrintedFact,
        PrintedLine,
        Progress,
        Refusal,
        SeenPill,
        SourceRow,
        Surface,
        Verification,
    )
    from simsearch.duplicates.feedback import PairFeedback
    from simsearch.duplicates.results import DuplicateGroup, DuplicatePair, Findings, PairKind
    from simsearch.filing.checker import CheckReport
    from simsearch.filing.desk import DecidedDoubt, FilingDesk, TableChange
    from simsearch.indexes.manifest import Audit
    from simsearch.ingest.build_plan import Plan, PlannedLane
    from simsearch.ingest.index_report import FilingReport, IndexReport
    from simsearch.ingest.nightly import NightlyReport
    from simsearch.ingest.passed_over import PassedOverGroup
    from simsearch.ingest.reading_report import ReadingReport
    from simsearch.recognition.by_looks import LooksHit
    from simsearch.recognition.calibration import Calibration
    from simsearch.recognition.feedback import DecisionDesk
    from simsearch.training.calibrate import CalibrateResult
    from simsearch.training.trainer import TrainResult

__version__ = "0.1.0"
__all__ = [
    "REFUSALS",
    "App",
    "Audit",
    "CalibrateResult",
    "Calibration",
    "CatalogError",
    "CheckReport",
    "Clash",
    "ConfigError",
    "Correction",
    "DamagedDescriptor",
    "DecidedDoubt",
    "Decision",
    "DecisionDesk",
    "DecisionReview",
    "DecisionVerdict",
    "Doubt",
    "DoubtKind",
    "DoubtVerdict",
    "DoubtedPhoto",
    "DuplicateGroup",
    "DuplicatePair",
    "EngineError",
    "FilingAction",
    "FilingDesk",
    "FilingReport",
    "Findings",
    "GenerationError",
    "Hit",
    "ImageError",
    "ImageFacts",
    "IndexReport",
    "LaneShare",
    "LookAlike",
    "LooksHit",
    "NightlyReport",
    "Outcome",
    "Package",
    "PairFeedback",
    "PairKind",
    "PairVerdict",
    "PassedOverGroup",
    "Photo",
    "PhotoCheck",
    "PhotoLike",
    "PhotoPrint",
    "Plan",
    "PlannedLane",
    "PrintAlone",
    "PrintComparison",
    "PrintStatus",
    "PrintedFact",
    "PrintedLine",
    "Progress",
    "Readiness",
    "ReadingReport",
    "RecordedDecision",
    "Refusal",
    "RefusedError",
    "ReviewVerdict",
    "SeenPill",
    "SimsearchError",
    "SourceError",
    "SourceRow",
    "Status",
    "Surface",
    "TableChange",
    "TrainResult",
    "TrainingError",
    "UsageError",
    "Verification",
    "WeightsError",
    "__version__",
    "open_app",
]

# Imported on first use: `simsearch --help` must not wait for torch and FAISS.
_MODULES = {
    "app": ("App", "open_app"),
    "catalog.corrections": ("Correction",),
    "catalog.doubts": ("Clash", "Doubt", "DoubtKind", "DoubtVerdict", "DoubtedPhoto", "FilingAction"),
    "catalog.decisions": ("DecisionReview", "DecisionVerdict", "RecordedDecision"),
    "catalog.images": ("ImageFacts",),
    "catalog.reviews": ("ReviewVerdict",),
    "core.errors": (
        "REFUSALS", "CatalogError", "ConfigError", "DamagedDescriptor", "EngineError", "GenerationError", "ImageError",
        "RefusedError", "SimsearchError", "SourceError", "TrainingError", "UsageError", "WeightsError",
    ),
    "core.status": ("PhotoCheck", "PrintStatus", "Readiness", "Status"),
    "core.types": (
        "Decision", "Hit", "LaneShare", "LookAlike", "Outcome", "Package", "PairVerdict", "Photo", "PhotoLike",
        "PhotoPrint", "PrintAlone", "PrintComparison", "PrintedFact", "PrintedLine", "Progress", "Refusal", "SeenPill",
        "SourceRow", "Surface", "Verification",
    ),
    "duplicates.feedback": ("PairFeedback",),
    "duplicates.results": ("DuplicateGroup", "DuplicatePair", "Findings", "PairKind"),
    "filing.checker": ("CheckReport",),
    "filing.desk": ("DecidedDoubt", "FilingDesk", "TableChange"),
    "indexes.manifest": ("Audit",),
    "ingest.index_report": ("FilingReport", "IndexReport"),
    "ingest.nightly": ("NightlyReport",),
    "ingest.passed_over": ("PassedOverGroup",),
    "ingest.reading_report": ("ReadingReport",),
    "ingest.build_plan": ("Plan", "PlannedLane"),
    "recognition.by_looks": ("LooksHit",),
    "recognition.calibration": ("Calibration",),
    "recognition.feedback": ("DecisionDesk",),
    "training.calibrate": ("CalibrateResult",),
    "training.trainer": ("TrainResult",),
}  # fmt: skip
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:  # or a type checker would take every name for one of ours

    def __getattr__(name: str) -> object:
        if name not in _WHERE:
            raise AttributeError(f"module 'simsearch' has no attribute {name!r}")
        found = getattr(importlib.import_module(f"simsearch.{_WHERE[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
