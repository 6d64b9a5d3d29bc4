"""The reader on packages that the test draws."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from simsearch.core.config import parse_settings
from simsearch.core.errors import ConfigError
from simsearch.core.types import Pixels
from simsearch.features.reading import PpOcr, Reader, ReaderSettings, Reading, models, ppocr
from simsearch.features.reading.quads import direction
from tests.features.reading.prints import carton, line, turned

TEXTS = [("HEMIPAN", 72), ("500 mg", 56), ("24 film-coated tablets", 30), ("paracetamol", 34)]
WORDS = "HEMIPAN\n500 mg\n24 film-coated tablets\nparacetamol"


@pytest.fixture
def reader() -> PpOcr:
    pytest.importorskip("onnxruntime")
    return PpOcr()


def same(a: Reading, b: Reading) -> bool:
    told = [[(line.text, line.confidence, line.quad.tolist()) for line in reading.lines] for reading in (a, b)]
    return told[0] == told[1] and (a.width, a.height) == (b.width, b.height)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 17, -33, 45, 200])
def test_a_package_is_read_at_any_turn(reader: PpOcr, degrees: float) -> None:
    picture = turned(carton(TEXTS), degrees)
    found = reader.read(picture)
    assert (found.height, found.width) == picture.shape[:2]
    assert found.text == WORDS
    for read in found.lines:
        assert read.confidence > 0.9
        quad = read.on(found.width, found.height).astype(np.float64)
        turn = np.deg2rad(-degrees)  # rows go down, so anticlockwise is negative
        assert direction(quad) @ np.array([np.cos(turn), np.sin(turn)]) > 0.99


def test_a_quad_lies_on_its_text(reader: PpOcr) -> None:
    picture = carton(TEXTS)
    name = reader.read(picture).lines[0].on(640, 480)
    np.testing.assert_allclose(name[0], [80, 70], atol=20)
    cut = picture[int(name[0, 1]) : int(name[2, 1]), int(name[0, 0]) : int(name[2, 0])]
    [(text, confidence)] = reader.recognise([cut])
    assert text == "HEMIPAN"
    assert confidence > 0.9


def test_cuts_are_recognised_in_their_order(reader: PpOcr) -> None:
    found = reader.recognise([line("500 mg"), line("HEMIPAN", 20), line("3 x 10")])
    assert [text for text, _ in found] == ["500 mg", "HEMIPAN", "3 x 10"]
    assert reader.recognise([]) == []


def test_small_print_is_read_from_the_full_resolution(reader: PpOcr) -> None:
    """Letters of 26 pixels in a picture of 2,400: at the size of the first look they have 10."""
    picture = np.full((1800, 2400, 3), (238, 236, 228), np.uint8)
    drawn = line("0.25 mg / 5 ml", 26)
    picture[900 : 900 + drawn.shape[0], 1100 : 1100 + drawn.shape[1]] = drawn
    assert [read.text.replace(" ", "") for read in reader.read(picture).lines] == ["0.25mg/5ml"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (640, 3), (2, 2), (16, 512), (480, 640)])
@pytest.mark.parametrize("value", [0, 127, 255])
def test_where_nothing_is_printed_nothing_is_read(reader: PpOcr, shape: tuple[int, int], value: int) -> None:
    found = reader.read(np.full((*shape, 3), value, np.uint8))
    assert found.lines == ()
    assert (found.height, found.width) == shape


def test_noise_is_left_out(reader: PpOcr) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    assert reader.read(noise).lines == ()


def test_what_is_unsure_is_left_out(reader: PpOcr) -> None:
    picture = carton([("HEMIPAN", 72)])
    sure = reader.read(picture).lines[0].confidence
    assert PpOcr(ReaderSettings(confidence=min(1.0, sure + 1e-6))).read(picture).lines == ()


def test_only_the_largest_lines_are_read(reader: PpOcr) -> None:
    found = PpOcr(ReaderSettings(size=480, lines=2)).read(carton(TEXTS))
    assert len(found.lines) == 2
    assert found.lines[0].text == "HEMIPAN"


def test_threads_read_what_one_thread_reads(reader: PpOcr) -> None:
    reader = PpOcr(ReaderSettings(size=480))
    pictures = [turned(carton(TEXTS[: 1 + i % 2]), 90 * i) for i in range(4)]
    alone = [reader.read(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(reader.read, pictures))
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))


def test_the_picture_is_left_alone(reader: PpOcr) -> None:
    picture = carton(TEXTS)
    picture.setflags(write=False)
    before = picture.copy()
    reader.read(picture)
    assert np.array_equal(picture, before)


# -- how lines are turned and looked at again, with recognition written down ------------------------------------------


def stub(monkeypatch: pytest.MonkeyPatch, says: dict[int, tuple[str, float]]) -> list[int]:
    """Recognition by the grey of a cut's top left pixel; returns the list of cuts that were read."""
    asked: list[int] = []

    def recognise(crop: Pixels) -> tuple[str, float]:
        asked.append(int(crop[2, 2, 0]))
        return says[asked[-1]]

    monkeypatch.setattr(ppocr, "recognise", recognise)
    return asked


