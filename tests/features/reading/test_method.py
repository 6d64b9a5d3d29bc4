"""Reading as a method."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from simsearch import features
from simsearch.core.errors import ConfigError, DamagedDescriptor
from simsearch.features.base import missing, pack, unpack
from simsearch.features.reading import ReaderSettings, ReadPrint, decode
from simsearch.testing.methods import MethodContract, Pictures
from simsearch.testing.pictures import image
from simsearch.testing.readers import FakeReader
from tests.features.reading.prints import line, turned


@cache
def packages() -> Pictures:
    """Print, under the names that the contract asks for."""
    found = {f"texture {i}": image(line(text, 30, margin=24)) for i, text in enumerate(("HEMIPAN 500 mg", "Losartan"))}
    return found | {"tall": image(turned(line("Brufen 400", 30, margin=24), 90))}


@pytest.mark.parametrize("cls", [ReadPrint])
class TestReadPrint(MethodContract):
    @pytest.fixture
    def pictures(self) -> Pictures:
        pytest.importorskip("onnxruntime")
        return packages()


def method(**says: str) -> tuple[ReadPrint, list[np.ndarray]]:
    """The method over a fake reader that reads `says`, one picture each, and the descriptors of these."""
    pictures = [np.full((30, 40, 3), i, np.uint8) for i in range(len(says))]
    made = ReadPrint(ReaderSettings(), FakeReader(zip(pictures, says.values(), strict=True)))
    return made, [np.asarray(d) for d in made.describe([image(picture) for picture in pictures])]


def test_it_compares_what_is_printed() -> None:
    made, (hemipan, again, sibling, other, none) = method(
        hemipan="HEMIPAN\n500 mg\n24 tablets",
        again="24 Tablets\nHemipan®\n500 mg.",
        sibling="HEMIPAN\n250 mg\n24 tablets",
        other="Losartan potassium",
        none="",
    )
    said = made.compare(hemipan, [hemipan, again, sibling, other, none])
    assert said[0] == said[1] == 1.0
    assert 0.6 < said[2] < 1.0
    assert said[3] < 0.05
    assert said[4] == 0.0
    assert decode(hemipan.astype(np.uint8)).text == "HEMIPAN\n500 mg\n24 tablets"


def test_the_picture_that_is_read_can_be_another_one() -> None:
    full = np.zeros((90, 120, 3), np.uint8)
    reader = FakeReader([(full, "500 mg")])
    usual = ReadPrint(ReaderSettings(), reader)
    larger = ReadPrint(ReaderSettings(), reader, pixels=lambda _: full, resolution="full")
    small = image(np.zeros((30, 40), np.uint8))
    assert usual.read(small).text == ""
    assert larger.read(small).text == "500 mg"
    assert usual.fingerprint != larger.fingerprint


def test_a_changed_byte_is_a_damaged_descriptor() -> None:
    made, (descriptor,) = method(hemipan="HEMIPAN")
    data = bytearray(pack(descriptor))
    data[-1] ^= 1
    with pytest.raises(DamagedDescriptor, match="image 7: its reading-"):
        unpack(made, bytes(data), 7)
    with pytest.raises(DamagedDescriptor):
        unpack(made, b"")


def test_without_the_library_stored_readings_compare_and_describing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rapidocr" else find(name))
    features.discover.cache_clear()
    assert features.discover()["reading"] is ReadPrint
    features.check({"reading": {"size": 640}})
    made = features.create("reading")
    assert "pip install 'simsearch[read]'" in missing(made)
    _, (stored,) = method(hemipan="HEMIPAN")
    assert made.compare(stored, [stored])[0] == 1.0
    from simsearch.features.reading import models

    models._loaded.cache_clear()
    with pytest.raises(ConfigError, match=r"pip install 'simsearch\[read\]'"):
        made.describe([image(np.zeros((30, 40), np.uint8))])


def test_nothing_is_loaded_before_it_reads() -> None:
    code = (
        "import sys; from simsearch import features; m = features.create('reading'); m.fingerprint; "
        "print({n.split('.')[0] for n in sys.modules} & {'onnxruntime', 'rapidocr', 'requests', 'pyclipper'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
