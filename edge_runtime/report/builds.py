"""How engine builds look to a person: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from edge_runtime.core import Clock
from edge_runtime.engines.tensorrt.progress import Listener, Progress, as_lines
from edge_runtime.pipeline.builds import Builds


@contextmanager
def shown_builds(console: Console, clock: Clock) -> Iterator[Builds]:
    """Builds that tell `console` of themselves while the block lasts."""

    def say(sentence: str) -> None:
        console.print(sentence, soft_wrap=True, highlight=False)

    if not console.is_terminal:
        lines: dict[str, Listener] = {}

        def line(name: str, progress: Progress) -> None:
            if name not in lines:
                lines[name] = as_lines(lambda text: say(f"{name}: {text}"), clock)
            lines[name](progress)

        yield Builds(say, line)
        return
    columns = (TextColumn("{task.fields[model]}"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(name: str, progress: Progress) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task("", total=1.0, model=name)
            bars.update(tasks[name], description=str(progress)[:40], completed=progress.fraction or 0.0)

        yield Builds(say, advance)
