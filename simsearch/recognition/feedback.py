"""Recorded answers, and the reviews that people write about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from simsearch.catalog import Catalog
from simsearch.catalog.database import now
from simsearch.catalog.decisions import DecisionFilter, DecisionVerdict, RecordedDecision
from simsearch.core.errors import UsageError
from simsearch.core.types import Outcome

_SPAN = re.compile(r"(\d+)\s*(h|d|w)")
_SPANS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class DecisionDesk:
    """Lists recorded answers and writes down what people say about them."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def listed(
        self,
        *,
        since: str | None = None,
        outcome: str | None = None,
        sku: str | None = None,
        reviewed: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[RecordedDecision]:
        """Recorded answers, newest first.

        Args:
            since: only answers from this moment on; see `moment`.
            outcome: only this outcome.
            sku: only answers that name this product or had it among the candidates.
            reviewed: only answers with a review, or without one; None: both.
            limit: at most so many.

        Raises:
            UsageError: `since` is no time, or `outcome` no outcome.
        """
        outcomes = [o.value for o in Outcome]
        if outcome is not None and outcome not in outcomes:
            raise UsageError(f"--outcome {outcome}: is none of {', '.join(outcomes)}")
        wanted = DecisionFilter(None if since is None else moment(since), outcome, sku, reviewed)
        return self.catalog.decisions.find(wanted, limit=limit)

    def get(self, decision_id: int) -> RecordedDecision:
        """One recorded answer. UsageError where there is no such decision."""
        found = self.catalog.decisions.get(decision_id)
        if found is None:
            raise UsageError(f"decision {decision_id}: there is none; `simsearch decisions` lists them")
        return found

    def confirm(self, decision_id: int, sku: str | None = None, note: str = "") -> RecordedDecision:
        """Say that the answer was right.

        `sku`: of an AMBIGUOUS answer, the product that the photo shows. UsageError where the answer does not name it.
        """
        decision = self.get(decision_id)
        named = named_by(decision)
        if decision.outcome == Outcome.AMBIGUOUS.value and sku is None:
            way = f"say which one it is: `simsearch decisions confirm {decision_id} SKU`"
            raise UsageError(f"decision {decision_id} names {', '.join(named)} and does not choose; {way}")
        if sku is not None and sku not in named:
            says = f"names {', '.join(named)}" if named else "names no product"
            way = f"use `simsearch decisions correct {decision_id} {sku}`"
            raise UsageError(f"decision {decision_id} {says}, not {sku}; {way}")
        return self._say(decision, DecisionVerdict.CONFIRMED, sku or decision.sku, note)

    def correct(self, decision_id: int, sku: str | None = None, note: str = "") -> RecordedDecision:
        """Say that the answer was wrong: the photo shows `sku`, or where that is None no product of the catalog.

        UsageError where the answer names that product, or the catalog lacks it.
        """
        decision = self.get(decision_id)
        if sku == decision.sku and decision.outcome != Outcome.AMBIGUOUS.value:
            says = f"names {sku}" if sku else "names no product"
            way = f"`simsearch decisions confirm {decision_id}` says that it is right"
            raise UsageError(f"decision {decision_id} {says} already; {way}")
        if sku is not None and sku in named_by(decision):
            way = f"use `simsearch decisions confirm {decision_id} {sku}`"
            raise UsageError(f"decision {decision_id} names {sku}, among others; {way}")
        if sku is not None and not self.catalog.selection.has_product(sku):
            raise UsageError(f"{sku}: is no SKU of the catalog; leave it out to say that the photo shows none of it")
        return self._say(decision, DecisionVerdict.CORRECTED, sku, note)

    def forget(self, decision_id: int) -> RecordedDecision:
        """Delete the review of a decision. UsageError where there is none."""
        decision = self.get(decision_id)
        if not self.catalog.decisions.forget_review(decision_id):
            raise UsageError(f"decision {decision_id}: nothing was said of it")
        return replace(decision, review=None)

    def _say(
        self, decision: RecordedDecision, verdict: DecisionVerdict, sku: str | None, note: str
    ) -> RecordedDecision:
        self.catalog.decisions.review(decision.id, verdict, sku, note)
        return self.get(decision.id)


def named_by(decision: RecordedDecision) -> list[str]:
    """SKUs that an answer names: one for a MATCH, the rivals of an AMBIGUOUS, none for UNKNOWN."""
    if decision.sku is None:
        return []
    if decision.outcome != Outcome.AMBIGUOUS.value:
        return [decision.sku]
    return list(decision.evidence.get("named") or [decision.sku])


def moment(text: str) -> datetime:
    """A moment in UTC, without a zone: an ISO 8601 day or time (UTC where it names no zone), or an age: 12h, 7d, 2w.

    Raises:
        UsageError: the text is neither.
    """
    span = _SPAN.fullmatch(text.strip().lower())
    try:
        if span:
            return now() - int(span[1]) * _SPANS[span[2]]
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        way = "write a day (2026-11-23), a time (2026-11-23T14:00), or how long ago (12h, 7d, 2w)"
        raise UsageError(f"--since {text}: is no time; {way}") from None
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
