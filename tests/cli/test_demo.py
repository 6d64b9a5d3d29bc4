"""The demo: honest about what the program answered, careful with folders, complete on a small catalog."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.cli.demo import PLANTED
from simsearch.cli.demo_scenario import Question, Rendered, render_catalog, take, take_photos
from simsearch.cli.demo_truth import found_in, judged, mixed, summary
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError, UsageError
from simsearch.core.images import load
from simsearch.core.types import Decision, Hit, Outcome, Verification
from simsearch.duplicates import DuplicateGroup, DuplicatePair
from simsearch.synthetic import Duplicate, make_products

SEED, PRODUCTS = 7, 24
VERIFICATION = Verification(0.99, 0.9, 0.9, 50, 0.9)


# -- the stage -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return render_catalog(tmp_path_factory.mktemp("stage") / "catalog", PRODUCTS, SEED)


@pytest.fixture(scope="module")
def questions(rendered: Rendered) -> list[Question]:
    return take_photos(rendered.folder.parent / "photos", rendered, SEED)


def test_the_five_questions_are_what_they_say(rendered: Rendered, questions: list[Question]) -> None:
    families = [p.family for p in rendered.products]
    easy, turned, alike, stranger, broken = questions
    for alone in (easy, turned):
        product = rendered.product(alone.sku or "")
        assert product is not None
        assert families.count(product.family) == 1
    twin = rendered.product(alike.sku or "")
    assert twin is not None
    siblings = [p for p in rendered.products if p.family == twin.family and p != twin]
    assert siblings
    assert all(p.sku in alike.truth for p in siblings)
    assert {p.strength for p in siblings} != {twin.strength}
    assert stranger.sku is None
    assert not any(p.name in stranger.truth for p in rendered.products)
    assert len({easy.sku, turned.sku, alike.sku} | {d.sku_a for d in rendered.planted}) == 3 + len(rendered.planted)
    assert [q.readable for q in questions] == [True, True, True, True, False]
    assert broken.sku is None


def test_only_the_broken_photo_is_refused(questions: list[Question]) -> None:
    *sound, broken = questions
    assert all(load(q.photo, ImageSettings()).width == 640 for q in sound)
    with pytest.raises(ImageError) as caught:
        load(broken.photo, ImageSettings())
    assert caught.value.code == "truncated"


def test_the_stage_is_the_same_every_time(rendered: Rendered, questions: list[Question], tmp_path: Path) -> None:
    again = render_catalog(tmp_path / "catalog", PRODUCTS, SEED)
    photos = take_photos(tmp_path / "photos", again, SEED)
    assert again.planted == rendered.planted
    assert [(q.sku, q.truth, q.photo.read_bytes()) for q in photos] == [
        (q.sku, q.truth, q.photo.read_bytes()) for q in questions
    ]


@pytest.mark.parametrize("seed", range(12))
def test_every_seed_has_a_cast(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_products(20 + 40, seed)
    monkeypatch.setattr("simsearch.cli.demo_scenario._photo", lambda *_: b"photo")
    twice = [Duplicate(p.sku, f"DUP-{n:05d}", "identical") for n, p in enumerate(made[:PLANTED])]
    found = take_photos(tmp_path / "photos", Rendered(tmp_path, made[:20], made[20:], twice), seed)
    assert len({q.sku for q in found[:3]} - {None}) == 3


# -- the folder ------------------------------------------------------------------------------------------------------


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="name a new folder"):
        take(tmp_path, PRODUCTS, SEED)
    with pytest.raises(UsageError, match="is a file"):
        take(tmp_path / "thesis.txt", PRODUCTS, SEED)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_new_and_own_folders_are_taken(tmp_path: Path) -> None:
    for _ in range(2):
        take(tmp_path / "new" / "demo", PRODUCTS, SEED)
    (tmp_path / "new" / "demo" / "more").mkdir()
    take(tmp_path / "new" / "demo", PRODUCTS, SEED)


# -- the truth -------------------------------------------------------------------------------------------------------


def decision(outcome: Outcome, sku: str | None, *listed: str) -> Decision:
    hits = tuple(Hit(s, "", n, "", VERIFICATION) for n, s in enumerate(listed))
    return Decision("", outcome, sku, None, 0.9, hits, "g", 1.0)


@pytest.mark.parametrize(
    ("sku", "answer", "right", "word"),
    [
        ("A", decision(Outcome.MATCH, "A", "A"), True, "right"),
        ("A", decision(Outcome.MATCH, "B", "B", "A"), False, "wrong"),
        ("A", decision(Outcome.AMBIGUOUS, "A", "A", "B"), False, "undecided, the right one is in"),
        ("A", decision(Outcome.AMBIGUOUS, "C", "C", "B"), False, "undecided, the right one is not in"),
        ("A", decision(Outcome.UNKNOWN, None, "A"), False, "missed"),
        ("A", ImageError("truncated", ""), False, "wrong"),
        (None, decision(Outcome.UNKNOWN, None, "A"), True, "right"),
        (None, decision(Outcome.MATCH, "A", "A"), False, "wrong"),
        (None, decision(Outcome.AMBIGUOUS, "A", "A"), False, "wrong"),
    ],
)
def test_answers_are_judged_by_the_truth(
    sku: str | None, answer: Decision | ImageError, right: bool, word: str
) -> None:
    good, words = judged(Question("", Path(), "", sku), answer)
    assert good is right
    assert words.startswith(word)


def test_a_broken_file_must_be_refused() -> None:
    question = Question("", Path(), "", None, readable=False)
    assert judged(question, ImageError("truncated", ""))[0]
    assert not judged(question, decision(Outcome.UNKNOWN, None))[0]


def group(*skus: str) -> DuplicateGroup:
    facts = [ImageFacts(n, "", "", "", "", sku, "", "", "", "", {}) for n, sku in enumerate(skus)]
    return DuplicateGroup(tuple(facts), (DuplicatePair(facts[0], facts[1], VERIFICATION),))


def test_groups_are_judged_by_the_truth() -> None:
    made = make_products(8, SEED)  # the first four are one family
    planted = [Duplicate(made[0].sku, "DUP-00000", "identical"), Duplicate(made[6].sku, "DUP-00001", "cropped")]
    stage = Rendered(Path(), made, [], planted)
    good, alike, other = (
        group(made[0].sku, "DUP-00000"),
        group("DUP-00000", made[1].sku),
        group(made[2].sku, made[6].sku),
    )
    groups = [good, alike, other]
    assert [found_in(d, groups) for d in planted] == [good, None]
    assert mixed(good, stage) == ""
    assert mixed(alike, stage).endswith("look-alikes of one family")
    assert mixed(other, stage).endswith("different products")
    assert summary(groups, stage) == "1 of 2 planted duplicates found; groups that mix different products: 2"


# -- the whole -------------------------------------------------------------------------------------------------------


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from simsearch.cli.main import main; main()"
    command = [sys.executable, "-c", code, "demo", folder.name, "--products", str(PRODUCTS), "--seed", str(SEED)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, env=environment, timeout=280)


@pytest.mark.slow
def test_a_small_demo_twice(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    first, second = demo(folder), demo(folder)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert f"{PRODUCTS + PLANTED} added, 0 unchanged, 0 refused" in first.stdout
    assert f"0 added, {PRODUCTS + PLANTED} unchanged, 0 refused" in second.stdout
    assert first.stdout[first.stdout.index("\n1. ") :] == second.stdout[second.stdout.index("\n1. ") :]
    check_output(first.stdout)
    check_page((folder / "demo.html").read_text(encoding="utf-8"), folder)


def check_output(text: str) -> None:
    blocks = re.split(r"\n(?=[1-5]\. )", text.split("\nDuplicates")[0])[1:]
    assert len(blocks) == 5
    assert all("truth:" in block and "answer:" in block for block in blocks)
    assert all(re.search(r"^ +(MATCH|AMBIGUOUS|UNKNOWN) ", block, re.MULTILINE) for block in blocks[:4])
    assert "cannot be read: small/photos/5-broken.jpg: the file ends before the picture does" in blocks[4]
    assert re.search(r"\d of 5 answers are right", text)
    found = re.search(r"(\d) of 6 planted duplicates found", text)
    assert found is not None
    assert text.count("  missed  ") == PLANTED - int(found.group(1))
    assert "small/demo.html" in text
    assert "--home small/home query PHOTO" in text


def check_page(html: str, folder: Path) -> None:
    with (folder / "catalog" / "duplicates.csv").open(encoding="utf-8") as stream:
        planted = list(csv.DictReader(stream))
    assert len(planted) == PLANTED
    assert all(row["sku_a"] in html and row["sku_b"] in html for row in planted)
    assert html.count('class="badge unreadable"') == 1
    assert len(re.findall(r'class="badge (?:match|ambiguous|unknown)">[A-Z]+<', html)) == 4
    assert html.count('class="evidence"') >= 4
    shown = set(re.findall(r"<b>((?:SYN|DUP)-\d+)</b>", html))
    with (folder / "catalog" / "catalog.csv").open(encoding="utf-8") as stream:
        assert shown <= {row["sku"] for row in csv.DictReader(stream)}
    assert len(shown) >= 10
