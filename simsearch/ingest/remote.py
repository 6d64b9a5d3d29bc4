"""Photos that a table names by a URL: fetched into a folder, where all else finds them as it finds other files.

Nothing is fetched but what begins with one of the prefixes of `sources.remote_allow`, which is empty by default, nor is
a redirect followed to anywhere else. HTTP is asked by the standard library, S3 and GCS by fsspec (extra `remote`). Each
photo has a file of its own, named by its URL. It is asked for again whenever its table is read, with what the server
said of its version, and the file is left alone where the content is the same: its stamp then says so.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any, Self
from urllib import request
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit

from simsearch.core import files
from simsearch.core.config import Config
from simsearch.core.errors import ConfigError, ImageError
from simsearch.core.types import Refusal, SourceRow

_WEB = {"http": 80, "https": 443}
"""Schemes, and the ports that they mean where none is named."""
STORES = {"s3": "s3", "gs": "gcs"}
"""Schemes that fsspec reads -> its name for them."""
_HOST = re.compile(r"([a-z0-9][a-z0-9._-]*|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?", re.IGNORECASE)
_PIECE = 2**16
_AT_ONCE = 8
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True)
class _Place:
    """A URL taken apart, so that two spellings of one place are equal."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self | None:
        """None: no URL of a known kind, or one that another program might read otherwise."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        host = _HOST.fullmatch(parts.netloc)
        known = parts.scheme in _WEB or (parts.scheme in STORES and not parts.query)
        steps = unquote(parts.path).split("/")
        if not known or host is None or "#" in url or _UNSAFE.search(unquote(url)) or {".", ".."} & set(steps):
            return None
        port = int(host[2] or _WEB.get(parts.scheme, 0))
        return cls(parts.scheme, host[1].lower(), port, parts.path or "/")


class Remote:
    """Where photos may be fetched from, and the folder that they are fetched to."""

    def __init__(self, allow: Sequence[str], folder: Path, max_bytes: int, timeout_s: float) -> None:
        """
        Args:
            allow: prefixes of URLs, each ending in "/".
            folder: made when the first photo is fetched.
            max_bytes: a larger photo is refused.
            timeout_s: how long a server may be silent, and how long a photo may take.

        Raises:
            ConfigError: a prefix is none.
        """
        self.folder, self.max_bytes, self.timeout_s = folder, max_bytes, timeout_s
        self._allowed: list[_Place] = []
        for prefix in allow:
            place = _Place.of(prefix)
            if place is None or not prefix.endswith("/") or "?" in prefix:
                kinds = ", ".join(f"{scheme}://" for scheme in (*_WEB, *STORES))
                raise ConfigError(f"sources.remote_allow: {prefix!r} must begin with one of {kinds} and end in /")
            self._allowed.append(place)
        redirects = _Redirects(self)
        self._opener = request.OpenerDirector()  # with these handlers alone: no file:, ftp: or data:
        for handler in (
            request.ProxyHandler(), request.HTTPHandler(), request.HTTPSHandler(), request.HTTPErrorProcessor(),
            request.HTTPDefaultErrorHandler(), redirects,
        ):  # fmt: skip
            self._opener.add_handler(handler)

    @classmethod
    def of(cls, config: Config, home: Path) -> Self | None:
        """As the settings say; None where they allow nothing."""
        settings = config.sources
        if not settings.remote_allow:
            return None
        folder = Path(settings.remote_folder or home / "remote").absolute()
        return cls(settings.remote_allow, folder, config.images.max_bytes, settings.remote_timeout_s)

    def allows(self, url: str) -> bool:
        """Whether `url` is at or below one of the prefixes."""
        place = _Place.of(url)
        return place is not None and any(
            (place.scheme, place.host, place.port) == (a.scheme, a.host, a.port) and place.path.startswith(a.path)
            for a in self._allowed
        )

    def path(self, url: str) -> Path | None:
        """The file of a photo, fetched or not; None where `url` may not be asked for."""
        name = hashlib.sha256(url.encode()).hexdigest()
        return self.folder / name[:2] / name if self.allows(url) else None

    def fetch(self, rows: Iterable[SourceRow]) -> list[tuple[SourceRow, Refusal]]:
        """Bring the files of `rows` up to date, as far as they are named by URLs; those that cannot be had, and why."""
        wanted: dict[str, list[SourceRow]] = {}
        for row in rows:
            if self.path(row.image) is not None:
                wanted.setdefault(row.image, []).append(row)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            errors = list(pool.map(self._brought, wanted))
        return [
            (row, Refusal(row.where, error.code, f"{row.where}: {error}", row.path))
            for (_, named), error in zip(wanted.items(), errors, strict=True) if error is not None for row in named
        ]  # fmt: skip

    def _brought(self, url: str) -> ImageError | None:
        """Bring one file up to date."""
        path = self.path(url)
        assert path is not None
        noted = path.with_suffix(".json")
        try:
            found = (self._of_store if urlsplit(url).scheme in STORES else self._of_web)(url, _version(path, noted))
            if found is not None:
                data, version = found
                path.parent.mkdir(parents=True, exist_ok=True)
                if not (path.is_file() and path.read_bytes() == data):
                    files.replace(path, data)
                files.replace(noted, json.dumps({"url": url, **version}))  # last: until then it is fetched once more
        except ImageError as error:
            return error
        except HTTPError as error:
            return ImageError("missing", f"{url}: HTTP {error.code}")
        except (OSError, HTTPException, ValueError) as error:
            return ImageError("missing", f"{url}: cannot be fetched ({getattr(error, 'reason', None) or error})")
        return None

    def _checked(self, url: str, size: int) -> None:
        if size > self.max_bytes:
            raise ImageError("too_large", f"{url}: has more than {self.max_bytes} bytes (images.max_bytes)")

    def _of_web(self, url: str, before: dict[str, str]) -> tuple[bytes, dict[str, str]] | None:
        """The content and its version; None where it is the one of `before`."""
        asked = request.Request(quote(url, safe="%/:=&?~+!$,;'@()*[]"), headers={"Accept-Encoding": "identity"})
        for name, header in (("etag", "If-None-Match"), ("modified", "If-Modified-Since")):
            if before.get(name):
                asked.add_header(header, before[name])
        until = time.monotonic() + self.timeout_s
        try:
            with self._opener.open(asked, timeout=self.timeout_s) as response:
                headers: HTTPMessage = response.headers
                self._checked(url, int(headers.get("Content-Length") or 0))
                data = bytearray()
                while piece := response.read1(_PIECE):
                    data += piece
                    self._checked(url, len(data))
                    if time.monotonic() > until:
                        raise TimeoutError(f"took more than {self.timeout_s:g} s")
                if response.length:
                    raise HTTPException(f"{response.length} bytes are missing")
        except HTTPError as error:
            error.close()
            if error.code == 304 and before:
                return None
            raise
        return bytes(data), {"etag": headers.get("ETag", ""), "modified": headers.get("Last-Modified", "")}

    def _of_store(self, url: str, before: dict[str, str]) -> tuple[bytes, dict[str, str]] | None:
        """As `_of_web`, by fsspec; its backends raise what they like."""
        try:
            import fsspec

            store: Any = fsspec.filesystem(STORES[urlsplit(url).scheme], skip_instance_cache=True)
            version = {"key": str(store.ukey(url))}
            if version["key"] == before.get("key"):
                return None
            self._checked(url, int(store.info(url)["size"]))
            data = bytes(store.cat_file(url, start=0, end=self.max_bytes + 1))
        except ImageError:
            raise
        except ImportError as error:
            raise ConfigError(f"{url}: {error}; pip install 'simsearch[remote]'") from None
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise ImageError("missing", f"{url}: cannot be fetched ({text})") from None
        self._checked(url, len(data))
        return data, version


def _version(path: Path, noted: Path) -> dict[str, str]:
    """What the server said of the file that is there; empty where nothing is, or nothing that can be read."""
    try:
        found = json.loads(noted.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


class _Redirects(request.HTTPRedirectHandler):
    """Follows a redirect to where photos may be fetched from, and to nowhere else."""

    max_redirections = 5

    def __init__(self, remote: Remote) -> None:
        self.remote = remote

    def redirect_request(
        self, req: request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> request.Request | None:
        """As of `HTTPRedirectHandler`."""
        if urlsplit(newurl).scheme not in _WEB or not self.remote.allows(newurl):
            fp.close()
            there = urlsplit(newurl).netloc.rpartition("@")[2]
            raise ImageError("missing", f"{req.full_url}: leads to {there!r}, which sources.remote_allow does not name")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
