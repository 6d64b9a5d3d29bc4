"""Reads the tokens of a strength in one of the ways in which they may be meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from simsearch.core.quantities.model import Part, Quantity, Reading
from simsearch.core.quantities.numerals import read
from simsearch.core.quantities.tokens import CONTAINED, Token

_RESTATES = frozenset("as als como come en sous base equivalent i.e. ie entspr".split())
"""Words that begin a second statement of an amount, in brackets: `500 mg (as trihydrate 574 mg)`."""


@dataclass
class _Draft:
    """A part while its text is read."""

    alternatives: list[Quantity]
    names: set[str]
    start: int
    end: int
    joined: bool
    """Whether `+` or `/` stands before it."""
    heavy: bool
    """Whether it is given in grams or kilograms."""


class Reader:
    """Reads tokens in one way, once."""

    def __init__(self, mark: str, hyphen: str, bare: bool) -> None:
        self.mark, self.hyphen, self.bare = mark, hyphen, bare
        self.drafts: list[_Draft] = []
        self.content: list[Quantity] = []
        self.latest: _Draft | None = None  # what a denominator belongs to
        self.between = ""  # what stands between the last amount and the next
        self.ahead: Quantity | None = None  # "each 5 ml contains"
        self.divisor: Quantity | None = None  # the last denominator
        self.words: set[str] = set()
        self.named_first = False
        self.span: tuple[int, int] | None = None

    def read(self, found: Sequence[Token], *, firm: bool, fluid: bool) -> Reading:
        """Read all tokens. `firm`, `fluid`: the form is a cream or the like; a solution or the like."""
        for token in found:
            {
                "amount": self._amount, "bare": self._number, "per": self._per, "basis": self._basis,
                "same": self._same, "span": self._range, "word": self._word, "mark": self._mark,
            }.get(token.kind, self._skip)(token)  # fmt: skip
        self._share_denominator()
        self._settle_percentages(firm, fluid)
        self._set_content_apart(firm)
        if any(self._dimension(draft) for draft in self.drafts):
            self.drafts = [draft for draft in self.drafts if self._dimension(draft)]
        if self.drafts:
            self.span = min(d.start for d in self.drafts), max(d.end for d in self.drafts)
        parts = tuple(Part(tuple(dict.fromkeys(d.alternatives)), frozenset(d.names)) for d in self.drafts)
        return Reading((self.mark, self.hyphen), parts, tuple(self.content))

    # -- tokens ------------------------------------------------------------------------------------------------------

    def _amount(self, token: Token) -> None:
        found, number = token.unit, read(token.number, self.mark)
        if number is None or found.dimension in ("h", "cm2"):
            return
        amount = number * found.factor
        if found.dimension in CONTAINED:
            self.content.append(Quantity(found.dimension, "", amount, amount))
            self.latest, self.between = None, ""
            return
        self._add(token, Quantity(found.dimension, "", amount, amount), found.factor >= 1000)

    def _number(self, token: Token) -> None:
        number = read(token.number, self.mark) if self.bare else None
        if number is not None:
            self._add(token, Quantity("", "", number, number), heavy=False)

    def _add(self, token: Token, quantity: Quantity, heavy: bool) -> None:
        last, between, self.between = self.latest, self.between, ""
        ranging = between == "to" or (between == "-" and self.hyphen == "range")
        if last and between in ("same", "("):
            last.alternatives.append(quantity)
            last.end = token.end
        elif last and ranging and self._widens(last.alternatives[-1], quantity):
            last.alternatives[-1] = Quantity(quantity.dimension, "", last.alternatives[-1].low, quantity.high)
            last.end = token.end
        else:
            names = self.words if self.named_first or not self.drafts else set()
            self.named_first = self.named_first or (not self.drafts and bool(self.words))
            self.latest = _Draft([quantity], set(names), token.start, token.end, between in ("+", "/"), heavy)
            self.drafts.append(self.latest)
        self.words = set()

    @staticmethod
    def _widens(low: Quantity, high: Quantity) -> bool:
        return (low.dimension, low.per) == (high.dimension, "") and low.low < high.high

    def _per(self, token: Token) -> None:
        of = token.unit
        number = read(token.number, self.mark) if token.number else 1
        if not number or (of.dimension == "each" and number == 1):
            return
        what = Quantity(of.dimension, "", number * of.factor, number * of.factor)
        if of.dimension == "each":
            self.content.append(what)  # 500 mg / 30 tablets
            return
        if self.latest is not None:
            self._divide(self.latest, what)
            self.latest.end, self.divisor = token.end, what
        elif not token.text.startswith("/") and not self.drafts:
            self.ahead = what

    @staticmethod
    def _divide(draft: _Draft, by: Quantity) -> None:
        draft.alternatives = [
            q
            if q.per or q.dimension == "%"
            else Quantity(q.dimension, by.dimension, q.low / by.low, q.high / by.low, by.low)
            for q in draft.alternatives
        ]

    def _basis(self, token: Token) -> None:
        if self.latest and self._dimension(self.latest) == "%":
            self.latest.alternatives = [_share(q, token.basis) for q in self.latest.alternatives]
            self.latest.end = token.end

    def _same(self, token: Token) -> None:
        self.between = "same"

    def _range(self, token: Token) -> None:
        self.between = self.between or "to"

    def _word(self, token: Token) -> None:
        word = token.text.lower()
        if self.between == "(":
            self.between = "same" if word in _RESTATES else ""
        elif self.between in ("to", "-"):
            self.between = "+"
        if len(word) >= 3:
            named = self.words if self.named_first or not self.drafts else self.drafts[-1].names
            named.add(word)

    def _mark(self, token: Token) -> None:
        if token.text == "(":
            self.between = "(" if self._follows(token) else ""
        elif token.text in "+/&;,":
            self.between = "+"
        elif token.text == "-" and self._follows(token):
            self.between = "-"
        elif token.text == ")" and self.between == "(":
            self.between = ""

    def _follows(self, token: Token) -> bool:
        return self.latest is not None and token.start - self.latest.end <= 1

    def _skip(self, token: Token) -> None:
        """A word with a number in it, or the `x` behind a count."""

    # -- afterwards --------------------------------------------------------------------------------------------------

    @staticmethod
    def _dimension(draft: _Draft) -> str:
        return draft.alternatives[0].dimension

    def _share_denominator(self) -> None:
        """`400 mg/57 mg per 5 ml`, `each 5 ml contains ...`: one denominator for all."""
        for draft in self.drafts if self.ahead else ():
            assert self.ahead
            self._divide(draft, self.ahead)
        last = self.drafts[-1].alternatives[0] if self.drafts else None
        if (
            last
            and last.per
            and self.divisor
            and self.drafts[-1].joined
            and not any(d.alternatives[0].per for d in self.drafts[:-1])
        ):
            for draft in self.drafts[:-1]:
                self._divide(draft, self.divisor)

    def _settle_percentages(self, firm: bool, fluid: bool) -> None:
        basis = "ww" if firm else "wv" if fluid else ""
        for draft in self.drafts if basis else ():
            draft.alternatives = [_share(q, basis) if q.dimension == "%" else q for q in draft.alternatives]

    def _set_content_apart(self, firm: bool) -> None:
        """Grams beside a concentration, or of a cream, are what the tube holds."""
        shares = any(q.per or q.dimension == "%" for draft in self.drafts for q in draft.alternatives)
        if not firm and not shares:
            return
        tubes = [d for d in self.drafts if d.heavy and not d.alternatives[0].per]
        self.content += [d.alternatives[0] for d in tubes]
        self.drafts = [d for d in self.drafts if d not in tubes]


def _share(percentage: Quantity, basis: str) -> Quantity:
    """A percentage by weight in volume ("wv"), weight in weight or volume in volume, in mg/ml, mg/mg or ml/ml."""
    solute, solvent = ("mg" if letter == "w" else "ml" for letter in basis)
    factor = Fraction(10) if basis == "wv" else Fraction(1, 100)
    return Quantity(solute, solvent, percentage.low * factor, percentage.high * factor)
