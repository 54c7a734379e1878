"""The second half of a profile: what points are good for. Each set of knobs runs over the pictures once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.core import OperatingPoint
from edge_runtime.pipeline.builds import Builds

from .labels import Labels
from .observe import Observation, judged_stage, observe
from .profile_board import Turner, turn_of
from .profile_book import Book
from .profile_result import Figures
from .profile_span import AS_IT_IS, caps, named, turned
from .profile_steps import Asked, Steps
from .profile_usefulness import Judge


@dataclass(frozen=True, slots=True)
class Form:
    """What a ladder may hold: a point as it was measured, or that one under a cap on the frame rate."""

    measured: OperatingPoint
    point: OperatingPoint


def by_knobs(points: Sequence[OperatingPoint]) -> dict[str, list[OperatingPoint]]:
    """Points that find the same, because they differ in the setting of the board alone."""
    groups: dict[str, list[OperatingPoint]] = {}
    for point in points:
        groups.setdefault(named(turned(point, AS_IT_IS)).name, []).append(point)
    return groups


def forms(loaded: LoadedPipeline, figures: Mapping[str, Figures], camera_fps: float) -> list[Form]:
    """Every point, and where its power is known also under each cap that it exceeds."""
    found = []
    for one in figures.values():
        found.append(Form(one.point, one.point))
        if one.watts is not None:
            found += [
                Form(one.point, named(replace(one.point, fps_cap=cap)))
                for cap in caps(loaded.config.budgets, camera_fps, one.swing_s)
                if cap < 0.95 * one.fps.median
            ]
    return found


class Looks:
    """Looks with every set of knobs that the book does not hold the usefulness of. `truth` says what judges."""

    def __init__(
        self,
        loaded: LoadedPipeline,
        asked: Asked,
        book: Book,
        turner: Turner,
        figures: Mapping[str, Figures],
        labels: Labels | None,
        steps: Steps,
    ) -> None:
        self._loaded, self._asked, self._book, self._turner = loaded, asked, book, turner
        self._figures, self._steps = figures, steps
        self._groups = by_knobs([one.point for one in figures.values()])
        self._judge = None if labels is None else Judge.by_labels(loaded, labels, asked.rules, asked.stage)
        firsts = [group[0] for group in self._groups.values()]
        self._hardest = max(firsts, key=lambda point: figures[point.name].gpu_ms.median)
        self.truth = f"what {self._hardest.name} finds" if labels is None else labels.origin

    def make(self, wanted: Sequence[Form]) -> None:
        """Find out the usefulness of all of `wanted`. Raises `EdgeRuntimeError` when the pipeline fails."""
        known = self.usefulness()
        missing = {
            knobs: points
            for knobs, points in self._groups.items()
            if any(form.measured in points and form.point.name not in known for form in wanted)
        }
        self._steps.skip(len(self._groups) - len(missing))
        best = self._look(self._hardest) if self._judge is None and missing else None
        judge = self._judge
        if best is not None:
            asked = self._asked
            judge = Judge.by_best(self._loaded, best, self._hardest.name, asked.rules, asked.stage)
        for knobs, points in missing.items():
            assert judge is not None
            run = best if best is not None and points[0] == self._hardest else self._look(points[0])
            useful = {form.point.name: self._judged(judge, run, form) for form in wanted if form.measured in points}
            entry = {"point": knobs, "truth": self.truth, "frames": len(run.seen), "useful": useful}
            self._book.add({"what": "look", **entry})
            self._steps.finish(f"{points[0].name}: usefulness {useful[points[0].name]:.3f}")

    def usefulness(self) -> dict[str, float]:
        """What is known, by name."""
        looks = self._book.all(what="look", truth=self.truth)
        return {name: value for look in looks for name, value in look["useful"].items()}

    @property
    def frames(self) -> int:
        return max((look["frames"] for look in self._book.all(what="look", truth=self.truth)), default=0)

    def _look(self, point: OperatingPoint) -> Observation:
        self._turner.to(turn_of(point))
        stage, frames = judged_stage(self._loaded, self._asked.stage), self._asked.frames

        def advance(done: int, total: int | None) -> None:
            self._steps.begin(f"{point.name}, usefulness", done / max(total or 1, done, 1))

        advance(0, frames)
        return observe(self._loaded, stage, live=False, frames=frames, builds=Builds(), progress=advance, point=point)

    def _judged(self, judge: Judge, run: Observation, form: Form) -> float:
        figures = self._figures[form.measured.name]
        busy_ms = figures.gpu_ms.median + figures.host_ms.median
        return judge.usefulness(run, self._asked.metric, busy_ms=busy_ms, cap=form.point.fps_cap)
