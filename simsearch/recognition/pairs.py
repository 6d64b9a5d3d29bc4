"""Pair verification: do two photos show the same product? Lists of pairs come from the caller or from a CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError, SourceError
from simsearch.core.text import basis, below, percent
from simsearch.core.threads import SingleThreaded, in_threads
from simsearch.core.types import Description, PairVerdict, Refusal, Verification
from simsearch.features.base import Method
from simsearch.features.description import describe
from simsearch.ingest.sources import read_table
from simsearch.recognition.pair_scorer import CandidateScorer

_DECODED = 64
"""Photos that are held decoded at once."""


class PairVerifier:
    """Verifies pairs of photos. `threshold`: the least probability of a pair that shows the same product."""

    def __init__(
        self, methods: Mapping[str, Method], scorer: CandidateScorer, threshold: float, reading: ImageSettings
    ) -> None:
        self.methods, self.scorer, self.threshold, self.reading = methods, scorer, threshold, reading

    def verify(self, pairs: Sequence[tuple[str, str]]) -> list[PairVerdict]:
        """One verdict a pair of paths, in order. A photo that cannot be read gives its pairs an error."""
        described = _describe(self.methods, pairs, self.reading)
        with SingleThreaded():
            return in_threads(lambda pair: self._verdict(pair, described), pairs)

    def _verdict(self, pair: tuple[str, str], described: Mapping[str, Description | ImageError]) -> PairVerdict:
        a, b = (described[path] for path in pair)
        if isinstance(a, ImageError) or isinstance(b, ImageError):
            return _unreadable(pair, a, b)
        [verification] = self.scorer.verify(a, [b], geometry=1)
        same = verification.probability >= self.threshold
        return PairVerdict(*pair, same, verification, reason=reason(verification, self.threshold))


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
        loaded = dict(zip(part, in_threads(lambda path: images.load_or_error(path, reading), part), strict=True))
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
    if v.probability >= threshold:
        return basis(v)
    return f"{basis(v)}: {below(v.probability, threshold)} is less than the {percent(threshold)} that a pair needs"
