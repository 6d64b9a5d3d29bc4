"""Expiry dates: as GS1 element strings write them, and as they are printed.

A date is given only if it can be read in one way. Two-digit years are relative to today, by the rule of the GS1 General
Specifications (7.12): up to 50 years ahead, up to 49 back.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from datetime import date

LONGEST = 2000
"""Characters of printed text that are looked at."""

_YEARS = range(-30, 21)
"""A printed expiry lies within these years of today. Other numbers are no such dates, or of another calendar."""
_FAR = 40  # characters between a label and its date
_LABELS = ("expiry", "made")
_BESIDE = re.compile(r"\W*(?:(?:date|dt)\W*)?", re.IGNORECASE)

_EXPIRY = (
    r"exp(?:iry|ires|iration)?|use[ -]?(?:by|before)|best[ -]?before|verw(?:endbar)?\.?[ -]?bis|utiliser[ -]?avant"
    r"|val(?:idade|idez)?|venc(?:imento|e)?|cad(?:ucidad)?|scad(?:enza)?|skt"
)
_MADE = (
    r"mf[dg]|manufactur(?:ed|ing)|man|prod(?:uction)?|packed|pkd|d\.?o\.?m"
    r"|herstell(?:ung|t)?|fab(?:ricación|rication)?"
)
_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january januar janvier enero ene gennaio gen",
            "feb february februar février fév fevrier fev febrero febbraio",
            "mar march märz mär maerz mars marzo mrz",
            "apr april avril avr abril abr aprile",
            "may mai mayo maggio mag maj",
            "jun june juni juin junio giugno giu",
            "jul july juli juillet juil julio luglio lug",
            "aug august août aout agosto ago",
            "sep sept september septembre septiembre settembre set",
            "oct october oktober okt octobre octubre ottobre ott",
            "nov november novembre noviembre",
            "dec december dezember dez décembre déc decembre diciembre dic dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_NAME = "|".join(sorted(_MONTHS, key=len, reverse=True))
_SEP = r"\s?[/.\-\s]\s?"
_TOKENS = re.compile(
    rf"(?P<expiry>(?<![a-z])(?:{_EXPIRY})(?![a-z]))"
    rf"|(?P<made>(?<![a-z])(?:{_MADE})(?![a-z])(?!\W{{0,3}}(?:lic|by|in|at|for|under)\b))"
    rf"|(?<![\d/])(?P<y4>\d{{4}}){_SEP}(?P<n4>{_NAME})(?:{_SEP}(?P<d4>\d{{1,2}}))?(?![\da-z])"
    rf"|(?<![\d/])(?:(?P<d1>\d{{1,2}}){_SEP})?(?<![a-z])(?P<n1>{_NAME})(?:{_SEP}|['’,]\s?)?(?P<y1>\d{{4}}|\d\d)(?!\d)"
    rf"|(?<![\d/])(?<!\d[.\-])(?P<y2>\d{{4}})[/.\-](?P<m2>\d{{1,2}})(?:[/.\-](?P<d2>\d{{1,2}}))?(?![\d/])"
    rf"|(?<![\d/])(?<!\d[.\-])(?P<a3>\d{{1,2}})(?:{_SEP}(?P<b3>\d{{1,2}}))?{_SEP}(?P<y3>\d{{4}}|\d\d)(?![\d/])"
    rf"|(?<![\d/])(?<!\d[.\-])(?P<run>\d{{8}}|\d{{6}})(?![\d/.\-])",
    re.IGNORECASE,
)


def expired(expiry: date, today: date) -> bool:
    """Whether the last day on which the product may be used is over."""
    return today > expiry


def gs1_date(value: str, today: date) -> date | None:
    """The date YYMMDD of an element string; day 00 is the last of the month. None for a day that does not exist."""
    if not re.fullmatch(r"[0-9]{6}", value):
        return None
    return _day(_century(int(value[:2]), today), int(value[2:4]), int(value[4:]))


def printed_expiry(text: str, today: date) -> date | None:
    """The expiry that is printed in `text`: the last day of a month where no day is named.

    A date that a label calls the date of manufacture is never it. None where there is no date, more than one, one that
    does not exist, or one that can be read in two ways (05/06/2027).
    """
    # Digits of any script become Latin ones, a character each, so that places in the text stay.
    text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text[:LONGEST])
    found: dict[str, list[date | None]] = {"expiry": [], "made": [], "": [], "unclear": []}
    for labels, tokens in _groups(list(_TOKENS.finditer(text))):
        for kind, token in zip(_kinds(labels, tokens, text), tokens, strict=True):
            if kind or not _may_be_else(token):
                found[kind].append(_read(token, today))
    chosen = found["expiry"] or ([] if found["made"] else found[""])
    dates = set(chosen)
    only = dates.pop() if len(dates) == 1 and not found["unclear"] else None
    return only if only and all(only >= day for day in found["made"] if day) else None


def _may_be_else(token: re.Match[str]) -> bool:
    """Whether digits may be a lot, a strength or a share (10/20) where no label calls them a date."""
    return bool(token["run"] or (token["y3"] and len(token["y3"]) == 2))


def _groups(tokens: list[re.Match[str]]) -> list[tuple[list[re.Match[str]], list[re.Match[str]]]]:
    """Labels that stand together, with the dates that follow them."""
    groups: list[tuple[list[re.Match[str]], list[re.Match[str]]]] = [([], [])]
    for token in tokens:
        label = token.lastgroup in _LABELS
        if label and groups[-1][1]:
            groups.append(([], []))
        groups[-1][0 if label else 1].append(token)
    return groups


def _kinds(labels: list[re.Match[str]], dates: list[re.Match[str]], text: str) -> list[str]:
    """What each of the dates is: "expiry", "made", "" without a label; "unclear" if it may be either."""
    if not labels or not dates or dates[0].start() - labels[-1].end() > _FAR:
        return [""] * len(dates)
    own = labels[-1:]
    for label in reversed(labels[:-1]):  # those that stand beside the last one are the head of a table
        if not _BESIDE.fullmatch(text[label.end() : own[0].start()]):
            break
        own.insert(0, label)
    names = [str(label.lastgroup) for label in own]
    names = [name for i, name in enumerate(names) if name not in names[:i]]
    if len(dates) < len(names):
        return ["unclear"] * len(dates)
    return names + [""] * (len(dates) - len(names))


def _read(token: re.Match[str], today: date) -> date | None:
    """The one date, within reach of today, that a token can mean."""
    dates = {day for day in _meanings(token, today) if day and day.year - today.year in _YEARS}
    return dates.pop() if len(dates) == 1 else None


def _meanings(token: re.Match[str], today: date) -> list[date | None]:
    part = {name: int(value) for name, value in token.groupdict().items() if value and value.isdecimal()}
    if token["n4"]:
        return [_day(part["y4"], _MONTHS[token["n4"].lower()], part.get("d4", 0), named="d4" in part)]
    if token["n1"]:
        return [_day(_year(token["y1"], today), _MONTHS[token["n1"].lower()], part.get("d1", 0), named="d1" in part)]
    if token["y2"]:
        return [_day(part["y2"], part["m2"], part.get("d2", 0), named="d2" in part)]
    if token["run"]:
        return _run(token["run"])
    year = _year(token["y3"], today)
    if token["b3"] is None:
        return [_day(year, part["a3"], 0)]
    return [_day(year, month, day, named=True) for day, month in ((part["a3"], part["b3"]), (part["b3"], part["a3"]))]


def _run(run: str) -> list[date | None]:
    """Digits without anything between them: MMYYYY, YYYYMM, DDMMYYYY, YYYYMMDD."""
    if len(run) == 6:
        return [_day(int(run[2:]), int(run[:2]), 0), _day(int(run[:4]), int(run[4:]), 0)]
    return [
        _day(int(run[4:]), int(run[2:4]), int(run[:2]), named=True),
        _day(int(run[:4]), int(run[4:6]), int(run[6:]), named=True),
    ]


def _year(text: str, today: date) -> int:
    return int(text) if len(text) == 4 else _century(int(text), today)


def _century(year: int, today: date) -> int:
    """The year that ends in these two digits, from 49 back to 50 ahead of today."""
    first = today.year - 49
    return first + (year - first) % 100


def _day(year: int, month: int, day: int, *, named: bool = False) -> date | None:
    """A day of the calendar, the last of the month for day 0 (unless `named`); None where there is no such day."""
    if not (1 <= month <= 12 and 1 <= year <= 9999):
        return None
    last = calendar.monthrange(year, month)[1]
    if day == 0 and not named:
        return date(year, month, last)
    return date(year, month, day) if 1 <= day <= last else None
