"""The lanes of text by size: build, bytes, time of a query, and what the bare search of its sketches takes.

    python scripts/bench/text.py [--products 10000,100000] [--queries 300] [--lines 4]

Drawn print: each product has a name, an ingredient and a maker of its own or shared, a strength, and `--lines` on the
average of two hundred lines that many packages have. A photo shows its name and two thirds of the others, with one
character in thirty misread. The table says name, strength, form and maker. Times are processor time of one thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simsearch.indexes.base import one_thread
from simsearch.indexes.text import CANDIDATES, Document, TextIndex
from simsearch.indexes.text_asked import Asked
from simsearch.indexes.text_audit import audit_text
from simsearch.indexes.text_sketch import knows, sketch
from simsearch.indexes.text_terms import text_of
from simsearch.indexes.text_weights import TextWeights
from simsearch.recognition.text_lanes import alike
from simsearch.synthetic import words

WANTED = 20
Lines = list[str]


def products(count: int, standard_lines: float) -> Iterator[tuple[Lines, Lines]]:
    """What is printed on each, and what its table says."""
    rng = np.random.default_rng(16)
    shared = [" ".join(words.brand(rng).lower() for _ in range(rng.integers(2, 6))) for _ in range(200)]
    share = 1 / np.arange(1, 201)
    ingredients = [words.brand(rng).lower() + "ine" for _ in range(2000)]
    makers = [f"{words.brand(rng)} Pharma" for _ in range(1500)]
    for _ in range(count):
        name = f"{words.brand(rng)}{words.brand(rng)[-4:]}"
        ingredient, maker = ingredients[rng.integers(2000)], makers[rng.integers(1500)]
        strength = f"{5 * rng.integers(1, 200)} mg"
        lines = min(60, 1 + int(rng.exponential(standard_lines - 1)))
        standard = [shared[i] for i in rng.choice(200, lines, p=share / share.sum())]
        own = [f"{name} {strength}", f"{ingredient} {strength}", maker, f"Batch {rng.integers(10**6)}"]
        yield [*own, *standard], [f"{name} {strength}", "tablet", maker]


def misread(lines: Lines, rng: np.random.Generator) -> Lines:
    """The first line and two thirds of the others, one character in thirty another one."""
    kept = [line for i, line in enumerate(lines) if not i or rng.random() < 2 / 3]
    return ["".join(chr(97 + rng.integers(26)) if rng.random() < 1 / 30 else c for c in line) for line in kept]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", default="10000,100000")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--lines", type=float, default=4.0, help="standard lines of a package; a strip has 20")
    options = parser.parse_args()
    columns = (
        "products", "lane", "build, s", "bytes each", "open, ms", "terms asked", "query p50 / p99, ms",
        "bare search of sketches, ms", "audit", "right product first / among 20",
    )  # fmt: skip
    print("| " + " | ".join(columns) + " |\n| ---: | --- |" + " ---: |" * (len(columns) - 2))
    for count in map(int, options.products.split(",")):
        measure(count, options.queries, options.lines)


def measure(count: int, queries: int, lines: float) -> None:
    rng = np.random.default_rng(1)
    said = list(products(count, lines))
    questions = {int(i): misread(said[i][0], rng) for i in rng.choice(count, min(queries, count), replace=False)}
    started = time.process_time()
    weights = TextWeights.of((text_of([*printed, *table]).terms for printed, table in said), count)
    weighed = time.process_time() - started
    for part, lane in enumerate(("text", "words")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lane.index"
            started = time.process_time()
            documents = (Document(i, np.array([i], np.int64), text_of(of[part])) for i, of in enumerate(said))
            TextIndex.of(documents, weights).save(path)
            built = time.process_time() - started + weighed
            started = time.process_time()
            index = TextIndex.load(path)
            opened = (time.process_time() - started) * 1e3
            report(lane, count, index, weights, questions, (built, path.stat().st_size / count, opened))


def report(
    lane: str,
    count: int,
    index: TextIndex,
    weights: TextWeights,
    questions: dict[int, Lines],
    built: tuple[float, float, float],
) -> None:
    whole, bare, first, among, terms = [], [], [], [], []
    for right, lines in questions.items():
        started = time.process_time()
        asked = Asked.of(text_of(lines), weights)
        hits = [i for i, _ in alike([index], asked, WANTED, frozenset())]
        whole.append((time.process_time() - started) * 1e3)
        first.append(hits[:1] == [right])
        among.append(right in hits)
        terms.append(len(asked.terms))
        known = knows(index.arrays.known, asked.terms)
        bits = sketch(asked.terms[known], asked.units[known])[None]
        with one_thread():
            started = time.process_time()
            index._sketches.search(bits, CANDIDATES)
            bare.append((time.process_time() - started) * 1e3)
    checked = audit_text(index, index.ids(), weights)
    seconds, size, opened = built
    print(
        f"| {count:,} | {lane} | {seconds:.0f} | {size:,.0f} | {opened:.0f} | {np.median(terms):.0f} | "
        f"{np.median(whole):.2f} / {np.percentile(whole, 99):.2f} | {np.median(bare):.2f} | {checked.recall:.3f} | "
        f"{np.mean(first):.3f} / {np.mean(among):.3f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
