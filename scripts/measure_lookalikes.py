"""Renders look-alike families, asks phone photos of their members, and counts matches with a wrong one.

    python scripts/measure_lookalikes.py SCRATCH [--differ strength|pack|form] [--families 60] [--photos 2]
        [--severity 0.4] [--config FILE]

A family is one brand in several strengths, pack sizes or forms: the same layout, fonts and pictures, other words, and
in about half of the families another accent colour. Every member has one studio picture; phone photos of the same face
ask. Two cases:

    all there     every member is in the catalog
    one missing   one member of each family, drawn at random, is not; only photos of these ask: every MATCH is wrong

SCRATCH gets the pictures, the tables and two homes; a second call with the same figures uses the pictures again. The
products are drawn with a seed that neither the training nor the calibration uses.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from simsearch import open_app
from simsearch.core.errors import ImageError
from simsearch.core.types import Decision
from simsearch.evaluation.intervals import wilson
from simsearch.synthetic import (
    PhotoConditions,
    SyntheticProduct,
    make_products,
    photograph,
    studio_photo,
    surfaces,
    words,
)
from simsearch.synthetic.photos import jpeg_bytes
from simsearch.synthetic.products import FORM_PACKS
from simsearch.synthetic.words import PREPARATIONS

Family = Sequence[SyntheticProduct]
OUTCOMES = ("match", "ambiguous, names it", "ambiguous, others", "wrong sibling", "other wrong match", "unknown")


@dataclass(frozen=True)
class Photo:
    """A phone photo that asks."""

    product: SyntheticProduct
    path: Path
    coloured: bool
    """Whether the members of its family differ in a colour too."""


def families(count: int, seed: int, differ: str) -> list[Family]:
    """Families of two or more members that differ in their strength, pack or form alone."""
    made = make_products(40 * count, seed, family_share=0.95)
    if differ == "strength":
        return _strengths(made)[:count]
    siblings = {"pack": _packs, "form": _forms}[differ]
    heads = [next(family) for _, family in groupby(made, key=lambda p: p.family)]
    found: list[Family] = []
    for head in heads:
        members = siblings(replace(head, package="box"), np.random.default_rng([seed, 2, len(found)]))
        if len(members) > 1:
            found.append(_numbered(members, len(found)))
    return found[:count]


def _strengths(made: Sequence[SyntheticProduct]) -> list[Family]:
    found: list[Family] = []
    for _, members in groupby(made, key=lambda p: (p.family, p.name, p.form)):
        family = list(members)
        if len({p.strength for p in family}) > 1:
            found.append(family)
    return found


def _packs(head: SyntheticProduct, rng: np.random.Generator) -> Family:
    """The same box with two to four contents."""
    packs = [pack for pack in FORM_PACKS[head.form] if pack != "3 x 10 tablets"]  # the same as 30 tablets
    most = int(rng.integers(2, 5))
    return [replace(head, pack=packs[i]) for i in sorted(rng.permutation(len(packs))[:most].tolist())]


def _forms(head: SyntheticProduct, rng: np.random.Generator) -> Family:
    """The brand in each form that its drug comes in, in the strength that is usual there."""
    made = [p for p in PREPARATIONS if p.generic == head.generic]
    return [
        replace(head, form=p.form, strength=words.pick(rng, p.strengths), pack=words.pick(rng, FORM_PACKS[p.form]))
        for p in made
    ]


def _numbered(members: Family, family: int) -> Family:
    coloured = family % 2
    return [
        replace(p, sku=f"SIB-{family:03d}-{i}", family=f"S{family:04d}", accent=i * coloured)
        for i, p in enumerate(members)
    ]


def draw(folder: Path, made: Sequence[Family], photos: int, severity: float, seed: int) -> list[Photo]:
    """Write the pictures that are missing; the photos that ask."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    asked = []
    for number, product in enumerate(p for family in made for p in family):
        coloured = next(len({p.accent for p in f}) > 1 for f in made if product in f)
        face = surfaces(product)[0]
        for k in range(photos + 1):
            path = folder / "images" / f"{product.sku}_{k}.jpg"
            if k:
                asked.append(Photo(product, path, coloured))
            if not path.is_file():
                rng = np.random.default_rng([seed, number, k])
                if k:
                    pixels = photograph(product, face, rng, PhotoConditions.draw(rng, severity))
                else:
                    pixels = studio_photo(product, face, rng)
                path.write_bytes(jpeg_bytes(pixels, 92))
    return asked


