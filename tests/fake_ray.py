"""The part of Ray that simsearch uses, in this process: actors are objects, and answer when they are asked.

A photo named kill… ends the actor that describes it, one named once… the first that does; see tests/ingest/mortal.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from simsearch.core import ray_cluster


class RayError(Exception):
    """As Ray's."""


class GetTimeoutError(RayError):
    """As Ray's."""


class AuthenticationError(RayError):
    """As Ray's."""


@dataclass(eq=False)
class Reference:
    """What a call will return."""

    call: Callable[[], Any]
    value: list[Any] = field(default_factory=list)

    def get(self) -> Any:
        if not self.value:
            self.value.append(self.call())
        if isinstance(self.value[0], Exception):
            raise self.value[0]
        return self.value[0]


class Handle:
    """An actor as its users see it."""

    def __init__(self, cluster: FakeRay, made: Any) -> None:
        self.cluster, self.made, self.alive = cluster, made, True

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any) -> Any:
            if not self.alive or self.cluster.dying(name, given):
                self.alive = False
                return RayError("The actor died unexpectedly before finishing this task.")
            return getattr(self.made, name)(*(one.get() if isinstance(one, Reference) else one for one in given))

        return SimpleNamespace(remote=lambda *given: Reference(lambda: call(*given)))


class FakeRay(ModuleType):
    """Stands for the module `ray`, connected or not."""

    exceptions = SimpleNamespace(
        RayError=RayError, AuthenticationError=AuthenticationError, GetTimeoutError=GetTimeoutError
    )

    def __init__(self, resources: dict[str, float], *, answers: bool = True) -> None:
        super().__init__("ray")
        self.resources, self.answers = resources, answers
        self.started: list[Handle] = []
        self.named: dict[str, Handle] = {}
        self.options: dict[str, float] = {}
        self.address: str | None = None
        self.lost = 0
        """Calls of `describe` that will not come back, whatever they describe."""
        self.failed_starts = 0
        """How often the server of a client will not start."""

    def is_initialized(self) -> bool:
        return self.address is not None

    def init(self, address: str | None, **_: Any) -> None:
        if not self.answers:
            raise ConnectionError("ray client connection timeout")
        if self.failed_starts:
            self.failed_starts -= 1
            raise ConnectionAbortedError("Initialization failure from server")
        self.address = address or "here"

    def shutdown(self) -> None:
        self.address = None

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def remote(self, *cls: type, **options: float) -> Any:
        if cls:
            return self._class(cls[0])
        self.options = options

        return lambda cls: self._class(cls)

    def _class(self, cls: type, name: str = "") -> Any:
        def start(*given: Any) -> Handle:
            held = self.named.get(name)
            if held is None or not held.alive:
                held = Handle(self, cls(*given))
                self.started.append(held)
                if name:
                    self.named[name] = held
            return held

        return SimpleNamespace(remote=start, options=lambda **given: self._class(cls, given["name"]))

    def wait(self, asked: Sequence[Reference], **_: Any) -> tuple[list[Reference], list[Reference]]:
        return list(asked[:1]), list(asked[1:])

    def get(self, asked: Reference, timeout: float | None = None) -> Any:
        return asked.get()

    def kill(self, actor: Handle) -> None:
        actor.alive = False

    def dying(self, name: str, given: Sequence[Any]) -> bool:
        """Whether this call ends its actor."""
        if name != "describe":
            return False
        if self.lost:
            self.lost -= 1
            return True
        return any(os.path.basename(getattr(one, "job", one).row.path).startswith("kill") for one in given[0])


def installed(made: FakeRay, monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    """The same, in the place of Ray for the time of a test."""
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.setitem(sys.modules, "ray.exceptions", made.exceptions)
    monkeypatch.setattr(ray_cluster, "_connected", "")
    return made
