"""What the program answers: to photos, packages and pairs. All frozen; units and ranges stand here once.

`core.types` has these names too: callers need not know on which of the two pages a value stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from simsearch.core.errors import ImageError
from simsearch.core.seen import Corners, Outline, SeenPill


@dataclass(frozen=True)
class LaneShare:
    """What one lane of retrieval contributed to one answer."""

    name: str
    took_ms: float = field(compare=False)
    found: int
    """Images that it returned."""
    alone: int
    """Those of them that no other lane returned."""


@dataclass(frozen=True)
class PrintedFact:
    """What print or a code says of a photo, beside what the catalog says of the same thing."""

    kind: str
    """"strength", "pack", "volume", "form", "name", "code", "case" (the code of another packaging level: of a case, or
    of what is in it) or "line": a line that is none of these."""
    photo: str
    """As read on the photo."""
    catalog: str
    """As read on the catalog's photo, or as its table says."""
    from_table: bool = False
    """Whether `catalog` comes from the table and not from print."""
    photo_place: Corners | None = None
    """Where the photo says it; None where no single place does."""
    catalog_place: Corners | None = None
    """Where the catalog's photo says it."""
    confidence: float = 1.0
    """Of the less sure of the two readings, 0 to 1; 1 for a code and a table. Between two readings of one thing that
    disagree, the more confident one is believed."""


@dataclass(frozen=True)
class PrintAlone:
    """What print says of a photo and a product by itself, whatever their pictures have in common."""

    features: tuple[float, ...] = ()
    """What the probability was computed from: the columns `recognition.print_alone.ALONE_FEATURES`."""
    words: tuple[str, ...] = ()
    """Words that both sides say, normalised, the most telling first."""
    named: bool = False
    """Whether both sides say one name: large in print, and rare among the products of the catalog."""


@dataclass(frozen=True)
class PrintComparison:
    """What print and codes say of a photo and one image of the catalog. What could not be read is in neither list."""

    agreements: tuple[PrintedFact, ...] = ()
    contradictions: tuple[PrintedFact, ...] = ()
    """Both sides were read with confidence, and differ. One of them rules a MATCH out."""
    likeness: float = 0.0
    """Of all text of both photos, 0 to 1; 0 where one of them holds none."""
    features: tuple[float, ...] = ()
    """What the probability was computed from: the columns `recognition.printed.PRINT_FEATURES`."""
    contested: str = ""
    """Why a code stands alone against picture and print, in words. No code decides alone: the answer is AMBIGUOUS."""
    alone: PrintAlone | None = None
    """What the probability rests on where the picture shows another face of the package; else None."""
    doubts: tuple[PrintedFact, ...] = ()
    """Amounts of the catalog that the photo has in view, and that were not read there (`photo` is then empty or says
    nothing of it) or read as others without confidence. They bar a MATCH: a sibling looks the same but for them."""
    laid_out: int = 0
    """Lines that say the same and lie alike in both photos, where too few keypoints agree; 0 where they were not
    sought."""


@dataclass(frozen=True)
class PrintedLine:
    """A line of print that was read on a photo."""

    text: str
    confidence: float
    """Mean over its characters, 0 to 1."""
    place: Corners


@dataclass(frozen=True)
class PhotoPrint:
    """What was read on a photo."""

    lines: tuple[PrintedLine, ...] = ()
    """In reading order."""
    strengths: tuple[str, ...] = ()
    """Strengths that the lines name, in their own words, the most confident first."""
    packs: tuple[str, ...] = ()
    """Counts of pieces and volumes, likewise."""
    forms: tuple[str, ...] = ()
    """Words for the form of the drug, likewise."""
    codes: tuple[str, ...] = ()
    """Numbers in its barcodes: as GTIN-14, NDC or PZN, and others, a maker's or shop's own, without leading zeros."""


@dataclass(frozen=True)
class Verification:
    """The pairwise look at two images."""

    probability: float
    """Calibrated probability that both show the same product, 0 to 1."""
    similarity: float
    """Cosine of the two embeddings, -1 to 1."""
    siamese: float
    """Output of the pair head after its sigmoid, 0 to 1; not calibrated."""
    inliers: int
    """ORB matches that agree with one sane homography; 0 where there is no such homography, or none was sought."""
    hash_similarity: float
    """Share of equal bits of the two pHashes, 0 to 1."""
    features: tuple[float, ...] = ()
    """What the probability was computed from, unrounded: the columns `recognition.verification.FEATURES`."""
    support: float = 0.0
    """Inliers weighted by the rarity of their keypoints, 0 to `inliers`; the probability rests on this. 0 where the
    inliers lie at the same pixels of two different photos: a frame or a ruler was drawn over both."""
    printed: PrintComparison | None = None
    """What print and codes say of the pair; None where nothing was compared."""
    loose_pills: bool = False
    """Whether one of the two shows loose pills: such pairs have a threshold of their own."""

    @property
    def contradicted(self) -> bool:
        """Whether print or codes say that the two are different products."""
        return self.printed is not None and bool(self.printed.contradictions)


