"""Generations that were damaged on disk: an error that names the way out, never a crash, never a wrong answer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import GenerationError
from simsearch.indexes import generations
from simsearch.indexes.generations import Generations, Lane

WANTED = {"phash": "phash-1", "siamese": "siamese-1"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    ids = np.arange(1, 6)
    vectors = np.eye(8, dtype=np.float32)[:5]
    lanes: list[tuple[Lane, Any, Any]] = [
        (Lane("siamese", "siamese-1", "cosine", 8), ids, vectors),
        (Lane("phash", "phash-1", "hamming", 64), ids, random.integers(0, 256, (5, 8)).astype(np.uint8)),
    ]
    store = Generations(tmp_path_factory.mktemp("built") / "generations")
    store.build(iter(lanes), name="g000001", revision=1, expected=ids, settings=GenerationSettings())
    return store.folder


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Generations:
    return Generations(Path(shutil.copytree(built, tmp_path / "generations")))


def complaint(store: Generations, **changed: str) -> str:
    with pytest.raises(GenerationError) as caught:
        store.open(WANTED | changed)
    assert "\n" not in str(caught.value)
    assert "simsearch rebuild" in str(caught.value)
    return str(caught.value)


def content(store: Generations) -> Any:
    return store.manifest("g000001")


def test_it_opens(store: Generations) -> None:
    assert store.open(WANTED) is not None


def test_every_byte_of_the_manifest_counts(store: Generations) -> None:
    path = store.folder / "g000001" / "manifest.json"
    whole, wanted = path.read_bytes(), content(store)
    found = set()
    for place in range(len(whole)):
        change = (0x01, 0x10, 0x80, 0x2A)[place % 4]  # 0x2A makes a line break of a blank
        path.write_bytes(whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :])
        try:
            assert content(store) == wanted
            found.add("harmless")
        except GenerationError:
            found.add("detected")
    assert found == {"harmless", "detected"}
    for end in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:end])
        with pytest.raises(GenerationError):
            content(store)


def test_every_byte_of_the_indexes_counts(store: Generations, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAISS never sees a damaged file: on some it takes all memory, on others it answers wrongly."""
    monkeypatch.setattr(generations, "load", lambda *_: pytest.fail("was handed to FAISS"))
    for name in ("phash.index", "siamese.index"):
        path = store.folder / "g000001" / name
        whole = path.read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 + place % 255)]) + whole[place + 1 :])
            assert "does not have the content that was written" in complaint(store)
        path.write_bytes(whole)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b""])
def test_another_size_is_seen_at_once(store: Generations, change: Any) -> None:
    path = store.folder / "g000001" / "siamese.index"
    path.write_bytes(change(path.read_bytes()))
    assert "is missing or of another size than was written" in complaint(store)
    with pytest.raises(GenerationError):
        store.manifest("g000001")


@pytest.mark.parametrize("name", ["manifest.json", "phash.index", "siamese.index"])
def test_missing_files(store: Generations, name: str) -> None:
    (store.folder / "g000001" / name).unlink()
    assert name in complaint(store)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '["digest"]', "1", "null", '"text"', "{}", '{"digest": 1}', "[" * 100_000, "\ud800"]
)
def test_a_manifest_of_another_making(store: Generations, text: str) -> None:
    (store.folder / "g000001" / "manifest.json").write_bytes(text.encode(errors="surrogatepass"))
    assert "manifest.json: " in complaint(store)


@pytest.mark.parametrize("pointer", ["", "\n", "g000002", "../g000001", "g1", "g000001 g000001", "x" * 5000])
def test_a_pointer_to_nothing(store: Generations, pointer: str, caplog: pytest.LogCaptureFixture) -> None:
    (store.folder / "current").write_text(pointer, encoding="ascii")
    with pytest.raises(GenerationError, match="names no generation"):
        store.current()
    with pytest.raises(GenerationError):
        store.rollback()
    found = store.open(WANTED)  # readers go on with the newest sound one, and say so
    assert found is not None
    assert (found.name, found.pointer, store.pointer()) == ("g000001", "", "")
    assert "names no generation" in caplog.text
    assert "until then generation g000001 answers" in caplog.text


def test_a_pointer_that_is_no_text(store: Generations) -> None:
    (store.folder / "current").write_bytes(b"g00000\xff")
    with pytest.raises(GenerationError, match="cannot be read"):
        store.current()
    (store.folder / "current").unlink()
    (store.folder / "current").mkdir()
    with pytest.raises(GenerationError, match="cannot be read"):
        store.current()
    assert store.open(WANTED) is not None


def test_a_pointer_may_end_in_any_blank(store: Generations) -> None:
    (store.folder / "current").write_bytes(b"g000001\r\n\n")
    assert store.current() == "g000001"


def test_other_settings_or_weights_are_named(store: Generations) -> None:
    said = complaint(store, siamese="siamese-2")
    assert said == (
        "generation g000001 was built with other siamese settings or weights (now siamese-2); "
        "run `simsearch index` on your sources, then `simsearch rebuild`"
    )
    assert "other dhash settings" in complaint(store, dhash="dhash-1")
    assert store.open({"phash": "phash-1"}) is not None
