"""Every error that simsearch raises on purpose, and the exit code that the command line gives it.

::

    SimsearchError                  1   anything below, when nothing more exact is known
    ├── UsageError                  2   an invalid flag or argument
    │   └── ConfigError             2   a setting: unknown key, wrong type, out of range
    ├── ImageError                  3   one photo that cannot be described; `code` names the reason
    ├── SourceError                 4   a folder, CSV or JSONL that cannot be read as a catalog source
    ├── CatalogError                5   the database: missing, of another version, locked, damaged
    │   └── DamagedDescriptor       5   one stored descriptor has the wrong size
    ├── GenerationError             6   the indexes: none built, damaged, not in step with the catalog
    │   └── EngineError             6   the engine that holds their vectors does not answer, or refuses
    ├── WeightsError                7   a weights or calibration file that cannot be used
    ├── RefusedError                8   `--strict`, and some rows or photos were refused
    └── TrainingError               9   training data or a checkpoint that cannot be used

The message is one line: what is wrong, where, and what to do about it. `cli.main` is the one place that turns an error
into a line on stderr and an exit code. A traceback is always a defect.
"""

from __future__ import annotations


class SimsearchError(Exception):
    """Base of the tree. `exit_code` is what the process returns."""

    exit_code = 1


class UsageError(SimsearchError):
    """The call is invalid. The message names the argument and a way out."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown, of the wrong type or out of range. The message names file and key."""


class ImageError(SimsearchError):
    """One photo is refused. `code` is one of :data:`REFUSALS`."""

    exit_code = 3

    def __init__(self, code: str, message: str) -> None:
        assert code in REFUSALS, code
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        """Lets it pass from one process to another, with its code."""
        return type(self), (self.code, str(self))


REFUSALS = {
    "missing": "there is no such file, or it may not be read",
    "not_an_image": "the content is no image format that simsearch reads",
    "truncated": "the file ends before the picture does",
    "too_large": "more pixels or bytes than the limit (images.max_pixels, images.max_bytes)",
    "zero_size": "an empty file, or a picture without width or height",
    "unreadable": "an image whose data is damaged or of a kind the decoder does not know",
    "changed": "the file holds other content than was indexed",
    "outside_root": "the path leaves the folder of its source",
    "unexpected": "a defect of simsearch that this photo brings to light; all others are taken",
}


class SourceError(SimsearchError):
    """A catalog source (folder, CSV, JSONL) cannot be read as one."""

    exit_code = 4


class CatalogError(SimsearchError):
    """The catalog database cannot be used as it is."""

    exit_code = 5


class DamagedDescriptor(CatalogError):  # noqa: N818 - it is said of the descriptor
    """A stored descriptor is not as long as its method writes them.

    `image_id` is None where it is not known whose it is; `fingerprint` names the method and its settings.
    """

    def __init__(self, image_id: int | None, fingerprint: str) -> None:
        whose = "an image" if image_id is None else f"image {image_id}"
        super().__init__(f"{whose}: its {fingerprint} descriptor is damaged; restore a backup")
        self.image_id, self.fingerprint = image_id, fingerprint


class GenerationError(SimsearchError):
    """The indexes cannot be used as they are; the message names the command that repairs them."""

    exit_code = 6


class EngineError(GenerationError):
    """A server that holds the vectors of the generations (`generations.engine`), or a Ray cluster, does not answer, or
    refuses."""


class WeightsError(SimsearchError):
    """A weights or calibration file is missing, damaged or of another kind."""

    exit_code = 7


class RefusedError(SimsearchError):
    """Raised at the end of a `--strict` run in which something was refused."""

    exit_code = 8


class TrainingError(SimsearchError):
    """Training cannot start or go on with this data or checkpoint."""

    exit_code = 9
