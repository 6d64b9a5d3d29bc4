"""Pair verification: do two photos show the same product? Lists of pairs come from the caller or from a CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError, SourceError
from simsearch.core.print_wording import agreed, says_otherwise
from simsearch.core.text import basis, below, percent
from simsearch.core.threads import SingleThreaded, in_threads
from simsearch.core.types import Description, Outline, PairVerdict, PrintComparison, Refusal, Verification
from simsearch.features.base import Method
from simsearch.features.description import describe
from simsearch.features.orb import Orb
from simsearch.ingest.sources import read_table
from simsearch.recognition.packages import compared as packages
from simsearch.recognition.pair_scorer import CandidateScorer, PhotoReader
from simsearch.recognition.print_pairs import PrintSide

_DECODED = 64
"""Photos that are held decoded at once."""
_WORTH_READING = 0.1
"""Probability from which photos are read: below it they do not look like one product, whatever is printed on them."""

_Compared: TypeAlias = tuple[PrintComparison | None, tuple[Outline | None, Outline | None]]
"""What print says of a pair, and which packages of the two photos were compared."""


class PairVerifier:
    """Verifies pairs of photos. `threshold`: the least probability of a pair that shows the same product.

    A pair that looks alike is read, where there is a reader. A contradiction in print beats any likeness.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        scorer: CandidateScorer,
        threshold: float,
        reading: ImageSettings,
        prints: PhotoReader | None = None,
        *,
        always: bool = False,
    ) -> None:
        """
        Args:
            methods: those that verification needs.
            scorer: judges the looks of a pair.
            threshold: of the probability, 0 to 1.
            reading: how files become pixels.
            prints: reads what is printed; None: nothing is read.
            always: read every pair, and not only those that look alike.
        """
        self.methods, self.scorer, self.threshold, self.reading = methods, scorer, threshold, reading
        self.prints, self._least = prints, 0.0 if always else _WORTH_READING

    def verify(self, pairs: Sequence[tuple[str, str]]) -> list[PairVerdict]:
        """One verdict a pair of paths, in order. A photo that cannot be read gives its pairs an error."""
        described = _describe(self.methods, pairs, self.reading)
        with SingleThreaded():
            looks = in_threads(lambda pair: self._looks(pair, described), pairs)
            wanted = [i for i, v in enumerate(looks) if v is not None and self._to_be_read(pairs[i], v, described)]
            sides = self._read({path for i in wanted for path in pairs[i]})
            found = in_threads(lambda i: self._compared(pairs[i], sides, described), wanted)
        printed = dict(zip(wanted, found, strict=True))
        nothing: _Compared = (None, (None, None))
        return [self._verdict(pair, looks[i], printed.get(i, nothing), described) for i, pair in enumerate(pairs)]

    def _looks(self, pair: tuple[str, str], described: Mapping[str, Description | ImageError]) -> Verification | None:
        a, b = (described[path] for path in pair)
        if isinstance(a, ImageError) or isinstance(b, ImageError):
            return None
        return self.scorer.verify(a, [b], geometry=1)[0]

    def _verdict(
        self,
        pair: tuple[str, str],
        looks: Verification | None,
        compared: _Compared,
        described: Mapping[str, Description | ImageError],
    ) -> PairVerdict:
        if looks is None:
            return _unreadable(pair, *(described[path] for path in pair))
        printed, outlines = compared
        verification = replace(looks, printed=printed)
        same = verification.probability >= self.threshold and not verification.contradicted
        words = "; ".join(filter(None, (reason(verification, self.threshold), packages.in_words(outlines))))
        return PairVerdict(*pair, same, verification, reason=words, outlines=outlines)

    # -- print -------------------------------------------------------------------------------------------------------

    def _to_be_read(
        self, pair: tuple[str, str], looks: Verification, described: Mapping[str, Description | ImageError]
    ) -> bool:
        """Whether print matters: not for one file twice, nor for loose pills."""
        pills = any(isinstance(one := described[path], Description) and one.loose_pills for path in pair)
        return self.prints is not None and looks.probability >= self._least and pair[0] != pair[1] and not pills

    def _read(self, paths: Iterable[str]) -> dict[str, PrintSide]:
        """What is read on each photo, without pixels, which would fill the memory; nothing for a file that is gone."""
        prints, listed = self.prints, sorted(paths)
        if prints is None:
            return {}

        def read(path: str) -> PrintSide:
            with suppress(ImageError):
                return replace(prints.look(images.load(Path(path), self.reading)), pixels=None)
            return PrintSide()

        return dict(zip(listed, in_threads(read, listed), strict=True))

    def _compared(
        self,
        pair: tuple[str, str],
        sides: Mapping[str, PrintSide],
        described: Mapping[str, Description | ImageError],
    ) -> _Compared:
        assert self.prints is not None
        left, right = (described[path] for path in pair)
        assert isinstance(left, Description)
        assert isinstance(right, Description)
        orb, a = self.methods.get("orb"), sides[pair[0]]
        geometry = orb.geometry(left["orb"], right["orb"]) if isinstance(orb, Orb) else None
        if geometry is not None and geometry.homography is not None:
            with suppress(ImageError):
                a = replace(a, pixels=images.load_sharp(Path(pair[0]), self.reading))
        b, side = sides[pair[1]], orb.settings.size if isinstance(orb, Orb) else 0
        return self.prints.compare(a, b, geometry), packages.compared(a.reading, b.reading, geometry, side)


