"""Doubts about how the catalog is filed, and corrections: photos and rows that stand under the wrong product."""

from simsearch.catalog.doubts import Clash, Doubt, DoubtedPhoto, DoubtKind, DoubtVerdict, FilingAction
from simsearch.filing.checker import Checker, CheckReport

__all__ = ["CheckReport", "Checker", "Clash", "Doubt", "DoubtKind", "DoubtVerdict", "DoubtedPhoto", "FilingAction"]
