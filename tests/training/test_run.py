"""`simsearch train` from files to weights, card, curves and calibration; `simsearch calibrate` on a table."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simsearch import open_app
from simsearch.app import App
from simsearch.catalog import Catalog
from simsearch.core.errors import ConfigError, SourceError, TrainingError, WeightsError
from simsearch.core.files import writing
from simsearch.features.network.weights_file import open_weights
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.score_fusion import Fusion
from simsearch.testing.readers import FakeReader, read_by
from simsearch.training.calibrate import CalibrateResult
from simsearch.training.calibrate_print import COLUMNS

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop

TINY = """
seed = 1
train_size = 64
cache_side = 64
validate_every = 2
checkpoint_every = 2
loader_workers = 0
rendered_products = 12
rendered_photos = 2
{top}

[network]
backbone = "mobilenet_v3_small"
embedding = 32
input_size = 64
pair_hidden = 16

[optimiser]
steps = 4
batch = 8
warmup = 1
frozen_stages = 0
"""


def settings(folder: Path, top: str = "") -> Path:
    path = folder / "tiny.toml"
    path.write_text(TINY.format(top=top), encoding="utf-8")
    return path


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """More threads of a tiny network wait for each other longer than they compute."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def app(tmp_path: Path, kit: Kit) -> App:
    return open_app(tmp_path / "home", kit.config)


