"""One image described by all methods: decoded once, each method scales for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simsearch.core.threads import SingleThreaded, cores, in_threads
from simsearch.core.types import Description, Descriptor, Image, Surface
from simsearch.features.base import Method, is_batched, only_surface, says_surface

_PART = 8
"""Images that one thread takes at once: what the network describes in one pass (`features.network`)."""


def describe(methods: Mapping[str, Method], images: Sequence[Image]) -> list[Description]:
    """Describe each image by all `methods`, on all cores; in order, with its surface where a method says it.

    Each core takes some images through all methods. For a single image, one core runs the batched methods and a second
    one the others.
    """
    if len(images) == 1:
        with SingleThreaded():
            parts = in_threads(lambda some: describe_here(some, images)[0], split(methods))
        return [merged(*parts)]
    size = min(_PART, max(1, -(-len(images) // cores())))
    batches = [images[i : i + size] for i in range(0, len(images), size)]
    with SingleThreaded():
        return [d for part in in_threads(lambda batch: describe_here(methods, batch), batches) for d in part]


def split(methods: Mapping[str, Method]) -> tuple[dict[str, Method], dict[str, Method]]:
    """The batched methods, which take most of the time, and the others."""
    slow = {name: method for name, method in methods.items() if is_batched(method)}
    return slow, {name: method for name, method in methods.items() if name not in slow}


def describe_here(methods: Mapping[str, Method], images: Sequence[Image]) -> list[Description]:
    """Describe each image on the calling thread. The caller has entered `SingleThreaded`."""
    columns: dict[str, list[Descriptor]] = {}
    surfaces: list[tuple[Surface, float | None]] = [(Surface.UNKNOWN, None)] * len(images)
    for name, method in sorted(methods.items(), key=lambda item: only_surface(item[1]) is not None):
        if (only := only_surface(method)) is not None:
            columns[name] = _where_shown(
                method, images, [surface in (only, Surface.UNKNOWN) for surface, _ in surfaces]
            )
        elif says_surface(method):
            found = method.describe_with_surface(images)
            columns[name] = [descriptor for descriptor, _, _ in found]
            surfaces = [(surface, probability) for _, surface, probability in found]
        else:
            columns[name] = method.describe(images)
    return [
        Description({name: column[i] for name, column in columns.items()}, *surface)
        for i, surface in enumerate(surfaces)
    ]


def _where_shown(method: Method, images: Sequence[Image], shown: Sequence[bool]) -> list[Descriptor]:
    """The descriptors of the images that show what the method is made for, and empty ones of the others."""
    found = iter(method.describe([image for image, so in zip(images, shown, strict=True) if so]))
    nothing = tuple(max(0, n) for n in method.shape)
    return [next(found) if so else np.zeros(nothing, method.dtype) for so in shown]


def merged(*parts: Description) -> Description:
    """One description from several of the same image by different methods. The first known surface is taken."""
    descriptors = {name: descriptor for part in parts for name, descriptor in part.descriptors.items()}
    known = next((part for part in parts if part.surface is not Surface.UNKNOWN), parts[0])
    return Description(descriptors, known.surface, known.surface_probability)
