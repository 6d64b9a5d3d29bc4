"""EAN-13: the check digit and the bars."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LEFT_ODD = (
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
)
_RIGHT = tuple("".join("10"[int(bit)] for bit in code) for code in _LEFT_ODD)
_LEFT_EVEN = tuple(code[::-1] for code in _RIGHT)
# The first digit is not printed. It decides which of the six left digits use the even code.
_PARITY = ("OOOOOO", "OOEOEE", "OOEEOE", "OOEEEO", "OEOOEE", "OEEOOE", "OEEEOO", "OEOEOE", "OEOEEO", "OEEOEO")


def check_digit(digits: str) -> str:
    """The check digit of the first twelve digits."""
    assert len(digits) == 12
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return str(-total % 10)


def modules(code: str) -> npt.NDArray[np.uint8]:
    """(95,) the bars of a 13-digit code from left to right, 1 where there is ink."""
    assert len(code) == 13
    left = "".join(
        (_LEFT_ODD if parity == "O" else _LEFT_EVEN)[int(digit)]
        for digit, parity in zip(code[1:7], _PARITY[int(code[0])], strict=True)
    )
    right = "".join(_RIGHT[int(digit)] for digit in code[7:])
    return np.array([int(bit) for bit in "101" + left + "01010" + right + "101"], dtype=np.uint8)
