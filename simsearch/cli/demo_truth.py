"""Compares answers and groups with the truth, which the renderer alone knows."""

from __future__ import annotations

from collections.abc import Sequence

from simsearch.cli.demo_scenario import Question, Rendered, full_name
from simsearch.core.errors import ImageError
from simsearch.core.types import Decision, Outcome
from simsearch.duplicates import DuplicateGroup
from simsearch.synthetic import Duplicate

Answer = Decision | ImageError


def judged(question: Question, answer: Answer) -> tuple[bool, str]:
    """Whether the answer is right, and in words."""
    if isinstance(answer, ImageError):
        return not question.readable, "wrong, the file is sound" if question.readable else "right to refuse it"
    if not question.readable:
        return False, "wrong, a broken file must be refused"
    if answer.outcome is Outcome.UNKNOWN:
        return question.sku is None, "missed, the catalog holds it" if question.sku else "right"
    if question.sku is None:
        return False, "wrong, the catalog does not hold it"
    if answer.outcome is Outcome.AMBIGUOUS:
        inside = any(hit.sku == question.sku for hit in answer.hits)
        return False, f"undecided, the right one is {'' if inside else 'not '}in the list"
    right = answer.sku == question.sku
    return right, "right" if right else "wrong"


def found_in(duplicate: Duplicate, groups: Sequence[DuplicateGroup]) -> DuplicateGroup | None:
    """The group that holds both SKUs of a planted duplicate."""
    return next((g for g in groups if {duplicate.sku_a, duplicate.sku_b} <= set(g.skus)), None)


def mixed(group: DuplicateGroup, rendered: Rendered) -> str:
    """The different products that the group takes for one, in words; "" where it is right."""
    really = {p.sku: p for p in map(rendered.product, group.skus) if p is not None}
    if len(really) < 2:
        return ""
    names = ", ".join(f"{p.sku} {full_name(p)}" for p in really.values())
    families = {p.family for p in really.values()}
    return f"{names}: {'look-alikes of one family' if len(families) == 1 else 'different products'}"


def summary(groups: Sequence[DuplicateGroup], rendered: Rendered) -> str:
    """How many planted duplicates were found, and how many groups are wrong, in words."""
    found = sum(found_in(d, groups) is not None for d in rendered.planted)
    extra = sum(bool(mixed(g, rendered)) for g in groups)
    return f"{found} of {len(rendered.planted)} planted duplicates found; groups that mix different products: {extra}"
