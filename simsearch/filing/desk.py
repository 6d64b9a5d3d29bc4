"""Where people decide doubts: accept one, dismiss it, or take the word back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from simsearch.catalog import Catalog
from simsearch.catalog.corrections import EVERY, Correction
from simsearch.catalog.doubts import Doubt, DoubtedPhoto, DoubtKind, DoubtVerdict, FilingAction
from simsearch.core.errors import UsageError
from simsearch.filing.sheet_file import Word


@dataclass(frozen=True)
class DecidedDoubt:
    """A doubt after a word on it."""

    doubt: Doubt
    images: int
    """Photos that are filed otherwise than before."""


@dataclass(frozen=True)
class TableChange:
    """What the owner of a source's table would change, so that the catalog needs no correction of its own."""

    doubt: Doubt
    """That was accepted."""
    correction: Correction | None
    """None where the row itself is wrong, which the catalog does not correct."""

    @property
    def photo(self) -> DoubtedPhoto | None:
        """The photo that is corrected: of two that contradict each other, the one that was said to be wrong."""
        against = self.doubt.against
        other = self.correction is not None and against is not None and against.sha256 == self.correction.sha256
        return against if other else self.doubt.photo


class FilingDesk:
    """Decisions on the doubts of one catalog. Each is one transaction: done, or not done."""

    def __init__(self, catalog: Catalog, writing: Callable[[], AbstractContextManager[None]]) -> None:
        """`writing`: holds the lock of the home, so that no run of indexing is half-way."""
        self.catalog, self.writing = catalog, writing

    def open(self, sku: str | None = None) -> list[Doubt]:
        """The open doubts of the last check, surest first; with `sku` only those about it."""
        return self.catalog.doubts.open(skus=None if sku is None else [sku])

    def said(self) -> list[Doubt]:
        """Those that people decided, oldest word first."""
        return self.catalog.doubts.said()

    def changes(self) -> list[TableChange]:
        """What was accepted, for the owner of the table, oldest first."""
        in_force = {correction.doubt: correction for correction in self.catalog.corrections.all()}
        return [TableChange(d, in_force.get(d.id)) for d in self.said() if d.verdict == "accepted"]

    def accept(
        self,
        number: int,
        *,
        to: str | None = None,
        leave_out: bool = False,
        other: bool = False,
        note: str = "",
        by: str = "",
    ) -> DecidedDoubt:
        """Say that a doubt is right, and correct the catalog: as it proposes, or otherwise.

        Args:
            number: of the doubt.
            to: the SKU that the photo, or all photos of the SKU, belong to.
            leave_out: the photo is left out of the catalog instead.
            other: of two photos of one SKU that contradict each other, the other one is wrong.
            note: why.
            by: who says so.

        Raises:
            UsageError: there is no such doubt, it is decided already, or cannot be mended so; nothing was changed.
        """
        with self.writing():
            doubt = self._open_one(number)
            action, target = _mended(doubt, to, leave_out)
            photo = _other(doubt) if other else doubt.photo
            sha256 = EVERY if action is FilingAction.MERGE or photo is None else photo.sha256
            count = self.catalog.corrections.accept(number, action, doubt.sku, sha256, target, note=note, by=by)
            return DecidedDoubt(self._get(number), count)

    def dismiss(self, number: int, *, note: str = "", by: str = "") -> DecidedDoubt:
        """Say that a doubt is none: it is not listed again.

        Raises:
            UsageError: there is no such doubt, or it is decided already.
        """
        with self.writing():
            self._open_one(number)
            self.catalog.doubts.dismiss(number, note, by)
            return DecidedDoubt(self._get(number), 0)

    def forget(self, number: int) -> DecidedDoubt:
        """Take a word back: a dismissed doubt is open again, an accepted one is undone.

        Raises:
            UsageError: nothing was said of it, or a later correction builds on it; nothing was changed.
        """
        with self.writing():
            doubt = self._get(number)
            if doubt.verdict is None:
                raise UsageError(f"doubt {number}: nothing was said of it; `simsearch check said` lists what was")
            if doubt.verdict == "dismissed":
                self.catalog.doubts.reopen(number)
                return DecidedDoubt(self._get(number), 0)
            changed = self.catalog.corrections.undo(number)
            return DecidedDoubt(self._get(number), changed)

    def take_in(self, words: Sequence[Word], *, by: str = "") -> tuple[list[DecidedDoubt], list[str]]:
        """Carry out words of a sheet, in turn; returns what was decided, and why other words were not.

        A doubt that was decided the same way before is passed over.
        """
        done: list[DecidedDoubt] = []
        refused: list[str] = []
        for word in words:
            doubt = self.catalog.doubts.get(word.doubt)
            if doubt is None or doubt.key != word.key:
                refused.append(f"{word.where}: doubt {word.doubt} is another one here; make a new sheet")
            elif doubt.verdict is not word.said:
                try:
                    accepts = word.said is DoubtVerdict.ACCEPTED
                    done.append(
                        self.accept(word.doubt, to=word.to, note=word.note, by=by)
                        if accepts
                        else self.dismiss(word.doubt, note=word.note, by=by)
                    )
                except UsageError as error:
                    refused.append(f"{word.where}: {error}")
        return done, refused

    def _get(self, number: int) -> Doubt:
        doubt = self.catalog.doubts.get(number)
        if doubt is None:
            raise UsageError(f"{number}: is the number of no doubt; `simsearch check` lists them")
        return doubt

    def _open_one(self, number: int) -> Doubt:
        doubt = self._get(number)
        if doubt.verdict is not None:
            raise UsageError(f"doubt {number}: was {doubt.verdict} before; `simsearch check forget {number}` first")
        return doubt


def _other(doubt: Doubt) -> DoubtedPhoto:
    """The second photo of a doubt about two photos of one SKU."""
    if doubt.kind is not DoubtKind.ODD_PHOTO or doubt.against is None or doubt.against.sku != doubt.sku:
        raise UsageError(f"doubt {doubt.id}: is not about two photos of one SKU; accept it without --other")
    return doubt.against


def _mended(doubt: Doubt, to: str | None, leave_out: bool) -> tuple[FilingAction, str]:
    """The action, and the SKU that it leads to."""
    if to is not None and leave_out:
        raise UsageError("--to and --leave-out: give one of them")
    if (to is not None or leave_out) and doubt.photo is None:
        raise UsageError(f"doubt {doubt.id}: is about a row of the table and not about a photo; accept it as it is")
    if leave_out:
        if doubt.action is FilingAction.MERGE:
            raise UsageError(f"doubt {doubt.id}: is about two SKUs and not one photo; give --to")
        return FilingAction.LEAVE_OUT, ""
    if to is not None:
        if to == doubt.sku:
            raise UsageError(f"--to {to}: that is where it is filed; dismiss the doubt instead")
        return (FilingAction.MERGE if doubt.action is FilingAction.MERGE else FilingAction.MOVE), to
    return doubt.action, doubt.to_sku if doubt.action in (FilingAction.MOVE, FilingAction.MERGE) else ""
