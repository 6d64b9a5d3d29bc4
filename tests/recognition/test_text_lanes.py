"""The lanes of text over a catalog that changes: what was read, what the table says, what came and went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsearch.core.types import Description, SourceRow
from simsearch.features.reading import encode
from simsearch.recognition import segments, text_lanes
from simsearch.recognition.product_filter import parse
from simsearch.recognition.retrieval import Lanes, Retrieval, Retrieved
from simsearch.recognition.snapshot import Snapshot
from simsearch.testing.readers import reading
from simsearch.testing.world import SETTINGS, World, described

NAMES = ["Hemipan", "Zabimarol", "Tensocoflex", "Osprizol", "Velotril", "Nabirex", "Kalovent", "Mirafen"]
LOOKS = "0/0/0/0"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, read=True)
    yield made
    made.close()


def box(name: str) -> str:
    return f"{name}\n500 mg\nFilm-coated tablets\nStore below 30 C"


def stocked(world: World, names: Sequence[str] = NAMES, photos: int = 1) -> dict[str, list[int]]:
    """One product a name, all of whose photos are read; name -> ids of its images."""
    ids = {name: world.add(name.lower(), *[LOOKS] * photos, name="") for name in names}
    world.read({i: box(name) for name, own in ids.items() for i in own})
    return ids


def asking(text: str, looks: str = "90/64/0/0") -> Description:
    """A photo that looks like none of the catalog, with something printed on it."""
    return Description({**described(looks).descriptors, "reading": encode(reading(text))})


def found(world: World, text: str, snapshot: Snapshot | None = None) -> dict[str, list[int]]:
    """Lane -> the images that it returns, most alike first."""
    lanes = world.engine.retrieval.lanes(asking(text), snapshot or world.engine.snapshots.current())
    return {name: [i for i, _ in lanes.hits[name]] for name in ("text", "words") if name in lanes.hits}


# -- what was read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("built", [False, True])
def test_a_photo_is_found_by_what_is_printed_on_it(world: World, built: bool) -> None:
    ids = stocked(world)
    if built:
        world.build()
    for name in NAMES:
        assert found(world, box(name.replace("m", "rn")))["text"][0] == ids[name][0]
    lanes = world.engine.retrieval.lanes(asking(box("Hemipan")), world.engine.snapshots.current())
    assert lanes.hits["text"][0] == (ids["Hemipan"][0], 1.0)
    assert all(0 < similarity <= 1 for _, similarity in lanes.hits["text"])


def test_rare_words_count_more_once_a_generation_says_what_is_rare(world: World) -> None:
    ids = stocked(world)
    world.build()
    weights = world.engine.snapshots.current().text_weights
    assert weights.documents == len(NAMES)
    assert weights.word("hemipan") > 2 > weights.word("tablets") == 1.0
    text = "Film-coated tablets\nStore below 30 C\nKeep cool\nHemipan"
    assert found(world, text)["text"][0] == ids["Hemipan"][0]


def test_what_was_read_later_is_found_and_what_was_retired_is_not(world: World) -> None:
    ids = stocked(world)
    world.build()
    before = world.engine.snapshots.current()
    [new] = world.add("new", "1/1/0/0", name="")
    assert found(world, box("Brionil"))["text"][0] != new  # described, and not read yet
    world.read({new: box("Brionil")})
    assert found(world, box("Brionil"))["text"][0] == new
    world.retire(new, ids["Hemipan"][0])
    assert new not in found(world, box("Brionil"))["text"]
    assert ids["Hemipan"][0] not in found(world, box("Hemipan"))["text"]
    assert found(world, box("Hemipan"), before)["text"][0] == ids["Hemipan"][0]  # that snapshot is as it was
    assert new not in found(world, box("Brionil"), before)["text"]
    world.build()
    assert {new, ids["Hemipan"][0]} & set(found(world, box("Hemipan"))["text"]) == set()


def test_reading_pushes_nothing_into_the_other_lanes(world: World) -> None:
    [image] = world.add("a", LOOKS)
    world.build()
    before = world.engine.snapshots.current()
    world.read({image: box("Hemipan")})
    after = world.engine.snapshots.current()
    assert after.revision > before.revision
    assert [len(indexes) for indexes in after.vectors.values()] == [1, 1]
    assert found(world, box("Hemipan"))["text"] == [image]


def test_an_image_that_was_read_again_is_found_by_the_new_print(world: World) -> None:
    ids = stocked(world)
    world.build()
    world.read({ids["Hemipan"][0]: box("Brionil")})
    assert found(world, box("Brionil"))["text"][0] == ids["Hemipan"][0]


def test_a_damaged_reading_is_left_out_with_a_warning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    ids = stocked(world)
    assert world.reading is not None
    world.catalog.readings.add({ids["Hemipan"][0]: {world.reading.fingerprint: b"nonsense"}})
    assert found(world, box("Osprizol"))["text"][0] == ids["Osprizol"][0]
    assert ids["Hemipan"][0] not in found(world, box("Hemipan"))["text"]
    assert "until then the image is not found by its print" in caplog.text


# -- what the table says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("built", [False, True])
def test_a_catalog_that_nobody_has_read_is_found_by_its_table(world: World, built: bool) -> None:
    ids = {
        name: world.add(name, LOOKS, name=name, strength="500 mg", form="tablet", manufacturer="Cordalis",
                        attributes={"ingredient": f"{name.lower()[::-1]}"})[0]
        for name in NAMES
    }  # fmt: skip
    if built:
        world.build()
    for name in NAMES:
        lanes = found(world, f"{name.upper()}\n20 tablets\nBatch 77 www.example.org\nwhatever else is printed")
        assert (lanes["text"], lanes["words"][0]) == ([], ids[name])
        assert found(world, f"{name.lower()[::-1]}")["words"][0] == ids[name]  # by an attribute


def test_a_table_that_comes_later_is_followed(world: World) -> None:
    ids = stocked(world)
    world.build()
    before = world.engine.snapshots.current()
    world.catalog.images.update_products([SourceRow("hemipan", "", "", "", name="Brionil", strength="20 mg")])
    assert found(world, "Brionil")["words"] == ids["Hemipan"]
    assert found(world, "Brionil", before)["words"] == []
    world.build()
    assert found(world, "Brionil")["words"] == ids["Hemipan"]
    assert len(world.engine.snapshots.current().texts["words"]) == 1


def test_a_new_photo_of_a_known_product_is_found_by_its_words(world: World) -> None:
    [first] = world.add("a", LOOKS, name="Hemipan")
    world.build()
    [second] = world.add("a", "1/1/0/0", name="Hemipan")
    assert sorted(found(world, "HEMIPAN")["words"]) == [first, second]


# -- crowding, filters -------------------------------------------------------------------------------------------------


def test_a_product_with_many_photos_does_not_crowd_the_lane(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lanes, "CANDIDATES", 5)
    crowd = world.add("crowd", *[LOOKS] * 40, name="Hemipan")
    ids = stocked(world, NAMES[1:])
    world.read({i: box("Hemipan") for i in crowd})
    world.build()
    lanes = found(world, box("Hemipan"))
    assert len([i for i in lanes["text"] if i in crowd]) == 3
    assert {i for own in ids.values() for i in own} <= set(lanes["text"])
    assert len([i for i in lanes["words"] if i in crowd]) == 3


def test_many_retired_images_do_not_hide_those_behind_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lanes, "CANDIDATES", 5)
    gone = world.add("gone", *[LOOKS] * 40, name="Hemipan")
    [left] = world.add("left", LOOKS, name="Hemipan")
    world.read({i: box("Hemipan") for i in (*gone, left)})
    world.build()
    world.retire(*gone)
    assert found(world, box("Hemipan")) == {"text": [left], "words": [left]}


@pytest.mark.parametrize("built", [False, True])
def test_a_filter_restricts_the_lanes(world: World, built: bool) -> None:
    ids = {name: world.add(name, LOOKS, name=name, form=form)[0] for name, form in zip(NAMES, "abababab", strict=True)}
    world.read({i: box(name) for name, i in ids.items()})
    if built:
        world.build()
    inside = {i for name, i in ids.items() if NAMES.index(name) % 2 == 0}
    part = world.engine.basis(parse(["form=a"])).snapshot
    lanes = found(world, box("Hemipan"), part)
    assert (lanes["text"][0], set(lanes["text"])) == (ids["Hemipan"], inside)
    assert lanes["words"][0] == ids["Hemipan"]
    other = found(world, box("Zabimarol"), part)
    assert other["text"]
    assert {*other["text"], *other["words"]} <= inside
    assert found(world, box("Hemipan"), world.engine.basis(parse(["sku=none"])).snapshot) == {"text": [], "words": []}


# -- when a lane is silent ---------------------------------------------------------------------------------------------


def test_a_photo_that_was_not_read_asks_no_lane_of_text(world: World) -> None:
    stocked(world)
    looked_up = world.engine.retrieval.search(described(LOOKS), world.engine.snapshots.current())
    assert {share.name for share in looked_up.lanes} == {"phash", "siamese"}


@pytest.mark.parametrize("text", ["", "®", "中文"])
def test_nothing_to_read_finds_nothing(world: World, text: str) -> None:
    stocked(world)
    world.build()
    assert found(world, text) == {"text": [], "words": []}


def test_lanes_can_be_left_out(world: World) -> None:
    stocked(world)
    world.build()
    for off, left in ({"text_candidates": 0}, {"words"}), ({"word_candidates": 0}, {"text"}):
        engine = world.open(replace(SETTINGS, **off))
        lanes = engine.retrieval.lanes(asking(box("Hemipan")), engine.snapshots.current())
        assert lanes.hits.keys() & {"text", "words"} == left
    engine = world.open(replace(SETTINGS, text_candidates=0, word_candidates=0))
    assert engine.snapshots.current().texts == {}
    few = world.open(replace(SETTINGS, text_candidates=2))
    assert len(few.retrieval.lanes(asking(box("Hemipan")), few.snapshots.current()).hits["text"]) == 2


def test_a_generation_built_without_them_is_silent_until_a_rebuild(world: World) -> None:
    ids = stocked(world)
    reader, world.reading = world.reading, None
    world.build()
    world.reading = reader
    engine = world.open()
    assert engine.snapshots.current().texts == {}
    assert engine.retrieval.lanes(asking(box("Hemipan")), engine.snapshots.current()).hits.keys() == {
        "phash", "siamese",
    }  # fmt: skip
    world.build()
    assert [i for i, _ in engine.retrieval.lanes(asking(box("Hemipan")), engine.snapshots.current()).hits["text"]][
        :1
    ] == ids["Hemipan"]


# -- fusion ------------------------------------------------------------------------------------------------------------


def ranks(looked_up: Retrieved) -> list[dict[str, int]]:
    return [dict(c.ranks) for c in looked_up.candidates]


def test_print_adds_candidates_and_known_lanes_are_not_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine looks up by appearance first, and once more when it has read the photo."""
    ids = stocked(world)
    world.build()
    snapshot = world.engine.snapshots.current()
    query = asking(box("Hemipan"))
    whole = world.engine.retrieval.search(query, snapshot)
    early = world.engine.retrieval.lanes(described("90/64/0/0"), snapshot)
    assert early.hits.keys() == {"phash", "siamese"}

    def again(*_: object) -> None:
        raise AssertionError("this lane is known")

    monkeypatch.setattr(Retrieval, "_neighbours", again)
    late = world.engine.retrieval.search(query, snapshot, early)
    assert ranks(late) == ranks(whole)
    assert [c.image_id for c in late.candidates] == [c.image_id for c in whole.candidates]
    assert {share.name for share in late.lanes} == {"phash", "siamese", "text", "words"}
    assert all(share.took_ms >= 0 for share in late.lanes)
    first = next(c for c in late.candidates if c.image_id == ids["Hemipan"][0])
    assert (first.ranks["text"], first.lanes["text"]) == (1, 1.0)
    known = Lanes({**early.hits, "text": [(7, 0.5)]}, {**early.took_ms, "text": 1.0})
    assert world.engine.retrieval.lanes(query, snapshot, known).hits["text"] == [(7, 0.5)]


