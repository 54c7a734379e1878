"""A replay beside its golden: in words, on a terminal, for a CI that reads JUnit, and as annotations for GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge_runtime.evaluate.compare import Comparison

# key of the document -> the head of its column
COLUMNS = {
    "golden": "golden",
    "now": "now",
    "matched": "matched",
    "lost": "lost",
    "new": "new",
    "moved": "moved",
    "class_flips": "other class",
    "state_flips": "other state",
    "breaks": "track breaks",
}
BAD = ("lost", "new", "moved", "class_flips", "state_flips", "breaks")
# The same for 80 columns: class and state together.
_TERMINAL = {
    **{key: (key,) for key in ("golden", "now", "matched", "lost", "new", "moved")},
    "flips": ("class_flips", "state_flips"),
    "breaks": ("breaks",),
}
_CHANGES = ("lost", "new", "moved", "flips", "breaks")


def verdict(comparison: Comparison) -> str:
    """One sentence: whether it holds, and what changed."""
    frames = comparison.frames["both"]
    if comparison.identical:
        return f"Identical to the golden, to the last byte, in {frames} frames."
    changes = ", ".join(_changes(comparison)) or "no box lost, new or moved"
    if comparison.broken:
        return f"Not held: {changes}, in {frames} frames."
    return f"Held: {changes}, in {frames} frames."


def _changes(comparison: Comparison) -> list[str]:
    words = {
        "lost": "lost",
        "new": "new",
        "moved": "moved",
        "class_flips": "of another class",
        "state_flips": "in another state",
    }
    told = [f"{count} {word}" for key, word in words.items() if (count := comparison.total(key))]
    if told and (lost := comparison.total("lost")):
        told[0] = f"{lost} of {comparison.total('golden')} boxes lost"
    if breaks := comparison.total("breaks"):
        told.append("1 track break" if breaks == 1 else f"{breaks} track breaks")
    return told


def update_sentence(path: Path, before: Comparison | None) -> str:
    """What `--update-golden` did."""
    if before is None:
        return f"{path} is the golden from now on"
    if before.identical:
        return f"{path} stays as it is: nothing has changed"
    return f"{path} is now this replay; beside what it was: {', '.join(_changes(before)) or 'no box changed'}"


def comparison_table(comparison: Comparison) -> RenderableType:
    """Everything `replay --against` says on a terminal."""
    parts: list[RenderableType] = []
    if not comparison.identical:
        table = Table(
            title=f"{comparison.stage}, beside the golden", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
        )
        table.add_column("camera, class" if len(comparison.cameras) > 1 else "class", style="cyan", no_wrap=True)
        for label in _TERMINAL:
            table.add_column(label, justify="right", no_wrap=True)
        cameras = comparison.cameras if len(comparison.cameras) > 1 else ()
        sections = [
            [("all", comparison.figures())],
            [(camera, comparison.figures(camera=camera)) for camera in cameras],
            [(name, comparison.figures(name)) for name in comparison.names],
        ]
        for rows in sections:
            for name, figures in rows:
                counts = {label: sum(figures[key] for key in keys) for label, keys in _TERMINAL.items()}
                if name == "all" or any(counts[label] for label in _CHANGES):
                    table.add_row(name, *(_cell(label, count) for label, count in counts.items()))
            if cameras:
                table.add_section()
        parts.append(table)
        if (first := comparison.first_difference) is not None:
            parts.append(Text(f"first difference, {frame_named(comparison, first)}: {first['what']}", style="dim"))
    parts += [Text(f"! {told}", style="bold red") for told in comparison.broken]
    held = not comparison.broken
    parts.append(Text(verdict(comparison), style="bold green" if held else "bold red"))
    return Group(*parts)


def frame_named(comparison: Comparison, line: Mapping[str, Any]) -> str:
    """frame 12; where there are several cameras frame 12 of left."""
    return f"frame {line['frame_id']}" + (f" of {line['camera']}" if len(comparison.cameras) > 1 else "")


def _cell(label: str, count: int) -> Text:
    return Text(str(count), style="bold red" if count and label in _CHANGES else "")


def junit(comparison: Comparison, drive: str, seconds: float) -> str:
    """A JUnit file: one test for each condition; what is not judged is skipped."""
    checks = comparison.checks
    counts = {
        "tests": len(checks),
        "failures": sum(check.held is False for check in checks),
        "skipped": sum(check.held is None for check in checks),
    }
    attributes = {"name": f"edge-run replay {drive}", **{key: str(count) for key, count in counts.items()}}
    suite = ElementTree.Element("testsuite", {**attributes, "errors": "0", "time": f"{seconds:.3f}"})
    for check in checks:
        case = ElementTree.SubElement(suite, "testcase", {"classname": f"replay.{drive}", "name": check.name})
        if check.held is None:
            ElementTree.SubElement(case, "skipped", {"message": check.told})
        elif not check.held:
            ElementTree.SubElement(case, "failure", {"message": check.told}).text = _details(comparison)
        else:
            ElementTree.SubElement(case, "system-out").text = check.told
    return xml_text(suite)


def xml_text(suite: ElementTree.Element) -> str:
    """A JUnit file of one suite."""
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _details(comparison: Comparison) -> str:
    first = comparison.first_difference
    return verdict(comparison) + (f"\nfirst in {frame_named(comparison, first)}: {first['what']}" if first else "")


def github_annotations(comparison: Comparison, drive: str, golden: str) -> list[str]:
    """Workflow commands that GitHub shows beside the change, one for each condition that does not hold."""
    return [annotation(golden, f"replay of {drive}", told) for told in comparison.broken]


def annotation(file: str, title: str, told: str) -> str:
    """One of them (docs.github.com: workflow commands for GitHub Actions)."""
    return f"::error file={_property(file)},title={_property(title)}::{_message(told)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def against_document(comparison: Comparison, golden: Path) -> dict[str, Any]:
    """What `replay --json` adds."""
    return {**comparison.document(), "golden_path": str(golden)}
