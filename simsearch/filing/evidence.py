"""What the check of filing keeps of a photo: how it fits others of its SKU, near ones of other SKUs, and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PAIR_FEATURES = (
    "look", "support", "likeness", "lines", "name", "amounts", "against", "code", "differing", "lacking", "both_lack",
    "unnamed", "in_view",
)  # fmt: skip
"""What a pair of photos shows, in this order:

look: log-odds of one product by appearance, -8 to 8. support: root of the support of the keypoints. likeness: of
all text, less where one side says little, 0 to 1. lines: log(1 + lines that agree at their place). name, amounts: how
many of name, and of strength, pack and volume, agree. against: log(1 + contradictions in print). code: 1 for equal
codes, 0.5 for those of a case and what is in it, -1 for codes that differ. differing: log(1 + kinds of amounts that
both name and name differently, sure or not). lacking, both_lack: of the words that either prints large, the share that
the other does not print, the larger and the smaller of the two shares. unnamed: 1 where a row says no name to look for.
in_view: log(1 + those words whose place the other photo shows).
"""
_AGAINST, _BY_CODE = PAIR_FEATURES.index("against"), PAIR_FEATURES.index("code")
APART = ("differing", "in_view", "lacking", "both_lack")
_APART = [PAIR_FEATURES.index(column) for column in APART]
_SAID = [i for i, column in enumerate(PAIR_FEATURES) if column not in ("look", "support", "unnamed")]
"""The columns that print or codes make."""


@dataclass(frozen=True)
class PairSeen:
    """A photo beside another one."""

    other: int
    """Image id."""
    features: tuple[float, ...]
    """The columns `PAIR_FEATURES`."""

    @property
    def contradicted(self) -> bool:
        """Whether print or codes say that the two are two products."""
        return self.features[_AGAINST] > 0 or self.features[_BY_CODE] < 0

    @property
    def by_looks(self) -> bool:
        """Whether neither print nor codes say anything of the two, so that looks and keypoints decide alone."""
        return not any(self.features[column] for column in _SAID)

    @property
    def apart(self) -> tuple[float, ...]:
        """How far the two stand apart: the columns `APART`."""
        return tuple(self.features[column] for column in _APART)


@dataclass(frozen=True)
class RowSeen:
    """A photo beside a row of the catalog's table."""

    name: float
    """How much of the row's name is printed on the photo, 0 to 1; what is printed small counts half."""
    agree: tuple[str, ...] = ()
    """Kinds of facts: strength, pack, volume, form, code, maker."""
    against: tuple[tuple[str, str, str], ...] = ()
    """(kind, as printed, as the row says)."""
    apart: tuple[tuple[str, float, str, str], ...] = ()
    """(colour or shape, how improbable the row's word is, as the pill looks, as the row says): see `pill_words`."""
    unsure: tuple[tuple[str, str, str], ...] = ()
    """As `against`, of amounts that differ where the photo is not read with certainty."""

    @property
    def fit(self) -> float:
        """How far the photo says what the row says: kinds that agree less those that contradict, and the name."""
        kinds = {kind for kind, *_ in self.against}
        return len({*self.agree} - kinds) - 2.0 * len(kinds) + 2.0 * self.name


@dataclass(frozen=True)
class ImageSeen:
    """What was seen of one photo."""

    read: bool
    """Whether any print was read on it that says something of the product: a lot and a date alone do not."""
    own: tuple[PairSeen, ...]
    """Beside photos of its SKU."""
    others: tuple[PairSeen, ...]
    """Beside photos of other SKUs."""
    row: RowSeen
    """Beside its own row."""
    rows: Mapping[str, RowSeen]
    """SKU -> beside the row of that SKU: those of `others`, and those whose names it prints."""
    named: tuple[str, ...] = ()
    """The SKUs of the latter, longest name first."""

    def json(self) -> dict[str, Any]:
        """As the catalog keeps it."""
        return {
            "read": self.read, "own": [_packed(p) for p in self.own], "others": [_packed(p) for p in self.others],
            "row": packed_row(self.row), "rows": {sku: packed_row(row) for sku, row in sorted(self.rows.items())},
            "named": list(self.named),
        }  # fmt: skip

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> ImageSeen:
        """The inverse of `json`."""
        own, others = (tuple(PairSeen(p[0], tuple(p[1:])) for p in kept[side]) for side in ("own", "others"))
        rows = {sku: row_of(r) for sku, r in kept["rows"].items()}
        return cls(kept["read"], own, others, row_of(kept["row"]), rows, tuple(kept["named"]))


def _packed(pair: PairSeen) -> list[float]:
    return [pair.other, *(round(value, 4) for value in pair.features)]


def packed_row(row: RowSeen) -> list[Any]:
    """As the catalog keeps it."""
    apart = [[kind, round(by, 4), *words] for kind, by, *words in row.apart]
    against, unsure = ([list(fact) for fact in facts] for facts in (row.against, row.unsure))
    return [round(row.name, 4), list(row.agree), against, apart, unsure]


def row_of(kept: Sequence[Any]) -> RowSeen:
    """The inverse."""
    against, unsure = (tuple((f[0], f[1], f[2]) for f in kept[part]) for part in (2, 4))
    return RowSeen(kept[0], tuple(kept[1]), against, tuple((f[0], f[1], f[2], f[3]) for f in kept[3]), unsure)
