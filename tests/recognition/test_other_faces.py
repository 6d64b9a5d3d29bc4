"""A photo of a face that the catalog lacks, from the file to the answer: it is found by what is printed on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from simsearch import App, Decision, Outcome, open_app
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.print_alone import ALONE_FEATURES
from simsearch.recognition.score_fusion import Fusion
from simsearch.synthetic import make_products, studio_photo
from simsearch.testing.readers import FakeReader, read_by

if TYPE_CHECKING:
    from tests.conftest import Kit

BRANDS = [f"{a}{b}an" for a in ("bexi", "quivo", "velo", "xilo") for b in ("ral", "dim", "tor", "sig", "pen")]
SIZE = 320


def carton(number: int) -> str:
    return f"{BRANDS[number].upper()}\nsomedrug{'abcdefghij'[number % 10]}{number} {10 + number} mg\n30 tablets"


@pytest.fixture
def app(kit: Kit, tmp_path: Path) -> Iterator[App]:
    """Twenty cartons, whose print is read."""
    folder, says = tmp_path / "shop", []
    for number, product in enumerate(make_products(len(BRANDS), 31, family_share=0.0)):
        pixels = studio_photo(replace(product, package="box"), "front", np.random.default_rng(number), SIZE)
        path = folder / f"p{number}" / "front.png"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        says.append((images.load(path, ImageSettings()).sharp, carton(number)))
    for name, text in (
        ("strip", f"{BRANDS[3].upper()} 13 mg\nsomedrugd3\n30 tablets"),
        ("no-dose", f"{BRANDS[3].upper()}\nsomedrugd3\n30 tablets"),
        ("no-form", f"{BRANDS[3].upper()} 13 mg\nsomedrugd3"),
    ):
        grey = np.full((SIZE, SIZE, 3), 40 * (len(says) - len(BRANDS) + 2), np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), grey)
        says.append((images.load(tmp_path / f"{name}.png", ImageSettings()).sharp, text))
    config = tmp_path / "reads.toml"
    config.write_text(kit.config.read_text().replace('mode = "never"', 'mode = "auto"'))
    with open_app(tmp_path / "home", config) as app:
        read_by(app, FakeReader(says))
        app.index([folder], rebuild=True)
        app.rebuild()
        known = Calibration.load(kit.calibration)
        weights = tuple(8.0 if name in ("of_photo", "title") else 0.0 for name in ALONE_FEATURES)
        fused = Fusion(ALONE_FEATURES, (0.0,) * len(weights), (1.0,) * len(weights), weights, -2.0)
        replace(known, alone=fused, thresholds={**known.thresholds, "match_alone": 0.8}).save(
            tmp_path / "home" / "calibration.json"
        )
        yield app


def answer(app: App, photo: Path) -> Decision:
    [found] = app.query([photo])
    assert isinstance(found, Decision)
    return found


def test_a_strip_is_matched_with_its_carton(app: App, tmp_path: Path) -> None:
    found = answer(app, tmp_path / "strip.png")
    assert (found.outcome, found.sku) == (Outcome.MATCH, "p3")
    assert f"by its print ({BRANDS[3]}" in found.reason
    assert "no picture of this face is known; print agrees in strength and pack" in found.reason
    [recorded] = list(app.decisions.listed())
    assert recorded.evidence["alone_threshold"] == 0.8
    alone = recorded.evidence["hits"][0]["printed"]["alone"]
    assert (alone["named"], alone["words"][0], len(alone["features"])) == (True, BRANDS[3], len(ALONE_FEATURES))


def test_a_strip_without_its_strength_is_listed_and_not_matched(app: App, tmp_path: Path) -> None:
    found = answer(app, tmp_path / "no-dose.png")
    assert (found.outcome, found.hits[0].sku) == (Outcome.UNKNOWN, "p3")
    assert found.reason.endswith("a match by print alone needs its strength read, too")


def test_a_strip_that_says_neither_form_nor_pack_is_not_matched(app: App, tmp_path: Path) -> None:
    found = answer(app, tmp_path / "no-form.png")
    assert (found.outcome, found.hits[0].sku) == (Outcome.UNKNOWN, "p3")
    assert found.reason.endswith("a match by print alone needs its form read, too")


def test_the_added_strip_answers_by_its_picture(app: App, tmp_path: Path) -> None:
    photo = tmp_path / "no-dose.png"
    number = answer(app, photo).record_id
    assert number is not None
    app.decisions.correct(number, "p3", face=photo)
    found = answer(app, photo)
    assert (found.hits[0].sku, found.hits[0].image) == ("p3", f"faces/{number}.png")
    app.decisions.forget(number)
    assert answer(app, photo).hits[0].image != f"faces/{number}.png"