# -- other processes, other threads ------------------------------------------------------------------------------------


def test_the_same_catalog_gives_the_same_segments_in_every_process(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a process followed the changes one by one, or opens the catalog now."""
    monkeypatch.setattr(segments, "_LEAF", 2)
    stocked(world)
    world.build()
    world.engine.snapshots.current()
    for number in range(7):
        [new] = world.add(f"new{number}", LOOKS, name=f"Brio{number}nil")
        world.read({new: box(f"Brio{number}nil")})
        world.engine.snapshots.current()
    world.catalog.images.update_products([SourceRow("new3", "", "", "", name="Tabridol")])
    followed, fresh = world.engine.snapshots.current(), world.open().snapshots.current()
    assert list(followed.segments) == list(fresh.segments)
    for lane in ("text", "words"):
        for one, other in zip(followed.texts[lane], fresh.texts[lane], strict=True):
            assert all(
                np.array_equal(getattr(one.arrays, name), getattr(other.arrays, name))
                for name in one.arrays.__dataclass_fields__
            )
    assert len(followed.texts["text"]) == 4  # the generation's; of seven images 4, 2 and 1
    assert found(world, "Tabridol")["words"][0] in found(world, box("Brio3nil"))["text"]


def test_threads_get_the_same_answers(world: World) -> None:
    stocked(world, photos=3)
    world.build()
    stocked(world, ["Brionil", "Tabridol"])
    texts = [box(name) for name in [*NAMES, "Brionil", "Tabridol"]] * 4
    alone = [found(world, text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: found(world, text), texts)) == alone


def test_a_snapshot_without_a_generation_weighs_all_alike(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.engine.snapshots.current().text_weights.weight("hemipan") == 1.0
    world.close()
