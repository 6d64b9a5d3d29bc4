"""The languages of the page: complete catalogs, the right choice, numbers and times as each language writes them."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from simsearch.catalog.database import now
from simsearch.server.page.language import choose, languages

ROOT = Path(__file__).resolve().parents[3]


def test_catalogs_have_every_message_of_code_and_templates() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "messages", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_further_language_begins_with_every_message(tmp_path: Path) -> None:
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    spec = spec_from_loader("messages", SourceFileLoader("messages", str(ROOT / "scripts" / "messages")))
    assert spec is not None
    assert spec.loader is not None
    tool = module_from_spec(spec)
    spec.loader.exec_module(tool)
    file = tmp_path / "fr" / "page.po"
    file.parent.mkdir()
    file.write_bytes(tool._written(tool.Catalog(locale="fr")))
    made = tool.brought_up(file, tool.messages())
    assert b'msgid "Which drug is this?"\nmsgstr ""' in made
    assert b'"Plural-Forms: nplurals=' in made


@pytest.mark.parametrize(
    ("wanted", "accepted", "code"),
    [
        (None, None, "en"), (None, "", "en"), (None, "de-AT,de;q=0.9,en;q=0.5", "de"),
        (None, "fr, en;q=0.8, de;q=0.9", "de"),
        (None, "de;q=0, en", "en"), (None, "DE", "de"), ("en", "de", "en"), ("xx", "de", "de"), (None, "de;q=x", "en"),
        (None, "de;q=9", "en"), (None, "," * 10_000, "en"),
    ],
)  # fmt: skip
def test_choice(wanted: str | None, accepted: str | None, code: str) -> None:
    assert choose(wanted, accepted).code == code


def test_numbers_and_times() -> None:
    en, de = languages()["en"], languages()["de"]
    assert [en.name, de.name] == ["English", "Deutsch"]
    assert [en.percent(p) for p in (0.5, 0.9987, 0.9991, 1.0)] == ["50.0%", "99.9%", "99.910%", "over 99.999%"]
    assert de.percent(0.9987) == "99,9\N{NO-BREAK SPACE}%"
    assert de.percent(1.0) == "über 99,999\N{NO-BREAK SPACE}%"
    assert (en.number(12345), de.number(12345)) == ("12,345", "12.345")
    at = datetime(2026, 11, 30, 14, 5)
    assert en.when(at) == "Nov 30, 2026, 14:05 UTC"
    assert de.when(at).startswith("30.")
    assert de.ago(now() - timedelta(minutes=3)) == "vor 3 Minuten"
    assert en.ago(now() + timedelta(minutes=3)) == "1 second ago"
    assert [en.duration(s) for s in (0.81, 42, 600, 9000)] == ["0.8 s", "42 s", "10 min", "2 h"]
    assert [en.bytes(n) for n in (12, 4_300_000, 5e15)] == ["12 B", "4.3 MB", "5,000 TB"]


def test_messages_with_values() -> None:
    de = languages()["de"]
    assert de("Answer %(number)s", number=3) == "Antwort 3"
    assert de("") == ""
    assert de("Looking …") == "Ansehen …"
