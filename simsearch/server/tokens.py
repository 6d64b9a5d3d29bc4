"""Access tokens: `server/tokens.json` in the home has their digests. A token itself is shown once, when it is made.

A token is 256 random bits, so that its SHA-256 can be kept: there is nothing to guess, and a slow hash would slow every
request. The file is read again when it changes: what `simsearch token` does holds at once, in all workers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from simsearch.core.errors import CatalogError, UsageError
from simsearch.core.files import replacing
from simsearch.core.files import writing as locked

ROLES = ("read", "review", "admin")
_NAME = re.compile(r"[\w.@+-]{1,64}")
_PREFIX = "simsearch_"


@dataclass(frozen=True)
class Token:
    """What is kept of a token."""

    name: str
    role: str
    sha256: str
    """Of the token."""
    created_at: str
    """UTC, ISO 8601."""


class Tokens:
    """The tokens of a home. Safe to share between threads."""

    def __init__(self, home: Path) -> None:
        self.path = home / "server" / "tokens.json"
        self._lock = Lock()
        self._read: tuple[tuple[int, int, int], dict[str, Token]] = ((0, 0, 0), {})

    def any(self) -> bool:
        """Whether there is a token at all."""
        return bool(self._tokens())

    def all(self) -> list[Token]:
        """All, by name."""
        return sorted(self._tokens().values(), key=lambda token: token.name)

    def find(self, given: str) -> Token | None:
        """The token that `given` is; None where it is none."""
        digest = _digest(given)
        found = self._tokens().get(digest)
        return found if found is not None and hmac.compare_digest(found.sha256, digest) else None

    def add(self, name: str, role: str) -> str:
        """Make a token, which is returned and nowhere kept.

        Raises:
            UsageError: the name is taken or odd, or there is no such role.
            CatalogError: the file cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r}: is no name for a token; use up to 64 letters, digits and . @ + - _")
        if role not in ROLES:
            raise UsageError(f"--role {role}: is none of {', '.join(ROLES)}")
        with self._changing() as known:
            if any(token.name == name for token in known.values()):
                raise UsageError(f"{name}: there is a token of this name; `simsearch token revoke {name}` first")
            made = _PREFIX + secrets.token_urlsafe(32)
            stamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            known[_digest(made)] = Token(name, role, _digest(made), stamp)
        return made

    def revoke(self, name: str) -> Token:
        """Forget the token of that name. UsageError where there is none."""
        with self._changing() as known:
            for digest, token in known.items():
                if token.name == name:
                    del known[digest]
                    return token
            raise UsageError(f"{name}: there is no token of this name; `simsearch token list` has all")

    def _changing(self) -> _Change:
        return _Change(self)

    def _tokens(self) -> Mapping[str, Token]:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return {}
        stamp = found.st_mtime_ns, found.st_size, found.st_ino
        with self._lock:
            if self._read[0] != stamp:
                self._read = stamp, read(self.path)
            return self._read[1]


class _Change:
    """A change of the file, by one process at a time: the new tokens are written at the end."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens, self._known = tokens, dict[str, Token]()
        self._locked = locked(tokens.path.parent)

    def __enter__(self) -> dict[str, Token]:
        self._locked.__enter__()
        path = self.tokens.path
        self._known = dict(read(path)) if path.exists() else {}
        return self._known

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self._write()
        finally:
            self._locked.__exit__(None, None, None)

    def _write(self) -> None:
        listed = [asdict(token) for token in sorted(self._known.values(), key=lambda token: token.name)]
        path = self.tokens.path
        try:
            with replacing(path) as part:
                part.touch(0o600)
                part.write_text(json.dumps({"tokens": listed}, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise CatalogError(f"{path}: cannot be written ({error.strerror})") from None


def read(path: Path) -> dict[str, Token]:
    """SHA-256 -> token, of the file `path`.

    Raises:
        CatalogError: the file cannot be read, or holds something else. Nobody is let in then.
    """
    try:
        listed = json.loads(path.read_bytes())["tokens"]
        found = [Token(**{key: str(one[key]) for key in ("name", "role", "sha256", "created_at")}) for one in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogError(f"{path}: cannot be read ({error}); restore it, or remove it and make new tokens") from None
    if odd := [token.name for token in found if token.role not in ROLES]:
        raise CatalogError(f"{path}: {odd[0]} has an unknown role; roles are {', '.join(ROLES)}")
    return {token.sha256: token for token in found}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
