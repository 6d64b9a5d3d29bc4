"""What is printed on a photo, and its codes, compared with an image of the catalog.

- `verifier`: `PrintVerifier`, and the features that a probability is fitted on.
- `aligned`, `alignment`, `lines`: a line of the catalog's photo, looked for at its place in the photo and judged.
- `back`: the photo's own lines, looked for in the catalog's photo.
- `facts`, `whole`, `table`: amounts, counts and forms of a whole reading, and what it says of another one and of the
  table without geometry.
- `doubts`: amounts that the photo has in view, and that were not settled.
- `agreement`, `spelling`, `digits`: text, names and numbers, letters taken for others among them.

docs/reading.md has the rules and the figures behind them.
"""

from simsearch.recognition.printed.columns import FALLING, PRINT_FEATURES, RISING
from simsearch.recognition.printed.facts import photo_print, prints_together
from simsearch.recognition.printed.sides import CatalogSide, PhotoSide
from simsearch.recognition.printed.verifier import PrintSettings, PrintVerifier

__all__ = [
    "FALLING",
    "PRINT_FEATURES",
    "RISING",
    "CatalogSide",
    "PhotoSide",
    "PrintSettings",
    "PrintVerifier",
    "photo_print",
    "prints_together",
]