@dataclass(frozen=True)
class Hit:
    """One product of an answer, with its best image."""

    sku: str
    name: str
    """Name of the product, with its strength."""
    image_id: int
    image: str
    """The image as its source named it."""
    verification: Verification
    ranks: Mapping[str, int] = field(default_factory=dict)
    """Lane name -> place of the image in that lane of retrieval, from 1."""


@dataclass(frozen=True)
class LookAlike:
    """A product that is easily taken for the one an answer names."""

    sku: str
    name: str
    kind: str
    """"strength", "form", "name", "maker" or "appearance": `recognition.look_alikes` says when it is which. Where
    print or a code tells it apart: "strength", "pack", "form", "name", "code" or "print"."""
    differences: tuple[tuple[str, str, str], ...]
    """(field, value of the named product, value of this one) for each field of the catalog in which they differ. Where
    print tells it apart: (kind of the contradiction, as read on the photo, of this one)."""
    warning: str
    """One sentence for people."""


class Outcome(StrEnum):
    """What an answer says: one product, several that it cannot tell apart, or none."""

    MATCH = "match"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Decision:
    """The answer to one photo, or to several photos of one package."""

    query: str
    """Name of the photo."""
    outcome: Outcome
    sku: str | None
    """The product of a MATCH, the most probable one of an AMBIGUOUS; None when UNKNOWN."""
    name: str | None
    """Name of that product."""
    probability: float
    """Probability of the best hit, 0 to 1; 0 when there is none."""
    hits: tuple[Hit, ...]
    """One per product, best first. Behind the first hit of an UNKNOWN, retrieval has a say in the order."""
    generation: str
    """Name of the generation that answered."""
    took_ms: float = field(compare=False)
    reason: str = ""
    """Why this outcome, in words."""
    lanes: tuple[LaneShare, ...] = ()
    """What each lane of retrieval contributed."""
    stages_ms: Mapping[str, float] = field(default_factory=dict, compare=False)
    """Milliseconds of describe (share of the batch), lookup and verify; they add up to about `took_ms`."""
    considered: tuple[Hit, ...] = ()
    """The best products, also beyond `hits`; for the record."""
    named: tuple[str, ...] = ()
    """SKUs that the answer names: one for a MATCH, all that an AMBIGUOUS cannot tell apart, none for an UNKNOWN."""
    compared: int = 0
    """How many images of the catalog were verified against the photo."""
    look_alikes: tuple[LookAlike, ...] = ()
    """Products of `hits` that are easily taken for the named one, most probable first. Of an UNKNOWN: products that
    look like the photo and that print or codes rule out."""
    photos: tuple[str, ...] = ()
    """Names of all photos where several were answered as one; else empty."""
    read: PhotoPrint | None = None
    """What was read on the photo; None where it was not read."""
    against: Hit | None = None
    """The product that looks nearest and that print or a code contradicts, where the answer rests on that: it is then
    UNKNOWN, or AMBIGUOUS because code, print and picture do not agree."""
    packages: tuple[Package, ...] = ()
    """The packages that the photo shows, in reading order: at least one. Where there are several, the answer is that to
    the surest of them, but for `read`, which is of the whole photo. Empty where several photos were answered as one,
    and in the answers to the packages themselves."""
    pills: tuple[SeenPill, ...] = ()
    """The loose pills that were found, largest first; none where the photo shows something else."""
    filing: tuple[str, ...] = ()
    """Open doubts about how the photos and rows of the named products are filed, in words; see `simsearch check`."""
    record_id: int | None = None
    """Number of its record in `simsearch decisions`; None where it was not recorded."""

    @property
    def contradictions(self) -> tuple[PrintedFact, ...]:
        """What print and codes hold against `against`; empty where the answer does not rest on it."""
        printed = self.against.verification.printed if self.against else None
        return printed.contradictions if printed else ()


@dataclass(frozen=True)
class Package:
    """One package of a photo, with an answer of its own."""

    outline: Outline | None
    """Where it lies; None where the photo shows nothing else, and nothing says where it ends."""
    answer: Decision
    """The answer to it alone. Places are those on the whole photo; `packages` of it is empty."""


@dataclass(frozen=True)
class PairVerdict:
    """The verdict on one pair of files."""

    a: str
    b: str
    same: bool | None = None
    """Whether both show the same product; None after an error, or where one method's similarity was asked for."""
    verification: Verification | None = None
    similarity: float | None = None
    """By the one method that was asked for, in place of a verification."""
    error: ImageError | None = None
    reason: str = ""
    """In words, what the verdict rests on."""
    outlines: tuple[Outline | None, Outline | None] = (None, None)
    """The package of each photo that was compared, where the photo shows several."""
