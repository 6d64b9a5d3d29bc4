"""Sends hostile requests to a server of its own and looks what becomes of it. Exits with 1 where anything is wrong.

    python scripts/hostile_requests.py [--requests 10000] [--seed 1] [--workers 1]

A rendered catalog is indexed and served on loopback. What is sent: decompression bombs, mutated and truncated photos,
wrong lengths and types, chunks of one byte, broken HTTP, smuggled headers, long headers, odd Unicode, paths that climb,
damaged forms and JSON. Wrong is: a status of 5xx (but 503 with Retry-After), an answer that is no problem of RFC 9457,
a worker that died, a file outside of the home's `server` folder that was written, memory that grows from the middle
to the end of the run, and a sound photo that gets another answer at the end than at the beginning.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
Maker = Callable[[random.Random, bytes], bytes]
HOST = "Host: localhost\r\nConnection: close\r\n"
_PATIENCE_S = 5.0
"""For an answer to a request that is not complete."""
_MIB = 1 << 20


def http(method: str, path: str, headers: str = "", body: bytes = b"") -> bytes:
    return f"{method} {path} HTTP/1.1\r\n{HOST}{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def photo(body: bytes, kind: str = "image/jpeg") -> bytes:
    return http("POST", "/v1/queries?record=false", f"Content-Type: {kind}\r\n", body)


# -- kinds of requests -------------------------------------------------------------------------------------------------


def mutated(r: random.Random, sound: bytes) -> bytes:
    data = bytearray(sound)
    for _ in range(r.randint(1, 30)):
        data[r.randrange(len(data))] = r.randrange(256)
    return photo(bytes(data))


def truncated(r: random.Random, sound: bytes) -> bytes:
    return photo(sound[: r.randrange(len(sound))])


def bomb(r: random.Random, sound: bytes) -> bytes:
    """A PNG of a few kilobytes that says it has some hundred megapixels, or billions."""
    width, height = r.choice([(60_000, 60_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1), (1, 2**30), (0, 5)])

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, r.choice([0, 2, 6]), 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(_MIB), 9))
    return photo(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b""), "image/png")


def odd_pictures(r: random.Random, sound: bytes) -> bytes:
    out = io.BytesIO()
    size = r.choice([(1, 1), (1, 5000), (5000, 1), (3, 2)])
    Image.new(r.choice(["1", "L", "RGB", "RGBA", "P"]), size, r.choice([0, 1])).save(
        out, r.choice(["PNG", "GIF", "TIFF"])
    )
    return photo(out.getvalue(), r.choice(["image/png", "image/webp", "application/octet-stream"]))


def noise(r: random.Random, sound: bytes) -> bytes:
    head = r.choice(
        [b"", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF....WEBP", b"II*\x00", b"%PDF-", b"<svg>", b"PK\x03\x04"]
    )
    return photo(
        head + r.randbytes(r.randint(0, 3000)), r.choice(["image/jpeg", "image/x", "text/plain", "", "image/*"])
    )


def wrong_length(r: random.Random, sound: bytes) -> bytes:
    length = r.choice(["-1", "99999999999999999999", "1e3", "0x10", "5, 5", "abc", "0", "+7", "١"])
    head = f"POST /v1/queries HTTP/1.1\r\n{HOST}Content-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + sound[:100]


def smuggled(r: random.Random, sound: bytes) -> bytes:
    extra = r.choice([
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Host: evil.example\r\n", " folded: header\r\n", "X: a\rb\r\n", "X: a\x00b\r\n",
        "\r\nGET /metrics HTTP/1.1\r\n",
    ])  # fmt: skip
    head = f"POST /v1/queries HTTP/1.1\r\n{HOST}Content-Type: image/jpeg\r\n{extra}\r\n"
    return head.encode() + b"0\r\n\r\nGET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"


def long_headers(r: random.Random, sound: bytes) -> bytes:
    value = "x" * r.choice([100, 8_000, 70_000, 300_000])
    return f"GET /v1/status?{value[:2000]} HTTP/1.1\r\n{HOST}X-Long: {value}\r\n\r\n".encode()


def climbing(r: random.Random, sound: bytes) -> bytes:
    up = r.choice(
        ["../" * 8, "..%2f" * 8, "%2e%2e/" * 8, "..\\" * 8, "....//" * 8, "%252e%252e%252f" * 4, "%00", "//evil/"]
    )
    path = r.choice(
        ["/v1/products/", "/v1/images/", "/static/", "/", "/v1/duplicates/runs/", "/problems/", "/v1/decisions/"]
    )
    return http("GET", f"{path}{up}etc/passwd")


def unicode_names(r: random.Random, sound: bytes) -> bytes:
    name = r.choice(
        ["%F0%9F%92%8A", "%ED%A0%80", "%C0%AF", "%EF%BF%BF", "%E2%80%AE", "%00", "%0d%0aX:y", "a" * 3000, "%"]
    )
    address = r.choice([
        f"/v1/queries?record=false&name={name}", f"/v1/products/{name}", f"/v1/products?q={name}",
        f"/v1/decisions?since={name}", f"/v1/decisions?cursor={name}", f"/v1/duplicates/reviews/{name}/{name}",
        f"/v1/queries?record=false&where={name}", f"/v1/queries?record=false&where=name~{name}",
    ])  # fmt: skip
    if address.startswith("/v1/queries"):
        return http("POST", address, "Content-Type: image/jpeg\r\n", sound)
    return http("GET", address)


def parameters(r: random.Random, sound: bytes) -> bytes:
    value = r.choice(["-1", "0", "99999999999999999999999", "nan", "1e400", "true", "[]", "null", "' OR 1=1 --", "%"])
    path = r.choice([
        f"/v1/decisions/{value}", f"/v1/decisions?limit={value}", f"/v1/images/{value}/thumbnail",
        f"/v1/products?limit={value}",
        f"/v1/images/1/thumbnail?size={value}", f"/v1/images/{value}/evidence/{value}", f"/v1/changes?limit={value}",
        f"/v1/duplicates?limit={value}", f"/v1/duplicates/runs/{value}", f"/v1/decisions/1/photo?n={value}",
    ])  # fmt: skip
    return http("GET", path.replace(" ", "%20"))


def forms(r: random.Random, sound: bytes) -> bytes:
    boundary = r.choice(["x", "x" * 300, '"', "x; y", ""])
    name = r.choice(["a", "../../a", ""])
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="{name}"\r\n\r\n'
    parts = b"".join(part.encode() + sound[: r.randint(0, 2000)] + b"\r\n" for _ in range(r.randint(0, 12)))
    end = r.choice([f"--{boundary}--\r\n", "", f"--{boundary}", "--"]).encode()
    path = r.choice(["/v1/queries/together?record=false", "/v1/verifications"])
    return http("POST", path, f"Content-Type: multipart/form-data; boundary={boundary}\r\n", parts + end)


def json_bodies(r: random.Random, sound: bytes) -> bytes:
    body = r.choice([
        b"", b"{", b"null", b"[" * 10_000, b'{"a": 1e999, "b": 2}', b'{"verdict": "confirmed", "sku": "\\ud800"}',
        b'{"said": "dismissed", "note": "' + b"x" * 5000 + b'"}', b'{"a": 1, "b": 99999999}', b"\xff\xfe", sound[:50],
        b'{"verdict": "corrected", "sku": "' + b"%s" * 200 + b'"}', b'{"a": true, "b": "1"}',
    ])  # fmt: skip
    method, path = r.choice([
        ("PUT", "/v1/decisions/1/review"), ("PUT", "/v1/duplicates/reviews/a/b"), ("POST", "/v1/verifications"),
        ("DELETE", "/v1/decisions/99999/review"), ("PATCH", "/v1/status"), ("BREW", "/v1/status"),
    ])  # fmt: skip
    return http(method, path, "Content-Type: application/json\r\n", body)


def hosts_and_sites(r: random.Random, sound: bytes) -> bytes:
    head = r.choice(
        ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n", "X-Forwarded-User: admin\r\n", ""]
    )
    host = r.choice(["evil.example", "localhost:99999", "[::1", "127.0.0.1.evil.example", "", "a" * 5000])
    start = f"POST /v1/queries?record=false HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    return f"{start}{head}Content-Type: image/jpeg\r\nContent-Length: 3\r\n\r\nabc".encode()


def no_http(r: random.Random, sound: bytes) -> bytes:
    return r.choice([
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n", b"\r\n\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n", r.randbytes(200),
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST /v1/queries HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ])  # fmt: skip


def keys(r: random.Random, sound: bytes) -> bytes:
    key = r.choice(["", "x" * 500, "a b", "\t", "same", "same", "\x7f"])
    headers = f"Content-Type: image/jpeg\r\nIdempotency-Key: {key}\r\nIf-Match: {'x' * r.choice([1, 3000])}\r\n"
    return http("POST", f"/v1/queries?record=false&k={r.choice([1, 2])}", headers, sound)


def too_large(r: random.Random, sound: bytes) -> bytes:
    length = r.choice([10**9, 10**12])
    head = f"POST /v1/queries HTTP/1.1\r\n{HOST}Content-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + bytes(100_000)


def chunks(r: random.Random, sound: bytes) -> bytes:
    """A photo, or noise, in chunks of one byte, or with broken sizes."""
    start = f"POST /v1/queries?record=false HTTP/1.1\r\n{HOST}"
    head = f"{start}Content-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
    kind, data = r.randrange(4), sound[: r.randint(1, 400)]
    if kind == 0:
        body = b"".join(b"1\r\n%c\r\n" % byte for byte in data) + b"0\r\n\r\n"
    elif kind == 1:
        body = b"FFFFFFFFFFFFFFFFFF\r\n" + data
    elif kind == 2:
        body = b"5;ext=" + b"x" * 2000 + b"\r\nabcde\r\n0\r\n\r\n"
    else:
        body = b"-5\r\nabcde\r\n0\r\n\r\n"
    return head.encode() + body


KINDS: tuple[Maker, ...] = (
    mutated, mutated, mutated, truncated, bomb, odd_pictures, noise, wrong_length, smuggled, long_headers, climbing,
    unicode_names, parameters, forms, json_bodies, hosts_and_sites, no_http, keys, too_large, chunks,
)  # fmt: skip


# -- the campaign ------------------------------------------------------------------------------------------------------


class Campaign:
    """One run against one server."""

    def __init__(self, port: int, seed: int, sound: bytes) -> None:
        self.port, self.seed, self.sound = port, seed, sound
        self.statuses: Counter[str] = Counter()
        self.wrong: list[str] = []

    def send(self, number: int) -> None:
        """Send one request on a connection of its own, and judge what comes back."""
        r = random.Random(f"{self.seed} {number}")
        maker = r.choice(KINDS)
        data = maker(r, self.sound)
        got = b""
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            if r.random() < 0.02:  # slowly, in small pieces, as far as that goes in reasonable time
                for start in range(0, min(len(data), 60), 3):
                    connection.sendall(data[start : start + 3])
                    time.sleep(0.01)
                connection.sendall(data[60:])
            else:
                with suppress(ConnectionError):  # it may have answered already
                    connection.sendall(data)
            got = _received(connection)
        self._judge(maker.__name__, data, got)

    def _judge(self, kind: str, sent: bytes, got: bytes) -> None:
        if not got:
            self.statuses[f"{kind} closed"] += 1
            return
        head, _, body = got.partition(b"\r\n\r\n")
        status = int(head.split()[1]) if head.startswith(b"HTTP/1.") else 0
        self.statuses[f"{kind} {status}"] += 1
        busy = status == 503 and b"retry-after" in head.lower()
        if (status >= 500 or status < 100) and not busy:
            self.wrong.append(f"{kind}: {status} for {sent[:200]!r}: {got[:500]!r}")
        elif status >= 400 and b"application/problem+json" not in head and b"text/html" not in head:
            self.wrong.append(f"{kind}: {status} is no problem: {got[:300]!r}")
        elif status >= 400 and b"application/problem+json" in head:
            length = int(next(x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")).split(b":")[1])
            with suppress(ValueError):
                told = json.loads(body[:length])
                if told["status"] != status:
                    self.wrong.append(f"{kind}: {status} says {told}")


def _received(connection: socket.socket) -> bytes:
    found = b""
    connection.settimeout(_PATIENCE_S)
    with suppress(OSError):
        while part := connection.recv(65536):
            found += part
            if len(found) > _MIB:
                break
    return found


def memory_mib(pid: int) -> float:
    """Resident memory of the descendants of a process that are workers, in MiB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    pages = 0
    for child in children:
        with suppress(OSError):
            pages += int(Path(f"/proc/{child}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def workers(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())


def ask(port: int, data: bytes) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/queries?record=false", data, method="POST")
    request.add_header("Content-Type", "image/jpeg")
    with urllib.request.urlopen(request, timeout=120) as response:
        answer = json.load(response)
    return {key: value for key, value in answer.items() if key in ("decision", "sku", "probability", "named")}


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below `folder` outside of `server/` and the database, with size and time of change."""
    left_out = ("catalog.db", "lock")
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "server" not in path.relative_to(folder).parts and not path.name.startswith(left_out)
    }


def started(command: list[str], log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The server and its port, once it is ready."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stderr=stream, env={**os.environ, "PYTHONPATH": str(ROOT)})
    while True:
        for line in log.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):
                told = json.loads(line)
                if told["message"] == "serving":
                    return process, int(told["address"].rpartition(":")[2])
        if process.poll() is not None:
            sys.exit(log.read_text(encoding="utf-8"))
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--home", type=Path, help="an indexed home; without it one is made")
    parser.add_argument("--photo", type=Path, help="a sound photo for --home")
    parser.add_argument("--config", type=Path, help="settings for --home; [server] must be its last table")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        home, sound_path = (given.home, given.photo) if given.home else rendered(folder)
        command = [sys.executable, "-c", "from simsearch.cli.main import main; main()"]
        text = given.config.read_text(encoding="utf-8") if given.config else ""
        table = "" if "[server]" in text else "\n[server]\n"  # it is the last one, where there is one
        (folder / "settings.toml").write_text(
            f"{text}{table}rate_per_s = 0.0\nbody_timeout_s = 5.0\n", encoding="utf-8"
        )
        command += ["--config", str(folder / "settings.toml")]
        command += ["--home", str(home), "serve", "--port", "0", "--workers", str(given.workers)]
        before = tree(home)
        process, port = started(command, folder / "log")
        try:
            failed = run(process.pid, port, sound_path.read_bytes(), given)
        finally:
            process.terminate()
            code = process.wait(120)
        defects = [line for line in (folder / "log").read_text(encoding="utf-8").splitlines() if '"a defect"' in line]
        if tree(home) != before:
            failed.append("files of the home outside of server/ were changed")
        if code != 0:
            failed.append(f"the server ended with {code}")
        failed += [f"the log has {len(defects)} defects, the first: {defects[0][:1500]}"] if defects else []
    for text in failed[:20]:
        print(text)
    print(f"{given.requests} requests: {'nothing is wrong' if not failed else f'{len(failed)} things are wrong'}")
    sys.exit(bool(failed))


def rendered(folder: Path) -> tuple[Path, Path]:
    """A home with a rendered catalog, and one of its photos."""
    from simsearch import open_app
    from simsearch.synthetic import make_products, write_catalog

    products = make_products(20, 5, family_share=0.0)
    write_catalog(folder / "shop", products, 5, photos_per_product=2, duplicates=0, size=352)
    with open_app(folder / "home") as app:
        app.index([folder / "shop" / "catalog.csv"], reading=False)
    return folder / "home", sorted((folder / "shop" / "images").iterdir())[0]


def run(pid: int, port: int, sound: bytes, given: argparse.Namespace) -> list[str]:
    """What is wrong."""
    campaign, first, at_work = Campaign(port, given.seed, sound), ask(port, sound), workers(pid)
    memory, started_at = list[float](), time.perf_counter()
    part = max(1, given.requests // 20)
    with ThreadPoolExecutor(8) as pool:
        for start in range(0, given.requests, part):
            for _ in pool.map(campaign.send, range(start, min(start + part, given.requests))):
                pass
            memory.append(memory_mib(pid))
    took = time.perf_counter() - started_at
    for name, count in sorted(campaign.statuses.items()):
        print(f"{count:6}  {name}")
    print(f"{took:.0f} s; MiB of the workers: {', '.join(f'{m:.0f}' for m in memory)}")
    failed = list(campaign.wrong)
    if workers(pid) != at_work:
        failed.append("a worker died")
    if ask(port, sound) != first:
        failed.append("a sound photo has another answer than before")
    half = memory[len(memory) // 2]
    if memory[-1] > 1.1 * half + 20:
        failed.append(f"memory grew from {half:.0f} to {memory[-1]:.0f} MiB in the second half")
    return failed


if __name__ == "__main__":
    main()
