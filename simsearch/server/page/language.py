"""The languages of the page. English stands in the code; each folder of `locale/` holds `page.po`, read as it is.

A further language is one more folder: `scripts/messages NAME` makes it, and keeps all of them up to the templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import cast

from babel import Locale
from babel.dates import format_skeleton, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import Translations

LOCALE = Path(__file__).parent / "locale"
SOURCE = "en"
"""The language of the code."""


def N_(message: str) -> str:  # noqa: N802 - gettext's customary name
    """`message`, marked for the message catalogs; it is translated where it is shown."""
    return message


@dataclass(frozen=True)
class Language:
    """A language of the page: its messages, and how it writes numbers and times."""

    code: str
    """As in `lang` attributes and Accept-Language: "de"."""
    messages: NullTranslations

    @property
    def locale(self) -> Locale:
        """Babel's rules for this language."""
        return Locale.parse(self.code, sep="-")

    @property
    def name(self) -> str:
        """What its speakers call it."""
        name = self.locale.get_display_name(self.code) or self.code
        return name[:1].upper() + name[1:]

    def __call__(self, message: str, /, **values: object) -> str:
        """`message` in this language, with `values` put in its %(places)s."""
        said = self.messages.gettext(message) if message else ""
        return said % values if values else said

    def number(self, value: float) -> str:
        """A number with the separators of the language."""
        return str(format_decimal(value, locale=self.locale))

    def percent(self, probability: float) -> str:
        """As `core.text.percent`: more digits towards certainty, and never 100 %."""
        if probability >= 0.99999:
            return self(N_("over %(share)s"), share=self._percent(0.99999, 3))
        return self._percent(probability, 1 if probability < 0.999 else 3)

    def _percent(self, share: float, digits: int) -> str:
        pattern = self.locale.percent_formats[None].pattern
        whole = pattern.split(";")[0].replace("#,##0", f"#,##0.{'0' * digits}")
        return str(format_percent(share, whole, locale=self.locale))

    def when(self, at: datetime) -> str:
        """A time in UTC, short: "Nov 30, 2026, 02:10 UTC". The page's script turns it into the reader's own time."""
        day, time = (format_skeleton(parts, at, locale=self.locale) for parts in ("yMMMd", "Hm"))
        return f"{day}, {time} UTC"

    def ago(self, at: datetime) -> str:
        """How long ago a time in UTC was: "3 minutes ago"."""
        now = datetime.now(UTC).replace(tzinfo=None)
        return str(format_timedelta(min(at - now, -timedelta(seconds=1)), add_direction=True, locale=self.locale))

    def duration(self, seconds: float) -> str:
        """A span of time: "14 s", "3 min"."""
        if seconds < 100:
            return f"{self.number(round(seconds, 1 if seconds < 10 else 0))} s"
        return (
            f"{self.number(round(seconds / 60))} min" if seconds < 5400 else f"{self.number(round(seconds / 3600))} h"
        )

    def bytes(self, size: float) -> str:
        """A size of files: "12 MB"."""
        units = iter(("B", "kB", "MB", "GB", "TB"))
        unit = next(units)
        while size >= 1000 and unit != "TB":
            size, unit = size / 1000, next(units)
        return f"{self.number(round(size, 1 if size < 10 else 0))} {unit}"


@cache
def languages() -> dict[str, Language]:
    """Code -> language, English first, then by code."""
    found = {SOURCE: Language(SOURCE, NullTranslations())}
    for file in sorted(LOCALE.glob("*/page.po")):
        found[file.parent.name] = Language(file.parent.name, _messages(file))
    return found


def _messages(file: Path) -> NullTranslations:
    """The messages of a .po file: it is compiled in memory, so that no build has to do it."""
    import io

    compiled = io.BytesIO()
    with file.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=file.parent.name))
    compiled.seek(0)
    return cast(NullTranslations, Translations(compiled))


def choose(wanted: str | None, accepted: str | None) -> Language:
    """The language that a reader chose, else the first of Accept-Language that there is, else English."""
    known = languages()
    if wanted in known:
        return known[wanted]
    for code in _by_quality(accepted or ""):
        for name in (code, code.split("-")[0]):
            if name in known:
                return known[name]
    return known[SOURCE]


def _by_quality(accepted: str) -> Sequence[str]:
    """The codes of an Accept-Language header, the most wanted first; those with q=0 are left out."""
    found: list[tuple[float, str]] = []
    for part in accepted[:500].split(","):
        code, _, quality = part.partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if 0 < weight <= 1:
            found.append((-weight, code.strip().lower()))
    return [code for _, code in sorted(found, key=lambda pair: pair[0])]
