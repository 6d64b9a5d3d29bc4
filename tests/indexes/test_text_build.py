"""The lanes of text as files of a generation: built from a catalog, audited, opened, refused when damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simsearch.core.errors import DamagedDescriptor, GenerationError
from simsearch.indexes import manifest as manifests
from simsearch.indexes import text_build
from simsearch.indexes.catalog_text import CatalogText
from simsearch.indexes.generation import Generation
from simsearch.indexes.manifest import Audit
from simsearch.indexes.text import TextIndex
from simsearch.testing.world import World

LOOKS = "0/0/0/0"
READING = "reading-of-another-reader"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, read=True)
    ids = [made.add(f"p{i}", LOOKS, LOOKS, name=f"Hemi{i}pan", strength=f"{i} mg")[0] for i in range(6)]
    made.read({i: f"HEMI{n}PAN\nTablets" for n, i in enumerate(ids)} | {ids[-1]: ""})
    yield made
    made.close()


def fingerprint(world: World) -> str:
    assert world.reading is not None
    return world.reading.fingerprint


def opened(world: World, reading: str | None) -> Generation:
    wanted = {name: world.methods[name].fingerprint for name in ("phash", "siamese")}
    found = world.generations.open(wanted, None, reading)
    assert found is not None
    return found


def test_the_manifest_says_what_was_built(world: World) -> None:
    manifest = world.generations.manifest(world.build(), full=True)
    assert [(t.name, t.file, t.documents, t.images, t.fingerprint) for t in manifest.texts] == [
        ("weights", "text.weights", 6, 0, ""),
        ("text", "text.index", 5, 5, fingerprint(world)),  # on one photo of six there was nothing to read
        ("words", "words.index", 6, 12, ""),
    ]
    assert manifest.text_source == fingerprint(world)
    assert {"text", "words"} <= manifest.audit.keys()
    assert all(manifest.audit[lane].passed and manifest.audit[lane].recall == 1.0 for lane in ("text", "words"))
    assert set(manifest.texts) <= set(manifest.files)


def test_it_opens_with_the_weights_and_both_lanes(world: World) -> None:
    world.build()
    found = opened(world, fingerprint(world))
    assert set(found.texts) == {"text", "words"}
    assert found.weights is not None
    assert (found.weights.documents, len(found.texts["text"]), len(found.texts["words"])) == (6, 5, 6)
    without = opened(world, None)
    assert (dict(without.texts), without.weights) == ({}, None)


def test_other_readings_are_not_searched_but_words_are(world: World) -> None:
    world.build()
    found = opened(world, READING)
    assert (set(found.texts), found.weights is None) == ({"words"}, False)


def test_equal_catalogs_make_equal_files(world: World) -> None:
    first, second = (world.generations.manifest(world.build()) for _ in range(2))
    assert [t.sha256 for t in first.texts] == [t.sha256 for t in second.texts]


def test_a_generation_of_an_older_simsearch_opens(world: World) -> None:
    """Its manifest has no word of texts."""
    name = world.build()
    path = world.generations.folder / name / "manifest.json"
    body = json.loads(path.read_bytes())
    del body["texts"], body["digest"]
    path.write_text(json.dumps({**body, "digest": manifests.digest(body)}), encoding="utf-8")
    found = opened(world, fingerprint(world))
    assert (dict(found.texts), found.weights) == ({}, None)


@pytest.mark.parametrize("name", ["text.weights", "text.index", "words.index"])
@pytest.mark.parametrize("damage", ["missing", "shorter", "another byte", "another file"])
def test_damage_is_refused_with_the_way_out(world: World, name: str, damage: str) -> None:
    path = world.generations.folder / world.build() / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "shorter":
        path.write_bytes(whole[:-1])
    elif damage == "another byte":
        path.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    else:
        path.write_bytes((path.parent / "manifest.json").read_bytes())
    with pytest.raises(GenerationError, match="run `simsearch rebuild`"):
        opened(world, fingerprint(world))


def test_an_index_of_another_number_of_texts_is_refused(world: World, tmp_path: Path) -> None:
    folder = world.generations.folder / world.build()
    manifest = world.generations.manifest(folder.name)
    TextIndex.load(folder / "words.index").save(folder / "text.index")
    with pytest.raises(GenerationError, match="its text index lacks texts; run `simsearch rebuild`"):
        text_build.open_texts(folder, manifest, fingerprint(world))


def test_a_failed_audit_leaves_the_old_generation_serving(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = world.build()
    monkeypatch.setattr(text_build, "audit_text", lambda *_: Audit(False, "recall is 0.5000, below 0.9"))
    with pytest.raises(GenerationError, match=r"text: recall is 0.5000, below 0.9; words: recall"):
        world.build()
    assert world.generations.current() == first


def test_a_damaged_reading_stops_a_build(world: World) -> None:
    world.catalog.readings.add({1: {fingerprint(world): b"nonsense"}})
    with pytest.raises(DamagedDescriptor, match="image 1"):
        world.build()


def test_texts_of_a_catalog_in_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.reading is not None
    source = CatalogText(world.catalog, world.reading)
    ids = np.array(world.ids(), np.int64)

    def read() -> tuple[list[tuple[int, list[int], list[int]]], str]:
        documents = [*source.printed(ids), *source.worded(ids)]
        said = [(d.product, d.images.tolist(), d.text.terms.tolist()) for d in documents]
        return said, source.weights(ids).digest

    whole = read()
    assert len(whole[0]) == 5 + 6
    monkeypatch.setattr("simsearch.indexes.catalog_text._BLOCK", 3)
    assert read() == whole
