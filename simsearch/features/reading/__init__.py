"""Reading what is printed on a package: lines of text with confidence and place.

- `types`: `Line`, `Reading`, and the seam `Reader`.
- `ppocr`: the reader, over `detection` (where lines are), `recognition` (what they say), `models` and `quads`.
- `content`, `cuts`: what a line speaks of, and the second and third reading of lines that can decide.
- `stored`, `text`, `method`: a reading as bytes, as comparable text, and as a method like the others.

The extra `read` installs what it needs; importing this package loads none of it.
"""

from simsearch.features.reading.method import ReadPrint
from simsearch.features.reading.ppocr import PpOcr, ReaderSettings
from simsearch.features.reading.stored import decode, encode
from simsearch.features.reading.types import Cut, Line, Reader, Reading

METHODS = (ReadPrint,)

__all__ = ["METHODS", "Cut", "Line", "PpOcr", "ReadPrint", "Reader", "ReaderSettings", "Reading", "decode", "encode"]
