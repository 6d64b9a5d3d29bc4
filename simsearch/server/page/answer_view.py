"""An answer as the page shows it: products with what the catalog says of them, marks on pictures, matching points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from simsearch.catalog.decisions import DecisionReview
from simsearch.catalog.images import ImageFacts
from simsearch.core.print_wording import by_kind
from simsearch.core.types import Corners, Decision, Hit, Outcome, Outline, PhotoPrint, PrintedFact

Says = Literal["agrees", "contradicts", "doubt"]
Points = tuple[tuple[float, float, float, float], ...]
"""Matches: x and y on the photo, x and y on the catalog's picture, all in shares of width and height."""
Crop = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of a photo, in shares of its width and height."""

_FIELDS = ("name", "strength", "form", "manufacturer")


@dataclass(frozen=True)
class Card:
    """A product as people recognise it."""

    sku: str
    name: str
    strength: str
    form: str
    manufacturer: str
    image: int | None
    """Id of the catalog photo that was compared; None where it is gone."""

    def field(self, name: str) -> str:
        """The field of that name; "" for one that the card does not have."""
        return str(getattr(self, name, "")) if name in _FIELDS else ""


@dataclass(frozen=True)
class Mark:
    """What print or a code says on the photo and in the catalog."""

    says: Says
    kind: str
    photo: str
    catalog: str
    from_table: bool
    photo_place: Corners | None
    catalog_place: Corners | None


@dataclass(frozen=True)
class Candidate:
    """A product of an answer, with what speaks for it and against it."""

    card: Card
    probability: float
    similarity: float
    inliers: int
    marks: tuple[Mark, ...]
    points: Points = ()
    photo: int = 0
    """Which of the photos the points are on."""
    differs: frozenset[str] = frozenset()
    """Fields in which the products in question differ."""
    by_print: bool = False
    """Whether the probability rests on print alone: the picture shows another face of the package."""

    @property
    def contradictions(self) -> tuple[Mark, ...]:
        """Marks that rule the product out."""
        return tuple(mark for mark in self.told if mark.says == "contradicts")

    @property
    def told(self) -> tuple[Mark, ...]:
        """Marks for a table: what is printed in several places, or spaced in two ways, once."""
        once: dict[tuple[str, str, str, str], Mark] = {}
        for mark in self.marks:
            once.setdefault((mark.says, mark.kind, close(mark.photo), close(mark.catalog)), mark)
        return tuple(once.values())

    def said(self, says: Says) -> tuple[Mark, ...]:
        """Marks of one kind."""
        return tuple(mark for mark in self.marks if mark.says == says)

    def was_read(self, name: str) -> bool:
        """Whether the photo says the same as the catalog in this field, as a fact or within a line that agrees."""
        agreed = self.said("agrees")
        value = close(self.card.field(name))
        return any(m.kind == name for m in agreed) or (bool(value) and any(value in close(m.photo) for m in agreed))


@dataclass(frozen=True)
class Alike:
    """A product that is easily taken for the one that an answer names."""

    card: Card
    kind: str
    differences: tuple[tuple[str, str, str], ...]
    """(field or kind of print, of the named product or the photo, of this one)."""


@dataclass(frozen=True)
class PackageView:
    """One of several packages in a photo."""

    number: int
    outline: Outline | None
    answer: AnswerView


@dataclass(frozen=True)
class AnswerView:
    """The answer to photos of one package, or to one photo of several."""

    outcome: str
    probability: float
    named: tuple[Candidate, ...]
    """One for a MATCH, those that an AMBIGUOUS cannot tell apart, none for an UNKNOWN."""
    others: tuple[Candidate, ...]
    """Further products that were compared, for information."""
    against: Candidate | None
    """The product that looks nearest, and that print or a code contradicts."""
    alike: tuple[Alike, ...]
    read: PhotoPrint | None
    reason: str
    """In the program's own words, which are English."""
    photos: tuple[str, ...] = ()
    """Their names."""
    crop: Crop | None = None
    """The part of the photo that this answer is about; None: all of it."""
    packages: tuple[PackageView, ...] = ()
    """Set where the photo shows several."""
    generation: str = ""
    took_ms: float = 0.0
    id: int | None = None
    """Number of its record; None where it was not recorded."""
    at: datetime | None = None
    """UTC, of a recorded answer."""
    review: DecisionReview | None = None
    refused: tuple[tuple[str, str], ...] = ()
    """(name, code of the refusal) of each photo that could not be read."""
    pictures: Mapping[int, str] = field(default_factory=dict)
    """Number of a photo that is kept -> where the page finds it."""

    @property
    def best(self) -> Candidate | None:
        """The product that is shown beside the photo."""
        return next(iter((*self.named, *((self.against,) if self.against else ()), *self.others)), None)


