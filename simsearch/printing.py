"""What the commands print: for people with rich, for programs as JSON objects of a fixed shape."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simsearch.app import PairVerdict, Status
from simsearch.config import Config
from simsearch.datatypes import Decision, Hit, Outcome, Refusal, Verification
from simsearch.duplicates import DuplicateGroup
from simsearch.errors import ImageError
from simsearch.indexer import IndexReport

_OUT = Console(file=sys.stdout, highlight=False, soft_wrap=True)
_SHOWN_REFUSALS = 10


# -- query -----------------------------------------------------------------------------------------------------------


def answer_json(query: str, answer: Decision | ImageError) -> dict[str, Any]:
    """One answer; `query` is the photo as the caller named it."""
    if isinstance(answer, ImageError):
        return {"query": query, "error": {"code": answer.code, "message": str(answer)}}
    return {
        "query": query, "decision": answer.outcome.value, "sku": answer.sku, "name": answer.name,
        "probability": round(answer.probability, 6), "reason": answer.reason,
        "hits": [_hit_json(h) for h in answer.hits],
        "generation": answer.generation, "took_ms": round(answer.took_ms, 2),
    }  # fmt: skip


def _hit_json(hit: Hit) -> dict[str, Any]:
    return {"sku": hit.sku, "name": hit.name, "image": hit.image, **_verification_json(hit.verification)}


def _verification_json(v: Verification) -> dict[str, Any]:
    return {"probability": round(v.probability, 6), "similarity": round(v.similarity, 6), "inliers": v.inliers}


def answer(query: str, answer: Decision | ImageError) -> None:
    """One answer in words, and the nearest products."""
    if isinstance(answer, ImageError):
        _OUT.print(f"[bold]{escape(query)}[/]\n  [red]cannot be read[/]: {escape(str(answer))}\n")
        return
    colour = {Outcome.MATCH: "green", Outcome.AMBIGUOUS: "yellow", Outcome.UNKNOWN: "red"}[answer.outcome]
    says = {
        Outcome.MATCH: f"{answer.sku}  {answer.name or ''}".rstrip(),
        Outcome.AMBIGUOUS: f"perhaps {answer.sku}  {answer.name or ''}".rstrip(),
        Outcome.UNKNOWN: "not in the catalog, as far as this photo tells",
    }[answer.outcome]
    _OUT.print(f"[bold]{escape(query)}[/]\n  [{colour} bold]{answer.outcome.value.upper()}[/]  {escape(says)}")
    _OUT.print(f"  {escape(answer.reason)}")
    if answer.hits:
        heading = "nearest, for information only" if answer.outcome is Outcome.UNKNOWN else None
        table = Table(
            "SKU", "name", "probability", "similarity", "inliers", "image", box=None, pad_edge=False, title=heading
        )
        for hit in answer.hits:
            v = hit.verification
            row = (hit.sku, hit.name, f"{v.probability:.1%}", f"{v.similarity:.2f}", str(v.inliers), hit.image)
            table.add_row(*map(escape, row))
        _OUT.print(_indented(table))
    _OUT.print()


def _indented(table: Table) -> Any:
    from rich.padding import Padding

    return Padding(table, (0, 0, 0, 2))


# -- verify and duplicates -------------------------------------------------------------------------------------------


def verdict_json(v: PairVerdict) -> dict[str, Any]:
    """One pair."""
    if v.error is not None:
        return {"a": v.a, "b": v.b, "error": {"code": v.error.code, "message": str(v.error)}}
    if v.verification is None:
        return {"a": v.a, "b": v.b, "similarity": v.similarity}
    return {"a": v.a, "b": v.b, "same": v.same, **_verification_json(v.verification)}


def verdict(v: PairVerdict) -> None:
    """One pair, one line."""
    names = f"{escape(v.a)}  {escape(v.b)}"
    if v.error is not None:
        _OUT.print(f"[red]unreadable[/]  {names}  {escape(str(v.error))}")
    elif v.verification is None:
        _OUT.print(f"{v.similarity:.4f}  {names}")
    else:
        says = "[green]same[/]     " if v.same else "[red]different[/]"
        facts = v.verification
        _OUT.print(
            f"{says}  {facts.probability:6.1%}  similarity {facts.similarity:.2f}, {facts.inliers} inliers  {names}"
        )


def group_json(group: DuplicateGroup) -> dict[str, Any]:
    """One group of duplicates."""
    return {
        "skus": list(group.skus), "conflict": group.conflict, "probability": round(group.probability, 6),
        "images": [{"sku": i.sku, "name": i.name, "image": i.image, "sha256": i.sha256} for i in group.images],
        "pairs": [
            {"a": p.a.image, "b": p.b.image, "identical_file": p.identical_file, **_verification_json(p.verification)}
            for p in group.pairs
        ],
    }  # fmt: skip


def groups(found: Sequence[DuplicateGroup]) -> None:
    """Groups as a table, conflicts first."""
    if not found:
        _OUT.print("no duplicates")
        return
    table = Table("group", "SKU", "name", "image", "least probability", "kind", box=None, pad_edge=False)
    for number, group in enumerate(found, 1):
        identical = all(p.identical_file for p in group.pairs)
        kind = ("different SKUs" if group.conflict else "same SKU") + (", identical file" if identical else "")
        for i, image in enumerate(group.images):
            first = (str(number), f"{group.probability:.1%}", kind) if i == 0 else ("", "", "")
            table.add_row(first[0], *map(escape, (image.sku, image.name, image.image)), first[1], first[2])
    _OUT.print(table)
    conflicts = sum(g.conflict for g in found)
    _OUT.print(f"{len(found)} groups, {conflicts} with different SKUs")


# -- index and status ------------------------------------------------------------------------------------------------


def report_json(r: IndexReport) -> dict[str, Any]:
    """Counts of an indexing run."""
    return {
        "added": r.added, "changed": r.changed, "redescribed": r.redescribed, "unchanged": r.unchanged,
        "retired": r.retired, "refused": r.refused, "seconds": round(r.seconds, 2), "images_per_s": _rate(r),
        "generation": r.generation or None,
        "refusals": [_refusal_json(x) for x in r.refusals],
    }  # fmt: skip


def _rate(r: IndexReport) -> float:
    return round(r.described / r.seconds, 1) if r.seconds > 0 else 0.0


def report(r: IndexReport) -> None:
    """Counts of an indexing run."""
    for refusal in r.refusals[:_SHOWN_REFUSALS]:
        _OUT.print(f"[red]refused[/]  {refusal.code}  {escape(refusal.message)}")
    if len(r.refusals) > _SHOWN_REFUSALS:
        _OUT.print(f"... and {len(r.refusals) - _SHOWN_REFUSALS} more: `simsearch status --refused`")
    parts = {
        "added": r.added, "changed": r.changed, "described anew": r.redescribed, "unchanged": r.unchanged,
        "retired": r.retired, "refused": r.refused,
    }  # fmt: skip
    always = ("added", "unchanged", "refused")
    _OUT.print(", ".join(f"{n} {name}" for name, n in parts.items() if n or name in always))
    if r.described:
        _OUT.print(f"{r.described} photos described in {r.seconds:.1f} s ({_rate(r)} a second)")
    if r.generation:
        _OUT.print(f"generation {r.generation} serves now")


def _refusal_json(r: Refusal) -> dict[str, str]:
    return {"where": r.where, "code": r.code, "message": r.message}


def refusals(found: Sequence[Refusal], as_json: bool) -> None:
    """What was refused, one a line."""
    for refusal in found:
        if as_json:
            sys.stdout.write(json.dumps(_refusal_json(refusal), ensure_ascii=False) + "\n")
        else:
            _OUT.print(f"{refusal.code:13} {escape(refusal.message)}")
    if not found and not as_json:
        _OUT.print("nothing was refused")


def status_json(s: Status) -> dict[str, Any]:
    """The whole status."""
    generations = [
        {
            "name": g["name"],
            "created_at": str(g["created_at"]),
            "images": g["images"],
            "state": g["state"],
            "audit": g["audit"],
        }
        for g in s.generations
    ]
    return {
        "home": s.home, **s.counts, "undescribed": dict(s.undescribed), "generation": s.generation or None,
        "problem": s.problem or None, "disk_bytes": dict(s.disk_bytes), "fingerprints": dict(s.fingerprints),
        "generations": generations,
    }  # fmt: skip


def status(s: Status) -> None:
    """The status in words."""
    c = s.counts
    _OUT.print(f"home         {escape(s.home)}")
    images = f"{c['images_ok']} images, {c['images_refused']} refused, {c['images_retired']} retired"
    _OUT.print(f"catalog      {c['products']} products, {images}")
    for name, n in s.undescribed.items():
        _OUT.print(
            f"[yellow]to do[/]        {n} images lack {name} descriptors of these settings: index their sources again"
        )
    _OUT.print(f"generation   {s.generation or 'none'}")
    for g in s.generations[-5:]:
        recalls = [f"{lane} {a.get('recall', 0):.4f}" for lane, a in g["audit"].get("lanes", {}).items()]
        audit = f"audit: recall {', '.join(recalls)}" if recalls else escape(str(g["audit"].get("reason", "")))
        _OUT.print(
            f"             {g['name']}  {g['created_at']:%Y-%m-%d %H:%M}  {g['images']} images  {g['state']}  {audit}"
        )
    mib = {k: v / 2**20 for k, v in s.disk_bytes.items()}
    _OUT.print(f"disk         {mib['catalog']:.1f} MiB catalog, {mib['generations']:.1f} MiB generations")


# -- config ----------------------------------------------------------------------------------------------------------


def settings(config: Config, origin: Mapping[str, str], as_json: bool) -> None:
    """Every setting in force and where it comes from."""
    rows = [(key, value, origin.get(key, "built in")) for key, value in _flat(config, "")]
    if as_json:
        table = {key: {"value": value, "from": source} for key, value, source in rows}
        sys.stdout.write(json.dumps(table, ensure_ascii=False) + "\n")
        return
    table_ = Table("setting", "value", "from", box=None, pad_edge=False)
    for key, value, source in rows:
        table_.add_row(escape(key), escape(json.dumps(value, ensure_ascii=False)), escape(source))
    _OUT.print(table_)


def _flat(value: Any, prefix: str) -> list[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        return [row for f in fields(value) for row in _flat(getattr(value, f.name), f"{prefix}.{f.name}".lstrip("."))]
    if isinstance(value, Mapping):
        return [row for key in value for row in _flat(value[key], f"{prefix}.{key}")]
    return [(prefix, list(value) if isinstance(value, tuple) else value)]
