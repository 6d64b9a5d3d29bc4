"""Self-contained HTML pages: pictures embedded, text escaped, nothing loaded from elsewhere and nothing that runs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image

from simsearch.core.errors import ImageError
from simsearch.core.files import put, unfinished
from simsearch.core.types import Decision, Hit, Outcome, Pixels
from simsearch.recognition.engine import percent

QUALITY = 82
PHOTO, THUMBNAIL, MEMBER = 480, 144, 360  # pixels on the longer side; screens show them at half of that or more


@dataclass(frozen=True)
class Figure:
    """A picture, and in words what it shows."""

    picture: Pixels
    caption: str


@dataclass(frozen=True)
class HitView:
    """A hit of an answer."""

    hit: Hit
    label: str
    """Name and strength."""
    picture: Pixels | None


@dataclass(frozen=True)
class AnswerView:
    """The answer to one photo."""

    title: str
    query: str
    """How the photo is called."""
    answer: Decision | ImageError
    photo: Pixels | None
    evidence: tuple[Figure, ...]
    hits: tuple[HitView, ...]
    truth: str = ""
    """What the photo really shows, where that is known."""
    remark: str = ""
    """How the answer compares with the truth."""


@dataclass(frozen=True)
class MemberView:
    """One image of a group."""

    sku: str
    label: str
    """Name and strength."""
    image: str
    """As its source named it."""
    picture: Pixels | None


@dataclass(frozen=True)
class GroupView:
    """Images that are said to show the same product."""

    title: str
    members: tuple[MemberView, ...]
    probability: float | None
    """Of the weakest pair, 0 to 1; None where the program did not group them."""
    remark: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph and what stands below them."""

    title: str
    intro: str
    items: tuple[AnswerView | GroupView, ...]


def write_page(path: Path, title: str, sections: Sequence[Section], *, intro: str = "") -> None:
    """Write one HTML file that needs no other, over what was there."""
    body = "\n".join(map(_section, sections))
    head = f"<h1>{escape(title)}</h1>{_paragraph(intro)}"
    path.write_text(_PAGE.format(title=escape(title), style=_STYLE, body=f"{head}\n{body}"), encoding="utf-8")


class AnswerPage:
    """A page of answers that is written as they come: however many there are, only one is in memory."""

    def __init__(self, path: Path, title: str, *, intro: str = "") -> None:
        """The file appears when the page is closed, over what was there."""
        self.path, self._part = path, unfinished(path)
        head, self._foot = _PAGE.format(title=escape(title), style=_STYLE, body="\0").split("\0")
        self._stream = self._part.open("w", encoding="utf-8")
        self._stream.write(f"{head}<h1>{escape(title)}</h1>{_paragraph(intro)}\n<section>")

    def add(self, view: AnswerView) -> None:
        """One answer, below those before."""
        # A name need not be UTF-8, what a page holds must.
        self._stream.write(_answer(view).encode(errors="backslashreplace").decode() + "\n")

    def close(self) -> None:
        """Complete the page."""
        self._stream.write(f"</section>{self._foot}")
        self._stream.close()
        put(self._part, self.path)

    def discard(self) -> None:
        """Leave nothing of it."""
        self._stream.close()
        self._part.unlink(missing_ok=True)


def jpeg_uri(picture: Pixels, side: int | None = None) -> str:
    """A data URI of `picture`, shrunk to `side` pixels on its longer side."""
    shown = Image.fromarray(picture)
    if side is not None:
        shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    # Thin coloured lines and small letters fray where colour is stored at half the resolution.
    shown.save(stream, "JPEG", quality=QUALITY, subsampling=0 if side is None else 2)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _section(section: Section) -> str:
    items = "\n".join(_answer(i) if isinstance(i, AnswerView) else _group(i) for i in section.items)
    return f"<section><h2>{escape(section.title)}</h2>{_paragraph(section.intro)}\n{items}</section>"


def _paragraph(text: str, name: str = "") -> str:
    attribute = f' class="{name}"' if name else ""
    return f"<p{attribute}>{escape(text)}</p>" if text else ""


def _image(picture: Pixels | None, alt: str, side: int | None = None, name: str = "") -> str:
    attribute = f' class="{name}"' if name else ""
    if picture is None:
        return f"<span{attribute}>no picture</span>"
    return f'<img{attribute} src="{jpeg_uri(picture, side)}" alt="{escape(alt)}">'


def _answer(view: AnswerView) -> str:
    word, name, reason = _said(view.answer)
    says = f'<p class="says"><span class="badge {name}">{word}</span> <strong>{escape(_named(view))}</strong></p>'
    photo = _image(view.photo, f"the photo {view.query}", PHOTO, "photo") if view.photo is not None else ""
    remark = _paragraph(f"→ {view.remark}", "remark") if view.remark else ""
    truth = f'<p class="truth"><b>Truth:</b> {escape(view.truth)}</p>' if view.truth else ""
    alike = view.answer.look_alikes if isinstance(view.answer, Decision) else ()
    beware = "".join(f'<p class="beware"><b>Beware:</b> {escape(a.warning)}</p>' for a in alike)
    words = f"{says}{_paragraph(reason)}{beware}{truth}{remark}"
    words = f"<div><code>{escape(view.query)}</code>{words}</div>"
    figures = "".join(map(_figure, view.evidence))
    return (
        f'<article><h3>{escape(view.title)}</h3><div class="top">{photo}{words}</div>{figures}{_table(view)}</article>'
    )


