"""What `simsearch train` and `simsearch calibrate` do around the fits: tables in, weights and calibration out."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simsearch.core import images
from simsearch.core.config import NEEDED, Config, ImageSettings, parse_settings, read_toml
from simsearch.core.errors import ConfigError, ImageError, TrainingError
from simsearch.core.text import refused_in_words
from simsearch.core.threads import in_threads
from simsearch.core.types import Description, Pixels, Progress, Refusal, SourceRow
from simsearch.features import create
from simsearch.features.base import Method, missing
from simsearch.features.description import describe
from simsearch.features.network.network import pick_device
from simsearch.features.reading import ReadPrint
from simsearch.ingest.sources import left_of, read_source
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.verification import Verifier
from simsearch.synthetic import TrainingPhotos, make_products
from simsearch.training.augment import with_strategy
from simsearch.training.batches import TrainingPhoto, held_out
from simsearch.training.calibrate import CalibrateResult, Sample, calibrate
from simsearch.training.calibrate_alone import alone_pairs, with_alone
from simsearch.training.calibrate_print import PrintPairs, print_pairs, with_print
from simsearch.training.settings import TrainSettings
from simsearch.training.trainer import TrainResult, train

_DESCRIBED = 64
"""Photos that are held decoded at once."""
_TARGET_FAR = 0.001
"""False-accept rate of the calibration that comes with new weights."""


def train_from_files(
    config: Config,
    settings_file: Path,
    table: Path | None,
    run: Path,
    *,
    device: str,
    without: Collection[str] = (),
    progress: Progress,
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
        without: paths of photos of the table that are left out.
        progress: called with units done, units in all and a short text.

    Raises:
        ConfigError: the settings file. SourceError: the table. TrainingError: too little to train on.
    """
    tables = with_strategy(read_toml(settings_file), where=str(settings_file))
    settings = parse_settings(TrainSettings, tables, where=str(settings_file))
    if settings.start and not Path(settings.start).is_absolute():
        beside = settings_file.resolve().parent / settings.start
        settings = replace(settings, start=str(beside))
    rows, refused = _rows(table, without)
    photos = [_photo(row, config.images) for row in rows] + _rendered(settings)
    if not photos:
        words = refused_in_words(refused)
        raise TrainingError(f"nothing to train on: give --data TABLE, or set rendered_products in the config{words}")
    card = {"date": datetime.now(UTC).date().isoformat(), "revision": _revision(), "table_photos": len(rows)}
    result = train(settings, photos, run, device=pick_device(device).type, progress=progress, card=card)
    result = replace(result, refusals=(*refused, *result.refusals))
    aside = [r for r in rows if held_out(r.sku, settings.validation_share)]
    day = datetime.now(UTC).date().isoformat()
    facts = {"table": table.name if table else "", "held_out": True, "date": day}
    methods = _methods(config, result.weights)
    _, sample, unreadable = _described(config, methods, {}, aside, progress)
    try:
        fitted = _fitted(config, methods, sample, _TARGET_FAR, facts, progress)
    except TrainingError as error:
        return replace(result, not_calibrated=f"{error}{refused_in_words(unreadable)}")
    path = run / f"{result.weights.stem}.calibration.json"
    fitted.save(path)
    # A held-out photo is read twice, for validation and for calibration, and told once.
    refusals = tuple(dict.fromkeys((*result.refusals, *unreadable)))
    return replace(result, calibration=path, refusals=refusals)


def calibrate_from_table(
    config: Config,
    methods: Mapping[str, Method],
    printed: Mapping[str, Method],
    base: Calibration | None,
    table: Path,
    target_far: float,
    *,
    print_only: bool,
    without: Collection[str] = (),
    progress: Progress,
) -> CalibrateResult:
    """Fit a calibration for `methods` and for print on all photos of `table`; also the rows and photos left out.

    Args:
        config: settings of images, queries and reading.
        methods: of appearance.
        printed: the methods `reading` and `codes`. Where they cannot read, or too little can be read, what `base` says
            of print stays.
        base: the calibration in force; None where there is none, as of new weights.
        table: labelled photos.
        target_far: false-accept rate of both thresholds, in (0, 1).
        print_only: keep what `base` says of appearance, and fit what print adds alone.
        without: paths of photos of the table that are left out.
        progress: told of every step.

    Raises:
        SourceError: the table. TrainingError: too few products with several readable photos. ConfigError: `print_only`
            where nothing can be read.
    """
    rows, refused = _rows(table, without)
    reason = "reading is off (reading.mode)" if config.reading.mode == "never" else missing(printed["reading"])
    if print_only and reason:
        raise ConfigError(f"print cannot be calibrated: {reason}")
    loaded, sample, unreadable = _described(config, methods, {} if reason else printed, rows, progress)
    facts = {"table": table.name, "date": datetime.now(UTC).date().isoformat()}
    try:
        alike, places = sample.without_faces()
        if base is not None and print_only:
            made = base
        else:
            made = _with_print_of(base, _fitted(config, methods, alike, target_far, facts, progress))
        if not reason:
            rows = [loaded[place] for place in places]
            pairs = _print_pairs(config, methods, printed, made, alike, rows, unreadable, progress)
            try:
                about = {**facts, "reading": printed["reading"].fingerprint}
                made = with_print(made, pairs, alike, target_far, about)
                told = alone_pairs(sample, Verifier(methods, None), config.query.text_candidates, progress)
                made = with_alone(made, told, sample, target_far, about)
            except TrainingError:
                if print_only:
                    raise  # else what was known of print stays
    except TrainingError as error:
        raise TrainingError(f"{error}{refused_in_words(refused)}{refused_in_words(unreadable)}") from None
    return CalibrateResult(made, (*refused, *unreadable))


