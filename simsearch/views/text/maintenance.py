"""What `rebuild` and `status` print."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simsearch.ingest.passed_over import in_words
from simsearch.views.text.output import OUT, table, text

if TYPE_CHECKING:
    from simsearch.catalog.copying import CopyReport
    from simsearch.core.status import PhotoCheck, PrintStatus, Status
    from simsearch.ingest.build_plan import Plan
    from simsearch.ingest.nightly import NightlyReport
    from simsearch.ingest.reading_report import ReadingReport

_SHOWN = 10
"""Photos listed of each kind."""


def serves(name: str) -> None:
    """After a build or a rollback."""
    OUT.print(f"generation {name} serves now")


def catalog_copy(r: CopyReport) -> None:
    """What was copied from one database to another."""
    images, descriptors, answers = (r.rows[name] for name in ("images", "descriptors", "decisions"))
    reviews = r.rows["decision_reviews"] + r.rows["pair_reviews"]
    OUT.print(f"{r.target}: holds all that {r.source} held")
    OUT.print(
        f"{images} images, {descriptors} descriptors, {answers} answers and {reviews} reviews, compared after writing"
    )
    OUT.print("set catalog.url to use it; the home and its indexes stay where they are")


# -- plan ------------------------------------------------------------------------------------------------------------


def plan(p: Plan) -> None:
    """What a rebuild would do."""
    OUT.print(f"{p.name} would be built from {p.images} images; nothing was done")
    if p.stale:
        OUT.print(f"{p.stale} of them would be described first, from their files: weights or settings changed")
    if not p.changed:
        OUT.print("the generation that serves holds the same already")
    lines = table("lane", "images", "FAISS index", "size", "time")
    for lane in p.lanes:
        lines.add_row(lane.name, str(lane.images), lane.factory, size(lane.bytes), duration(lane.seconds))
    OUT.print(lines)
    OUT.print(f"together {size(p.bytes)}, {duration(p.seconds)}; {size(p.free_bytes)} of disk are free")


# -- nightly ---------------------------------------------------------------------------------------------------------


def nightly(r: NightlyReport) -> None:
    """What a night did."""
    if r.outcome == "unchanged":
        OUT.print(f"nothing changed: generation {r.generation} goes on serving")
    else:
        OUT.print(f"generation {r.generation} serves now, with {r.images} images")
    names = {"redescribed": "described anew", "kept": "not listed but kept (see the refusals)"}
    changes = ", ".join(f"{n} {names.get(k, k)}" for k, n in r.changes.items() if n or k in ("added", "unchanged"))
    OUT.print(f"photos       {changes}")
    if r.passed_over:
        OUT.print(f"passed over  {text(in_words(r.passed_over))}")
    if r.reading:
        _night_read(r.reading)
    if r.filing:
        OUT.print(f"filing       {text(r.filing.words)}")
    OUT.print(f"audit        {_recalls(r.json['audit'])}")
    steps = ", ".join(f"{k} {v:.1f} s" for k, v in r.steps_s.items() if v >= 0.05)
    OUT.print(f"time         {r.seconds:.1f} s" + (f" ({steps})" if steps else ""))
    if r.backup:
        OUT.print(f"backup       {text(r.backup)}")
    if r.pruned:
        OUT.print(f"removed      {', '.join(r.pruned)}")


def _night_read(r: ReadingReport) -> None:
    """One line, and the reasons for what was not read."""
    counts = {"read": r.read, "not readable": len(r.failed), "to be read": r.left}
    said = ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "nothing to read"
    OUT.print(f"print        {said}" + (f": {text(r.why)}" if r.why else ""))
    for refusal in r.failed[:_SHOWN]:
        OUT.print(f"             [yellow]{refusal.code}[/] {text(refusal.message)}")


# -- status ----------------------------------------------------------------------------------------------------------


def status(s: Status) -> None:
    """What there is, in words."""
    c = s.counts
    OUT.print(f"home         {text(s.home)}")
    images = f"{c['images_ok']} images, {c['images_refused']} refused, {c['images_retired']} retired"
    OUT.print(f"catalog      {c['products']} products, {images}")
    for name, n in s.undescribed.items():
        old = min(n, s.stale.get(name, 0))
        why = f", {old} of them have those of other settings or weights" if old else ""
        OUT.print(f"[yellow]to do[/]        {n} images lack {name} descriptors{why}: run `simsearch rebuild`")
    for source, n in s.sources_gone.items():
        OUT.print(f"[yellow]gone[/]         {text(source)}, or every photo of it: {n} images; bring it back, or run")
        OUT.print(f"             `simsearch index --forget-source {text(shlex.quote(source))}`")
    if s.printed:
        _printed(s.printed)
    if s.filing:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(s.filing.items()))
        OUT.print(f"filing       [yellow]{sum(s.filing.values())} open doubts[/]: {kinds}; `simsearch check`")
    OUT.print(f"generation   {s.generation or 'none'}")
    for g in s.generations[-5:]:
        lanes = g["audit"].get("lanes")
        audit = f"audit: {_recalls(lanes)}" if lanes else text(str(g["audit"].get("reason", "")))
        gone = "" if g["name"] in s.kept or g["state"] != "built" else " (removed)"
        facts = f"{g['name']}  {g['created_at']:%Y-%m-%d %H:%M}  {g['images']} images  {g['state']}{gone}"
        OUT.print(f"             {facts}  {audit}")
    OUT.print("disk         " + ", ".join(f"{size(n)} {part}" for part, n in s.disk_bytes.items()))
    OUT.print(f"GPU          {s.gpus or 'none'}{' for the indexes' if s.gpus else ''}")
    if s.nightly:
        night = s.nightly
        said = f"failed: {text(str(night.get('error')))}" if night["outcome"] == "failed" else night["outcome"]
        OUT.print(f"last night   {text(str(night.get('started_at')))}  {said}")
    if s.verified and not s.problem:
        OUT.print("[green]verified[/]     every byte of the catalog and of all generations is as it was written")
    if s.photos:
        _photos(s.photos)


def _printed(p: PrintStatus) -> None:
    """How much is read of what is printed, and why not all of it."""
    parts = {"read": p.read, "to be read": p.unread, "of loose pills not to be read": p.left_out}
    OUT.print("print        photos: " + ", ".join(f"{n} {what}" for what, n in parts.items() if n or what == "read"))
    if p.why:
        OUT.print(f"             [yellow]{text(p.why)}[/]")
    elif p.unread:
        OUT.print("             go on with `simsearch read`")


def _photos(p: PhotoCheck) -> None:
    """How many photos are as they were indexed, and the first of those that are not."""
    parts = {"changed": p.changed, "missing": p.missing, "unreadable": p.unreadable}
    OUT.print(
        f"photos       {p.sound} as indexed, " + ", ".join(f"{len(found)} {what}" for what, found in parts.items())
    )
    for what, found in parts.items():
        for path in found[:_SHOWN]:
            OUT.print(f"             [yellow]{what}[/] {text(path)}")
        if len(found) > _SHOWN:
            OUT.print(f"             ... and {len(found) - _SHOWN} more {what}: --json lists them")


def _recalls(lanes: Mapping[str, Any]) -> str:
    return "recall " + ", ".join(f"{lane} {a.get('recall', 0):.4f}" for lane, a in lanes.items())


def size(count: float) -> str:
    """Bytes as people read them."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1000 and len(units) > 1:
        count /= 1024
        units.pop(0)
    unit = units[0]
    return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """Seconds as people read them; "unknown" before the first build of the kind."""
    if seconds is None:
        return "unknown until one was built"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