def _said(answer: Decision | ImageError) -> tuple[str, str, str]:
    """Word and colour of the badge, and the reason in words."""
    if isinstance(answer, ImageError):
        return "UNREADABLE", "unreadable", str(answer)
    return answer.outcome.value.upper(), answer.outcome.value, answer.reason


def _named(view: AnswerView) -> str:
    if isinstance(view.answer, ImageError):
        return "refused, no answer"
    if view.answer.outcome is Outcome.UNKNOWN:
        return "not in the catalog, as far as this photo tells"
    label = next((h.label for h in view.hits if h.hit.sku == view.answer.sku), view.answer.name or "")
    perhaps = "perhaps " if view.answer.outcome is Outcome.AMBIGUOUS else ""
    return f"{perhaps}{view.answer.sku} {label}".strip()


def _figure(figure: Figure) -> str:
    picture, caption = _image(figure.picture, figure.caption), escape(figure.caption)
    return f'<figure class="evidence">{picture}<figcaption>{caption}</figcaption></figure>'


def _table(view: AnswerView) -> str:
    if not view.hits:
        return ""
    unknown = isinstance(view.answer, Decision) and view.answer.outcome is Outcome.UNKNOWN
    note = _paragraph("Nearest in the catalog, for information only, not an answer:", "note") if unknown else ""
    rows = "\n".join(map(_row, view.hits))
    head = "<tr><th></th><th>product</th><th>probability</th><th>similarity</th><th>inliers</th></tr>"
    return f'{note}<div class="scroll"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _row(view: HitView) -> str:
    hit, v = view.hit, view.hit.verification
    picture = _image(view.picture, f"catalog picture of {hit.sku}", THUMBNAIL, "thumb")
    product = f"<b>{escape(hit.sku)}</b><br>{escape(view.label)}"
    bar = f'<span class="bar"><span style="width:{100 * min(max(v.probability, 0), 1):.0f}%"></span></span>'
    numbers = f"<td>{percent(v.probability)}{bar}</td><td>{v.similarity:.2f}</td><td>{v.inliers}</td>"
    return f"<tr><td>{picture}</td><td>{product}</td>{numbers}</tr>"


def _group(view: GroupView) -> str:
    members = "".join(
        f"<figure>{_image(m.picture, f'{m.sku} {m.label}', MEMBER)}"
        f"<figcaption><b>{escape(m.sku)}</b> {escape(m.label)}<br><code>{escape(m.image)}</code></figcaption></figure>"
        for m in view.members
    )
    found = "not found" if view.probability is None else f"{view.probability:.1%}"
    badge = f'<span class="badge {"unknown" if view.probability is None else "found"}">{found}</span>'
    remark = _paragraph(view.remark, "remark")
    return f'<article><h3>{escape(view.title)} {badge}</h3>{remark}<div class="members">{members}</div></article>'


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

_STYLE = """
:root { --ink: #1b1f24; --faint: #59636e; --ground: #f4f5f7; --card: #fff; --line: #d8dde3; --bar: #2f6fdd }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebef; --faint: #a0a9b3; --ground: #121519; --card: #1c2026; --line: #353c45; --bar: #6ea0ff }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.7rem; margin: .5rem 0 }
h2 { font-size: 1.3rem; margin: 2rem 0 .25rem }
h3 { font-size: 1.08rem; margin: 0 0 .6rem }
p { margin: .35rem 0 }
code { font-size: .85em; color: var(--faint); overflow-wrap: anywhere }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1rem 0 }
img { max-width: 100%; height: auto; display: block; border-radius: .3rem }
.top { display: flex; flex-wrap: wrap; gap: 1rem }
.top > div { flex: 1 1 16rem; min-width: 0; overflow-wrap: anywhere }
.photo { width: 15rem }
.badge { display: inline-block; border-radius: 1rem; padding: .05rem .7rem; font-weight: 700; font-size: .85rem;
  color: #fff; background: #57606a }
.match { background: #1a7f37 } .ambiguous { background: #9a6700 } .unknown { background: #cf222e }
.found { background: #0b5cad }
.remark { font-weight: 600 }
figure { margin: 1rem 0 0 }
figure img { border: 1px solid var(--line) }
figcaption { color: var(--faint); font-size: .85rem; margin-top: .3rem; overflow-wrap: anywhere }
.evidence figcaption { display: none } /* the picture says it, where it is shown large enough */
.note { color: var(--faint); margin-top: 1rem }
.scroll { overflow-x: auto; margin-top: 1rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { text-align: left; font-size: .8rem; color: var(--faint); font-weight: 600 }
th, td { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: middle }
td:nth-child(n + 3) { white-space: nowrap }
.thumb { width: 3.5rem; height: 3.5rem; object-fit: contain; font-size: .7rem; color: var(--faint) }
.bar { display: block; width: 5rem; max-width: 100%; height: .3rem; border-radius: .2rem; background: var(--line) }
.bar > span { display: block; height: 100%; border-radius: .2rem; background: var(--bar) }
.members { display: flex; flex-wrap: wrap; gap: 1rem }
.members figure { flex: 0 1 11rem; margin: 0 }
@media (max-width: 30rem) {
  .photo { width: 100% }
  .evidence figcaption { display: block }
  .members figure { flex-basis: calc(50% - .5rem) }
}
"""
