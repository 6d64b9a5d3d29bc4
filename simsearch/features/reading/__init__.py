"""Reading what is printed on a package: lines of text with confidence and place.

- `types`: `Line`, `Reading`, and the seam `Reader`.
- `ppocr`: the reader, over `detection` (where lines are), `recognition` (what they say), `models` and `quads`.

The extra `read` installs what it needs; importing this package loads none of it.
"""

from simsearch.features.reading.ppocr import PpOcr, ReaderSettings
from simsearch.features.reading.types import Line, Reader, Reading

__all__ = ["Line", "PpOcr", "Reader", "ReaderSettings", "Reading"]
