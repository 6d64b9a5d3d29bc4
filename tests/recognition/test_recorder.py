"""Records are written beside the answers, and never cost one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from simsearch.core.errors import CatalogError
from simsearch.core.types import Decision, Outcome
from simsearch.recognition import recorder as room
from simsearch.recognition.recorder import Record, Recorder


def record(name: str = "photo.jpg") -> Record:
    return Record(Decision(name, Outcome.UNKNOWN, None, None, 0.0, (), "none", 1.0), "0" * 64, {})


class Written:
    """A catalog that numbers what it is given, as slowly or as badly as a test wants."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.free = threading.Event()
        self.free.set()
        self.error: Exception | None = None

    def __call__(self, records: Sequence[Record]) -> list[int]:
        assert self.free.wait(10)
        if self.error:
            raise self.error
        first = sum(map(len, self.groups))
        self.groups.append([r.decision.query for r in records])
        return list(range(first + 1, first + len(records) + 1))


def test_each_record_has_its_id() -> None:
    written = Written()
    recorder = Recorder(written, 5.0)
    assert recorder.keep([]) == []
    assert recorder.keep([record("a"), record("b")]) == [1, 2]
    assert recorder.keep([record("c")]) == [3]
    recorder.close()
    recorder.close()
    assert written.groups == [["a", "b"], ["c"]]
    assert recorder.lost == 0


def test_a_busy_catalog_keeps_no_answer_back(caplog: pytest.LogCaptureFixture) -> None:
    written = Written()
    recorder = Recorder(written, 0.05)
    written.free.clear()
    started = time.monotonic()
    assert recorder.keep([record("a")]) == [None]
    assert time.monotonic() - started < 2
    assert "the record of this answer is written later" in caplog.text
    written.free.set()
    recorder.close()
    assert (written.groups, recorder.lost) == ([["a"]], 0)


def test_what_waits_is_written_in_one_transaction() -> None:
    written = Written()
    recorder = Recorder(written, 10.0)
    written.free.clear()
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(recorder.keep, [record("first")])
        time.sleep(0.1)
        rest = [pool.submit(recorder.keep, [record(str(n))]) for n in range(8)]
        time.sleep(0.1)
        written.free.set()
        ids = [first.result()[0], *(job.result()[0] for job in rest)]
    assert sorted(i for i in ids if i is not None) == list(range(1, 10))
    assert [len(group) for group in written.groups] == [1, 8]
    recorder.close()


def test_what_cannot_be_written_is_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    written = Written()
    recorder = Recorder(written, 5.0)
    written.error = CatalogError("catalog.db: is locked by another process; try again, or end that process")
    assert recorder.keep([record("a"), record("b")]) == [None, None]
    assert recorder.lost == 2
    assert "2 answers were not recorded: catalog.db: is locked by another process" in caplog.text
    written.error = ValueError("something else")
    assert recorder.keep([record("c")]) == [None]
    written.error = None
    assert recorder.keep([record("d")]) == [1]
    assert recorder.lost == 3
    recorder.close()


def test_too_many_that_wait_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room, "_WAITING", 2)
    written = Written()
    recorder = Recorder(written, 0.01)
    written.free.clear()
    assert [recorder.keep([record(str(n))]) for n in range(6)] == [[None]] * 6
    assert 2 <= recorder.lost <= 4  # the writer took one or so before it was held up
    assert "too many records wait for the catalog" in caplog.text
    written.free.set()
    recorder.close()
    assert sum(map(len, written.groups)) + recorder.lost == 6


def test_records_are_written_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    written = Written()
    recorder = Recorder(written, 0.01)
    written.free.clear()
    recorder.keep([record("a")])
    recorder.keep([record("b")])
    recorder.close(timeout_s=0.05)
    assert recorder.lost == 2  # one is with the writer, and one waits
    assert "2 answers were not recorded: the catalog was busy until the end" in caplog.text
    written.free.set()


def test_a_forked_process_has_a_writer_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written()
    recorder = Recorder(written, 5.0)
    assert recorder.keep([record("a")]) == [1]
    monkeypatch.setattr(os, "getpid", lambda: 1)  # as a child sees it: the thread of the parent is not there
    assert recorder.keep([record("b")]) == [2]
    recorder.close()
