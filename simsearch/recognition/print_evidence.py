"""What print and codes add to an answer: the photo is read, and compared with the contenders one by one.

Appearance and text find the contenders, print decides between them. Only contenders are compared, because aligned
reading costs tens of milliseconds each.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.codes import Codes
from simsearch.core.config import ReadingSettings
from simsearch.core.errors import ImageError
from simsearch.core.threads import in_threads
from simsearch.core.types import (
    Description,
    Descriptor,
    Image,
    PhotoPrint,
    PrintAlone,
    PrintComparison,
    Verification,
)
from simsearch.features.base import Method, missing
from simsearch.features.codes import codes_of
from simsearch.features.reading import Reading, ReadPrint, decode, encode
from simsearch.indexes.manifest import TEXT, WORDS
from simsearch.indexes.text_weights import TextWeights
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.contenders import Verified
from simsearch.recognition.multi_view import log_odds, probability
from simsearch.recognition.print_alone import Said, alone, said, telling, together_said
from simsearch.recognition.printed import PRINT_FEATURES, PhotoSide, PrintVerifier, photo_print
from simsearch.recognition.retrieval import CODES
from simsearch.recognition.scoring import Scoring
from simsearch.recognition.snapshot import Snapshot
from simsearch.recognition.stored import stored, stored_print

_BY_PRINT = (TEXT, WORDS, CODES)
_IMAGES = 2
"""Images of one product that are compared. Further ones show the same print, or another face."""
_FACES = 6
"""Images of one product whose words are taken together, where its print stands alone."""
_SPEAKS = 0.5
"""Probability by print alone from which it counts. Below, print knows as little as the picture."""
_OPEN = 0.01
"""Share of the probability beside the best from which a candidate is worth comparing beyond the first ones."""

_BOTH, _CODE = PRINT_FEATURES.index("both_read"), PRINT_FEATURES.index("code")
CODE_GAIN = 10_000.0
"""Odds that an equal code with a sound check digit brings. So it decides for a product of which the photo shows another
face, and leaves one in doubt that nothing else speaks for: the code may be a neighbour's or a shelf label's."""

_NOTHING = Description({})

_LOG = logging.getLogger("simsearch")


@dataclass(frozen=True, eq=False)
class PhotoRead:
    """A photo after it was read, if it was."""

    description: Description
    """With the descriptors `reading` and `codes` where it was read."""
    side: PhotoSide | None = None
    """What is compared with the catalog; None where it was not read."""
    summary: PhotoPrint | None = None
    """What was read, for people."""


@dataclass(frozen=True, eq=False)
class _Words:
    """The words of a photo, and those of the products that it is compared with."""

    photo: Said
    of: Mapping[str, Said]
    """By SKU."""


class PrintEvidence:
    """Reads photos and compares their print with candidates. Safe to share between threads."""

    def __init__(
        self, catalog: Catalog, methods: Mapping[str, Method], printed: Mapping[str, Method], settings: ReadingSettings
    ) -> None:
        """`methods`: of appearance. `printed`: the methods `reading` and `codes`."""
        self.catalog, self.methods, self.printed, self.settings = catalog, methods, printed, settings
        reading = printed.get("reading")
        self._reader = reading.reader if isinstance(reading, ReadPrint) and not reading.missing else None

    @property
    def reading(self) -> Method | None:
        """The method that reads print; None where nothing is ever read."""
        return None if self.settings.mode == "never" else self.printed.get("reading")

    @property
    def reads(self) -> bool:
        """Whether any photo is read: then its picture at the size for reading is wanted."""
        return self.settings.mode != "never" and not all(map(missing, self.printed.values()))

    # -- the photo ---------------------------------------------------------------------------------------------------

    def able(self, query: Description) -> list[str]:
        """The methods that a photo of that appearance is read by: none for loose pills, unless everything is read."""
        mode = self.settings.mode
        if mode == "never" or (mode == "auto" and query.loose_pills):
            return []
        return [name for name, method in self.printed.items() if not missing(method)]

    def read(self, photo: Image, query: Description) -> PhotoRead:
        """Read print and codes of a photo, on two cores; `query`: its description by appearance.

        In mode "auto" a photo is not read whose very file the catalog holds: nothing could be learned from it.
        """
        able = self.able(query)
        if not able or (self.settings.mode == "auto" and self.catalog.selection.same_file(photo.sha256)):
            return PhotoRead(query)
        try:
            sharp = photo.sharp
        except ImageError as error:
            _LOG.warning("%s; it is judged by appearance alone", error)
            return PhotoRead(query)
        found = in_threads(lambda name: self._described(name, photo), able)
        descriptors: dict[str, Descriptor] = dict(zip(able, found, strict=True))
        reading = _reading(descriptors["reading"]) if "reading" in descriptors else None
        codes = codes_of(descriptors["codes"]) if "codes" in descriptors else Codes()
        description = replace(query, descriptors={**query.descriptors, **descriptors})
        return PhotoRead(
            description, PhotoSide(reading, codes, sharp), photo_print(reading, codes) if reading else None
        )

    def lines(self, photo: Image) -> Reading | None:
        """What is printed on a photo, whatever it shows; None where print is not read."""
        method = self.reading
        return method.read(photo) if isinstance(method, ReadPrint) and not method.missing else None

    def with_codes(self, photo: Image, read: PhotoRead) -> PhotoRead | None:
        """What was read on a photo, with the codes that are read on it; None where there are none."""
        method = self.printed.get("codes")
        if read.side is None or method is None or missing(method):
            return None
        [found] = method.describe([photo])
        if not len(found):
            return None
        codes = codes_of(found)
        summary = photo_print(read.side.reading, codes) if read.side.reading else None
        description = replace(read.description, descriptors={**read.description.descriptors, "codes": found})
        return PhotoRead(description, replace(read.side, codes=codes), summary)

    def _described(self, name: str, photo: Image) -> Descriptor:
        """A photo that asks needs no cuts of its own lines: they are the catalog's side of aligned reading."""
        method = self.printed[name]
        return encode(method.read(photo)) if isinstance(method, ReadPrint) else method.describe([photo])[0]

    # -- the candidates ----------------------------------------------------------------------------------------------

    def compared(
        self,
        photo: PhotoRead,
        verified: Sequence[Verified],
        known: Mapping[int, Description],
        snapshot: Snapshot,
        scoring: Scoring,
    ) -> list[Verified]:
        """The candidates, in order; those that can be the product with what print says, and a new probability.

        `known`: descriptions of candidates by image id, as far as they are read already.
        """
        side = photo.side
        if side is None:
            return list(verified)
        texts = {i: min(ranks) for i, v in enumerate(verified) if (ranks := _text_ranks(v))}
        skus, p = [v.facts.sku for v in verified], [v.verification.probability for v in verified]
        places = worth_comparing(skus, p, texts, self.settings.contenders)
        facts = {verified[i].facts.id: verified[i].facts for i in places}
        sides = stored_print(self.catalog, self.printed, facts.values())
        # Keypoints of the candidates whose geometry was looked at are at hand.
        rest = {i: f for i, f in facts.items() if "orb" not in known.get(i, _NOTHING)}
        described = {**known, **stored(self.catalog, self.methods, rest)}
        side_of_keypoints = scoring.verifier.orb.settings.size
        printed = PrintVerifier(self._reader, snapshot.text_weights.weight, keypoint_side=side_of_keypoints)
        words = self._words(side, facts.values(), snapshot.text_weights)
        tells = words is None or telling(words.photo, snapshot.text_weights)

        def compare(i: int) -> Verified:
            one = verified[i]
            other = described.get(one.facts.id)
            geometry = None
            if other is not None and not (photo.description.loose_pills or other.loose_pills):
                geometry = scoring.verifier.geometry(photo.description, other)
            found = printed.compare(side, sides[one.facts.id], geometry)
            other_face = geometry is not None and geometry.inliers < printed.settings.inliers
            by_words = alone(words.photo, words.of[one.facts.sku], found) if words and other_face else None
            judge = judged(one.verification, found, scoring.calibration, by_words, tells=tells)
            return one._replace(verification=judge)

        out = list(verified)
        for i, one in zip(places, in_threads(compare, places), strict=True):
            out[i] = one
        return out

    def _words(self, photo: PhotoSide, facts: Collection[ImageFacts], weights: TextWeights) -> _Words | None:
        """The words of the photo, and those of all faces and rows of the products of `facts`; None without any."""
        if photo.reading is None or not photo.reading.lines:
            return None
        products = set(self.catalog.selection.products_of(f.id for f in facts).values())
        every = self.catalog.images.facts(self.catalog.selection.images_of(products).tolist())
        faces: dict[str, list[ImageFacts]] = {f.sku: [f] for f in facts}
        for face in every.values():
            if face not in faces.get(face.sku, [face]) and len(faces[face.sku]) < _FACES:
                faces[face.sku].append(face)
        sides = stored_print(self.catalog, self.printed, [f for each in faces.values() for f in each])
        told = {}
        for sku, each in faces.items():
            told[sku] = together_said([said(sides[f.id].reading, f, weights.word) for f in each])
        return _Words(said(photo.reading, None, weights.word), told)


