"""Settings: what a file says is checked key by key, and configs/default.toml says what the code says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

from simsearch import features as methods
from simsearch.core import config
from simsearch.core.config import Config, load_config, parse_settings, read_toml, setting
from simsearch.core.errors import ConfigError
from simsearch.core.resources import resource_dir

DEFAULT_TOML = resource_dir("configs") / "default.toml"
SECTIONS = [f.name for f in fields(Config) if f.name != "methods"]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[query]\ncandidate = 3", ": query: unknown setting 'candidate'; did you mean 'candidates'?"),
        ("[querry]\nk = 3", ": unknown setting 'querry'; did you mean 'query'?"),
        ("k = 3", ": unknown setting 'k'; known: images, catalog, "),
        ("[images]\nzzz = 3", ": images: unknown setting 'zzz'; known: working_size, reading_size, max_pixels, "),
        ("query = 3", ": query: must be a table, not 3"),
        ("[query]\nk = 'five'", ": query: k: must be int, not 'five'"),
        ("[query]\nk = 5.0", ": query: k: must be int, not 5.0"),
        ("[query]\nk = true", ": query: k: must be int, not True"),
        ("[query]\nmargin = false", ": query: margin: must be float, not False"),
        ("[query]\nmargin = '0.1'", ": query: margin: must be float, not '0.1'"),
        ("[catalog]\nurl = 3", ": catalog: url: must be str, not 3"),
        ("[indexing]\nstored = 'orb'", ": indexing: stored: must be a list, not 'orb'"),
        ("[indexing]\nstored = ['orb', 3]", ": indexing: stored: must be str, not 3"),
        ("methods = 3", ": methods: must be a table, not 3"),
        ("[methods]\norb = 3", ": methods: must be a table, not 3"),
        ("[query]\nk = 0", ": query: k: 0 is below 1"),
        ("[query]\nk = 1001", ": query: k: 1001 is above 1000"),
        ("[query]\nmargin = -0.01", ": query: margin: -0.01 is below 0.0"),
        ("[images]\nworking_size = 1024", ": images: working_size: 1024 is above 1023"),
        ("[query]\nmargin = nan", ": query: margin: nan "),
        ("[query\nk = 3", ": is not valid TOML: "),
        ("[query]\nk = 3\nk = 4", ": is not valid TOML: "),
    ],
)
def test_what_cannot_be_meant_is_named(text: str, message: str, tmp_path: Path) -> None:
    assert complaint(written(tmp_path, text)).startswith(message)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.toml").startswith(": there is no such file")
    assert complaint(tmp_path).startswith(": cannot be read")
    (tmp_path / "latin.toml").write_bytes(b"[catalog]\nurl = '\xe9'\n")
    assert complaint(tmp_path / "latin.toml").startswith(": is not valid TOML")


def test_a_file_overlays_the_defaults_key_by_key(tmp_path: Path) -> None:
    path = written(tmp_path, "[query]\nk = 7\nmargin = 0\n[methods.orb]\nkeypoints = 300\n[indexing]\nstored = ['orb']")
    found, origin = load_config(path)
    assert (found.query.k, found.query.margin, found.query.candidates) == (7, 0.0, Config().query.candidates)
    assert isinstance(found.query.margin, float)
    assert found.indexing.stored == ("orb",)
    assert found.methods["orb"]["keypoints"] == 300
    assert origin["query.k"] == origin["methods.orb.keypoints"] == str(path)
    assert origin["images.working_size"] == "default.toml"


def test_bounds_are_included(tmp_path: Path) -> None:
    found, _ = load_config(written(tmp_path, "[query]\nk = 1000\nmargin = 0\n[images]\nworking_size = 64"))
    assert (found.query.k, found.query.margin, found.images.working_size) == (1000, 0.0, 64)


def test_methods_tables_reach_the_method(tmp_path: Path) -> None:
    found, _ = load_config(written(tmp_path, "[methods.cosine]\nsize = 32\nchannels = 'rgb'"))
    method = methods.create("cosine", found.methods["cosine"])
    assert method.shape == (32 * 32 * 3,)
    with pytest.raises(ConfigError, match=r"methods.cosine: channels: 'red' is none of grey, rgb"):
        methods.create("cosine", {"channels": "red"})


@dataclass(frozen=True)
class Inner:
    level: int = setting(1, low=0, high=3)
    kind: str = setting("a", choices=("a", "b"))


@dataclass(frozen=True)
class Outer:
    title: str
    inner: Inner = field(default_factory=Inner)
    maybe: int | None = None
    names: tuple[str, ...] = ("x",)
    table: Mapping[str, Any] = field(default_factory=dict)
    free: list[Any] = setting([1])  # noqa: RUF009


def test_nested_dataclasses() -> None:
    found = parse_settings(Outer, {"title": "t", "inner": {"level": 3}, "maybe": 4, "names": ["y", "z"]}, where="w")
    assert found == Outer("t", Inner(3, "a"), 4, ("y", "z"))
    first, second = (parse_settings(Outer, {"title": "t"}, where="w") for _ in range(2))
    assert first.free is not second.free
    complaints: list[tuple[dict[str, Any], str]] = [
        ({"title": "t", "inner": {"level": 4}}, "w: inner: level: 4 is above 3"),
        ({"title": "t", "inner": {"kind": "c"}}, "w: inner: kind: 'c' is none of a, b"),
        ({"title": "t", "inner": {"levle": 4}}, "w: inner: unknown setting 'levle'; did you mean 'level'?"),
        ({"title": "t", "maybe": "x"}, "w: maybe: must be int, not 'x'"),
        ({}, "w: the setting 'title' is required"),
    ]
    for table, message in complaints:
        with pytest.raises(ConfigError) as caught:
            parse_settings(Outer, table, where="w")
        assert str(caught.value) == message


@pytest.mark.parametrize("section", SECTIONS)
def test_default_toml_explains_every_setting_with_its_default(section: str) -> None:
    table = read_toml(DEFAULT_TOML).get(section, {})
    built_in = getattr(Config(), section)
    expected = {f.name: getattr(built_in, f.name) for f in fields(built_in)}
    assert set(table) == set(expected)
    assert parse_settings(type(built_in), table, where=section) == built_in


def test_default_toml_has_no_other_section() -> None:
    assert set(read_toml(DEFAULT_TOML)) <= {*SECTIONS, "methods"}


def test_default_toml_says_of_a_method_what_its_settings_say() -> None:
    for name, table in read_toml(DEFAULT_TOML).get("methods", {}).items():
        cls = methods.discover()[name].Settings
        assert set(table) == {f.name for f in fields(cls)}, name
        assert parse_settings(cls, table, where=name) == cls()


def test_defaults_are_within_their_own_limits() -> None:
    for cls in [
        *(type(getattr(Config(), section)) for section in SECTIONS),
        *(m.Settings for m in methods.discover().values()),
    ]:
        values = {f.name: getattr(cls(), f.name) for f in fields(cls)}
        assert parse_settings(cls, values, where="defaults") == cls()


def test_every_stored_method_exists() -> None:
    assert set(Config().indexing.stored) <= set(methods.discover())


def test_built_in_defaults_are_in_force_without_a_file() -> None:
    found, origin = load_config()
    for section in SECTIONS:
        assert getattr(found, section) == getattr(Config(), section)
    assert config.Config.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert set(origin.values()) <= {"default.toml", "built in"}
