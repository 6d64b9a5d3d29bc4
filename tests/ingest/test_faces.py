"""Photos that people added to products: one command adds one, one command takes it back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simsearch import open_app
from simsearch.core.errors import ImageError, UsageError
from simsearch.ingest import faces
from simsearch.synthetic import PhotoConditions, photograph, surfaces
from simsearch.synthetic.photos import jpeg_bytes

if TYPE_CHECKING:
    from simsearch import App
    from tests.conftest import Kit, Run, Shop


@pytest.fixture
def app(home: Path, kit: Kit) -> Any:
    with open_app(home, kit.config) as app:
        yield app


def taken(shop: Shop, folder: Path, product: int = 0, number: int = 0) -> tuple[Path, str]:
    """A photo of a product that the catalog does not hold, and its SKU."""
    of = shop.single[product]
    pixels = photograph(of, surfaces(of)[0], 900 + number, PhotoConditions(gain=0.97), 352)
    photo = folder / f"phone-{of.sku}-{number}.jpg"
    photo.write_bytes(jpeg_bytes(pixels, 90))
    return photo, of.sku


def asked(app: App, photo: Path) -> tuple[int, str]:
    [answer] = app.query([photo])
    assert not isinstance(answer, ImageError)
    assert answer.record_id is not None
    return answer.record_id, answer.hits[0].sku


def active(app: App) -> dict[int, str]:
    """Every active image, with its product."""
    return {image.id: image.sku for image in app.catalog.images.known([])}


def test_an_added_face_answers_and_goes_without_a_trace(app: App, home: Path, shop: Shop, tmp_path: Path) -> None:
    photo, sku = taken(shop, tmp_path)
    before, products = active(app), app.catalog.images.counts()["products"]
    number, found = asked(app, photo)
    assert found == sku
    said = app.decisions.confirm(number, face=photo)
    assert said.face == f"faces/{number}{photo.suffix}"
    copy = home / said.face
    assert copy.read_bytes() == photo.read_bytes()
    [(added, product)] = active(app).items() - before.items()
    assert (product, app.catalog.images.facts([added])[added].path) == (sku, str(copy))
    [answer] = app.query([photo])
    assert not isinstance(answer, ImageError)
    assert (answer.sku, answer.hits[0].image) == (sku, said.face)

    gone = app.decisions.forget(number)
    assert (gone.face, app.decisions.get(number).face) == ("", "")
    assert not copy.exists()
    assert active(app) == before
    assert app.catalog.images.counts()["products"] == products
    [answer] = app.query([photo])
    assert not isinstance(answer, ImageError)
    assert answer.hits[0].image != said.face


def test_a_face_survives_indexing_and_another_build(app: App, shop: Shop, tmp_path: Path) -> None:
    photo, _ = taken(shop, tmp_path)
    number, _ = asked(app, photo)
    app.decisions.confirm(number, face=photo)
    with_face = active(app)
    report = app.index([shop.table], prune=True, rebuild=True)
    assert (report.retired, report.added) == (0, 0)
    assert active(app) == with_face
    [answer] = app.query([photo])
    assert not isinstance(answer, ImageError)
    assert answer.hits[0].image == f"faces/{number}{photo.suffix}"


def test_what_is_said_anew_moves_the_face(app: App, home: Path, shop: Shop, tmp_path: Path) -> None:
    (photo, _), other = taken(shop, tmp_path), shop.single[2].sku
    number, sku = asked(app, photo)
    before = active(app)
    app.decisions.confirm(number, face=photo)
    app.decisions.correct(number, other, face=photo)
    [(_, product)] = active(app).items() - before.items()
    assert product == other != sku
    app.decisions.confirm(number)  # said without a face: the photo is no face of what was said before
    assert active(app) == before
    assert not list((home / "faces").iterdir())


def test_only_the_photo_that_was_asked_is_added(app: App, home: Path, shop: Shop, tmp_path: Path) -> None:
    (photo, _), (another, _) = (taken(shop, tmp_path, product) for product in range(2))
    number, _ = asked(app, photo)
    before = active(app)
    with pytest.raises(UsageError, match=f"is not the photo of decision {number}"):
        app.decisions.confirm(number, face=another)
    with pytest.raises(ImageError, match="cannot be read"):
        app.decisions.confirm(number, face=tmp_path / "none.jpg")
    with pytest.raises(UsageError, match="shows no product of the catalog"):
        app.decisions.correct(number, face=photo)
    assert app.decisions.get(number).review is None
    assert active(app) == before
    assert not (home / "faces").exists()


def test_a_photo_of_the_catalog_is_no_further_face(app: App, tmp_path: Path) -> None:
    held = next(iter(app.catalog.images.facts(active(app)).values()))
    again = tmp_path / "again.jpg"
    shutil.copyfile(held.path, again)
    number, _ = asked(app, again)
    with pytest.raises(UsageError, match="is in the catalog already"):
        app.decisions.confirm(number, held.sku, face=again)


def test_a_product_has_so_many_faces_and_no_more(
    app: App, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "MOST", 1)
    (first, sku), (second, _) = (taken(shop, tmp_path, 0, number) for number in range(2))
    number, _ = asked(app, first)
    app.decisions.confirm(number, sku, face=first)
    app.decisions.confirm(number, sku, face=first)  # in place of its own
    number, _ = asked(app, second)
    with pytest.raises(UsageError, match=f"{sku}: has 1 added faces already"):
        app.decisions.confirm(number, sku, face=second)


def test_faces_from_the_command_line(on: Run, home: Path, shop: Shop, tmp_path: Path) -> None:
    (photo, sku), (another, _) = taken(shop, tmp_path), taken(shop, tmp_path, 1)
    on(home, "query", photo)
    done = on(home, "decisions", "confirm", 1, "--face", photo)
    assert (done.code, done.out) == (0, f"decision 1 (match {sku}): right, added as faces/1{photo.suffix}\n")
    [listed] = on(home, "decisions", "--json").objects
    assert listed["face"] == f"faces/1{photo.suffix}"
    assert f"faces/1{photo.suffix}" in on(home, "decisions", "show", 1).out
    assert on(home, "status").code == 0
    done = on(home, "decisions", "forget", 1, "--json")
    assert "face" not in done.objects[0]
    assert on(home, "decisions", "confirm", 1, "--face", another).code == 2
