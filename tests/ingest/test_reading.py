"""The second stage of indexing: photos are read once each, whatever stops it, and none of them stops the rest."""

from __future__ import annotations

import io
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch import open_app
from simsearch.app import App
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ConfigError
from simsearch.core.types import Pixels, silent
from simsearch.features import reading
from simsearch.features.reading import Reading
from simsearch.ingest import reading as stage
from simsearch.ingest.reading_report import ReadingReport, pace
from simsearch.recognition.printed import PrintVerifier
from simsearch.testing.readers import FakeReader, read_by

if TYPE_CHECKING:
    from tests.conftest import Kit

COUNT = 8


def paint(path: Path, seed: int) -> Path:
    values = np.random.default_rng(seed).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    Pillow.fromarray(values).resize((720, 540), Pillow.Resampling.NEAREST).save(path)
    return path


class Watched(FakeReader):
    """A reader that counts what it is asked for, and may do something else at the nth photo."""

    def __init__(self, said: Sequence[tuple[Pixels, str]] = (), at: Mapping[int, BaseException] | None = None) -> None:
        super().__init__(said)
        self.sizes: list[tuple[int, ...]] = []
        self.at = at or {}

    def read(self, pixels: Pixels) -> Reading:
        self.sizes.append(pixels.shape)
        if error := self.at.get(len(self.sizes)):
            raise error
        return super().read(pixels)


class Shelf:
    """A folder of photos, and Apps on one home that read it by a reader of the test."""

    def __init__(self, folder: Path, kit: Kit) -> None:
        self.folder, self.home, self.kit = folder / "shelf", folder / "home", kit
        self.folder.mkdir()
        for number in range(COUNT):
            paint(self.photo(number), number)

    def photo(self, number: int) -> Path:
        return self.folder / f"p{number}.png"

    def app(self, reader: FakeReader | None = None, workers: int = 1, **settings: Any) -> App:
        with open_app(self.home, self.kit.config) as given:
            config = replace(
                given.config, reading=replace(given.config.reading, **{"mode": "auto", **settings}),
                indexing=replace(given.config.indexing, workers=workers),
            )  # fmt: skip
        app = App(self.home, config, {})
        read_by(app, reader or Watched())
        return app

    def index(self, reader: FakeReader | None = None, **settings: Any) -> ReadingReport:
        with self.app(reader, **settings) as app:
            found = app.index([self.folder]).reading
        assert found is not None
        return found


@pytest.fixture
def shelf(tmp_path: Path, kit: Kit) -> Shelf:
    return Shelf(tmp_path, kit)


def summary(r: ReadingReport) -> tuple[int, int, int]:
    return r.read, len(r.failed), r.left


def test_index_reads_what_is_printed(shelf: Shelf) -> None:
    pixels = images.load(shelf.photo(3), ImageSettings()).sharp
    reader = Watched([(pixels, "HEMIPAN 500 mg\n24 tablets")])
    with shelf.app(reader, workers=2) as app:
        report = app.index([shelf.folder])
        assert report.reading is not None
        assert summary(report.reading) == (COUNT, 0, 0)
        assert reader.sizes == [(540, 720, 3)] * COUNT  # not the 640 pixels of the other methods
        method = app.print_methods["reading"]
        packed = app.catalog.descriptors.of(method.fingerprint, range(1, COUNT + 1))
        said = {i: [line.text for line in reading.decode(np.frombuffer(d, np.uint8)).lines] for i, d in packed.items()}
        assert said == {i: ["HEMIPAN 500 mg", "24 tablets"] if i == 4 else [] for i in range(1, COUNT + 1)}
        assert len(app.catalog.descriptors.of(app.print_methods["codes"].fingerprint, packed)) == COUNT
        assert app.status().sound
        assert dict(app.status().stale) == {}
        again = app.index([shelf.folder])
        assert again.reading is not None
        assert (again.unchanged, summary(again.reading)) == (COUNT, (0, 0, 0))
    assert len(reader.sizes) == COUNT


def test_photos_are_found_before_they_are_read(shelf: Shelf) -> None:
    found: list[str | None] = []
    asked: list[bool] = []

    class Asking(FakeReader):
        def read(self, pixels: Pixels) -> Reading:
            if not asked:
                asked.append(True)  # the photo that asks is read, too
                [answer] = app.query([shelf.photo(0)], record=False)
                found.append(getattr(answer, "sku", None))
            return super().read(pixels)

    with shelf.app(Asking(())) as app:
        app.index([shelf.folder])
    assert found == ["p0"]


