"""Recorded answers, and the reviews that people write about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from simsearch.catalog import Catalog
from simsearch.catalog.database import now
from simsearch.catalog.decisions import DecisionFilter, DecisionReview, DecisionVerdict, RecordedDecision
from simsearch.core.errors import UsageError
from simsearch.core.types import Outcome

if TYPE_CHECKING:
    from simsearch.ingest.faces import Faces

_SPAN = re.compile(r"(\d+)\s*(h|d|w)")
_SPANS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class DecisionDesk:
    """Lists recorded answers and writes down what people say about them."""

    def __init__(
        self,
        catalog: Catalog,
        faces: Faces | None = None,
        writing: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """
        Args:
            catalog: of the records.
            faces: photos that were added to products; None: none can be.
            writing: holds the lock of the home while one is added or taken back.
        """
        self.catalog, self.faces, self._writing = catalog, faces, writing

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
        faces = self.faces.all() if self.faces else {}
        found = self.catalog.decisions.find(wanted, limit=limit)
        return (replace(d, face=faces[d.id].image) if d.id in faces else d for d in found)

    def get(self, decision_id: int) -> RecordedDecision:
        """One recorded answer. UsageError where there is no such decision."""
        found = self.catalog.decisions.get(decision_id)
        if found is None:
            raise UsageError(f"decision {decision_id}: there is none; `simsearch decisions` lists them")
        face = self.faces.all().get(decision_id) if self.faces else None
        return replace(found, face=face.image) if face else found

    def confirm(
        self,
        decision_id: int,
        sku: str | None = None,
        note: str = "",
        face: str | Path | None = None,
        *,
        by: str = "",
    ) -> RecordedDecision:
        """Say that the answer was right.

        Args:
            decision_id: of the answer.
            sku: of an AMBIGUOUS answer, the product that the photo shows.
            note: for those who ask later.
            face: the photo that was asked, which becomes an image of the product; see `ingest.faces`.
            by: who says so; "" where that is not known.

        Raises:
            UsageError: the answer does not name `sku`, or `face` cannot be added.
            ImageError: `face` cannot be read.
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
        return self._say(
            decision, DecisionReview(DecisionVerdict.CONFIRMED, sku or decision.sku, note, now(), by), face
        )

    def correct(
        self,
        decision_id: int,
        sku: str | None = None,
        note: str = "",
        face: str | Path | None = None,
        *,
        by: str = "",
    ) -> RecordedDecision:
        """Say that the answer was wrong: the photo shows `sku`, or where that is None no product of the catalog.

        `note`, `face`, `by`: as for `confirm`. UsageError where the answer names that product, the catalog lacks it, or
        `face` cannot be added.
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
        return self._say(decision, DecisionReview(DecisionVerdict.CORRECTED, sku, note, now(), by), face)

    def forget(self, decision_id: int) -> RecordedDecision:
        """Delete the review of a decision, and the face that came with it. UsageError where there is none."""
        decision = self.get(decision_id)
        if decision.review is None:
            raise UsageError(f"decision {decision_id}: nothing was said of it")
        self._take_back(decision)
        self.catalog.decisions.forget_review(decision_id)
        return replace(decision, review=None, face="")

    def _say(self, decision: RecordedDecision, said: DecisionReview, face: str | Path | None) -> RecordedDecision:
        """Write down what was said, in place of what was said before: also of the face that was added then."""
        if face is None:
            self._take_back(decision)
        else:
            self._add(decision, said.sku, Path(face))
        self.catalog.decisions.review(decision.id, said.verdict, said.sku, said.note, said.by)
        return self.get(decision.id)

    def _add(self, decision: RecordedDecision, sku: str | None, photo: Path) -> None:
        if self.faces is None or sku is None:
            raise UsageError(f"{photo}: shows no product of the catalog by what you say, and can be no face of one")
        data = self.faces.content(photo, decision.query_sha256, decision.id)
        with self._writing():
            self.faces.add(decision.id, sku, photo, data)

    def _take_back(self, decision: RecordedDecision) -> None:
        if self.faces is not None and decision.face:
            with self._writing():
                self.faces.remove(decision.id)


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
