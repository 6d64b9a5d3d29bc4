"""What the demo renders is what it says, and other people's folders are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.cli.demo import PLANTED
from simsearch.cli.demo_scenario import Question, Rendered, claim, render_catalog, take_photos
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError, UsageError
from simsearch.core.images import load
from simsearch.synthetic import Duplicate, make_products

SEED, PRODUCTS = 7, 24


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


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="name a new folder"):
        claim(tmp_path, PRODUCTS, SEED)
    with pytest.raises(UsageError, match="is a file"):
        claim(tmp_path / "thesis.txt", PRODUCTS, SEED)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_new_and_own_folders_are_taken(tmp_path: Path) -> None:
    for _ in range(2):
        claim(tmp_path / "new" / "demo", PRODUCTS, SEED)
    (tmp_path / "new" / "demo" / "more").mkdir()
    claim(tmp_path / "new" / "demo", PRODUCTS, SEED)