def test_no_reading_leaves_it_for_later(shelf: Shelf) -> None:
    reader = Watched()
    with shelf.app(reader) as app:
        assert app.index([shelf.folder], reading=False).reading is None
        assert reader.sizes == []
        printed = app.status().printed
        assert printed is not None
        assert (printed.read, printed.unread, printed.why) == (0, COUNT, "")
        assert summary(app.read_print()) == (COUNT, 0, 0)
        assert summary(app.read_print()) == (0, 0, 0)


# -- stopping and going on -------------------------------------------------------------------------------------------


def test_ctrl_c_keeps_what_was_read_and_says_how_to_go_on(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        shelf.index(Watched(at={6: KeyboardInterrupt()}))
    assert f"reading was stopped with {COUNT - 5} photos to go; `simsearch read` goes on" in caplog.text
    reader = Watched()
    assert summary(shelf.index(reader)) == (COUNT - 5, 0, 0)
    assert len(reader.sizes) == COUNT - 5


SLOW = """
import sys, time
from pathlib import Path
from simsearch.app import App
from simsearch.core.config import load_config
from simsearch.ingest import reading
from simsearch.testing.readers import FakeReader, read_by

class Slow(FakeReader):
    def read(self, pixels):
        time.sleep(0.05)
        return super().read(pixels)

reading._COMMIT_S = 0.1
app = App(Path(sys.argv[1]), load_config(Path(sys.argv[2]))[0], {})
read_by(app, Slow(()))
app.read_print(progress=lambda done, *_: print(done, flush=True))
"""


def test_a_kill_loses_no_more_than_the_last_commit(shelf: Shelf, tmp_path: Path) -> None:
    shutil.copy(shelf.photo(0), shelf.folder / "twin.png")
    with shelf.app() as app:
        app.index([shelf.folder], reading=False)
    config = tmp_path / "own.toml"
    config.write_text(
        shelf.kit.config.read_text("utf-8").replace("never", "auto").replace("workers = 2", "workers = 1")
    )
    command = [sys.executable, "-c", SLOW, str(shelf.home), str(config)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()}
    ) as p:
        assert p.stdout is not None
        while int(p.stdout.readline()) < 6:
            time.sleep(0)
        p.send_signal(signal.SIGKILL)
    with shelf.app() as app:
        printed = app.status().printed
        assert printed is not None
        assert 2 <= printed.read < COUNT
        assert printed.read + printed.unread == COUNT + 1
        assert summary(app.read_print()) == (printed.unread, 0, 0)
        assert app.catalog.housekeeping.integrity() == ""


def test_a_budget_of_time_is_kept_and_gone_on_with(shelf: Shelf) -> None:
    with shelf.app() as app:
        app.index([shelf.folder], reading=False)
        report = app.read_print(minutes=0.0)
        assert summary(report) == (0, 0, COUNT)
        assert report.why == "the time of 0 minutes was over; `simsearch read` goes on"
        report = app.read_print(minutes=5)
        assert (summary(report), report.why) == ((COUNT, 0, 0), "")


def test_other_settings_of_the_reader_make_all_unread(shelf: Shelf) -> None:
    shelf.index()
    other = Watched()
    other.fingerprint = "another-reader"
    assert summary(shelf.index(other)) == (COUNT, 0, 0)
    assert len(other.sizes) == COUNT


def test_only_what_is_lacking_is_done_again(shelf: Shelf) -> None:
    """Another version of the library of codes costs no reading."""
    shelf.index()
    reader = Watched()
    with shelf.app(reader) as app:
        codes: Any = app.print_methods["codes"]
        codes.fingerprint = "codes-of-another-version"
        assert summary(app.read_print()) == (COUNT, 0, 0)
        assert reader.sizes == []


# -- what cannot be read ---------------------------------------------------------------------------------------------


