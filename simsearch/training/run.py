"""What `simsearch train` and `simsearch calibrate` do around the fits: tables in, weights and calibration out."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simsearch.core import images
from simsearch.core.config import NEEDED, Config, ImageSettings, parse_settings, read_toml
from simsearch.core.errors import ImageError, TrainingError
from simsearch.core.text import refused_in_words
from simsearch.core.types import Description, Pixels, Progress, Refusal, SourceRow
from simsearch.features import create
from simsearch.features.base import Method
from simsearch.features.description import describe
from simsearch.features.network.network import pick_device
from simsearch.ingest.sources import read_source
from simsearch.recognition.verification import Verifier
from simsearch.synthetic import TrainingPhotos, make_products
from simsearch.training.augment import with_strategy
from simsearch.training.batches import TrainingPhoto, held_out
from simsearch.training.calibrate import CalibrateResult, Sample, calibrate
from simsearch.training.settings import TrainSettings
from simsearch.training.trainer import TrainResult, train

_TARGET_FAR = 0.001
"""False-accept rate of the calibration that comes with new weights."""


def train_from_files(
    config: Config, settings_file: Path, table: Path | None, run: Path, *, device: str, progress: Progress
) -> TrainResult:
    """Train as the TOML `settings_file` says, on the photos of `table` and on rendered packages, then calibrate.

    The calibration is fitted on the held-out products and written beside the weights. Where they are too few the result
    says so, and `simsearch calibrate` on a labelled table makes up for it.

    Args:
        config: settings of images, methods and queries.
        settings_file: see `settings.TrainSettings`.
        table: folder, CSV or JSONL as for `simsearch index`. A column `group` names sets for `weights`, a column
            `surface` says what is known of the surface.
        run: folder for weights, card, curves, checkpoint and calibration.
        device: auto, cpu or cuda.
        progress: called with units done, units in all and a short text.

    Raises:
        ConfigError: the settings file. SourceError: the table. TrainingError: too little to train on.
    """
    tables = with_strategy(read_toml(settings_file), where=str(settings_file))
    settings = parse_settings(TrainSettings, tables, where=str(settings_file))
    if settings.start and not Path(settings.start).is_absolute():
        beside = settings_file.resolve().parent / settings.start
        settings = replace(settings, start=str(beside))
    rows, refused = _rows(table)
    photos = [_photo(row, config.images) for row in rows] + _rendered(settings)
    if not photos:
        words = refused_in_words(refused)
        raise TrainingError(f"nothing to train on: give --data TABLE, or set rendered_products in the config{words}")
    card = {"date": datetime.now(UTC).date().isoformat(), "revision": _revision(), "table_photos": len(rows)}
    result = train(settings, photos, run, device=pick_device(device).type, progress=progress, card=card)
    result = replace(result, refusals=(*refused, *result.refusals))
    aside = [r for r in rows if held_out(r.sku, settings.validation_share)]
    facts = {"table": table.name if table else "", "held_out": True}
    try:
        fitted = _calibration(config, _methods(config, result.weights), aside, _TARGET_FAR, facts, progress)
    except TrainingError as error:
        return replace(result, not_calibrated=str(error))
    path = run / f"{result.weights.stem}.calibration.json"
    fitted.calibration.save(path)
    # A held-out photo is read twice, for validation and for calibration, and told once.
    refusals = tuple(dict.fromkeys((*result.refusals, *fitted.refusals)))
    return replace(result, calibration=path, refusals=refusals)


def calibrate_from_table(
    config: Config, methods: Mapping[str, Method], table: Path, target_far: float, progress: Progress
) -> CalibrateResult:
    """Fit a calibration for `methods` on all photos of `table`; also the rows and photos that were left out.

    Raises:
        SourceError: the table. TrainingError: too few products with several readable photos.
    """
    rows, refused = _rows(table)
    try:
        fitted = _calibration(config, methods, rows, target_far, {"table": table.name}, progress)
    except TrainingError as error:
        raise TrainingError(f"{error}{refused_in_words(refused)}") from None
    return replace(fitted, refusals=(*refused, *fitted.refusals))


def _rows(table: Path | None) -> tuple[list[SourceRow], Sequence[Refusal]]:
    if table is None:
        return [], ()
    source = read_source(table)
    return source.rows, source.refusals


def _methods(config: Config, weights: Path) -> dict[str, Method]:
    """The methods of verification, the network with `weights`."""
    methods = {name: create(name, config.methods.get(name, {})) for name in NEEDED if name != "siamese"}
    own = {**config.methods.get("siamese", {}), "weights": str(weights)}
    return {**methods, "siamese": create("siamese", own)}


def _calibration(
    config: Config,
    methods: Mapping[str, Method],
    rows: Sequence[SourceRow],
    target_far: float,
    facts: Mapping[str, Any],
    progress: Progress,
) -> CalibrateResult:
    skus: list[str] = []
    described: list[Description] = []
    distractors: set[int] = set()
    refusals: list[Refusal] = []
    for done, row in enumerate(rows, 1):
        progress(done, len(rows), "describing")
        try:
            image = images.load(Path(row.path), config.images)
        except ImageError as error:
            refusals.append(Refusal(row.path, error.code, str(error)))
            continue
        if row.attributes.get("role", "").lower() == "distractor":
            distractors.add(len(skus))
        skus.append(row.sku)
        described += describe({name: methods[name] for name in NEEDED}, [image])
    sample = Sample(skus, described, frozenset(distractors))
    try:
        calibration = calibrate(
            sample, Verifier(methods, None), fingerprints={name: methods[name].fingerprint for name in NEEDED},
            target_far=target_far, settings=config.query,
            facts={**facts, "date": datetime.now(UTC).date().isoformat()},
            progress=progress,
        )  # fmt: skip
    except TrainingError as error:
        raise TrainingError(f"{error}{refused_in_words(refusals)}") from None
    return CalibrateResult(calibration, tuple(refusals))


def _photo(row: SourceRow, settings: ImageSettings) -> TrainingPhoto:
    load = partial(_pixels, row.path, settings)
    return TrainingPhoto(row.sku, load, row.attributes.get("group", ""), row.surface, row.path)


def _pixels(path: str, settings: ImageSettings) -> Pixels:
    return images.load(Path(path), settings).pixels


def _rendered(settings: TrainSettings) -> list[TrainingPhoto]:
    if not settings.rendered_products:
        return []
    products = make_products(settings.rendered_products, settings.seed)
    source = TrainingPhotos(products, settings.seed, size=settings.cache_side)
    out = []
    for i in range(len(products) * settings.rendered_photos):
        sample = source.sample(i)
        keep = partial(np.asarray, sample.pixels)
        out.append(TrainingPhoto(f"rendered-{sample.sku}", keep, "rendered", str(sample.surface)))
    return out


def _revision() -> str:
    """The git revision of the code, for the model card; empty outside a checkout."""
    folder = Path(__file__).resolve().parent
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()
