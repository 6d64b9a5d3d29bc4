"""The keys of the page: this table makes the help, and page.js obeys the help."""

from __future__ import annotations

from dataclasses import dataclass

from simsearch.server.page.language import N_

_SHOWN = {
    "ArrowDown": "↓", "ArrowUp": "↑", "ArrowLeft": "←", "ArrowRight": "→", "Escape": "Esc", "Enter": "Enter",
    "1-9": "1 … 9",
}  # fmt: skip


@dataclass(frozen=True)
class Key:
    """What one or more keys do."""

    action: str
    """Its name in page.js."""
    keys: tuple[str, ...]
    """As KeyboardEvent.key has them, letters in lower case; "1-9" for the nine digits."""
    says: str
    """To be translated."""
    decides: bool = False
    """Whether it writes something: ignored for 300 ms after the item changed and while a request is under way."""

    @property
    def shown(self) -> list[str]:
        """The keys as they stand on a keyboard."""
        return [_SHOWN.get(key, key.upper()) for key in self.keys]

    @property
    def remappable(self) -> bool:
        """Whether it is a single letter or sign, which a person may want elsewhere."""
        return all(len(key) == 1 for key in self.keys[:1])


KEYS = (
    Key("next", ("j", "ArrowDown"), N_("Next item of the review")),
    Key("previous", ("k", "ArrowUp"), N_("Previous item")),
    Key("right", ("ArrowRight",), N_("Next picture within the item, also when enlarged")),
    Key("left", ("ArrowLeft",), N_("Previous picture")),
    Key("enlarge", ("Enter",), N_("Enlarge the picture, or close it")),
    Key("different", ("d",), N_("They are different products"), decides=True),
    Key("same", ("s",), N_("They are the same product"), decides=True),
    Key("card", ("1-9",), N_("It is the product with this number"), decides=True),
    Key("none", ("n",), N_("It is none of the catalog"), decides=True),
    Key("right-answer", ("c",), N_("The answer is right"), decides=True),
    Key("wrong-answer", ("w",), N_("The answer is wrong")),
    Key("skip", ("u",), N_("Skip; it comes back at the end")),
    Key("undo", ("z",), N_("Take back the last decision"), decides=True),
    Key("blink", ("b",), N_("Blink between the two pictures")),
    Key("slider", ("v",), N_("Slide one picture over the other")),
    Key("difference", ("x",), N_("Show only where they differ")),
    Key("side", ("a",), N_("Pictures side by side")),
    Key("mark", ("m",), N_("Mark, to decide several together")),
    Key("search", ("/",), N_("Search")),
    Key("help", ("?",), N_("This help")),
    Key("back", ("Escape",), N_("Close, or go back")),
)
