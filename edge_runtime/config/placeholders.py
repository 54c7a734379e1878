"""Names with holes in a pipeline file: `edge/{pipeline}/{camera}/detections`."""

from __future__ import annotations

import re

PLACEHOLDERS = ("pipeline", "camera", "host")
_HOLE = re.compile(r"\{([^{}]*)\}")


def fill(text: str, **values: str) -> str:
    """`text` with the holes filled that `values` names; others stay."""
    return _HOLE.sub(lambda hole: values.get(hole[1], hole[0]), text)


def holes(text: str) -> list[str]:
    """What stands between braces. Raises ValueError with a sentence where a brace stands alone."""
    if set("{}") & set(_HOLE.sub("", text)):
        raise ValueError(f"'{text}' has a brace without its other one")
    return _HOLE.findall(text)
