"""Loose pills: where they lie, what each looks like, and how alike two of them are.

- `outlines`: every pill of a photo, and one pill by itself, turned level.
- `looks`: colours, shape, score line and speckle of one pill as numbers.
- `likeness`: how likely photos of one medicine differ as two pills do.
- `method`: all of it as a method like the others.
"""

from simsearch.features.pills.method import PillLooks

METHODS = (PillLooks,)

__all__ = ["METHODS", "PillLooks"]
