"""Words for the form of a drug, as packages print them: which of them are one form.

A form is named by the first of its words. Words that say how a form is made or taken (film-coated, oral, eye) are none.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORDS = {
    "tablet": "tab tabs tablet tablets tablett tablette tablettes tabletten filmtabletten comprimé comprimés comprimido"
    " comprimidos compressa compresse caplet caplets dragee dragees lozenge lozenges",
    "capsule": "cap caps capsule capsules kapsel kapseln gélule gélules cápsula cápsulas softgel softgels",
    "syrup": "syrup syr sirup sirop jarabe saft linctus elixir",
    "suspension": "suspension susp suspensión",
    "cream": "cream crème creme crema krem",
    "ointment": "ointment oint salbe pommade pomada unguent",
    "gel": "gel emulgel jelly",
    "lotion": "lotion lotions",
    "drops": "drop drops tropfen gouttes gotas",
    "injection": "injection inj injektion injectable inyectable ampoule ampoules ampoule ampul amp amps vial vials",
    "spray": "spray sprays",
    "inhaler": "inhaler inhalers evohaler rotacaps respules",
    "suppository": "suppository suppositories zäpfchen pessary pessaries ovules",
    "sachet": "sachet sachets beutel granules",
    "shampoo": "shampoo",
    "mouthwash": "mouthwash gargle",
}
_FORM = {word: form for form, words in _WORDS.items() for word in words.split()}
_WORD = re.compile(r"[^\W\d_]+")
_TOGETHER = (
    {"drops", "suspension"}, {"drops", "syrup"}, {"spray", "drops"}, {"inhaler", "spray"}, {"inhaler", "capsule"},
    {"injection", "suspension"}, {"sachet", "suspension"}, {"shampoo", "lotion"}, {"suspension", "spray"},
)  # fmt: skip
"""Forms that one package may print both of: drops that are a suspension."""


@lru_cache(maxsize=4096)
def forms(text: str) -> frozenset[str]:
    """The forms that the whole words of `text` name, each by its first word: "tablet", "syrup"."""
    return frozenset(_FORM[word] for word in _WORD.findall(text.casefold()) if word in _FORM)


def form_words(text: str) -> tuple[str, ...]:
    """The words of `text` that name a form, in lower case, in order."""
    return tuple(word for word in _WORD.findall(text.casefold()) if word in _FORM)


def differ(a: frozenset[str], b: frozenset[str]) -> bool:
    """Whether two texts that name forms (none may be empty) cannot be of one package."""
    return bool(a and b) and not any(x == y or {x, y} in _TOGETHER for x in a for y in b)
