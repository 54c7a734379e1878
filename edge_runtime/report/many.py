"""Many replayed drives on a terminal: a bar while they run (a line a drive elsewhere), and the table of the worst."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from edge_runtime.evaluate.many_summary import Row, worst_of

from .compare import annotation, xml_text
from .terminal import clock_text, number

Told = Callable[[Mapping[str, Any], bool], None]


@contextmanager
def shown_drives(console: Console, drives: int) -> Iterator[Told]:
    """Tells `console` of each drive that is over, while the block lasts."""
    over, bad = 0, 0

    def line(document: Mapping[str, Any], kept: bool) -> None:
        nonlocal over
        over += 1
        console.print(
            f"{over}/{drives} {drive_line(Row.of(document), kept)}", soft_wrap=True, highlight=False, markup=False
        )

    if not console.is_terminal:
        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bars:
        task = bars.add_task("replaying", total=drives)

        def advance(document: Mapping[str, Any], kept: bool) -> None:
            nonlocal bad
            if document["error"] is not None:
                bad += 1
                shown = drive_line(Row.of(document), kept)
                bars.console.print(shown, style="red", soft_wrap=True, highlight=False, markup=False)
            bars.update(task, advance=1, description=f"replaying, {bad} failed" if bad else "replaying")

        yield advance


def drive_line(row: Row, kept: bool) -> str:
    if row.error is not None:
        return f"{row.name}: failed: {' '.join(row.error.split())}"
    told = f"{row.name}: {row.frames} frames"
    if kept:
        return f"{told}, kept from before"
    rate = f", {row.frames / row.seconds:.0f} fps" if row.frames and row.seconds else ""
    return f"{told} in {number(row.seconds)} s{rate}" + (f": {row.why}" if row.broken else "")


def sentence(document: Mapping[str, Any]) -> str:
    """All of it in one line."""
    drives = "1 drive" if document["drives"] == 1 else f"{document['drives']} drives"
    said = [f"{drives} with {document['frames']} frames in {clock_text(document['seconds'])}"]
    if document["kept"]:
        said.append(f"{document['kept']} kept from before")
    if document["failed"]:
        said.append(f"{document['failed']} failed")
    if document["broken"]:
        said.append(f"{document['broken']} broke an expectation")
    if document["decisions_identical"] is not None:
        said.append("all decisions as on the drives" if document["decisions_identical"] else "decisions differ")
    return ", ".join(said)


def many_table(document: Mapping[str, Any], rows: Sequence[Row]) -> RenderableType:
    """The sentence, and the worst drives: what is wrong with each stands at its end."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("worst drives" if len(rows) > len(document["worst"]) else "drives, the worst first", no_wrap=True)
    for title in ("frames", "fps", "p95 ms"):
        table.add_column(title, justify="right")
    table.add_column("", ratio=1)
    for row in worst_of(rows):
        style = "red" if row.error is not None or row.broken else None
        frames = "–" if row.frames is None else str(row.frames)
        table.add_row(row.name, frames, number(row.fps), number(row.latency_p95_ms), Text(row.why), style=style)
    return Group(Text(sentence(document)), table)


def many_junit(document: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """A JUnit file: one test for each drive, with the conditions that it does not hold."""
    counts = {"tests": len(rows), "failures": document["broken"], "errors": document["failed"], "skipped": 0}
    attributes = {"name": "edge-run replay", **{key: str(count) for key, count in counts.items()}}
    suite = ElementTree.Element("testsuite", {**attributes, "time": f"{document['seconds']:.3f}"})
    for row in rows:
        took = {} if row.seconds is None else {"time": f"{row.seconds:.3f}"}
        case = ElementTree.SubElement(suite, "testcase", {"classname": "replay", "name": row.name, **took})
        if row.error is not None:
            ElementTree.SubElement(case, "error", {"message": row.error.splitlines()[0]}).text = row.error
        elif row.broken:
            ElementTree.SubElement(case, "failure", {"message": row.why}).text = "\n".join(row.broken)
    return xml_text(suite)


def many_annotations(rows: Sequence[Row]) -> list[str]:
    """Workflow commands that GitHub shows, one for each drive that failed or broke an expectation."""
    return [annotation(row.drive, f"replay of {row.name}", row.why) for row in rows if row.error or row.broken]
