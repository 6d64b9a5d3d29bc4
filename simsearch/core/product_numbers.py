"""Numbers that name a product on its package: GTIN (EAN, UPC), NDC and PZN, each with its check.

Sources: GS1 General Specifications (check digit, UPC-E, restricted circulation), 21 CFR 207.33 (NDC), IFA specification
"PZN-Codierung" (check digits modulo 11 and 97). Every parser takes untrusted text, and gives None for what is no such
number or was misread.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LONGEST = 64
"""Characters. A longer text is no number."""

_JOINTS = re.compile(r"[\s\-\u2010-\u2015\u2212]+")
_NDC = re.compile(r"(\d{4})-(\d{4})-(\d{2})|(\d{5})-(\d{3})-(\d{2})|(\d{5})-(\d{4})-(\d{1,2})")
_LABEL = re.compile(
    r"(?:(?:GTIN|EAN|UPC)(?:[ -]?(?:8|12|13|14|A|E)(?![0-9A-Z]))?|NDC|PZN)(?![A-Z])[\s:#.]*", re.IGNORECASE
)
_MIN_DIGITS = (
    7  # without leading zeros: an eight-digit number that begins with 0 is a shop's own, smaller ones are none
)
_MIN_NDC_DIGITS = 7  # of ten, without leading zeros: the first labeler code is 0001


def plain(text: str) -> str:
    """`text` in ASCII where it can be: digits of any script and wide letters as in Latin; no label such as "EAN:"."""
    if len(text) > LONGEST:
        return ""
    latin = (str(unicodedata.decimal(c, None) if c.isdecimal() else c) for c in unicodedata.normalize("NFKC", text))
    return _LABEL.sub("", "".join(latin).strip(), count=1).strip()


def digits(text: str) -> str:
    """The digits of a number that may be printed with spaces and hyphens; empty if there is anything else."""
    found = _JOINTS.sub("", plain(text))
    return found if found.isascii() and found.isdecimal() else ""


def check_digit(payload: str) -> str:
    """GS1 check digit of the digits before it: weights 3, 1, 3, ... from the right, modulo 10."""
    total = sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(payload)))
    return str(-total % 10)


def has_check_digit(number: str) -> bool:
    """Whether the last digit is the check digit of the others. Leading zeros change nothing."""
    return len(number) > 1 and check_digit(number[:-1]) == number[-1]


@dataclass(frozen=True, order=True)
class Gtin:
    """A Global Trade Item Number with a sound check digit. EAN-8, UPC-A, EAN-13 and GTIN-14 are one number."""

    digits: str
    """14 digits, with leading zeros."""

    @classmethod
    def parse(cls, text: str, *, lost_zeros: bool = False) -> Gtin | None:
        """The GTIN that `text` writes with 8, 12, 13 or 14 digits; with `lost_zeros` also with 9, 10 or 11."""
        number = digits(text)
        lengths = range(8, 15) if lost_zeros else (8, 12, 13, 14)
        if len(number) not in lengths or len(number.lstrip("0")) < _MIN_DIGITS or not has_check_digit(number):
            return None
        return cls(number.zfill(14))

    @classmethod
    def from_upc_e(cls, text: str) -> Gtin | None:
        """The UPC-A that eight digits of UPC-E (number system, six digits, check digit) abbreviate."""
        short = digits(text)
        if len(short) != 8 or short[0] not in "01":
            return None
        system, body, last, check = short[0], short[1:6], short[6], short[7]
        if last in "012":
            long = f"{body[:2]}{last}0000{body[2:]}"
        elif last == "3":
            long = f"{body[:3]}00000{body[3:]}"
        else:
            long = f"{body[:4]}00000{body[4]}" if last == "4" else f"{body}0000{last}"
        return cls.parse(f"{system}{long}{check}")

    @property
    def indicator(self) -> int:
        """0: the product itself; 1 to 8: a case of it; 9: sold by measure."""
        return int(self.digits[0])

    @property
    def item(self) -> str:
        """12 digits: company and item, the same for the product and its cases."""
        return self.digits[1:13]

    @property
    def restricted(self) -> bool:
        """Whether a shop or a company gives this number itself: it names no product outside.

        EAN 02, 04 and 20 to 29 (UPC number systems 2 and 4), and eight digits that begin with 0 or 2.
        """
        if self.digits.startswith("000000"):
            return self.digits[6] in "02"
        return self.digits[1:3] in ("02", "04") or self.digits[1] == "2"

    @property
    def ndc(self) -> Ndc | None:
        """The NDC in a UPC-A of number system 3 (3, NDC, check digit), or in a GTIN made from it."""
        return Ndc.of_ten(self.digits[3:13]) if self.digits[1:3] == "03" else None

    @property
    def pzn(self) -> Pzn | None:
        """The PZN in a German NTIN (4150, PZN, check digit)."""
        return Pzn.parse(self.digits[5:13]) if self.digits.startswith("04150") else None

    def __str__(self) -> str:
        return self.digits


@dataclass(frozen=True, order=True)
class Ndc:
    """A National Drug Code of the FDA. It has no check digit."""

    forms: tuple[str, ...]
    """The 11 digits (5-4-2) that it can be, sorted: three where nothing shows where its parts end, else one."""

    @classmethod
    def parse(cls, text: str, *, lost_zeros: bool = False) -> Ndc | None:
        """4-4-2, 5-3-2, 5-4-1 or 5-4-2 with hyphens, 10 or 11 digits without; with `lost_zeros` also fewer."""
        if parts := _NDC.fullmatch(_JOINTS.sub("-", plain(text))):
            labeler, product, package = (part for part in parts.groups() if part)
            return cls._of((labeler.zfill(5) + product.zfill(4) + package.zfill(2),))
        number = digits(text)
        if len(number) == 11:
            return cls._of((number,))
        if len(number) == 10 or (lost_zeros and _MIN_NDC_DIGITS <= len(number) < 10):
            return cls.of_ten(number.zfill(10))
        return None

    @classmethod
    def of_ten(cls, ten: str) -> Ndc | None:
        """What ten digits without hyphens can be: 4-4-2, 5-3-2, 5-4-1."""
        return cls._of(("0" + ten, ten[:5] + "0" + ten[5:], ten[:9] + "0" + ten[9]))

    @classmethod
    def _of(cls, forms: tuple[str, ...]) -> Ndc | None:
        return cls(tuple(sorted(set(forms)))) if all(form[:5].strip("0") for form in forms) else None

    def __str__(self) -> str:
        return " or ".join(f"{form[:5]}-{form[5:9]}-{form[9:]}" for form in self.forms)


@dataclass(frozen=True, order=True)
class Pzn:
    """A German Pharmazentralnummer with a sound check digit."""

    digits: str
    """8 digits; those of the old seven-digit numbers begin with 0."""

    @classmethod
    def parse(cls, text: str, *, lost_zeros: bool = False) -> Pzn | None:
        """7 or 8 digits, as in Code 39 ("-1234562") or print ("PZN 01234562"); with `lost_zeros` also 5 or 6."""
        number = digits(text)
        if not (5 if lost_zeros else 7) <= len(number) <= 8 or not number.strip("0"):
            return None
        number = number.zfill(8)
        total = sum(int(digit) * weight for weight, digit in enumerate(number[:7], start=1)) % 11
        return cls(number) if str(total) == number[7] else None  # a remainder of 10 is given to no product

    @classmethod
    def from_ppn(cls, text: str) -> Pzn | None:
        """The PZN in a Pharmacy Product Number: 11, PZN, two check digits modulo 97."""
        number = digits(text)
        if len(number) != 12 or not number.startswith("11"):
            return None
        total = sum(ord(digit) * weight for weight, digit in enumerate(number[:10], start=2)) % 97
        return cls.parse(number[2:10]) if f"{total:02}" == number[10:] else None

    def __str__(self) -> str:
        return self.digits
