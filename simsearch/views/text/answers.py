"""What `simsearch query` prints: an answer in words, and the nearest products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.padding import Padding

from simsearch.core.errors import ImageError
from simsearch.core.print_wording import short
from simsearch.core.text import headline, percent
from simsearch.core.types import Decision, Hit, Outcome, PhotoPrint
from simsearch.views.text.explain import explanation, took
from simsearch.views.text.output import OUT, table, text

if TYPE_CHECKING:
    from simsearch.recognition.by_looks import LooksHit

_COLOURS = {Outcome.MATCH: "green", Outcome.AMBIGUOUS: "yellow", Outcome.UNKNOWN: "red"}


def answer(query: str, found: Decision | ImageError, *, explain: bool = False) -> None:
    """One answer and the nearest products; with `explain`, which lanes found them.

    `query` is the photo as the caller named it.
    """
    OUT.print(f"[bold]{text(query)}[/]")
    if isinstance(found, ImageError):
        OUT.print(f"  [red]cannot be read[/]: {text(str(found))}\n")
    else:
        _words(found, explain)


def together(
    photos: Sequence[str], found: Decision | None, unreadable: Sequence[ImageError], *, explain: bool = False
) -> None:
    """One answer to several photos of one package."""
    OUT.print("\n".join(f"[bold]{text(photo)}[/]" for photo in photos))
    for error in unreadable:
        OUT.print(f"  [red]cannot be read[/]: {text(str(error))}")
    if found is not None:
        _words(found, explain)


def by_looks(description: str, hits: Sequence[LooksHit]) -> None:
    """The products whose pills fit a description, and what of it fits."""
    OUT.print(f"[bold]{text(description)}[/]")
    if not hits:
        OUT.print("  no product fits any word of it\n")
        return
    lines = table("SKU", "name", "fit", "by")
    for hit in hits:
        lines.add_row(*map(text, (hit.sku, hit.name, percent(hit.score), "; ".join(hit.fits))))
    OUT.print(Padding(lines, (0, 0, 0, 2), expand=False))


def _words(found: Decision, explain: bool) -> None:
    if len(found.packages) > 1:
        OUT.print(f"  {len(found.packages)} packages in the photo, in reading order")
        for number, package in enumerate(found.packages, 1):
            _said(package.answer, number)
            if explain:
                explanation(package.answer)
    else:
        _said(found)
    if found.record_id is not None:
        OUT.print(f"  [dim]recorded as decision {found.record_id}[/]")
    if explain:
        explanation(found) if len(found.packages) < 2 else took(found)
    OUT.print()


def _said(found: Decision, number: int | None = None) -> None:
    """What an answer says, and on what it rests; `number` is that of the package in the photo."""
    colour = _COLOURS[found.outcome]
    which = f"[bold]{number}[/]  " if number else ""
    OUT.print(f"  {which}[{colour} bold]{found.outcome.value.upper()}[/]  {text(headline(found))}")
    OUT.print(f"  {text(found.reason)}")
    _read(found.read)
    for fact in found.contradictions:
        apart = f"{fact.kind} {fact.photo}, but {found.against.sku if found.against else ''} {fact.catalog}"
        OUT.print(f"  [red]contradiction[/]  {text(apart)}")
    for alike in (a for a in found.look_alikes if a.warning not in found.reason):
        OUT.print(f"  [yellow]beware[/]  {text(alike.warning)}")
    for doubt in found.filing:
        OUT.print(f"  [yellow]in doubt[/]  how the catalog is filed: {text(doubt)}")
    if found.hits:
        if found.outcome is Outcome.UNKNOWN:
            OUT.print("  nearest, for information only, not an answer:")
        _hits(found.hits)


def _read(read: PhotoPrint | None) -> None:
    """What the photo says of strength, pack and form, and its codes; nothing where it was not read."""
    if read is None:
        return
    said = ", ".join([*read.strengths, *read.packs, *read.forms])
    codes = f"; code{'s' * (len(read.codes) != 1)} {', '.join(read.codes)}" if read.codes else ""
    if not read.lines:
        OUT.print(f"  read  nothing{text(codes)}")
    else:
        OUT.print(f"  read  {text(said or f'{len(read.lines)} lines, no strength, pack or form')}{text(codes)}")


def _hits(hits: Sequence[Hit]) -> None:
    compared = any(hit.verification.printed for hit in hits)
    lines = table("SKU", "name", "probability", "similarity", "inliers", "support", *["print"] * compared, "image")
    for hit in hits:
        v = hit.verification
        sure = "ruled out" if v.contradicted else percent(v.probability)
        scores = (sure, f"{v.similarity:.2f}", str(v.inliers), f"{v.support:.0f}")
        print_ = [short(v.printed)] if compared else []
        lines.add_row(*map(text, (hit.sku, hit.name, *scores, *print_, hit.image)))
    OUT.print(Padding(lines, (0, 0, 0, 2), expand=False))
