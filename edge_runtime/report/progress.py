"""How long work looks to a person: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from edge_runtime.core import Clock

# What is being done, how much of it is done, and of how much; None where nobody can tell.
Progress = Callable[[str, float, "float | None"], None]

LINE_S, MOMENT_S = 10.0, 2.0
_WIDTH = 28


class Counted(ProgressColumn):
    """`12 of 300`, nothing where nobody can tell of how much."""

    def render(self, task: Task) -> Text:
        of = "" if task.total is None else f"{task.completed:.0f} of {task.total:.0f}"
        return Text(of, style="progress.download", no_wrap=True)


def bars(console: Console) -> Bars:
    """The bars of every verb; they are gone when the work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), Counted(), TimeElapsedColumn(), TimeRemainingColumn())
    return Bars(*columns, console=console, transient=True)


@contextmanager
def shown_progress(console: Console, clock: Clock) -> Iterator[Progress]:
    """Work that tells `console` of itself while the block lasts; one kind of work at a time."""
    if not console.is_terminal:
        yield _lines(console, clock)
        return
    with bars(console) as shown:
        task = shown.add_task("starting", total=None)

        def advance(what: str, done: float, total: float | None) -> None:
            text = what if len(what) <= _WIDTH else f"{what[: _WIDTH - 1]}…"
            shown.update(task, description=text, completed=done, total=total)

        yield advance


def _lines(console: Console, clock: Clock) -> Progress:
    """A line every ten seconds, and where another kind of work begins; what is done in a moment is not told."""
    began_ns = clock.now_ns()
    last: tuple[str, int] = ("", began_ns)

    def line(what: str, done: float, total: float | None) -> None:
        nonlocal last
        now_ns = clock.now_ns()
        least_s = LINE_S if what == last[0] else MOMENT_S
        if now_ns - last[1] < least_s * 1e9:
            return
        last = (what, now_ns)
        told = f"{done:.0f}" + ("" if total is None else f" of {total:.0f}")
        console.print(f"{what}: {told}" if done else what, soft_wrap=True, highlight=False, markup=False)

    return line