def test_photos_that_cannot_be_read_are_told_and_do_not_stop_the_rest(shelf: Shelf) -> None:
    with shelf.app() as app:
        app.index([shelf.folder], reading=False)
    shelf.photo(1).unlink()
    paint(shelf.photo(2), 99)
    with shelf.app(Watched(at={4: RuntimeError("of the network"), 5: MemoryError()})) as app:
        report = app.read_print()
        assert summary(report) == (COUNT - 4, 4, 4)
        assert [(r.code, Path(r.where).name) for r in report.failed] == [
            ("missing", "p1.png"), ("changed", "p2.png"), ("unexpected", "p5.png"), ("too_large", "p6.png"),
        ]  # fmt: skip
        assert "has other content than was indexed; run `simsearch index`" in report.failed[1].message
        assert "unexpected RuntimeError: of the network" in report.failed[2].message
        assert report.why == ""
        printed = app.status().printed
        assert printed is not None
        assert (printed.read, printed.unread) == (COUNT - 4, 4)
    paint(shelf.photo(1), 1)
    assert summary(shelf.index()) == (4, 0, 0)  # the changed file is another image now, the missing one is back


def test_a_photo_that_fits_only_at_a_smaller_scale_is_told(shelf: Shelf) -> None:
    large = np.random.default_rng(5).integers(0, 256, (1500, 2000, 3)).astype(np.uint8)
    Pillow.fromarray(large).save(shelf.folder / "large.jpg")
    with shelf.app() as app:
        config = replace(app.config, images=replace(app.config.images, max_pixels=1_000_000))
    app = App(shelf.home, config, {})
    read_by(app, Watched())
    with app:
        report = app.index([shelf.folder])
        assert report.refused == 0
        assert report.reading is not None
        assert [r.code for r in report.reading.failed] == ["too_large"]


