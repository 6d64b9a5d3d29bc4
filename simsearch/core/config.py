"""Settings: `configs/default.toml`, overlaid by a file of the user's, checked into frozen dataclasses.

`configs/default.toml` explains every setting. An unknown key is an error that names it.
"""

from __future__ import annotations

import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from simsearch.core.errors import ConfigError
from simsearch.core.resources import resource_dir

T = TypeVar("T")

NEEDED = ("phash", "orb", "siamese")
"""The methods whose descriptors verification needs. `indexing.stored` must name them, and may add others."""
PRINTED = ("reading", "codes")
"""The methods of print, which are stored in a stage of their own; see `[reading]`."""


def setting(default: Any, *, low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass field with its default and the values that it may take; both bounds are allowed."""
    checks = {"low": low, "high": high, "choices": choices}
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata=checks)
    return field(default=default, metadata=checks)


@dataclass(frozen=True)
class ImageSettings:
    """How a file becomes pixels."""

    working_size: int = setting(640, low=64, high=1023)
    reading_size: int = setting(2000, low=640, high=4000)
    max_pixels: int = setting(80_000_000, low=4096, high=1_000_000_000)
    max_bytes: int = setting(100_000_000, low=1024)

    @property
    def sharp_size(self) -> int:
        """Longest side of `Image.sharp`, which is never smaller than `Image.pixels`."""
        return max(self.working_size, self.reading_size)


@dataclass(frozen=True)
class CatalogSettings:
    """Where the truth lies."""

    url: str = ""
    busy_timeout_s: float = setting(30.0, low=0.0)
    pool_size: int = setting(32, low=4, high=1000)
    keep_decisions_days: int = setting(400, low=0, high=36_500)


@dataclass(frozen=True)
class SourceSettings:
    """From where photos are fetched that a table names by a URL."""

    remote_allow: tuple[str, ...] = ()
    remote_folder: str = ""
    remote_timeout_s: float = setting(30.0, low=0.1, high=3600.0)


@dataclass(frozen=True)
class IndexingSettings:
    """How photos are described."""

    stored: tuple[str, ...] = ("phash", "orb", "siamese", "pills")
    workers: int = setting(0, low=0, high=256)
    describe_on: str = ""
    lease_s: float = setting(60.0, low=1.0, high=86_400.0)
    send_photos: bool = True
    worker_gpus: float = setting(0.0, low=0.0, high=16.0)
    batch: int = setting(8, low=1, high=4096)
    commit_every: int = setting(256, low=1)
    rebuild_share: float = setting(0.05, low=0.0, high=1.0)


@dataclass(frozen=True)
class GenerationSettings:
    """How indexes are built and kept."""

    engine: str = setting("faiss", choices=("faiss", "pgvector", "milvus"))
    url: str = ""
    keep: int = setting(3, low=1)
    votes_on: str = ""
    vote_images: int = setting(1_000_000, low=1)
    audit_sample: int = setting(200, low=1)
    audit_k: int = setting(50, low=1)
    audit_recall: float = setting(0.995, low=0.0, high=1.0)
    factory: str = ""
    storage: str = setting("auto", choices=("auto", "float32", "float16", "int8"))
    device: str = setting("auto", choices=("auto", "cpu", "cuda"))


@dataclass(frozen=True)
class NightlySettings:
    """What `rebuild --nightly` keeps, writes and refuses."""

    backups: int = setting(7, low=0)
    reports: int = setting(30, low=1)
    metrics: str = ""
    retire_share: float = setting(0.2, low=0.0, high=1.0)
    doubt_share: float = setting(1.0, low=0.0, high=1.0)


@dataclass(frozen=True)
class ReadingSettings:
    """When print and codes are read."""

    mode: str = setting("auto", choices=("auto", "always", "never"))
    nightly_minutes: float = setting(60.0, low=0.0, high=1440.0)
    contenders: int = setting(5, low=1, high=50)


@dataclass(frozen=True)
class QuerySettings:
    """How a photo is answered."""

    k: int = setting(5, low=1, high=1000)
    candidates: int = setting(50, low=1, high=10_000)
    hash_candidates: int = setting(10, low=0, high=10_000)
    hash_similarity: float = setting(0.85, low=0.0, high=1.0)
    vote_candidates: int = setting(20, low=0, high=10_000)
    vote_neighbours: int = setting(16, low=1, high=1000)
    vote_keypoints: int = setting(200, low=1, high=5000)
    text_candidates: int = setting(20, low=0, high=1000)
    word_candidates: int = setting(20, low=0, high=1000)
    pill_candidates: int = setting(20, low=0, high=1000)
    geometry: int = setting(8, low=0, high=10_000)
    match_threshold: float = setting(0.0, low=0.0, high=1.0)
    margin: float = setting(0.15, low=0.0, high=0.5)
    record_wait_s: float = setting(2.0, low=0.0, high=3600.0)


@dataclass(frozen=True)
class DuplicateSettings:
    """How suspected pairs are found."""

    neighbours: int = setting(10, low=1, high=1000)
    least_similarity: float = setting(0.6, low=-1.0, high=1.0)
    least_hash_similarity: float = setting(0.85, low=0.0, high=1.0)
    vote_keypoints: int = setting(500, low=0, high=5000)
    geometry: int = setting(3, low=0, high=255)
    same_photo_similarity: float = setting(0.98, low=0.0, high=1.0)
    threshold: float = setting(0.0, low=0.0, high=1.0)
    look_alike: float = setting(0.5, low=0.0, high=1.0)
    mirrored: bool = False


@dataclass(frozen=True)
class CheckSettings:
    """How the catalog's filing is checked."""

    least: float = setting(0.5, low=0.0, high=1.0)
    processes: int = setting(0, low=0, high=64)


@dataclass(frozen=True)
class ServerSettings:
    """How `simsearch serve` listens, whom it trusts, and where it refuses."""

    host: str = "127.0.0.1"
    port: int = setting(8780, low=0, high=65535)
    hosts: tuple[str, ...] = ()
    workers: int = setting(2, low=1, high=64)
    threads: int = setting(0, low=0, high=256)
    queue: int = setting(16, low=0, high=10_000)
    max_body_bytes: int = setting(25_000_000, low=1024)
    body_timeout_s: float = setting(30.0, low=0.1, high=3600.0)
    answer_timeout_s: float = setting(60.0, low=0.1, high=3600.0)
    grace_s: float = setting(30.0, low=0.0, high=3600.0)
    rate_per_s: float = setting(20.0, low=0.0, high=100_000.0)
    burst: int = setting(60, low=1, high=1_000_000)
    trusted_proxies: tuple[str, ...] = ()
    user_header: str = "X-Forwarded-User"
    proxy_role: str = setting("review", choices=("read", "review", "admin"))
    keep_photos: str = setting("never", choices=("never", "review", "always"))
    keep_photos_days: int = setting(30, low=1, high=3650)
    log: str = setting("json", choices=("json", "text"))


@dataclass(frozen=True)
class Config:
    """All settings in force. `methods` holds one table a method, which the method itself checks."""

    images: ImageSettings = field(default_factory=ImageSettings)
    catalog: CatalogSettings = field(default_factory=CatalogSettings)
    sources: SourceSettings = field(default_factory=SourceSettings)
    indexing: IndexingSettings = field(default_factory=IndexingSettings)
    generations: GenerationSettings = field(default_factory=GenerationSettings)
    nightly: NightlySettings = field(default_factory=NightlySettings)
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    query: QuerySettings = field(default_factory=QuerySettings)
    duplicates: DuplicateSettings = field(default_factory=DuplicateSettings)
    check: CheckSettings = field(default_factory=CheckSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: it cannot be read, or is no TOML; the message names file and line.
    """
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; name an existing TOML file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None


def load_config(path: Path | None = None) -> tuple[Config, dict[str, str]]:
    """The settings in force, and for each (`query.k`) where it comes from: a file's name or `built in`.

    Raises:
        ConfigError: the file cannot be read, or a key or value in it is invalid.
    """
    layers = [resource_dir("configs") / "default.toml"]
    if path is not None:
        layers.append(path)
    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for layer in layers:
        tables = read_toml(layer)
        parse_settings(Config, tables, where=str(layer))  # each alone, so that a message names the file at fault
        label = str(layer) if layer == path else layer.name
        _overlay(merged, tables, label, origin, "")
    return parse_settings(Config, merged, where="configuration"), origin


def _overlay(base: dict[str, Any], top: Mapping[str, Any], label: str, origin: dict[str, str], prefix: str) -> None:
    for key, value in top.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            _overlay(base.setdefault(key, {}), value, label, origin, f"{name}.")
        else:
            base[key] = value
            origin[name] = label


def parse_settings(cls: type[T], table: Mapping[str, Any], *, where: str) -> T:
    """`table` as an instance of the frozen dataclass `cls`, nested dataclasses included.

    Raises:
        ConfigError: unknown key (with the nearest known one), wrong type or out of range; `where` leads the message.
    """
    assert is_dataclass(cls)
    known = {f.name: f for f in fields(cls)}
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
            raise ConfigError(f"{where}: unknown setting {key!r}; {hint}")
        values[key] = _checked(value, hints[key], known[key].metadata, f"{where}: {key}")
    missing = [
        f.name for f in known.values() if f.name not in values and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: the setting {missing[0]!r} is required")
    return cls(**values)


def _checked(value: Any, hint: Any, checks: Mapping[str, Any], where: str) -> Any:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else ()
    if type(None) in parts:
        if value is None:  # TOML cannot say it; JSON can
            return None
        [hint] = [part for part in parts if part is not type(None)]
    if isinstance(hint, type) and is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: must be a table, not {value!r}")
        return parse_settings(hint, value, where=where)
    value = _typed(value, hint, where)
    low, high, choices = checks.get("low"), checks.get("high"), checks.get("choices")
    if low is not None and not value >= low:  # so that nan fails
        raise ConfigError(f"{where}: {value!r} is below {low}")
    if high is not None and not value <= high:
        raise ConfigError(f"{where}: {value!r} is above {high}")
    if choices and value not in choices:
        raise ConfigError(f"{where}: {value!r} is none of {', '.join(choices)}")
    return value


def _typed(value: Any, hint: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        hint = next(a for a in args if a is not type(None))
        return _typed(value, hint, where)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_typed(v, args[0], where) for v in value)
    if origin is not None and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {str(k): _typed(v, args[1], where) for k, v in value.items()}
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool):
        return value
    wanted = "a list" if origin is tuple else "a table" if origin is not None else getattr(hint, "__name__", str(hint))
    raise ConfigError(f"{where}: must be {wanted}, not {value!r}")
