"""What the network of imprints is made of and tells, for those who need no PyTorch."""

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What is told apart: digits and letters, small ones as capital ones."""
LOOK_ALIKE = str.maketrans("OI", "01")
"""Letters that many typefaces draw as digits, as those digits."""
CELL = 4
"""Pixels of a frame to a cell."""
HEIGHT = 16.0
"""Height of a character, pixels, whose logarithm is 0 to the network."""
LAYERS = (3, 6, 13, 17)
"""Layers of the backbone that are used: strides 4, 8, 16 and 32."""
WIDE = 64
"""Channels of the pyramid."""