def test_a_defect_of_the_program_ends_the_stage(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_SYSTEMATIC", 3)
    with pytest.raises(ZeroDivisionError):
        shelf.index(Watched(at={i: ZeroDivisionError() for i in range(1, 9)}))


# -- what is read ----------------------------------------------------------------------------------------------------


def test_equal_photos_are_read_once(shelf: Shelf, tmp_path: Path) -> None:
    for number in range(3):
        shutil.copy(shelf.photo(0), shelf.folder / f"twin{number}.png")
    reader = Watched()
    assert summary(shelf.index(reader)) == (COUNT + 3, 0, 0)
    assert len(reader.sizes) == COUNT
    moved = shelf.folder.rename(tmp_path / "moved")
    with shelf.app(reader) as app:
        report = app.index([moved], forget=[shelf.folder]).reading
    assert report is not None
    assert (report.read, report.copied, len(reader.sizes)) == (COUNT + 3, COUNT + 3, COUNT)


def test_one_path_that_is_gone_leaves_another_to_read(shelf: Shelf) -> None:
    shutil.copy(shelf.photo(0), shelf.folder / "twin.png")
    with shelf.app() as app:
        app.index([shelf.folder], reading=False)
        shelf.photo(0).unlink()
        assert summary(app.read_print()) == (COUNT + 1, 0, 0)


def test_loose_pills_are_read_only_if_always(shelf: Shelf) -> None:
    table = shelf.folder / "catalog.csv"
    table.write_text("sku,image,surface\na,p0.png,pills\nb,p1.png,front\n", encoding="utf-8")
    with shelf.app() as app:
        report = app.index([table]).reading
        assert report is not None
        assert (summary(report), report.left_out) == ((1, 0, 0), 1)
        printed = app.status().printed
        assert printed is not None
        assert (printed.read, printed.unread, printed.left_out) == (1, 0, 1)
    with shelf.app(mode="always") as app:
        assert summary(app.read_print()) == (1, 0, 0)


def test_never_reads_nothing_and_says_so(shelf: Shelf) -> None:
    with shelf.app(mode="never") as app:
        assert app.index([shelf.folder]).reading is None
        printed = app.status().printed
        assert printed is not None
        assert (printed.unread, printed.why) == (COUNT, 'reading is switched off: set reading.mode to "auto"')
        assert app.nightly([shelf.folder]).reading is None
        assert app.print_stage.run(silent) == ReadingReport(why=printed.why)
        with pytest.raises(ConfigError, match="nothing can be read: reading is switched off"):
            app.read_print()
        with pytest.raises(ConfigError, match="nothing can be read"):
            app.index([shelf.folder], reading=True)


def test_without_the_reader_all_else_works_and_what_was_read_stays(shelf: Shelf) -> None:
    shelf.index()
    paint(shelf.folder / "new.png", 77)
    with shelf.app() as app:
        for method in app.print_methods.values():
            method.missing = f"{method.name} is not installed: pip install 'simsearch[read]'"  # type: ignore[attr-defined]
        codes: Any = app.print_methods["codes"]
        before, codes.fingerprint = codes.fingerprint, "codes-without-a-version"
        night = app.nightly([shelf.folder])
        assert (night.outcome, night.changes["added"]) == ("swapped", 1)
        assert night.reading is not None
        assert (night.reading.read, night.reading.why) == (0, "reading is not installed: pip install 'simsearch[read]'")
        printed = app.status().printed
        assert printed is not None
        assert "pip install 'simsearch[read]'" in printed.why
        stored = app.catalog.descriptors.counts()
        assert stored[before] == stored[app.print_methods["reading"].fingerprint] == COUNT
        assert dict(app.status().stale) == {}
        with pytest.raises(ConfigError, match="not installed"):
            app.read_print()


def test_without_the_library_of_codes_print_is_read(shelf: Shelf) -> None:
    with shelf.app() as app:
        codes: Any = app.print_methods["codes"]
        codes.missing = "codes: pip install"
        report = app.index([shelf.folder]).reading
        assert report is not None
        assert summary(report) == (COUNT, 0, 0)
        printed = app.status().printed
        assert printed is not None
        assert (printed.read, printed.why) == (COUNT, "codes: pip install")


# -- nights ----------------------------------------------------------------------------------------------------------


def test_a_night_goes_on_reading_and_keeps_what_was_read(shelf: Shelf) -> None:
    with shelf.app() as app:
        app.index([shelf.folder], reading=False)
        night = app.nightly([shelf.folder])
        assert night.reading is not None
        assert summary(night.reading) == (COUNT, 0, 0)
        assert night.json["reading"]["read"] == COUNT
        metrics = (app.home / "nightly/simsearch.prom").read_text("utf-8")
        assert f'simsearch_nightly_reading_images{{state="read"}} {COUNT}' in metrics
        assert night.dropped_descriptors == 0
        again = app.nightly([shelf.folder])
        assert again.reading is not None
        assert (summary(again.reading), again.dropped_descriptors) == ((0, 0, 0), 0)


def test_a_night_without_time_for_it_does_not_read(shelf: Shelf) -> None:
    reader = Watched()
    with shelf.app(reader, nightly_minutes=0.0) as app:
        night = app.nightly([shelf.folder])
        assert (night.reading, night.json["reading"], reader.sizes) == (None, None, [])
        assert "read" not in night.steps_s
    with shelf.app(reader, nightly_minutes=1e-9) as app:
        night = app.nightly([shelf.folder])
        assert night.reading is not None
        assert summary(night.reading) == (0, 0, COUNT)
        assert "goes on" in night.reading.why


# -- words -----------------------------------------------------------------------------------------------------------


def test_the_pace_is_told_in_words() -> None:
    assert pace(0, 10, 0.0) == "reading print"
    assert pace(30, 60, 10.0) == "reading print: 3.0 a second, 10 s left"
    assert pace(30, 3630, 10.0) == "reading print: 3.0 a second, 20 min left"
    assert pace(30, 100_030, 10.0) == "reading print: 3.0 a second, 9.3 h left"


def test_progress_tells_every_photo(shelf: Shelf) -> None:
    told: list[tuple[int, int]] = []
    with shelf.app() as app:
        app.index([shelf.folder], reading=False, progress=silent)
        app.read_print(progress=lambda done, total, text: told.append((done, total)))
    assert told == [(n, COUNT) for n in range(1, COUNT + 1)]


def test_a_query_aligns_lines_by_the_size_that_keypoints_are_sought_at(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: list[int] = []

    class Noted(PrintVerifier):
        def __init__(self, *args: Any, keypoint_side: int, **more: Any) -> None:
            sides.append(keypoint_side)
            super().__init__(*args, keypoint_side=keypoint_side, **more)

    monkeypatch.setattr("simsearch.recognition.print_evidence.PrintVerifier", Noted)
    with shelf.app() as app:
        app.index([shelf.folder])
        encoded = io.BytesIO()
        Pillow.open(shelf.photo(0)).save(encoded, "PNG", compress_level=1)  # another file than the catalog's
        app.query(encoded.getvalue(), record=False)
        assert sides == [app.verifier.orb.settings.size]
