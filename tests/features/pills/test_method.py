"""Loose pills as a method: on drawn photos, where colour, shape and turn are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.types import Description, Image, Surface
from simsearch.features.base import NoSettings
from simsearch.features.description import describe_here
from simsearch.features.pills import PillLooks
from simsearch.features.pills.imprint import wording
from simsearch.features.pills.likeness import LEAST, cosines, together
from simsearch.features.pills.looks import EMBEDDING, KEPT, LOOK
from simsearch.testing.methods import MethodContract, Pictures
from simsearch.testing.pictures import image
from tests.features.pills.drawn import BLUE, CAPLET, CAPSULE, ORANGE, TABLET, WHITE, YELLOW, look, photo

METHOD = PillLooks(NoSettings())


@pytest.mark.parametrize("cls", [PillLooks])
class TestContract(MethodContract):
    @pytest.fixture
    def pictures(self) -> Pictures:
        return {"texture 0": photo(TABLET), "texture 1": photo(CAPLET, CAPSULE)}


def similarity(a: Image, b: Image) -> float:
    first, second = METHOD.describe([a, b])
    return float(METHOD.compare(first, [second])[0])


def test_every_pill_has_a_look() -> None:
    [looks] = METHOD.describe([photo(TABLET, CAPLET, CAPSULE)])
    assert looks.shape == (3,)
    assert looks.dtype == LOOK
    assert METHOD.is_sound(looks)


def test_a_turn_changes_little_and_another_pill_much() -> None:
    capsule = look("capsule", 2.4, YELLOW, BLUE)
    upright = photo(capsule, height=100)
    turned = [similarity(upright, photo(capsule, angle=angle, height=100)) for angle in (35, 90, 180, 250)]
    others = TABLET, CAPLET, replace(look("capsule", 2.4, WHITE, BLUE), imprint="48")
    likest = max(similarity(upright, photo(other, height=100)) for other in others)
    assert likest < -7
    assert min(turned) > likest + 6


def test_the_imprint_tells_pills_of_one_colour_apart_and_the_colour_those_of_one_imprint() -> None:
    capsule = look("capsule", 2.4, YELLOW, BLUE)
    shown = photo(capsule, height=100)
    same = similarity(shown, photo(capsule, angle=20, height=100))
    assert similarity(shown, photo(replace(capsule, imprint="K3"), height=100)) < same - 4
    assert similarity(shown, photo(look("capsule", 2.4, WHITE, BLUE), height=100)) < same - 3


@pytest.mark.parametrize("shape", [("round", 1.0), ("oblong", 2.2), ("capsule", 2.4)], ids=lambda shape: shape[0])
@pytest.mark.parametrize("angle", [0, 180])
@pytest.mark.parametrize("text", ["A5", "93 48"])
def test_an_imprint_is_read_either_way_up(text: str, angle: int, shape: tuple[str, float]) -> None:
    shown = replace(look(*shape, WHITE), imprint=text)
    [[pill]] = METHOD.describe([photo(shown, angle=angle, height=100)])
    assert wording(pill["imprint"]).replace(" ", "") == text.replace(" ", "")


def test_dimmer_light_counts_less_than_another_colour() -> None:
    dim, other = photo(look("round", 1.0, ORANGE), light=0.8), photo(look("round", 1.0, BLUE))
    assert similarity(photo(TABLET), dim) > similarity(photo(TABLET), other) + 3


def test_one_of_several_pills_is_enough() -> None:
    assert similarity(photo(TABLET, CAPSULE), photo(CAPSULE)) > -4


def test_the_pills_of_a_photo_speak_together_and_a_stray_one_counts_little() -> None:
    each = np.array([[0.0, -2.0, -5.0], [-30.0, -3.0, -5.0]])
    assert together(each).tolist() == [-6.0, -2.5, -5.0]
    assert together(each[:1]).tolist() == each[0].tolist()


def test_of_two_photos_the_one_that_shows_both_sides_is_likelier() -> None:
    one, other = TABLET, replace(TABLET, imprint="48")
    [asked, both, single] = METHOD.describe([photo(one, other), photo(other, one, angle=15), photo(one, angle=15)])
    two_sides, one_side = METHOD.compare(asked, [both, single])
    assert two_sides > one_side + 1


def test_two_halves_two_colours() -> None:
    [[capsule]] = METHOD.describe([photo(CAPSULE)])
    assert np.linalg.norm(capsule["colours"][0] - capsule["colours"][1]) > 40
    [[tablet]] = METHOD.describe([photo(TABLET)])
    assert np.linalg.norm(tablet["colours"][0] - tablet["colours"][1]) < 12


def test_shapes_have_their_numbers() -> None:
    [tablet], [caplet] = METHOD.describe([photo(TABLET), photo(CAPLET, angle=40)])
    assert tablet["ratio"] < 1.15
    assert 1.9 < caplet["ratio"] < 2.5
    assert 0.72 < tablet["fill"] < 0.84 < caplet["fill"]


def test_a_score_line_shows() -> None:
    plain, scored = look("round", 1.0, WHITE), look("round", 1.0, WHITE, scored=True)
    [smooth], [grooved] = METHOD.describe([photo(plain, height=150, size=220), photo(scored, height=150, size=220)])
    assert grooved["score"] > smooth["score"] + 0.3


def test_the_place_is_where_the_pill_lies() -> None:
    [[tablet]] = METHOD.describe([photo(TABLET)])
    x, y, radius, _ = tablet["place"].tolist()
    assert (x, y) == pytest.approx((0.5, 0.5), abs=0.02)
    assert radius == pytest.approx(23 / 480, rel=0.2)


def test_where_no_pill_is_nothing_is_alike() -> None:
    nothing = image(np.full((200, 300), 200))
    assert len(METHOD.describe([nothing])[0]) == 0
    assert similarity(nothing, photo(TABLET)) == similarity(nothing, nothing) == LEAST


def test_faces_have_length_one_and_tell_what_is_on_them() -> None:
    plain, scored = look("round", 1.0, WHITE), look("round", 1.0, WHITE, scored=True)
    first, again, other = (
        np.asarray(METHOD.describe([photo(shown, height=150, size=220, light=light)])[0], LOOK)["faces"].astype(
            np.float32
        )
        for shown, light in ((scored, 1.0), (scored, 0.85), (plain, 1.0))
    )
    assert first.shape == (1, KEPT, EMBEDDING)
    assert np.linalg.norm(first, axis=2) == pytest.approx(np.ones((1, KEPT)), abs=0.01)
    alike, apart = (cosines(first, faces) for faces in (again, other))
    assert float(alike[0, 0]) > float(apart[0, 0])


def test_damage_is_noticed() -> None:
    [looks] = METHOD.describe([photo(TABLET)])
    for field, value in (("ratio", 0.5), ("score", np.nan)):
        broken = np.array(looks, LOOK)
        broken[field] = value
        assert not METHOD.is_sound(broken)


class _Teller:
    """Says of every photo that it shows one surface."""

    name = "siamese"
    batched = True

    def __init__(self, surface: Surface) -> None:
        self.surface_told = surface

    def describe_with_surface(self, images: list[Image]) -> list[tuple[np.ndarray, Surface, float]]:
        return [(np.zeros(1, np.float32), self.surface_told, 0.9)] * len(images)


@pytest.mark.parametrize(("surface", "pills"), [(Surface.FRONT, 0), (Surface.PILLS, 1)])
def test_only_photos_of_loose_pills_are_described_where_the_network_tells(surface: Surface, pills: int) -> None:
    found: list[Description] = describe_here({"pills": METHOD, "siamese": _Teller(surface)}, [photo(TABLET)])  # type: ignore[dict-item]
    assert len(found[0]["pills"]) == pills
    assert found[0].surface is surface


def test_the_look_is_the_same_in_any_order_of_pills() -> None:
    assert similarity(photo(TABLET, CAPLET), photo(CAPLET, TABLET)) > -4


def test_the_network_and_the_look_at_pills_share_one_search_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from simsearch.features.network import pill_crop, pill_search

    searched: list[int] = []

    def counted(pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        searched.append(len(pixels))
        return pill_search.search(pixels)

    monkeypatch.setattr(pill_crop, "search", counted)
    shown = photo(TABLET)
    found = shown.once(pill_crop.cropped)
    [looks] = METHOD.describe([shown])
    assert len(searched) == 1
    assert len(looks) == len(found.placed) == 1