def _reading(descriptor: Descriptor) -> Reading:
    return decode(descriptor.astype(np.uint8, copy=False))


def _text_ranks(verified: Verified) -> list[int]:
    return [rank for lane, rank in verified.candidate.ranks.items() if lane in _BY_PRINT]


def worth_comparing(
    skus: Sequence[str], probabilities: Sequence[float], text_ranks: Mapping[int, int], first: int
) -> list[int]:
    """Places of the candidates that are compared by print.

    These are the `first` most probable products by appearance, the `first` of the lanes of print, and all that keep a
    share of the probability beside the most probable: at most three times `first` products.

    Args:
        skus: product of each candidate.
        probabilities: of each by appearance, 0 to 1.
        text_ranks: place -> best rank in the lanes of text and codes, for those that these found.
        first: products.
    """
    if not skus:
        return []
    odds = [log_odds(p) for p in probabilities]
    by_appearance = sorted(range(len(skus)), key=lambda i: (-odds[i], i))
    by_text = sorted(text_ranks, key=lambda i: (text_ranks[i], i))
    least = odds[by_appearance[0]] + log_odds(_OPEN)
    chosen: dict[int, None] = {}

    def take(order: Sequence[int], goes_on: Callable[[int, int], bool]) -> None:
        images: dict[str, int] = {}
        for i in order:
            if skus[i] not in images and not goes_on(i, len(images)):
                break
            images[skus[i]] = images.get(skus[i], 0) + 1
            if images[skus[i]] <= _IMAGES:
                chosen[i] = None

    take(by_appearance, lambda i, taken: taken < first or (taken < 3 * first and odds[i] >= least))
    take(by_text, lambda i, taken: taken < first)
    return list(chosen)


