"""What `simsearch config` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping

from simsearch.core.config import Config
from simsearch.views import json as shapes
from simsearch.views.text.output import OUT, table, text


def settings(config: Config, origin: Mapping[str, str]) -> None:
    """Every setting in force and where it comes from."""
    lines = table("setting", "value", "from")
    for key, entry in shapes.settings(config, origin).items():
        lines.add_row(*map(text, (key, json.dumps(entry["value"], ensure_ascii=False), entry["from"])))
    OUT.print(lines)
