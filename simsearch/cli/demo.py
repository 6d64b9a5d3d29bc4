"""`simsearch demo`: render a catalog, index it, ask for five photos, find its duplicates.

The output puts each answer next to the truth, right or wrong.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from simsearch.app import App, open_app
from simsearch.cli.demo_scenario import (
    PLANTED,
    Question,
    Rendered,
    claim,
    full_name,
    render_catalog,
    take_photos,
)
from simsearch.cli.demo_truth import Answer, found_in, judged, mixed, summary
from simsearch.core.errors import UsageError
from simsearch.core.types import Progress
from simsearch.duplicates import DuplicateGroup
from simsearch.views.files import writable
from simsearch.views.html import Album, GroupView, MemberView, Section, write_page
from simsearch.views.text import answers as printing
from simsearch.views.text import duplicates, indexing
from simsearch.views.text.output import OUT, text

__all__ = ["PLANTED", "run_demo"]


def run_demo(
    folder: Path, *, products: int, seed: int, config: str | None, progress: Progress, device: str | None = None
) -> None:
    """Run the demo in `folder` and leave `demo.html` there. An earlier demo in the folder is brought up to date.

    Args:
        folder: a new or empty folder, or one of an earlier demo.
        products: how many products to render, at least 20; PLANTED of them are filed twice.
        seed: another seed renders other packages.
        config: TOML file whose settings go over the defaults.
        progress: called with steps done, steps in all and a short text, within each phase.
        device: where the network runs; None leaves it to the settings.

    Raises:
        UsageError: the folder holds other files or cannot be written, or `catalog.url` is set.
    """
    with open_app(folder / "home", config, device=device) as app:
        if app.config.catalog.url:
            raise UsageError(
                "catalog.url names a database that the demo would fill with invented products; leave it out"
            )
        _ = app.verifier  # raises WeightsError before anything is rendered
        rendered, questions = _prepare(folder, products, seed, progress)
        _heading(f"A catalog of {products} invented products, {len(rendered.planted)} of them filed a second time")
        indexing.report(app.index([rendered.folder / "catalog.csv"], prune_all=True, progress=progress))
        answers = app.query([question.photo for question in questions], record=False)
        _print_answers(questions, answers)
        groups = app.duplicates(progress=progress)
        _print_duplicates(groups, rendered)
        sections = _sections(app, questions, answers, groups, rendered)
    with writable(folder, "name another folder"):
        write_page(folder / "demo.html", "simsearch demo", sections, intro=_intro(rendered))
    _print_closing(folder, config)


def _prepare(folder: Path, products: int, seed: int, progress: Progress) -> tuple[Rendered, list[Question]]:
    progress(0, 2, "rendering packages")
    with writable(folder, "name another folder"):
        claim(folder, products, seed)
        rendered = render_catalog(folder / "catalog", products, seed)
        progress(1, 2, "taking photos")
        questions = take_photos(folder / "photos", rendered, seed)
    progress(2, 2, "")
    return rendered, questions


# -- on the terminal -------------------------------------------------------------------------------------------------


def _heading(words: str) -> None:
    OUT.print(f"\n[bold cyan]{text(words)}[/]")


def _print_answers(questions: Sequence[Question], answers: Sequence[Answer]) -> None:
    right = 0
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True), 1):
        good, words = judged(question, answer)
        right += good
        _heading(f"{number}. {question.title}")
        OUT.print(f"  truth: {text(question.truth)}")
        OUT.print(f"  answer: [{'green' if good else 'yellow'}]{text(words)}[/]")
        printing.answer(str(question.photo), answer)
    OUT.print(f"{right} of {len(questions)} answers are right")


def _print_duplicates(groups: Sequence[DuplicateGroup], rendered: Rendered) -> None:
    _heading("Duplicates in the catalog")
    duplicates.groups(groups)
    OUT.print(f"\n{text(summary(groups, rendered))}")
    for planted in rendered.planted:
        if found_in(planted, groups) is None:
            OUT.print(f"  [yellow]missed[/]  {planted.sku_a} is {planted.sku_b} ({planted.kind})")
    for words in filter(None, (mixed(group, rendered) for group in groups)):
        OUT.print(f"  [yellow]wrong[/]   {text(words)}")


def _print_closing(folder: Path, config: str | None) -> None:
    settings = ["--config", config] if config else []
    _heading("The page and the catalog stay")
    OUT.print(f"  look     {text(str(folder / 'demo.html'))}")
    OUT.print(f"  go on    {text(shlex.join(['simsearch', *settings, '--home', str(folder / 'home'), 'query']))} PHOTO")


# -- on the page -----------------------------------------------------------------------------------------------------


def _intro(rendered: Rendered) -> str:
    return (
        f"A catalog of {len(rendered.products)} invented drug packages, {len(rendered.planted)} of them filed a second "
        "time under another SKU. Packages and photos are rendered; the answers are the program's own, right or wrong."
    )


def _sections(
    app: App,
    questions: Sequence[Question],
    answers: Sequence[Answer],
    groups: Sequence[DuplicateGroup],
    rendered: Rendered,
) -> list[Section]:
    album = Album(app.catalog, app.verifier, app.config.images, app.print_methods["reading"], app.methods.get("pills"))
    views, right = [], 0
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True), 1):
        good, words = judged(question, answer)
        right += good
        title, name = f"{number}. {question.title}", f"photos/{question.photo.name}"
        views.append(album.answer(title, question.photo, answer, name=name, truth=question.truth, remark=words))
    return [
        Section("Which drug is this?", f"{len(views)} photos, {right} right answers.", tuple(views)),
        Section("Duplicates in the catalog", summary(groups, rendered) + ".", _group_views(album, groups, rendered)),
    ]


def _group_views(album: Album, groups: Sequence[DuplicateGroup], rendered: Rendered) -> tuple[GroupView, ...]:
    """The groups that were found, then the planted duplicates that were not."""
    kinds = {planted.sku_b: planted.kind for planted in rendered.planted}
    views = []
    for number, group in enumerate(groups, 1):
        wrong = mixed(group, rendered)
        planted = ", ".join(kinds[sku] for sku in group.skus if sku in kinds)
        words = f"wrong: {wrong}" if wrong else f"right: planted ({planted})" if planted else ""
        views.append(album.group(f"Group {number}", group.images, group.probability, remark=words))
    for duplicate in rendered.planted:
        if found_in(duplicate, groups) is None:
            members = tuple(_member(album, sku, rendered) for sku in (duplicate.sku_a, duplicate.sku_b))
            views.append(GroupView("Missed", members, None, f"planted ({duplicate.kind}), not found"))
    return tuple(views)


def _member(album: Album, sku: str, rendered: Rendered) -> MemberView:
    product, image = rendered.product(sku), rendered.image(sku)
    return MemberView(sku, full_name(product) if product else "", image, album.picture(rendered.folder / image))
