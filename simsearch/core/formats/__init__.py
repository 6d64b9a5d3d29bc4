"""What each kind of image file asks for before and after its decoder runs. `core.images` puts it together."""

from __future__ import annotations


class Unfit(Exception):  # noqa: N818 - it is said of the file
    """The file is refused. `code` is one of `core.errors.REFUSALS`; the text leaves out the file's name."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
