"""What `simsearch train` and `simsearch calibrate` do around the trainer: tables in, weights and calibration out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simsearch.core import images
from simsearch.core.config import NEEDED, Config, ImageSettings, parse_settings, read_toml
from simsearch.core.errors import ImageError, TrainingError
from simsearch.core.types import Description, Pixels, SourceRow
from simsearch.features import create
from simsearch.features.base import Method
from simsearch.features.description import describe
from simsearch.features.network.network import pick_device
from simsearch.ingest.sources import read_source
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.verification import Verifier
from simsearch.synthetic import TrainingPhotos, make_products
from simsearch.training.augment import with_strategy
from simsearch.training.batches import TrainingPhoto, held_out
from simsearch.training.calibrate import Sample, calibrate
from simsearch.training.trainer import TrainResult, TrainSettings, train

Progress = Callable[[int, int, str], None]


def train_from_files(
    config: Config, settings_file: Path, table: Path | None, run: Path, *, device: str, progress: Progress
) -> TrainResult:
    """Train after the TOML `settings_file` on the photos of `table` and on rendered packages, then calibrate.

    The table is a folder, CSV or JSONL as for `simsearch index`; a column `group` names sets for `weights`, a column
    `surface` says what is known of the surface. Next to the weights comes a calibration, fitted on the products that
    were held out.

    Raises:
        ConfigError: the settings file. SourceError: the table. TrainingError: too little to train on.
    """
    tables = with_strategy(read_toml(settings_file), where=str(settings_file))
    settings = parse_settings(TrainSettings, tables, where=str(settings_file))
    if settings.start and not Path(settings.start).is_absolute():
        beside = settings_file.resolve().parent / settings.start
        settings = replace(settings, start=str(beside))
    rows = read_source(table).rows if table else []
    photos = [_photo(row, config.images) for row in rows] + _rendered(settings)
    if not photos:
        raise TrainingError("nothing to train on: give --data TABLE, or set rendered_products in the config")
    card = {"date": datetime.now(UTC).date().isoformat(), "revision": _revision(), "table_photos": len(rows)}
    result = train(settings, photos, run, device=pick_device(device).type, progress=progress, card=card)
    aside = [r for r in rows if held_out(r.sku, settings.validation_share)]
    methods = {n: create(n, config.methods.get(n, {})) for n in NEEDED if n != "siamese"}
    methods["siamese"] = create("siamese", {**config.methods.get("siamese", {}), "weights": str(result.weights)})
    try:
        fitted = _calibration(
            config, methods, aside, 0.001, {"table": table.name if table else "", "held_out": True}, progress
        )
    except TrainingError:
        return result  # too few held-out products: `simsearch calibrate` on a labelled table does it later
    fitted.save(run / f"{result.weights.stem}.calibration.json")
    return result


def calibrate_from_table(
    config: Config, methods: Mapping[str, Method], table: Path, target_far: float, progress: Progress
) -> Calibration:
    """Fit a calibration for `methods` on all photos of `table`.

    Raises:
        SourceError: the table. TrainingError: too few products with several readable photos.
    """
    rows = read_source(table).rows
    return _calibration(config, methods, rows, target_far, {"table": table.name}, progress)


def _calibration(
    config: Config,
    methods: Mapping[str, Method],
    rows: list[SourceRow],
    target_far: float,
    facts: Mapping[str, Any],
    progress: Progress,
) -> Calibration:
    skus: list[str] = []
    described: list[Description] = []
    distractors: set[int] = set()
    for done, row in enumerate(rows, 1):
        try:
            image = images.load(Path(row.path), config.images)
        except ImageError:
            continue
        if row.attributes.get("role", "").lower() == "distractor":
            distractors.add(len(skus))
        skus.append(row.sku)
        described += describe({name: methods[name] for name in NEEDED}, [image])
        progress(done, len(rows), "describing")
    sample = Sample(skus, described, frozenset(distractors))
    return calibrate(
        sample, Verifier(methods, None), fingerprints={name: methods[name].fingerprint for name in NEEDED},
        target_far=target_far, settings=config.query,
        facts={**facts, "date": datetime.now(UTC).date().isoformat()},
        progress=progress,
    )  # fmt: skip


def _photo(row: SourceRow, settings: ImageSettings) -> TrainingPhoto:
    return TrainingPhoto(row.sku, partial(_pixels, row.path, settings), row.attributes.get("group", ""), row.surface)


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