def compare_pairs(pairs: Sequence[tuple[str, str]], method: Method, reading: ImageSettings) -> list[PairVerdict]:
    """The similarity of each pair of paths by one method, without a verdict, in order."""
    described = _describe({method.name: method}, pairs, reading)

    def compared(pair: tuple[str, str]) -> PairVerdict:
        a, b = (described[path] for path in pair)
        if isinstance(a, ImageError) or isinstance(b, ImageError):
            return _unreadable(pair, a, b)
        return PairVerdict(*pair, similarity=float(method.compare(a[method.name], [b[method.name]])[0]))

    with SingleThreaded():
        return in_threads(compared, pairs)


def _describe(
    methods: Mapping[str, Method], pairs: Sequence[tuple[str, str]], reading: ImageSettings
) -> dict[str, Description | ImageError]:
    """Path -> its description, or the reason why it cannot be read; each photo once."""
    described: dict[str, Description | ImageError] = {}
    paths = list(dict.fromkeys(path for pair in pairs for path in pair))
    for start in range(0, len(paths), _DECODED):
        part = paths[start : start + _DECODED]
        found = in_threads(lambda path: images.load_or_error(path, reading, keep=False), part)
        loaded = dict(zip(part, found, strict=True))
        sound = {path: image for path, image in loaded.items() if not isinstance(image, ImageError)}
        described |= {path: image for path, image in loaded.items() if isinstance(image, ImageError)}
        described |= dict(zip(sound, describe(methods, list(sound.values())), strict=True))
    return described


def _unreadable(pair: tuple[str, str], *photos: Description | ImageError) -> PairVerdict:
    return PairVerdict(*pair, error=next(photo for photo in photos if isinstance(photo, ImageError)))


def read_pairs(path: Path) -> tuple[list[tuple[str, str, str]], list[Refusal]]:
    """(line, photo, photo) from a CSV with the columns `a` and `b`, and a refusal for each invalid line.

    Paths in the columns are relative to the file.

    Raises:
        SourceError: there is no such file, it is no CSV with these columns, or it has no lines.
    """
    records, refusals = read_table(path, ("a", "b"))
    pairs: list[tuple[str, str, str]] = []
    for where, record in records:
        a, b = record.get("a", "").strip(), record.get("b", "").strip()
        if a and b and a.isprintable() and b.isprintable():
            pairs.append((where, str(path.parent / a), str(path.parent / b)))
        else:
            refusals.append(Refusal(where, "bad_row", f"{where}: needs a photo in each of the columns a and b"))
    if not pairs and not refusals:
        raise SourceError(f"{path}: holds no pairs; give a line for each, with a photo in the columns a and b")
    return pairs, refusals


def reason(v: Verification, threshold: float) -> str:
    """What the verdict on a pair rests on."""
    if v.printed is not None and v.contradicted:
        return f"{says_otherwise(v.printed, 'the second photo', photo='the first photo')}; {basis(v)}"
    words = "; ".join(filter(None, (basis(v), agreed(v.printed))))
    if v.probability >= threshold:
        return words
    return f"{words}: {below(v.probability, threshold)} is less than the {percent(threshold)} that a pair needs"
