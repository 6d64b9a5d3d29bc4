"""One opened build of the indexes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simsearch.indexes.base import Searcher
from simsearch.indexes.keypoint_votes import Votes
from simsearch.indexes.pills import PillIndex
from simsearch.indexes.text import TextIndex
from simsearch.indexes.text_weights import TextWeights


@dataclass(frozen=True)
class Generation:
    """An opened build. Nobody changes it, so many threads may search it."""

    name: str
    revision: int
    """Of the catalog that it was built from."""
    images: int
    lanes: Mapping[str, Searcher]
    pointer: str = ""
    """What `current` named when it was opened. Another name if that one is damaged and this is an earlier one."""
    digest: str = ""
    """Of its manifest: two generations with one digest give the same answers."""
    votes: Votes | None = None
    """Keypoints; None where it was built without them, or from others than are wanted."""
    texts: Mapping[str, TextIndex] = field(default_factory=dict)
    """The lanes of text, "text" and "words". Without "text" where that holds other readings than are wanted."""
    weights: TextWeights | None = None
    """Of terms; None where it was built without the lanes of text, or none are wanted."""
    pills: PillIndex | None = None
    """Loose pills; None where it was built without them, or from others than are wanted."""