def ask(
    folder: Path, name: str, listed: Sequence[SyntheticProduct], photos: Sequence[Photo], config: Path | None
) -> list[Decision | ImageError]:
    """Index `listed` in a new home and ask it `photos`; the answers in order."""
    table = folder / f"{name}.csv"
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("sku", "image", "name", "strength", "form", "pack", "manufacturer"))
        for p in listed:
            writer.writerow((p.sku, f"images/{p.sku}_0.jpg", p.name, p.strength, p.form, p.pack, p.manufacturer))
    home = folder / f"{name}.home"
    shutil.rmtree(home, ignore_errors=True)
    with open_app(home, config) as app:
        app.index([table], rebuild=True)
        return app.query([photo.path for photo in photos], record=False)


def outcome(photo: Photo, answer: Decision | ImageError, families_of: Mapping[str, str]) -> str:
    """One of `OUTCOMES`; `families_of`: SKU -> family of the catalog's products."""
    assert isinstance(answer, Decision), answer
    if answer.outcome == "unknown":
        return "unknown"
    if answer.outcome == "ambiguous":
        return "ambiguous, names it" if photo.product.sku in answer.named else "ambiguous, others"
    if answer.sku == photo.product.sku:
        return "match"
    return "wrong sibling" if families_of[answer.sku or ""] == photo.product.family else "other wrong match"


def line(name: str, counts: Counter[str]) -> str:
    n, wrong = counts.total(), counts["wrong sibling"]
    interval = wilson(wrong, n)
    shares = " | ".join(str(counts[each]) for each in OUTCOMES)
    return f"| {name} | {n} | {shares} | {wrong / max(1, n):.2%} ({interval.low:.2%} to {interval.high:.2%}) |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Count matches with a wrong sibling in rendered look-alike families.")
    parser.add_argument("scratch", type=Path, help="folder for pictures, tables and homes")
    parser.add_argument("--differ", choices=("strength", "pack", "form"), default="strength")
    parser.add_argument("--families", type=int, default=60)
    parser.add_argument("--photos", type=int, default=2, help="phone photos of each member")
    parser.add_argument("--severity", type=float, default=0.4, help="0: as in a studio, 1: the worst there is")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--config", type=Path, help="settings for simsearch")
    options = parser.parse_args()
    made = families(options.families, options.seed, options.differ)
    if len(made) < options.families:
        raise SystemExit(f"--families {options.families}: only {len(made)} can be drawn")
    folder = (
        options.scratch / f"{options.differ}-{options.seed}-{options.families}-{options.photos}-{options.severity:g}"
    )
    photos = draw(folder, made, options.photos, options.severity, options.seed)
    rng = np.random.default_rng([options.seed, 1])
    missing = {family[int(rng.integers(len(family)))].sku for family in made}
    every = [p for family in made for p in family]
    family_of = {p.sku: p.family for p in every}
    cases = {
        "all there": (every, photos),
        "one missing": ([p for p in every if p.sku not in missing], [p for p in photos if p.product.sku in missing]),
    }
    print(
        f"{len(made)} families of {len(every)} products that differ in {options.differ}; "
        f"severity {options.severity:g}, seed {options.seed}\n"
    )
    print(f"| catalog | photos | {' | '.join(OUTCOMES)} | wrong sibling, 95 % interval |\n|{' --- |' * 9}", flush=True)
    records = []
    for case, (listed, asked) in cases.items():
        answers = ask(folder, case.replace(" ", "-"), listed, asked, options.config)
        said = [outcome(photo, answer, family_of) for photo, answer in zip(asked, answers, strict=True)]
        print(line(case, Counter(said)), flush=True)
        for colours, coloured in (("same colours", False), ("another colour", True)):
            print(
                line(
                    f"{case}, {colours}", Counter(s for s, p in zip(said, asked, strict=True) if p.coloured is coloured)
                )
            )
        records += [
            {"case": case, "photo": str(p.path), "sku": p.product.sku, "outcome": s, "named": a.sku, "reason": a.reason}
            for p, a, s in zip(asked, answers, said, strict=True)
            if isinstance(a, Decision)
        ]
    (folder / "answers.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))
    print(f"\nEach answer: {folder / 'answers.jsonl'}")


if __name__ == "__main__":
    main()
