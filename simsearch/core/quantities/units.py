"""Units of strengths and contents, in the languages and scripts that packages and registers use."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Unit(NamedTuple):
    """A unit: how many of the base unit of its dimension it is."""

    dimension: str
    """"mg", "iu", "mmol", "meq", "cfu", "bq", "kcal", "%", "ml", "dose", "each", "h" or "cm2": the base unit."""
    factor: Fraction


NO_UNIT = Unit("", Fraction(1))
_NAMES = {
    ("mg", "1e6"): "kg kilogram kilograms kgs кг 公斤 千克",
    ("mg", "1e3"): "g gm gms gr grs gram grams gramm gramme grammes gramos grammi г гр 公克 克 گرم غرام جرام غم",
    ("mg", "1"): "mg mgs mgm milligram milligrams milligramm milligramme milligrammes miligramos мг 毫克 میلیگرم ملغ"
    " ملغم ملجم مجم ملیگرم میلیگرمی",
    ("mg", "1e-3"): "mcg mcgs µg µgm ug microgram micrograms mikrogramm microgramme microgrammes microgramos мкг 微克"
    " میکروگرم مکغ ميكروغرام",
    ("mg", "1e-6"): "ng nanogram nanograms нг",
    ("ml", "1e3"): "l lt ltr litre litres liter liters л 公升 升",
    ("ml", "100"): "dl", ("ml", "10"): "cl",
    ("ml", "1"): "ml mls cc ccm cm3 cm^3 millilitre millilitres milliliter milliliters мл 毫升 میلیلیتر مل سیسی",
    ("ml", "1e-3"): "µl ul mcl microlitre microlitres",
    ("iu", "1"): "iu i.u. ui u.i. ie i.e. e me m.e. ме м.е. ед u unit units unt usp-u usp-units einheiten einheit"
    " unités unites unidades unità ünite j.m. jm 单位 國際單位 单 واحد وحدة",
    ("iu", "1e3"): "kiu ku k.i.u. kie", ("mmol", "1"): "mmol mmols millimol millimole millimoles ммоль",
    ("mmol", "1e3"): "mol", ("mmol", "1e-3"): "µmol umol micromol", ("meq", "1"): "meq meqs mval мэкв",
    ("cfu", "1"): "cfu kbe ufc кое", ("bq", "1e3"): "kbq", ("bq", "1e6"): "mbq", ("bq", "1e9"): "gbq",
    ("kcal", "1"): "kcal", ("%", "1"): "% percent pct prozent процентов",
    ("dose", "1"): "dose doses dosis dosen dosi actuation actuations act puff puffs inhalation inhalations"
    " inhalación spray sprays hub hübe sprühstoß sprühstöße доза дозы доз",
    ("each", "1"): "tab tabs tablet tablets tablette tabletten filmtablette filmtabletten compressa compresse comprimé"
    " comprimés comprimido comprimidos cap caps capsule capsules kapsel kapseln gélule gélules cápsula cápsulas vial"
    " vials amp amps ampoule ampoules ampule ampules ampulle ampullen ampul sachet sachets beutel suppository"
    " suppositories zäpfchen patch patches pen pens syringe syringes fertigspritze piece pieces stück pcs pc"
    " lozenge lozenges pessary pessaries таблетка таблетки таблеток табл капсула капсул ампула ампул 錠 片 粒"
    " قرص کپسول",
    ("h", "1"): "h hr hrs hour hours std stunde stunden heure heures ч час", ("h", "24"): "d day days tag tage jour",
    ("cm2", "1"): "cm2 cm^2",
}  # fmt: skip
_UNITS = {
    name: Unit(dimension, Fraction(factor)) for (dimension, factor), names in _NAMES.items() for name in names.split()
}
# Milli and mega differ by the case alone. Lower case throughout tells neither, and is no unit here.
_BY_CASE = {
    "MIU": Unit("iu", Fraction(10**6)), "MU": Unit("iu", Fraction(10**6)), "M.I.U.": Unit("iu", Fraction(10**6)),
    "MIE": Unit("iu", Fraction(10**6)), "mIU": Unit("iu", Fraction(1, 1000)), "mU": Unit("iu", Fraction(1, 1000)),
}  # fmt: skip
_MULTIPLES = {
    10**3: "thousand tsd. tsd тыс. тыс k", 10**5: "lakh lakhs lac lacs",
    10**6: "million millions mio. mio mill. млн. млн", 10**9: "billion billions mrd. mrd bn млрд",
}  # fmt: skip
_MULTIPLE = {name: Fraction(factor) for factor, names in _MULTIPLES.items() for name in names.split()}

FACTORS = {
    dimension: tuple(sorted({u.factor for u in _UNITS.values() if u.dimension == dimension}))
    for dimension in {u.dimension for u in _UNITS.values()}
}
"""Dimension -> factors of its units: what a number without a unit may mean."""


_LETTER = re.compile(r"[a-zA-ZµÀ-ÿ\u0370-\u052f\u0600-\u06ff]")
"""A letter of a script that puts spaces between words. In the East a word may follow a unit at once: `40毫克錠`."""
_LONGEST = max(map(len, [*_UNITS, *_BY_CASE, *_MULTIPLE]))


def unit_at(text: str, start: int) -> tuple[int, Unit] | None:
    """The unit that begins at `start` in a plain text, and where it ends: `mg`, `I.U.`, `Mio. I.E.`; None for none."""
    several = _longest(text, start, _multiple)
    if several:
        after = several[0] + (text[several[0] : several[0] + 1] == " ")
        found = _longest(text, after, _unit)
        if found:
            return found[0], found[1]._replace(factor=found[1].factor * several[1])
    return _longest(text, start, _unit)


def _longest(text: str, start: int, known: Callable[[str], T | None]) -> tuple[int, T] | None:
    for end in range(min(len(text), start + _LONGEST), start, -1):
        found = known(text[start:end])
        if found is not None and not (_LETTER.match(text, end) and _LETTER.match(text, end - 1)):
            return end, found
    return None


def _unit(name: str) -> Unit | None:
    for each in (name, name + "."):  # a last dot may be missing: `I.U`
        if each in _BY_CASE:
            return _BY_CASE[each]
        if each.lower() in _UNITS:
            return _UNITS[each.lower()]
    return None


def _multiple(name: str) -> Fraction | None:
    return _MULTIPLE.get(name.lower())