def judged(
    seen: Verification,
    printed: PrintComparison,
    calibration: Calibration,
    by_words: PrintAlone | None = None,
    *,
    tells: bool = True,
) -> Verification:
    """A verdict by appearance, together with what print and codes say. Contradictions stand beside its probability.

    Where one side was not read, or there is no fit of print, print changes no probability; an equal code does. So it is
    where the photo `tells` nothing; see `print_alone.telling`.

    `by_words`: what print says alone, where the pictures agree in no points. The photo may then show a face that the
    catalog lacks, of which appearance knows nothing: the likelier of the two views counts, that of print alone only
    where it is for the product.
    """
    beside = _by_appearance(seen, printed, calibration if tells else replace(calibration, printed=None))
    if by_words is None or calibration.alone is None or not tells:
        return beside
    p = float(calibration.alone.probability(np.array([by_words.features]))[0])
    if p <= max(_SPEAKS, beside.probability):
        return beside
    return replace(seen, probability=p, printed=replace(printed, alone=by_words))


def _by_appearance(seen: Verification, printed: PrintComparison, calibration: Calibration) -> Verification:
    odds = log_odds(seen.probability)
    equal_codes = bool(printed.features) and printed.features[_CODE] == 1.0
    if calibration.printed is None or not both_read(printed):
        printed = replace(printed, features=())
    else:
        odds = float(calibration.printed.logits(np.array([[odds, *printed.features]]))[0])
    if not (printed.features or equal_codes):
        return replace(seen, printed=printed)
    return replace(seen, probability=probability(odds + equal_codes * math.log(CODE_GAIN)), printed=printed)


def both_read(printed: PrintComparison) -> bool:
    """Whether the print of both sides was compared."""
    return bool(printed.features and printed.features[_BOTH])
