"""Which image of a group to keep: a suggestion, by what its row says and how many pixels its file has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simsearch.catalog.images import ImageFacts


def fields(image: ImageFacts) -> int:
    """How many fields of the image's row say something."""
    own = (image.name, image.strength, image.form, image.manufacturer, *map(str, image.attributes.values()))
    return sum(bool(value.strip()) for value in own)


def suggestion(images: Sequence[ImageFacts], sizes: Mapping[int, tuple[int, int]]) -> tuple[int, str]:
    """The id of the image to keep, and why, in words.

    The fullest row comes first, then the file with most pixels, then the image that came first.

    Args:
        images: of one group, at least one.
        sizes: image id -> width and height in pixels.
    """
    counts = {image.id: fields(image) for image in images}
    areas = {image.id: sizes[image.id][0] * sizes[image.id][1] for image in images}
    kept = min(images, key=lambda image: (-counts[image.id], -areas[image.id], image.id)).id
    width, height = sizes[kept]
    why = []
    if min(counts.values()) < counts[kept]:
        why.append(f"the fullest row ({counts[kept]} fields)")
    if min(areas.values()) < areas[kept]:
        most = areas[kept] == max(areas.values())
        why.append(f"{'most pixels' if most else 'pixels'} ({width} x {height})")
    return kept, " and ".join(why) or "the first of equals"
