"""What the commands print: for people with rich, for programs as JSON objects of a fixed shape."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from rich.padding import Padding

from simsearch.config import Config
from simsearch.datatypes import Decision, Hit, Outcome, PairVerdict, Refusal, Status, Verification
from simsearch.duplicates import DuplicateGroup
from simsearch.errors import ImageError
from simsearch.indexer import IndexReport
from simsearch.printing.output import OUT, print_json, table, text
from simsearch.query import percent

if TYPE_CHECKING:
    from simsearch.evaluation.run import MethodsReport
    from simsearch.siamese.training import TrainResult

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


def answer(query: str, answer: Decision | ImageError, as_json: bool = False) -> None:
    """One answer in words, and the nearest products."""
    if as_json:
        return print_json(answer_json(query, answer))
    if isinstance(answer, ImageError):
        OUT.print(f"[bold]{text(query)}[/]\n  [red]cannot be read[/]: {text(str(answer))}\n")
        return None
    colour = {Outcome.MATCH: "green", Outcome.AMBIGUOUS: "yellow", Outcome.UNKNOWN: "red"}[answer.outcome]
    says = {
        Outcome.MATCH: f"{answer.sku}  {answer.name or ''}".rstrip(),
        Outcome.AMBIGUOUS: f"perhaps {answer.sku}  {answer.name or ''}".rstrip(),
        Outcome.UNKNOWN: "not in the catalog, as far as this photo tells",
    }[answer.outcome]
    OUT.print(f"[bold]{text(query)}[/]\n  [{colour} bold]{answer.outcome.value.upper()}[/]  {text(says)}")
    OUT.print(f"  {text(answer.reason)}")
    if answer.hits:
        if answer.outcome is Outcome.UNKNOWN:
            OUT.print("  nearest, for information only:")
        hits = table("SKU", "name", "probability", "similarity", "inliers", "image")
        for hit in answer.hits:
            v = hit.verification
            row = (hit.sku, hit.name, percent(v.probability), f"{v.similarity:.2f}", str(v.inliers), hit.image)
            hits.add_row(*map(text, row))
        OUT.print(Padding(hits, (0, 0, 0, 2), expand=False))
    OUT.print()
    return None


# -- verify and duplicates -------------------------------------------------------------------------------------------


def verdict_json(v: PairVerdict) -> dict[str, Any]:
    """One pair."""
    if v.error is not None:
        return {"a": v.a, "b": v.b, "error": {"code": v.error.code, "message": str(v.error)}}
    if v.verification is None:
        return {"a": v.a, "b": v.b, "similarity": v.similarity}
    return {"a": v.a, "b": v.b, "same": v.same, **_verification_json(v.verification)}


def verdict(v: PairVerdict, as_json: bool = False) -> None:
    """One pair, one line."""
    if as_json:
        return print_json(verdict_json(v))
    names = f"{text(v.a)}  {text(v.b)}"
    if v.error is not None:
        OUT.print(f"[red]unreadable[/]  {names}  {text(str(v.error))}")
    elif v.verification is None:
        OUT.print(f"{v.similarity:.4f}  {names}")
    else:
        says = "[green]same[/]     " if v.same else "[red]different[/]"
        facts = v.verification
        scores = f"similarity {facts.similarity:.2f}, {facts.inliers} inliers"
        OUT.print(f"{says}  {percent(facts.probability):>7}  {scores}  {names}")
    return None


def group_json(group: DuplicateGroup) -> dict[str, Any]:
    """One group of duplicates."""
    return {
        "skus": list(group.skus), "conflict": group.conflict, "probability": round(group.probability, 6),
        "images": [{"sku": i.sku, "name": i.title, "image": i.image, "sha256": i.sha256} for i in group.images],
        "pairs": [
            {"a": p.a.image, "b": p.b.image, "identical_file": p.identical_file, **_verification_json(p.verification)}
            for p in group.pairs
        ],
    }  # fmt: skip


def groups(found: Sequence[DuplicateGroup], as_json: bool = False) -> None:
    """Groups as a table, conflicts first."""
    if as_json:
        for group in found:
            print_json(group_json(group))
        return
    if not found:
        OUT.print("no duplicates")
        return
    lines = table("group", "SKU", "name", "image", "least probability", "kind")
    for number, group in enumerate(found, 1):
        identical = all(p.identical_file for p in group.pairs)
        kind = ("different SKUs" if group.conflict else "same SKU") + (", identical file" if identical else "")
        for i, image in enumerate(group.images):
            first = (str(number), percent(group.probability), kind) if i == 0 else ("", "", "")
            lines.add_row(first[0], *map(text, (image.sku, image.title, image.image)), first[1], first[2])
    OUT.print(lines)
    conflicts = sum(g.conflict for g in found)
    OUT.print(f"{len(found)} group{'s' * (len(found) != 1)}, {conflicts} with different SKUs")


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


def report(r: IndexReport, as_json: bool = False) -> None:
    """Counts of an indexing run."""
    if as_json:
        return print_json(report_json(r))
    for refusal in r.refusals[:_SHOWN_REFUSALS]:
        OUT.print(f"[red]refused[/]  {refusal.code}  {text(refusal.message)}")
    if len(r.refusals) > _SHOWN_REFUSALS:
        OUT.print(f"... and {len(r.refusals) - _SHOWN_REFUSALS} more: `simsearch status --refused`")
    parts = {
        "added": r.added, "changed": r.changed, "described anew": r.redescribed, "unchanged": r.unchanged,
        "retired": r.retired, "refused": r.refused,
    }  # fmt: skip
    always = ("added", "unchanged", "refused")
    OUT.print(", ".join(f"{n} {name}" for name, n in parts.items() if n or name in always))
    if r.described:
        OUT.print(f"{r.described} photos described in {r.seconds:.1f} s ({_rate(r)} a second)")
    if r.generation:
        OUT.print(f"generation {r.generation} serves now")
    return None


def _refusal_json(r: Refusal) -> dict[str, str]:
    return {"where": r.where, "code": r.code, "message": r.message}


def refusals(found: Sequence[Refusal], as_json: bool) -> None:
    """What was refused, one a line."""
    for refusal in found:
        if as_json:
            print_json(_refusal_json(refusal))
        else:
            OUT.print(f"{refusal.code:13} {text(refusal.message)}")
    if not found and not as_json:
        OUT.print("nothing was refused")


def status_json(s: Status) -> dict[str, Any]:
    """The whole status."""
    kept = ("name", "images", "state", "audit")
    generations = [{"created_at": str(g["created_at"]), **{key: g[key] for key in kept}} for g in s.generations]
    return {
        "home": s.home, **s.counts, "undescribed": dict(s.undescribed), "generation": s.generation or None,
        "problem": s.problem or None, "disk_bytes": dict(s.disk_bytes), "fingerprints": dict(s.fingerprints),
        "generations": generations,
    }  # fmt: skip


def status(s: Status, as_json: bool = False) -> None:
    """The status in words."""
    if as_json:
        return print_json(status_json(s))
    c = s.counts
    OUT.print(f"home         {text(s.home)}")
    images = f"{c['images_ok']} images, {c['images_refused']} refused, {c['images_retired']} retired"
    OUT.print(f"catalog      {c['products']} products, {images}")
    for name, n in s.undescribed.items():
        OUT.print(
            f"[yellow]to do[/]        {n} images lack {name} descriptors of these settings: index their sources again"
        )
    OUT.print(f"generation   {s.generation or 'none'}")
    for g in s.generations[-5:]:
        recalls = [f"{lane} {a.get('recall', 0):.4f}" for lane, a in g["audit"].get("lanes", {}).items()]
        audit = f"audit: recall {', '.join(recalls)}" if recalls else text(str(g["audit"].get("reason", "")))
        OUT.print(
            f"             {g['name']}  {g['created_at']:%Y-%m-%d %H:%M}  {g['images']} images  {g['state']}  {audit}"
        )
    mib = {k: v / 2**20 for k, v in s.disk_bytes.items()}
    OUT.print(f"disk         {mib['catalog']:.1f} MiB catalog, {mib['generations']:.1f} MiB generations")
    return None


# -- one fact, training ----------------------------------------------------------------------------------------------


def fact(value: Mapping[str, Any], words: str, as_json: bool) -> None:
    """One short result."""
    if as_json:
        return print_json(value)
    return OUT.print(text(words))


def trained(r: TrainResult, as_json: bool) -> None:
    """What training reached."""
    measured = not math.isnan(r.best_r1)
    value = {"weights": str(r.weights), "steps": r.steps, "best_r1": r.best_r1 if measured else None}
    reached = f"R@1 {r.best_r1:.3f} on held-out products" if measured else "no product was held out to measure it"
    calibrated = r.weights.with_name(f"{r.weights.stem}.calibration.json").is_file()
    lacking = "" if calibrated else "; too few held-out products to calibrate: run `simsearch calibrate` before a query"
    fact(value, f"{r.weights}: {r.steps} steps, {reached}{lacking}", as_json)


# -- config ----------------------------------------------------------------------------------------------------------


def comparison(r: MethodsReport, as_json: bool) -> None:
    """Every method on the same pairs, best accuracy first."""
    if as_json:
        print_json(r.json())
        return
    shown = table("method", "accuracy", "95 %", "precision", "recall", "F1", "AUC", "FPR95", "files/s", "cached/s")
    for row in r.comparison.table():
        low, high = row["accuracy_95"]
        shares = (f"{row[key]:.3f}" for key in ("precision", "recall", "f1", "auc", "fpr_at_95_tpr"))
        interval = f"{low:.1%} to {high:.1%}"
        speeds = f"{row['pairs_per_s_files']:.0f}", f"{row['pairs_per_s_cached']:,.0f}"
        shown.add_row(row["method"], f"{row['accuracy']:.2%}", interval, *shares, *speeds)
    OUT.print(shown)
    f = r.facts
    OUT.print(
        f"{f['test_pairs']} test pairs ({f['test_positives']} of the same product); thresholds from "
        f"{f['validation_pairs']} pairs of other products; FPR95: wrong pairs accepted where 95 % of the right ones are"
    )
    OUT.print(f"speeds: pairs a second from files, and on cached descriptors; {text(f['machine'])}")
    for reason in f["refused"]:
        OUT.print(f"left out: {text(reason)}")
    OUT.print(r.json()["note"])


def settings(config: Config, origin: Mapping[str, str], as_json: bool) -> None:
    """Every setting in force and where it comes from."""
    rows = [(key, value, origin.get(key, "built in")) for key, value in _flat(config, "")]
    if as_json:
        return print_json({key: {"value": value, "from": source} for key, value, source in rows})
    lines = table("setting", "value", "from")
    for key, value, source in rows:
        lines.add_row(*map(text, (key, json.dumps(value, ensure_ascii=False), source)))
    return OUT.print(lines)


def _flat(value: Any, prefix: str) -> list[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        return [row for f in fields(value) for row in _flat(getattr(value, f.name), f"{prefix}.{f.name}".lstrip("."))]
    if isinstance(value, Mapping):
        return [row for key in value for row in _flat(value[key], f"{prefix}.{key}")]
    return [(prefix, list(value) if isinstance(value, tuple) else value)]
