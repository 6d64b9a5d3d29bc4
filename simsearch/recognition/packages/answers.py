"""One answer to a photo of several packages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simsearch.core.types import Decision, Package, PhotoPrint
from simsearch.recognition.packages.distinct import Part
from simsearch.recognition.packages.shapes import Size, in_shares


def answered(whole: Decision, parts: Sequence[Part], size: Size) -> Decision:
    """The answer to a photo with its packages.

    Where it shows one, the answer to the whole photo stands. Where it shows several, the answer is that to the surest.

    Args:
        whole: the answer to the photo as one.
        parts: the packages in reading order; fewer than two where it shows one.
        size: of the picture that their outlines refer to.
    """
    if len(parts) < 2:
        outlines = [in_shares(p.polygon, size) for p in parts]
        return replace(whole, packages=(Package(outlines[0] if outlines else None, whole),))
    packages = tuple(Package(in_shares(p.polygon, size), replace(p.answer, query=whole.query)) for p in parts)
    number = max(range(1, len(parts) + 1), key=lambda n: (parts[n - 1].rank, -n))
    first = packages[number - 1].answer
    return replace(
        first,
        reason=f"{len(parts)} packages in the photo; number {number}, the surest of them: {first.reason}",
        read=_with_codes(whole.read, packages),
        packages=packages,
    )


def _with_codes(read: PhotoPrint | None, packages: Sequence[Package]) -> PhotoPrint | None:
    """What was read on the whole photo, with the codes that were read on its packages alone."""
    if read is None:
        return None
    codes = {*read.codes, *(code for p in packages if p.answer.read for code in p.answer.read.codes)}
    return replace(read, codes=tuple(sorted(codes)))
