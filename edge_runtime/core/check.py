"""One thing that `edge-run doctor` looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """`found` is what is there, in words; `fix` what to type when that is not enough, empty where nothing is to do.

    A warning leaves something out that a run can do without; an error is something that is there and does not work.
    """

    name: str
    state: Literal["ok", "warning", "error"]
    found: str
    fix: str = ""

    def document(self) -> dict[str, str]:
        return asdict(self)