Places = Mapping[int, tuple[Points, int]]
"""Id of a catalog photo -> its matches with the photo that has most of them, and the number of that photo."""


def view(
    answer: Decision, facts: Mapping[int, ImageFacts], points: Places | None = None, *, crop: Crop | None = None
) -> AnswerView:
    """The view of an answer without its packages.

    `facts`: of the images of its hits, as far as they are still in the catalog. Of several photos nothing says on which
    of them a line was read.
    """
    one_photo = len(answer.photos) < 2
    made = {
        hit.sku: _candidate(hit, facts.get(hit.image_id), points or {}, one_photo=one_photo)
        for hit in (*((answer.against,) if answer.against else ()), *answer.hits)
    }
    named = tuple(made[sku] for sku in answer.named if sku in made)
    differs = _differing([candidate.card for candidate in named])
    named = tuple(_marked(candidate, differs) for candidate in named)
    against = made[answer.against.sku] if answer.against else None
    shown = {*answer.named, *({answer.against.sku} if answer.against else ())}
    others = tuple(made[hit.sku] for hit in answer.hits if hit.sku not in shown)
    cards = {sku: candidate.card for sku, candidate in made.items()}
    return AnswerView(
        answer.outcome.value, answer.probability, named, others, against,
        tuple(Alike(_alike(a.sku, a.name, cards), a.kind, _once(a.differences)) for a in answer.look_alikes),
        answer.read, answer.reason, answer.photos or (answer.query,), crop,
        generation=answer.generation, took_ms=answer.took_ms, id=answer.record_id,
    )  # fmt: skip


def shown_hits(answer: Decision) -> list[Hit]:
    """The hits whose matching points are worth drawing: those that are named, or else the nearest."""
    named = [hit for hit in answer.hits if hit.sku in answer.named][:4]
    nearest = [answer.against] if answer.against else list(answer.hits[:1])
    return named if answer.outcome is not Outcome.UNKNOWN else nearest


def _candidate(hit: Hit, facts: ImageFacts | None, points: Places, *, one_photo: bool) -> Candidate:
    v = hit.verification
    marks = []
    if v.printed:
        sides: tuple[tuple[Says, Sequence[PrintedFact]], ...] = (
            ("contradicts", v.printed.contradictions), ("agrees", v.printed.agreements), ("doubt", v.printed.doubts),
        )  # fmt: skip
        marks = [_mark(says, fact, one_photo=one_photo) for says, side in sides for fact in by_kind(side)]
    found, photo = points.get(hit.image_id, ((), 0))
    by_print = v.inliers == 0 and v.printed is not None and v.printed.alone is not None
    return Candidate(
        _card(hit, facts), v.probability, v.similarity, v.inliers, tuple(marks), found, photo, by_print=by_print
    )


def _mark(says: Says, fact: PrintedFact, *, one_photo: bool) -> Mark:
    place = fact.photo_place if one_photo else None
    return Mark(says, fact.kind, fact.photo, fact.catalog, fact.from_table, place, fact.catalog_place)


def _card(hit: Hit, facts: ImageFacts | None) -> Card:
    if facts is None:
        return Card(hit.sku, hit.name, "", "", "", None)
    return Card(facts.sku, facts.name or facts.sku, facts.strength, facts.form, facts.manufacturer, facts.id)


def _alike(sku: str, name: str, cards: Mapping[str, Card]) -> Card:
    return cards.get(sku) or Card(sku, name, "", "", "", None)


def _differing(cards: Sequence[Card]) -> frozenset[str]:
    return frozenset(name for name in _FIELDS if len({close(card.field(name)) for card in cards}) > 1)


def _marked(candidate: Candidate, differs: frozenset[str]) -> Candidate:
    return replace(candidate, differs=differs)


def _once(differences: Sequence[tuple[str, str, str]]) -> tuple[tuple[str, str, str], ...]:
    """Without those that only spell another one in another way."""
    once: dict[tuple[str, str, str], tuple[str, str, str]] = {}
    for name, ours, theirs in differences:
        once.setdefault((name, close(ours), close(theirs)), (name, ours, theirs))
    return tuple(once.values())


def close(words: str) -> str:
    """`words` for comparing: without blanks and case."""
    return "".join(words.split()).casefold()
