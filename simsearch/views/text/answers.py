"""What `simsearch query` prints: an answer in words with the nearest products, or as one JSON object a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.padding import Padding

from simsearch.core.errors import ImageError
from simsearch.core.text import headline, percent
from simsearch.core.types import Decision, Hit, LookAlike, Outcome, Verification
from simsearch.views.text.explain import explanation, explanation_json
from simsearch.views.text.output import OUT, print_json, table, text

_COLOURS = {Outcome.MATCH: "green", Outcome.AMBIGUOUS: "yellow", Outcome.UNKNOWN: "red"}


def answer_json(query: str, answer: Decision | ImageError, explain: bool = False) -> dict[str, Any]:
    """One answer; `query` is the photo as the caller named it."""
    if isinstance(answer, ImageError):
        return {"query": query, "error": {"code": answer.code, "message": str(answer)}}
    return {
        "query": query, "decision": answer.outcome.value, "sku": answer.sku, "name": answer.name,
        "probability": round(answer.probability, 6), "reason": answer.reason, "named": list(answer.named),
        "hits": [_hit_json(h) for h in answer.hits],
        "look_alikes": [_look_alike_json(a) for a in answer.look_alikes],
        "generation": answer.generation, "took_ms": round(answer.took_ms, 2), "id": answer.record_id,
        **({"explanation": explanation_json(answer)} if explain else {}),
    }  # fmt: skip


def together_json(
    photos: Sequence[str], answer: Decision | None, unreadable: Sequence[ImageError], explain: bool = False
) -> dict[str, Any]:
    """One answer to several photos, and which of them could not be read."""
    errors = [{"code": e.code, "message": str(e)} for e in unreadable]
    name = " + ".join(photos)
    body = answer_json(name, answer, explain) if answer else {"query": name}
    return {**body, "photos": list(photos), "errors": errors}


def _hit_json(hit: Hit) -> dict[str, Any]:
    return {"sku": hit.sku, "name": hit.name, "image": hit.image, **_verification_json(hit.verification)}


def _verification_json(v: Verification) -> dict[str, Any]:
    return {"probability": round(v.probability, 6), "similarity": round(v.similarity, 6), "inliers": v.inliers}


def _look_alike_json(alike: LookAlike) -> dict[str, Any]:
    differences = [{"field": field, "named": ours, "other": theirs} for field, ours, theirs in alike.differences]
    return {
        "sku": alike.sku, "name": alike.name, "kind": alike.kind, "differences": differences, "warning": alike.warning
    }  # fmt: skip


def answer(query: str, answer: Decision | ImageError, as_json: bool = False, *, explain: bool = False) -> None:
    """One answer in words, and the nearest products; with `explain`, where they were found."""
    if as_json:
        return print_json(answer_json(query, answer, explain))
    if isinstance(answer, ImageError):
        OUT.print(f"[bold]{text(query)}[/]\n  [red]cannot be read[/]: {text(str(answer))}\n")
        return None
    OUT.print(f"[bold]{text(query)}[/]")
    _words(answer, explain)
    return None


def together(
    photos: Sequence[str], answer: Decision | None, unreadable: Sequence[ImageError], as_json: bool, explain: bool
) -> None:
    """One answer to several photos of one package."""
    if as_json:
        return print_json(together_json(photos, answer, unreadable, explain))
    OUT.print("\n".join(f"[bold]{text(photo)}[/]" for photo in photos))
    for error in unreadable:
        OUT.print(f"  [red]cannot be read[/]: {text(str(error))}")
    if answer is not None:
        _words(answer, explain)
    return None


def _words(answer: Decision, explain: bool) -> None:
    colour = _COLOURS[answer.outcome]
    OUT.print(f"  [{colour} bold]{answer.outcome.value.upper()}[/]  {text(headline(answer))}")
    OUT.print(f"  {text(answer.reason)}")
    for alike in answer.look_alikes:
        OUT.print(f"  [yellow]beware[/]  {text(alike.warning)}")
    if answer.hits:
        if answer.outcome is Outcome.UNKNOWN:
            OUT.print("  nearest, for information only, not an answer:")
        hits = table("SKU", "name", "probability", "similarity", "inliers", "image")
        for hit in answer.hits:
            v = hit.verification
            row = (hit.sku, hit.name, percent(v.probability), f"{v.similarity:.2f}", str(v.inliers), hit.image)
            hits.add_row(*map(text, row))
        OUT.print(Padding(hits, (0, 0, 0, 2), expand=False))
    if answer.record_id is not None:
        OUT.print(f"  [dim]recorded as decision {answer.record_id}[/]")
    if explain:
        explanation(answer)
    OUT.print()
