"""Codes that the tests draw are read, wherever they lie; what is no code is not."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from simsearch import features
from simsearch.core.errors import ConfigError, DamagedDescriptor
from simsearch.core.product_numbers import Gtin, Ndc, Pzn
from simsearch.core.types import Image
from simsearch.features import codes
from simsearch.features.base import Method, missing, unpack
from simsearch.features.code_records import ReadCode, pack_codes, unpack_codes
from simsearch.features.codes import CodeMethod, CodeSettings, codes_of, read
from simsearch.testing.methods import MethodContract, Pictures, odd_pictures, ordinary_pictures
from simsearch.testing.pictures import image, letters, texture, waves

Grey = NDArray[np.uint8]

EAN, UPC, UPC_E, EAN_8 = "4006381333931", "036000291452", "07838604", "96385074"
ELEMENTS = "(01)09506000134352(17)260500(10)A1B2C3(21)XYZ"
LINK = "https://id.gs1.org/01/09506000134352/10/ABC123?17=270131"


def drawn(text: str, kind: str, scale: int = 3, *, gs1: bool = False) -> Grey:
    """A code (h, w) with its quiet zones."""
    options = {"gs1": True} if gs1 else {}
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat[kind], **options)
    return np.pad(np.array(zxingcpp.write_barcode_to_image(code, scale=scale)), 12, constant_values=255)


def laid(*codes: Grey, angle: float = 0.0, blur: float = 0.0, size: tuple[int, int] = (800, 1000)) -> Grey:
    """A photo with the codes one below the other, turned together."""
    ground = cv2.cvtColor(waves(7, *size), cv2.COLOR_RGB2GRAY) // 4 + 140
    wide, high = max(code.shape[1] for code in codes), sum(code.shape[0] + 20 for code in codes)
    sheet = np.full((high, wide), 255, np.uint8)
    top = 0
    for code in codes:
        sheet[top : top + code.shape[0], : code.shape[1]] = code
        top += code.shape[0] + 20
    turn = cv2.getRotationMatrix2D((wide / 2, high / 2), angle, 1.0)
    turn[:, 2] += (size[1] - wide) / 2, (size[0] - high) / 2
    inside = cv2.warpAffine(np.full_like(sheet, 255), turn, (size[1], size[0]))
    photo = cv2.warpAffine(sheet, turn, (size[1], size[0]), flags=cv2.INTER_LINEAR)
    mixed = np.where(inside > 127, photo, ground).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(mixed, (0, 0), blur), np.uint8) if blur else mixed


def texts(found: Sequence[ReadCode]) -> list[str]:
    return sorted(code.text for code in found)


# -- kinds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text", "symbology"),
    [
        (drawn(EAN, "EAN13"), EAN, "]E0"),
        (drawn(UPC, "UPCA"), "0" + UPC, "]E0"),
        (drawn(UPC_E, "UPCE"), "0078000003864", "]E0"),
        (drawn(EAN_8, "EAN8"), EAN_8, "]E4"),
        (drawn("10857326005540", "ITF14"), "10857326005540", "]I1"),
        (drawn("-1234562", "Code39", 2), "-1234562", "]A0"),
        (drawn("-12345678", "Code39", 2), "-12345678", "]A0"),
        (drawn("62000000078715", "Code128", 2), "62000000078715", "]C0"),
        (drawn(ELEMENTS, "Code128", 1, gs1=True), "01095060001343521726050010A1B2C3\x1d21XYZ", "]C1"),
        (drawn(ELEMENTS, "DataMatrix", 6, gs1=True), "01095060001343521726050010A1B2C3\x1d21XYZ", "]d2"),
        (drawn("[)>\x1e06\x1d9N111234567842\x1e\x04", "DataMatrix", 6), "[)>\x1e06\x1d9N111234567842\x1e\x04", "]d1"),
        (drawn(LINK, "QRCode", 4), LINK, "]Q1"),
        (drawn("(01)09506000134352", "DataBar"), "0109506000134352", "]e0"),
    ],
)
def test_each_kind_is_read(code: Grey, text: str, symbology: str) -> None:
    photo = laid(code)
    [found] = read(photo, CodeSettings())
    assert (found.text, found.symbology, found.valid) == (text, symbology, True)


def test_the_numbers_in_codes_are_told() -> None:
    method = CodeMethod(CodeSettings())
    stack = laid(drawn(EAN, "EAN13", 2), drawn("0300027510019", "EAN13", 2), drawn("-1234562", "Code39", 2))
    found = codes_of(pack_codes(method.read(stack)))
    assert found.gtins == {Gtin("0" + EAN), Gtin("00300027510019")}
    assert found.pzns == {Pzn("01234562")}
    assert {gtin.ndc for gtin in found.gtins} == {None, Ndc.of_ten("0002751001")}


def test_a_misread_number_is_marked() -> None:
    [found] = read(laid(drawn("-1234563", "Code39", 2)), CodeSettings())
    assert not found.valid
    assert not codes_of(pack_codes([found]))


# -- how it lies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", range(0, 360, 15))
@pytest.mark.parametrize("kind", ["EAN13", "QRCode"])
def test_a_code_is_read_at_any_angle(angle: int, kind: str) -> None:
    text = EAN if kind == "EAN13" else LINK
    [found] = read(laid(drawn(text, kind), angle=angle), CodeSettings())
    assert found.text == text


@pytest.mark.parametrize("angle", range(0, 360, 30))
def test_a_code_is_found_where_it_lies(angle: int) -> None:
    code = drawn(ELEMENTS, "DataMatrix", 6, gs1=True)
    [found] = read(laid(code, angle=angle), CodeSettings())
    side = (code.shape[0] - 24) / 2 - 12  # without the quiet zones
    turn = np.radians(-angle)
    corners = np.array([(-side, -side), (side, -side), (side, side), (-side, side)])
    corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    # The sheet is 20 pixels longer than the code, at its foot.
    shift = np.array([10 * np.sin(turn), -10 * np.cos(turn)])
    wanted = (corners + shift + (500, 400)) / (1000, 800)
    assert np.abs(np.array(found.quad) - wanted).max() < 0.02


def test_a_code_in_a_turned_copy_is_found_where_it_lies() -> None:
    photo = laid(drawn(EAN, "EAN13"), angle=45)
    assert read(photo, CodeSettings(turns=0, enlarge=False)) == []
    [found] = read(photo, CodeSettings(turns=2, enlarge=False))
    assert np.abs(np.mean(found.quad, axis=0) - (0.5, 0.5)).max() < 0.05


@pytest.mark.parametrize(
    ("code", "blur"),
    [
        (drawn(ELEMENTS, "DataMatrix", 2, gs1=True), 0.8),
        (drawn(EAN, "EAN13", 2), 1.0),
        (drawn(LINK, "QRCode", 2), 1.0),
    ],
)
def test_a_small_code_is_read_enlarged(code: Grey, blur: float) -> None:
    photo = laid(code, blur=blur)  # two pixels a module
    assert read(photo, CodeSettings(enlarge=False, parts=0)) == []
    [found] = read(photo, CodeSettings(parts=0))
    assert np.abs(np.mean(found.quad, axis=0) - (0.5, 0.5)).max() < 0.05


@pytest.mark.parametrize(
    ("code", "angle", "blur"), [(drawn(EAN, "EAN13", 2), 0, 1.2), (drawn(ELEMENTS, "DataMatrix", 2, gs1=True), 20, 0.6)]
)
def test_a_code_that_the_whole_photo_does_not_give_is_read_in_a_part(code: Grey, angle: float, blur: float) -> None:
    noise = np.random.default_rng(0).integers(-25, 26, (1600, 1200))
    photo = np.clip(laid(code, angle=angle, blur=blur, size=(1600, 1200)) + noise, 0, 255).astype(np.uint8)
    assert read(photo, CodeSettings(parts=0)) == []
    [found] = read(photo, CodeSettings())
    assert np.abs(np.mean(found.quad, axis=0) - (0.5, 0.5)).max() < 0.05


@pytest.mark.parametrize("count", [2, 3, 4, 8])
@pytest.mark.parametrize("shape", [(1600, 1200), (97, 211), (1, 700)])
def test_parts_overlap_and_cover_the_photo(count: int, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "_is_busy", lambda part: True)
    seen = np.zeros(shape, int)
    for top, left, part in codes._parts(np.zeros(shape, np.uint8), count):
        seen[top : top + part.shape[0], left : left + part.shape[1]] += 1
    assert seen.min() >= 1
    if min(shape) > 50:
        assert (seen >= 2).mean() > 0.3


def test_parts_without_steps_are_not_looked_at() -> None:
    photo = np.full((1600, 1200), 128, np.uint8)
    photo[100:300, 100:350] = drawn(EAN, "EAN13", 2)[:200, :250].mean().astype(np.uint8)  # an even patch
    assert list(codes._parts(photo, 4)) == []
    code = drawn(EAN, "EAN13", 2)
    photo[: code.shape[0], : code.shape[1]] = code
    assert [(top, left) for top, left, _ in codes._parts(photo, 4)] == [(0, 0)]


@pytest.mark.parametrize("blur", [0.5, 1.0, 1.5])
def test_a_blurred_code_is_read(blur: float) -> None:
    assert texts(read(laid(drawn(EAN, "EAN13", 3), blur=blur, angle=5), CodeSettings())) == [EAN]


def test_light_on_dark_is_read() -> None:
    assert texts(read(255 - laid(drawn(ELEMENTS, "DataMatrix", 6, gs1=True)), CodeSettings())) != []


def test_several_codes_are_read() -> None:
    photo = laid(drawn(EAN, "EAN13", 2), drawn(LINK, "QRCode"), drawn(UPC, "UPCA", 2), angle=8)
    assert texts(read(photo, CodeSettings())) == sorted([EAN, LINK, "0" + UPC])


def test_one_code_on_two_packages_is_found_twice() -> None:
    found = read(laid(drawn(EAN, "EAN13", 2), drawn(LINK, "QRCode"), drawn(EAN, "EAN13", 2)), CodeSettings())
    assert texts(found) == [EAN, EAN, LINK]


def test_what_is_found_in_two_looks_counts_once() -> None:
    # A maker's link names no product: the photo is looked at again.
    assert texts(read(laid(drawn("https://maker.example", "QRCode", 5)), CodeSettings())) == ["https://maker.example"]


def test_a_large_photo_is_scaled_down() -> None:
    photo = np.asarray(cv2.resize(laid(drawn(EAN, "EAN13", 3)), (5000, 4000)), np.uint8)
    [found] = read(photo, CodeSettings())
    assert found.text == EAN
    assert np.abs(np.mean(found.quad, axis=0) - (0.5, 0.5)).max() < 0.05


# -- what is not there -----------------------------------------------------------------------------------------------


def test_a_damaged_code_says_nothing_or_the_right_thing() -> None:
    for code, right in (
        (drawn(EAN, "EAN13"), EAN),
        (drawn(ELEMENTS, "DataMatrix", 6, gs1=True), "01095060001343521726050010A1B2C3\x1d21XYZ"),
    ):
        width = code.shape[1]
        for share in (0.02, 0.1, 0.3, 0.6):
            for place in (0.15, 0.4, 0.7):
                torn = code.copy()
                left = int(place * width)
                torn[:, left : left + max(1, int(share * width))] = 255
                assert set(texts(read(laid(torn), CodeSettings()))) <= {right}
    torn = drawn(ELEMENTS, "DataMatrix", 6, gs1=True)
    torn[60:72, 60:72] = 255  # within what its error correction mends
    assert len(read(laid(torn), CodeSettings())) == 1


def test_half_an_ean_is_none() -> None:
    code = drawn(EAN, "EAN13")
    code[:, code.shape[1] // 2 :] = 255
    assert read(laid(code), CodeSettings()) == []


@pytest.mark.parametrize("seed", range(4))
def test_photos_without_codes_have_none(seed: int) -> None:
    for pixels in (texture(seed), texture(seed, 700, 560), waves(seed), letters(seed)):
        assert len(CodeMethod(CodeSettings()).describe([image(pixels)])[0]) == 0


def test_odd_and_ordinary_pictures_have_none() -> None:
    pictures = [*odd_pictures().values(), *ordinary_pictures().values()]
    assert all(len(found) == 0 for found in CodeMethod(CodeSettings()).describe(pictures))


def test_the_time_is_bounded() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6000, 6000), np.uint8)
    started = time.perf_counter()
    assert read(noise, CodeSettings()) == []
    assert time.perf_counter() - started < 60  # about one second on a free core


# -- the method ------------------------------------------------------------------------------------------------------


@cache
def coded_pictures() -> Pictures:
    """Named as the ordinary pictures, each with the code of another product."""
    names = dict(
        zip(ordinary_pictures(), ("4006381333931", "5012345678900", "8901083032310", "8904103314151"), strict=False)
    )
    found = {name: image(laid(drawn(text, "EAN13"))) for name, text in names.items()}
    return found | {
        "tall": image(laid(drawn(ELEMENTS, "DataMatrix", 6, gs1=True), size=(900, 500))),
        "tiles": image(laid(drawn("-12345678", "Code39", 2))),
    }


@pytest.mark.parametrize("cls", [CodeMethod])
class TestCodes(MethodContract):
    @pytest.fixture
    def pictures(self) -> Pictures:
        return coded_pictures()

    def without_effect(self, cls: type[Method]) -> Collection[str]:
        return ()


def descriptor(*found: tuple[str, str]) -> NDArray[np.uint8]:
    quad = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    return pack_codes([ReadCode(text, symbology, quad, True) for text, symbology in found])


def test_similarities_follow_what_codes_say() -> None:
    method = CodeMethod(CodeSettings())
    others = [
        descriptor(("0109506000134352172605001", "]C1")), descriptor(("00857326005543", "]I1")),
        descriptor(("10857326005540", "]I1")), descriptor((EAN, "]E0")), descriptor(), descriptor((LINK, "]Q1")),
    ]  # fmt: skip
    assert method.compare(others[2], others).tolist() == [0.0, 0.75, 1.0, 0.0, 0.5, 0.0]
    assert method.compare(others[0], others).tolist() == [1.0, 0.0, 0.0, 0.0, 0.5, 1.0]
    assert method.compare(descriptor(), others).tolist() == [0.5] * 6
    assert method.compare(descriptor(("https://maker.example", "]Q1")), others).tolist() == [0.5] * 6


def test_damage_in_the_catalog_is_noticed() -> None:
    method = CodeMethod(CodeSettings())
    data = descriptor((EAN, "]E0")).tobytes()
    assert unpack_codes(unpack(method, data))[0].text == EAN
    assert len(unpack(method, b"")) == 0
    for damaged in (data[:-1], data + b"\0", b"\x09" + data[1:]):
        with pytest.raises(DamagedDescriptor, match="image 7"):
            unpack(method, damaged, 7)


def test_a_larger_picture_can_be_read() -> None:
    photo = laid(drawn(EAN, "EAN13"))
    small = image(np.zeros((10, 10), np.uint8))
    method = CodeMethod(CodeSettings(), grey=lambda _: photo)
    assert unpack_codes(method.describe([small])[0])[0].text == EAN


def test_many_threads_read_at_once() -> None:
    photos = [laid(drawn(text, "EAN13"), angle=angle) for text in (EAN, "5012345678900") for angle in (0, 20, 45, 80)]
    alone = [read(photo, CodeSettings()) for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda photo: read(photo, CodeSettings()), photos * 3)) == alone * 3


def test_another_version_of_the_library_has_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = CodeMethod(CodeSettings()).fingerprint
    monkeypatch.setattr(codes, "_version", lambda: "9.9.9")
    assert CodeMethod(CodeSettings()).fingerprint != ours


def test_codes_of_another_picture_have_another_fingerprint() -> None:
    usual, larger = CodeMethod(CodeSettings()), CodeMethod(CodeSettings(), resolution="2000")
    assert usual.fingerprint != larger.fingerprint


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes.available()
    assert missing(features.create("codes")) == ""
    monkeypatch.setattr(codes, "_version", lambda: "")
    assert not codes.available()
    method = features.create("codes")
    assert missing(method) == "reading codes needs zxing-cpp: pip install 'simsearch[read]'"
    with pytest.raises(ConfigError, match=r"pip install 'simsearch\[read\]'"):
        method.describe([image(np.zeros((10, 10), np.uint8))])
    assert method.compare(descriptor((EAN, "]E0")), [descriptor((EAN, "]E0"))]).tolist() == [1.0]


def test_an_image_is_read_from_its_pixels() -> None:
    photo = laid(drawn(EAN, "EAN13"))
    as_image: Image = image(photo)
    assert texts(unpack_codes(CodeMethod(CodeSettings()).describe([as_image])[0])) == [EAN]
