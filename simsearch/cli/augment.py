"""`simsearch augmentations`: the picture of an augmentation strategy."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from simsearch.cli.context import Json, show
from simsearch.core.errors import UsageError
from simsearch.views import json as shapes
from simsearch.views.files import writable

if TYPE_CHECKING:
    from simsearch.core.types import Pixels
    from simsearch.training.augment import AugmentSettings

MOST_PHOTOS = 8


def augmentations(
    photos: Annotated[
        list[Path] | None,
        Argument(help="Photos to show it on.", metavar="PHOTO", show_default="a rendered package"),
    ] = None,
    strategy: Annotated[
        str | None, Option(help="phone, mild, pills or none.", show_default="phone, or what the config says")
    ] = None,
    config: Annotated[Path | None, Option(help="Training settings whose table [augment] is shown.")] = None,
    out: Annotated[Path, Option(help="PNG file to write.")] = Path("augmentations.png"),
    views: Annotated[int, Option(min=1, max=24, help="Views in a row.")] = 8,
    seed: Annotated[int, Option(min=0, help="Another number draws other views.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw what an augmentation strategy of training does to photos, part by part and all together."""
    from simsearch.training.augment_sheet import draw_strategy
    from simsearch.views.text.output import say

    title, settings = _settings(strategy, config)
    shown, backdrop = _photos(photos or [], seed)
    with writable(f"--out {out}"):
        draw_strategy(out, shown, settings, title, views=views, seed=seed, backdrop=backdrop)
    show(out, lambda path: shapes.augmentations(path, settings), lambda path: say(f"{path}: {title}"), as_json)


def _settings(name: str | None, config: Path | None) -> "tuple[str, AugmentSettings]":
    """The title of the picture, and the strengths in force."""
    from simsearch.core.config import parse_settings, read_toml
    from simsearch.core.errors import ConfigError
    from simsearch.training import augment

    if config is None:
        try:
            return f'strategy "{name or "phone"}"', augment.strategy(name or "phone")
        except ConfigError as error:
            raise ConfigError(f"--strategy: {error}") from None
    if name is not None:
        raise UsageError("give --strategy NAME or --config FILE, not both: the config names its own strategy")
    tables = read_toml(config)
    table = augment.with_strategy(tables, where=str(config)).get("augment", {})
    if not isinstance(table, dict):
        raise ConfigError(f"{config}: augment: must be a table, not {table!r}")
    settings = parse_settings(augment.AugmentSettings, table, where=f"{config}: augment")
    written = tables.get("augment", {})
    base = written.get("strategy", "phone")
    changed = sum(key != "strategy" for key in written)
    more = f", {changed} strength{'s' * (changed != 1)} changed" if changed else ""
    return f'{config.name}: strategy "{base}"{more}', settings


def _photos(paths: list[Path], seed: int) -> "tuple[list[tuple[str, Pixels]], Pixels]":
    """(name, pixels) of each photo to show, and a photo to use as background."""
    import numpy as np

    from simsearch.core import images
    from simsearch.core.config import ImageSettings
    from simsearch.synthetic import make_products, studio_photo, surfaces

    if len(paths) > MOST_PHOTOS:
        raise UsageError(f"{len(paths)} photos do not fit one picture; give at most {MOST_PHOTOS}")
    made = make_products(20, seed, family_share=0.0)
    package, other = sorted(made, key=lambda p: p.package != "box")[:2]
    rng = np.random.default_rng(seed)
    drawn = [studio_photo(p, surfaces(p)[0], rng) for p in (package, other)]
    found = [(str(p), images.load(p, ImageSettings(), keep=False).pixels) for p in paths]
    return found or [("a rendered package", drawn[0])], drawn[1]
