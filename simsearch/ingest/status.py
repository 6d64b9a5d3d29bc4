"""What a home holds, and whether its indexes can answer. Nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from simsearch.catalog import Catalog
from simsearch.core.errors import GenerationError
from simsearch.core.status import Status
from simsearch.core.types import Progress, silent
from simsearch.features.base import Method, MetricMethod
from simsearch.indexes import gpu
from simsearch.indexes.generations import Generations
from simsearch.ingest.known_sources import gone_sources
from simsearch.ingest.photo_check import check_photos
from simsearch.ingest.reading import PrintStage


def read_status(
    home: Path,
    catalog: Catalog,
    methods: Mapping[str, Method],
    generations: Generations,
    stage: PrintStage,
    *,
    verify: bool = False,
    progress: Progress = silent,
) -> Status:
    """The status of `home`.

    Args:
        home: for the sizes of its parts.
        catalog: of the home.
        methods: whose descriptors are stored.
        generations: of the home.
        stage: that reads what is printed.
        verify: whether every byte of the database, of all generations and of all photos is read and checked.
        progress: told of the photos.
    """
    counts, described = catalog.images.counts(), catalog.descriptors.counts()
    fingerprints = {name: m.fingerprint for name, m in methods.items()}
    lacking = {name: counts["images_ok"] - described.get(f, 0) for name, f in fingerprints.items()}
    in_force = {*fingerprints.values(), *stage.kept_fingerprints()}
    stale: Counter[str] = Counter()
    for fingerprint, n in described.items():
        if fingerprint not in in_force:
            stale[fingerprint.rpartition("-")[0]] += n
    lanes = {name: m.fingerprint for name, m in methods.items() if isinstance(m, MetricMethod)}
    reading = None if stage.config.reading.mode == "never" else stage.all["reading"].fingerprint
    serving, problem = _serving(generations, lanes, reading, full=verify)
    damaged = list(_damaged(catalog, generations, serving)) if verify else []
    return Status(
        str(home), counts, {name: n for name, n in lacking.items() if n}, serving, tuple(catalog.builds.all()),
        "; ".join([*damaged, *filter(None, [problem])]) or _nothing_usable(catalog, counts),
        disk_usage(home, generations.folder), fingerprints, stale=dict(stale),
        gpus=gpu.count(), verified=verify, sources_gone=gone_sources(catalog), kept=tuple(generations.names()),
        photos=check_photos(catalog, progress) if verify else None, printed=stage.status(),
        filing=catalog.doubts.counts(),
    )  # fmt: skip


def _nothing_usable(catalog: Catalog, counts: Mapping[str, int]) -> str:
    """Why nothing can be searched although sources listed something; empty where something can, or none did."""
    if counts["images_ok"]:
        return ""
    refused = len(catalog.images.refused())
    if not (refused or counts["products"]):
        return ""
    return (
        f"nothing can be searched: no image was taken, {refused} rows or photos were refused; "
        "`simsearch status --refused` says why"
    )


def disk_usage(home: Path, generations: Path) -> dict[str, int]:
    """Bytes of the parts of a home."""

    def size(paths: Iterator[Path]) -> int:
        return sum(p.stat().st_size for p in paths if p.is_file())

    return {
        "catalog": size(home.glob("catalog.db*")), "generations": size(generations.rglob("*")),
        "backups": size(home.glob("backups/*")),
    }  # fmt: skip


def _serving(generations: Generations, lanes: Mapping[str, str], reading: str | None, *, full: bool) -> tuple[str, str]:
    """Name of the generation that serves, empty where there is none, and why it cannot answer."""
    serving = ""
    try:
        serving = generations.current() or ""
        if serving:
            generations.check(serving, lanes, full=full)
            generations.open(lanes, None, reading)
    except GenerationError as error:
        return serving, str(error)
    return serving, ""


def _damaged(catalog: Catalog, generations: Generations, serving: str) -> Iterator[str]:
    """What a full check of the database and of the generations that do not serve finds."""
    if found := catalog.housekeeping.integrity():
        yield f"{catalog.housekeeping.file}: is damaged ({found}); restore a backup"
    elif wrong := catalog.counts.differences():
        more = f", and {len(wrong) - 1} more" * (len(wrong) > 1)
        yield f"the catalog's counts are not what it holds ({wrong[0]}{more}); `simsearch rebuild` counts anew"
    for name in generations.names():
        try:
            if name != serving:
                generations.manifest(name, full=True)
        except GenerationError as error:
            yield str(error)
