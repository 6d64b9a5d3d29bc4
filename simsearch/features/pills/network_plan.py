"""What the network of faces is made of, for those who need no PyTorch."""

BACKBONE = "mobilenet_v2"
"""Of the network of imprints, too, which starts from this one's."""
CELLS = 256
"""Channels of the grid."""
MIDDLE, DEEP = 13, 17
"""Layers of the backbone that the grid is made of: strides 16 and 32."""