def test_rendered_packages_alone_give_weights_card_and_curves(app: App, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    run = tmp_path / "run"
    result = app.train(
        settings(tmp_path), None, run, device="cpu", progress=lambda n, total, _: done.append((n, total))
    )
    assert result.steps == 4
    assert done[-1] == (4, 4)
    weights = open_weights(result.weights)
    assert (weights.architecture.backbone, weights.architecture.embedding) == ("mobilenet_v3_small", 32)
    card = json.loads((run / "card.json").read_text(encoding="utf-8"))
    assert card["table_photos"] == 0
    assert card["date"]
    assert (run / "curves.png").stat().st_size > 1000
    with (run / "metrics.csv").open(newline="") as stream:
        assert [row["step"] for row in csv.DictReader(stream)] == ["2", "4"]
    # Nothing labelled was held out, so nothing was calibrated, and using the weights says so.
    assert not result.weights.with_name(f"{result.weights.stem}.calibration.json").exists()
    assert result.calibration is None
    assert "needs 8 or more products with several photos; the table has 0" in result.not_calibrated
    assert result.refusals == ()
    assert not (tmp_path / "home").exists()


def test_a_table_gives_a_calibration_of_the_new_weights(
    app: App, shop: Shop, tmp_path: Path, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    top = f'validation_share = 0.75\nstart = "{kit.weights.name}"'
    (tmp_path / kit.weights.name).write_bytes(kit.weights.read_bytes())  # found beside the settings, wherever we are
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = app.train(settings(tmp_path, top), shop.table, tmp_path / "run", device="cpu")
    calibration = Calibration.load(result.weights.with_name(f"{result.weights.stem}.calibration.json"))
    assert calibration.facts["held_out"] is True
    assert calibration.facts["table"] == "catalog.csv"
    assert 8 <= calibration.facts["products"] < 16
    assert result.card["table_photos"] == 36

    # The pair can be used as it is.
    config = tmp_path / "new.toml"
    config.write_text(f'[methods.siamese]\nweights = "{result.weights}"\ndevice = "cpu"\n', encoding="utf-8")
    with open_app(tmp_path / "home", config) as new:
        assert dict(new.calibration.facts) == dict(calibration.facts)
        photo = str(shop.photo(shop.products[0].sku))
        [verdict] = new.verify([(photo, photo)])
    assert verdict.verification is not None
    assert verdict.verification.similarity == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("top", "error", "words"),
    [
        ("tain_size = 64", ConfigError, "unknown setting 'tain_size'; did you mean 'train_size'?"),
        ('start = "none.pth"', WeightsError, "none.pth: there is no such file"),
        ('sampling = "algorithm-3"', ConfigError, "sampling: 'algorithm-3' is none of classes"),
    ],
)
def test_settings_that_cannot_be_meant_are_named(
    app: App, tmp_path: Path, top: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        app.train(settings(tmp_path, top), None, tmp_path / "run", device="cpu")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_to_train_on_is_told(app: App, tmp_path: Path) -> None:
    path = settings(tmp_path)
    path.write_text(path.read_text().replace("rendered_products = 12", "rendered_products = 0"), encoding="utf-8")
    with pytest.raises(TrainingError, match="give --data TABLE"):
        app.train(path, None, tmp_path / "run", device="cpu")
    with pytest.raises(SourceError, match="no such file or folder"):
        app.train(path, tmp_path / "none.csv", tmp_path / "run", device="cpu")


def test_calibrating_on_a_table_replaces_what_came_with_the_weights(app: App, shop: Shop, tmp_path: Path) -> None:
    result = app.calibrate(shop.table, target_far=0.05)
    path = tmp_path / "home" / "calibration.json"
    assert (result.path, result.calibration, result.refusals) == (path, Calibration.load(path), ())
    facts: dict[str, Any] = dict(Calibration.load(path).facts)
    assert (facts["products"], facts["photos"], facts["target_far"]) == (16, 36, 0.05)
    assert app.calibration == Calibration.load(path)
    assert app.match_threshold == app.calibration.thresholds["match"]


def test_weights_without_a_calibration_get_one(app: App, shop: Shop, tmp_path: Path) -> None:
    alone = tmp_path / "alone.safetensors"
    shutil.copy(app.methods["siamese"].weights.path, alone)  # type: ignore[attr-defined]
    own = tmp_path / "own.toml"
    own.write_text(f'[methods.siamese]\nweights = "{alone}"\n[reading]\nmode = "never"\n', encoding="utf-8")
    with open_app(tmp_path / "new home", own) as new:
        with pytest.raises(WeightsError):
            new.calibrate(shop.table, print_only=True)
        made = new.calibrate(shop.table, target_far=0.05)
        assert made.path == tmp_path / "new home" / "calibration.json"
        assert new.calibration == made.calibration


def test_too_few_photos_to_calibrate_on(app: App, shop: Shop, tmp_path: Path) -> None:
    table = tmp_path / "few.csv"
    photo = shop.photo(shop.products[0].sku)
    rows = [f"a,{photo}", f"a,{shop.photo(shop.products[0].sku, 1)}", f"b,{photo}", "c,missing.jpg", "c,missing2.jpg"]
    table.write_text("sku,image\n" + "\n".join(rows), encoding="utf-8")
    with pytest.raises(TrainingError, match=r"the table has 1; 2 were left out, the first: .*missing\.jpg"):
        app.calibrate(table)
    assert not (tmp_path / "home" / "calibration.json").exists()


def odd_table(shop: Shop, folder: Path) -> Path:
    """The shop's table with a refused row, a photo that is gone and one that is none."""
    (folder / "broken.jpg").write_bytes(b"no picture")
    head, *rows = shop.table.read_text(encoding="utf-8").splitlines()
    sku, image = head.split(",").index("sku"), head.split(",").index("image")
    lines = ["sku,image,surface"]
    for row in rows:
        cells = row.split(",")
        lines.append(f"{cells[sku]},{shop.table.parent / cells[image]},")
    lines += ["x,any.jpg,bakc", "x,gone.jpg,", "y,broken.jpg,"]
    table = folder / "odd.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


LEFT_OUT = [("odd.csv line 38", "bad_row"), ("gone.jpg", "missing"), ("broken.jpg", "not_an_image")]


def test_calibrating_tells_what_it_left_out(app: App, shop: Shop, tmp_path: Path) -> None:
    result = app.calibrate(odd_table(shop, tmp_path), target_far=0.05)
    assert [(Path(r.where).name, r.code) for r in result.refusals] == LEFT_OUT
    assert result.calibration.facts["photos"] == 36


def test_a_photo_that_vanishes_while_a_calibration_runs_is_left_out(
    app: App, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsearch.training.run._DESCRIBED", 1)
    copied = tmp_path / "shop" / shop.table.name
    shutil.copytree(shop.table.parent, copied.parent)
    [last] = copied.read_text(encoding="utf-8").splitlines()[-1:]
    image = copied.parent / next(cell for cell in last.split(",") if cell.endswith(".jpg"))
    result = app.calibrate(copied, target_far=0.05, progress=lambda done, total, text: image.unlink(missing_ok=True))
    assert [(r.where, r.code) for r in result.refusals] == [(str(image), "missing")]


def test_training_tells_what_it_left_out_and_where_the_calibration_is(app: App, shop: Shop, tmp_path: Path) -> None:
    table = odd_table(shop, tmp_path)
    result = app.train(settings(tmp_path, "validation_share = 0.75"), table, tmp_path / "run", device="cpu")
    assert [(Path(r.where).name, r.code) for r in result.refusals] == LEFT_OUT
    assert result.calibration == result.weights.with_name(f"{result.weights.stem}.calibration.json")
    assert result.not_calibrated == ""


def test_calibrating_never_keeps_an_old_calibration(
    app: App, shop: Shop, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = app.calibrate(shop.table, target_far=0.05), app.calibrate(shop.table, target_far=0.2)
    assert old.calibration != new.calibration
    bases: list[Calibration] = []

    def from_decisions(catalog: Catalog, base: Calibration, *, target_far: float) -> CalibrateResult:
        bases.append(base)
        return CalibrateResult(replace(base, thresholds={"match": 0.77, "pair": 0.5}), ())

    monkeypatch.setattr("simsearch.training.calibrate_feedback.calibrate_from_decisions", from_decisions)
    app.index([shop.table])
    assert app.calibrate(None).calibration.thresholds["match"] == 0.77
    assert bases == [new.calibration]
    assert app.calibration.thresholds["match"] == 0.77


def test_a_calibration_waits_for_nobody_who_writes_in_the_home(app: App, shop: Shop, tmp_path: Path) -> None:
    with writing(tmp_path / "home"):
        path = app.calibrate(shop.table, target_far=0.05).path or Path()
        assert Calibration.load(path).thresholds["match"] == app.match_threshold
        assert app.calibrate(shop.table, target_far=0.05, out=tmp_path / "aside.json").path == tmp_path / "aside.json"


def test_print_alone_cannot_be_calibrated_where_nothing_is_read(app: App, shop: Shop) -> None:
    with pytest.raises(ConfigError, match=r"print cannot be calibrated: reading is off \(reading\.mode\)"):
        app.calibrate(shop.table, print_only=True)


def test_what_was_fitted_of_print_stays_where_too_little_can_be_read(app: App, shop: Shop, tmp_path: Path) -> None:
    reading = replace(app.config.reading, mode="auto")
    with App(app.home, replace(app.config, reading=reading), {}) as readable:
        read_by(readable, FakeReader(()))
        zeros, ones = (0.0,) * len(COLUMNS), (1.0,) * len(COLUMNS)
        printed = Fusion(COLUMNS, zeros, ones, ones, 0.0)
        before = readable.calibration
        known = replace(before, printed=printed, thresholds={**before.thresholds, "match_print": 0.77})
        readable.home.mkdir()
        known.save(readable.home / "calibration.json")
        made = readable.calibrate(shop.table, target_far=0.05, out=tmp_path / "made.json").calibration
        assert made.printed == printed
        assert made.thresholds["match_print"] == 0.77
        assert made.fusion != before.fusion
        with pytest.raises(TrainingError, match="the calibration of print needs 8 or more products"):
            readable.calibrate(shop.table, print_only=True)
