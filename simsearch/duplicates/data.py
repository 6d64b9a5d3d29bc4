"""What the catalog's own data says against two SKUs being one product: another strength."""

from __future__ import annotations

from simsearch.catalog.images import ImageFacts
from simsearch.recognition.look_alikes import doses


def differs(a: ImageFacts, b: ImageFacts) -> str:
    """How the catalog says that two SKUs are of different strength, in words; "" where it does not."""
    if a.sku == b.sku:
        return ""
    left, right = doses(a.title), doses(b.title)
    if not left or not right or left == right:
        return ""
    return f"the catalog says {' + '.join(left)} and {' + '.join(right)}"
