"""Methods turn an image into a descriptor, and two descriptors into a similarity. Each is one module here."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from simsearch.core.config import parse_settings
from simsearch.core.errors import ConfigError
from simsearch.features.base import Method


@cache
def discover() -> dict[str, type[Method]]:
    """Method name -> class, from the `METHODS` of every module of this package. Imports all of them."""
    found: dict[str, type[Method]] = {}
    for module in pkgutil.iter_modules(__path__):
        for method in getattr(importlib.import_module(f"{__name__}.{module.name}"), "METHODS", ()):
            assert method.name not in found, f"two methods are called {method.name}"
            found[method.name] = method
    return found


def create(name: str, settings: Mapping[str, Any] | None = None) -> Method:
    """The method `name` with `settings` over its defaults.

    Raises:
        ConfigError: there is no such method, or it has no such setting, or a value is out of range.
    """
    cls = _known(name)
    return cls(parse_settings(cls.Settings, settings or {}, where=f"methods.{name}"))  # type: ignore[call-arg]


def check(tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Check tables of settings, method name -> table, without making a method.

    Raises:
        ConfigError: as :func:`create`.
    """
    for name, table in tables.items():
        parse_settings(_known(name).Settings, table, where=f"methods.{name}")


def _known(name: str) -> type[Method]:
    known = discover()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
        raise ConfigError(f"methods: there is no method {name!r}; {hint}")
    return known[name]
