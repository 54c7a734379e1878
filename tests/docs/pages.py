"""What stands in the project's pages: commands with what they show, pipeline blocks, Python, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ANY = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text; `line` is that of its first line in the page."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Example:
    """A command as it stands behind `$ `, without its comment, and the lines shown below it."""

    command: str
    shown: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        yield Block(found[1], found[2], text.count("\n", 0, found.start()) + 2)


def examples(block: Block) -> Iterator[Example]:
    lines = block.text.splitlines()
    at = 0
    while at < len(lines):
        line, begun = lines[at], block.line + at
        assert line.startswith("$ "), f"line {begun}: a console block begins with `$ `"
        command, at = line[2:], at + 1
        while command.endswith("\\"):
            command, at = f"{command[:-1].rstrip()} {lines[at].strip()}", at + 1
        shown = []
        while at < len(lines) and not lines[at].startswith("$ "):
            shown.append(lines[at])
            at += 1
        yield Example(re.sub(r"\s+#\s.*", "", command).strip(), "\n".join(shown), begun)


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        taken = next(name for name in (slug, *(f"{slug}-{number}" for number in range(1, 99))) if name not in found)
        found.add(taken)
    return found


def links(page: Path) -> list[str]:
    """Where the page leads to, but for addresses."""
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))
    return [link for link in _LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]


def is_shown(shown: str, printed: str) -> bool:
    """Whether the lines of a page are what was printed: `…` stands for anything, and figures may be others.

    Blanks count as one, since tables are as wide as what is in them.
    """
    pattern = "".join(
        _piece(piece) for piece in re.split(rf"(\s+|{_ANY}|\d+(?:[.,:]\d+)*|[─━]+)", shown.strip()) if piece
    )
    return re.search(pattern, printed, re.DOTALL) is not None


def _piece(piece: str) -> str:
    if piece == _ANY:
        return ".*?"
    if piece.isspace():
        return r"\s+"
    if piece[0] in "─━":
        return "[─━]+"
    return r"\d+(?:[.,:]\d+)*" if piece[0].isdigit() else re.escape(piece)