def _with_print_of(base: Calibration | None, made: Calibration) -> Calibration:
    """A new calibration of appearance with what an earlier one says of print."""
    if base is None:
        return made
    kept = {name: base.thresholds[name] for name in ("match_print", "match_alone") if name in base.thresholds}
    return replace(made, printed=base.printed, alone=base.alone, thresholds={**kept, **made.thresholds})


def print_pairs_of_table(
    config: Config,
    methods: Mapping[str, Method],
    printed: Mapping[str, Method],
    base: Calibration,
    table: Path,
    progress: Progress,
) -> tuple[PrintPairs, Sample]:
    """The photos of a labelled table and their contenders, compared by print; arguments as `calibrate_from_table`."""
    rows, _ = _rows(table)
    loaded, whole, _ = _described(config, methods, printed, rows, progress)
    sample, places = whole.without_faces()
    used = [loaded[place] for place in places]
    return _print_pairs(config, methods, printed, base, sample, used, [], progress), sample


def _print_pairs(
    config: Config,
    methods: Mapping[str, Method],
    printed: Mapping[str, Method],
    base: Calibration,
    sample: Sample,
    rows: Sequence[SourceRow],
    gone: list[Refusal],
    progress: Progress,
) -> PrintPairs:
    """`gone`: photos that cannot be read any more are added, and do not ask."""

    def sharp(place: int) -> Pixels | None:
        try:
            return images.load_sharp(Path(rows[place].path), config.images)
        except ImageError as error:
            gone.append(Refusal(rows[place].path, error.code, str(error)))
            return None

    reading = printed["reading"]
    assert isinstance(reading, ReadPrint)
    verifier, first = Verifier(methods, base), config.reading.contenders
    return print_pairs(sample, sharp, verifier, reading.reader, config.query, first, progress)


def _rows(table: Path | None, without: Collection[str] = ()) -> tuple[list[SourceRow], Sequence[Refusal]]:
    if table is None:
        return [], ()
    source = read_source(table)
    return left_of(source.rows, without), source.refusals


def _methods(config: Config, weights: Path) -> dict[str, Method]:
    """The methods of verification, the network with `weights`."""
    methods = {name: create(name, config.methods.get(name, {})) for name in NEEDED if name != "siamese"}
    own = {**config.methods.get("siamese", {}), "weights": str(weights)}
    return {**methods, "siamese": create("siamese", own)}


def _described(
    config: Config,
    methods: Mapping[str, Method],
    printed: Mapping[str, Method],
    rows: Sequence[SourceRow],
    progress: Progress,
) -> tuple[list[SourceRow], Sample, list[Refusal]]:
    """The rows whose photos can be read, these photos described by all methods, and why the others cannot."""
    by = {**{name: methods[name] for name in NEEDED}, **printed}
    used: list[SourceRow] = []
    described: list[Description] = []
    refusals: list[Refusal] = []
    for start in range(0, len(rows), _DESCRIBED):
        part = rows[start : start + _DESCRIBED]
        loaded = in_threads(lambda row: images.load_or_error(row.path, config.images), part)
        for row, image in zip(part, loaded, strict=True):
            if isinstance(image, ImageError):
                refusals.append(Refusal(row.path, image.code, str(image)))
            else:
                used.append(row)
        described += describe(by, [image for image in loaded if not isinstance(image, ImageError)])
        progress(start + len(part), len(rows), "describing")
    roles = [row.attributes.get("role", "").lower() for row in used]
    distractors, faces = (
        frozenset(i for i, role in enumerate(roles) if role == wanted) for wanted in ("distractor", "face")
    )
    return used, Sample([row.sku for row in used], described, distractors, faces), refusals


def _fitted(
    config: Config,
    methods: Mapping[str, Method],
    sample: Sample,
    target_far: float,
    facts: Mapping[str, Any],
    progress: Progress,
) -> Calibration:
    fingerprints = {name: methods[name].fingerprint for name in NEEDED}
    return calibrate(
        sample, Verifier(methods, None), fingerprints=fingerprints, target_far=target_far, settings=config.query,
        facts=facts, progress=progress,
    )  # fmt: skip


def _photo(row: SourceRow, settings: ImageSettings) -> TrainingPhoto:
    load = partial(_pixels, row.path, settings)
    return TrainingPhoto(row.sku, load, row.attributes.get("group", ""), row.surface, row.path)


def _pixels(path: str, settings: ImageSettings) -> Pixels:
    return images.load(Path(path), settings, keep=False).pixels


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
