"""What the network of imprints tells, for those who read its maps and do not compute them. Needs no PyTorch."""

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What is told apart: digits and letters, small ones as capital ones."""
LOOK_ALIKE = str.maketrans("OI", "01")
"""Letters that many typefaces draw as digits, as those digits."""
CELL = 4
"""Pixels of a frame to a cell."""
HEIGHT = 16.0
"""Height of a character, pixels, whose logarithm is 0 to the network."""