def halves(rows: list[tuple[int, int]]) -> tuple[Pixels, list[np.ndarray]]:
    """A picture of rows, each of one grey on its left half and of another on its right, and their quads."""
    picture = np.zeros((40 * len(rows), 200, 3), np.uint8)
    quads = []
    for i, (left, right) in enumerate(rows):
        picture[40 * i : 40 * i + 40, :100], picture[40 * i : 40 * i + 40, 100:] = left, right
        quads.append(np.array([[0, 40 * i], [200, 40 * i], [200, 40 * i + 40], [0, 40 * i + 40]], np.float64))
    return picture, quads


def test_the_first_line_is_read_both_ways_and_a_sure_second_one_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = stub(monkeypatch, {10: ("NVdIWEH", 0.4), 20: ("HEMIPAN", 0.99), 40: ("500 mg", 0.95)})
    right, lines = ppocr._directed(*halves([(10, 20), (30, 40)]))
    assert [found.text for found in lines] == ["HEMIPAN", "500 mg"]
    # The second begins at its right end, as the first one does. The first one's two ways are read side by side.
    assert (sorted(asked[:2]), asked[2:]) == ([10, 20], [40])
    assert right[0] < 0


def test_an_unsure_line_is_read_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, {10: ("HEMIPAN", 0.99), 20: ("NVdIWEH", 0.4), 30: ("6w 00S", 0.5), 40: ("500 mg", 0.95)})
    _, lines = ppocr._directed(*halves([(10, 20), (30, 40)]))
    assert [found.text for found in lines] == ["HEMIPAN", "500 mg"]


@pytest.mark.parametrize(
    ("text", "confidence", "near", "wanted"),
    [
        ("5OO mg 24", 0.7, [("500 mg", 0.99), ("24", 0.95)], ["500 mg", "24"]),
        ("500 mg", 0.97, [("600 mg", 0.99)], ["600 mg"]),  # sure, but small
        ("500 mg", 0.7, [("5OO rng", 0.6)], ["500 mg"]),
        ("500 mg", 0.7, [("5", 0.99)], ["500 mg"]),  # most of the line was lost
        ("500 mg", 0.7, [], ["500 mg"]),
        ("HEMIPAN", 0.7, [("HEMIPAM", 0.99)], ["HEMIPAN"]),  # no digit: not looked at again
    ],
)
def test_the_second_look(
    monkeypatch: pytest.MonkeyPatch, text: str, confidence: float, near: list[tuple[str, float]], wanted: list[str]
) -> None:
    picture, [quad] = halves([(10, 20)])
    given = iter(near)
    box = np.array([[60.0, 30.0], [120.0, 30.0], [120.0, 50.0], [60.0, 50.0]])
    monkeypatch.setattr(ppocr, "detect", lambda pixels, side: [box for _ in near])
    monkeypatch.setattr(ppocr, "recognise", lambda crop: next(given))
    found = ppocr._second_look(picture, ppocr._Read(quad, text, confidence), least=50.0)
    assert [line.text for line in found] == wanted


def test_a_large_and_clear_line_gets_no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppocr, "detect", lambda pixels, side: pytest.fail("looked again"))
    picture, [quad] = halves([(10, 20)])
    read = ppocr._Read(quad, "500 mg", 0.97)
    assert ppocr._second_look(picture, read, least=30.0) == [read]


# -- what it is -------------------------------------------------------------------------------------------------------


def test_it_is_a_reader_with_a_fingerprint_of_its_settings() -> None:
    first = PpOcr()
    assert isinstance(first, Reader)
    assert first.fingerprint == PpOcr(ReaderSettings()).fingerprint
    changed: list[dict[str, float]] = [{"size": 640}, {"lines": 10}, {"confidence": 0.5}, {"second_look": 0}]
    others = {PpOcr(parse_settings(ReaderSettings, values, where="test")).fingerprint for values in changed}
    assert len(others | {first.fingerprint}) == 5


def test_without_the_models_reading_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "missing", lambda: "the reader of print is not installed")
    models._loaded.cache_clear()
    with pytest.raises(ConfigError, match="not installed"):
        PpOcr().read(carton(TEXTS))
    with pytest.raises(ConfigError, match="not installed"):
        PpOcr().recognise([line("500 mg")])
