"""The columns that a comparison of print is told in, for the fit and for whoever reads one of them."""

from __future__ import annotations

PRINT_FEATURES = (
    "text_likeness", "both_read", "aligned_agreeing", "aligned_likeness", "unread", "lacking", "alone", "quantities",
    "differing", "name", "code", "laid_out",
)  # fmt: skip
"""What a comparison of print says of a pair, in this order:

text_likeness: of all text of both photos, less where one of them holds little, 0 to 1. both_read: 1 where both sides
hold text that was compared, else 0.
aligned_agreeing: log(1 + lines that agree at their place). aligned_likeness: how alike the lines at their places are,
-0.5 to 0.5; 0 where none was read. unread: log(1 + lines of the catalog whose place the photo shows and where nothing
can be read). lacking: log(1 + places where one side has words more than the other: FA, Forte, 10 mg). alone: log(1 +
lines of the photo at whose place the catalog's photo, in view and large enough, was read as nothing).
quantities: log(1 + kinds of amounts that agree anywhere on the photo: strength, pack, volume).
differing: log(1 + how many of strength, pack and volume both name and name differently, sure or not, and agree in
nowhere).
name: how much of the product's name is printed on the photo, 0 to 1. code: 1 for equal codes, 0.5 for a case of the
product, 0 for nothing, -1 for codes that differ. laid_out: log(1 + lines that say the same and lie alike in both)
where too few keypoints align the photos, else 0.
"""
RISING = ("text_likeness", "aligned_agreeing", "aligned_likeness", "quantities", "name", "code", "laid_out")
"""Columns that never make "same product" less likely by growing."""
FALLING = ("unread", "lacking", "alone", "differing")
"""Columns that never make it more likely."""
