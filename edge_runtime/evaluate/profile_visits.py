"""The first half of a profile: what points cost. All are visited, at both paces, in several rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from random import Random
from typing import Any

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.core import Clock, OperatingPoint
from edge_runtime.errors import RunError
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.sources.resident import ResidentPictures

from .profile_board import Turner, turn_of
from .profile_book import Book
from .profile_result import Figures
from .profile_session import Pace, PowerWatch, Session, at_rest
from .profile_span import AS_IT_IS, Turn
from .profile_steps import Asked, Steps


class Visits:
    """Visits points, of which some may turn out not to be had: `points` are those that are left."""

    def __init__(
        self,
        loaded: LoadedPipeline,
        clock: Clock,
        asked: Asked,
        book: Book,
        watch: PowerWatch,
        turner: Turner,
        points: Sequence[OperatingPoint],
        steps: Steps,
    ) -> None:
        self._loaded, self._clock, self._asked, self._book = loaded, clock, asked, book
        self._watch, self._turner, self._steps = watch, turner, steps
        self._pictures: ResidentPictures | None = None
        self.points = tuple(points)

    def make(self) -> None:
        """Every visit that the book does not hold yet. Raises `RunError` when the pipeline fails."""
        for number in range(self._asked.repeats):
            paces: tuple[Pace, ...] = ("fast", "live") if number % 2 == 0 else ("live", "fast")
            for pace in paces:
                left = [point for point in self.points if not self._visits(point, pace, round=number)]
                self._steps.skip(len(self.points) - len(left))
                if left:
                    self._round(left, pace, number)

    def figures(self) -> dict[str, Figures]:
        """What all rounds say, by name of the point."""
        rest_w = {rest["round"]: rest["power_w"] for rest in self._book.all(what="rest")}
        known = {number: watts for number, watts in rest_w.items() if watts is not None}
        return {
            point.name: Figures.of(point, self._visits(point, "fast"), self._visits(point, "live"), known)
            for point in self.points
        }

    def _visits(self, point: OperatingPoint, pace: Pace, **keys: int) -> list[dict[str, Any]]:
        return self._book.all(what="visit", point=point.name, pace=pace, **keys)

    def _round(self, points: Sequence[OperatingPoint], pace: Pace, number: int) -> None:
        told = f"round {number + 1} of {self._asked.repeats}"
        if self._watch.reads_power and pace == "fast" and not self._book.all(what="rest", round=number):
            self._turner.to(AS_IT_IS)
            self._steps.begin(f"the board at rest, {told}")
            rest = at_rest(self._clock, self._watch, self._asked.seconds)
            self._book.add({"what": "rest", "round": number, "power_w": rest.power_w})
        self._steps.begin(f"opening networks and source, {told}")
        with Session(self._loaded, pace, self._source(), self._clock, self._watch) as session:
            for point in _shuffled(points, f"{pace} {number}"):
                if point not in self.points:
                    continue
                if (refused := self._turner.to(turn_of(point))) is not None:
                    self._leave_out(turn_of(point), refused)
                    continue
                self._steps.begin(f"{point.name}, {pace}, {told}")
                visit = session.visit(point, self._asked.seconds)
                self._book.add({"what": "visit", "point": point.name, "pace": pace, "round": number, **asdict(visit)})
                if visit.throttled:
                    limits = ", ".join(visit.throttled)
                    self._steps.warn(f"the board was throttled while {point.name} was measured: {limits}")
                late = "" if pace == "fast" else f", latency p99 {visit.latency_p99_ms:.1f} ms"
                watts = "" if visit.power_w is None else f", {visit.power_w:.1f} W"
                self._steps.finish(f"{point.name}, {pace}, {told}: {visit.fps:.1f} fps{late}{watts}")

    def _leave_out(self, turn: Turn, why: str) -> None:
        """All that takes a setting which is not to be had."""
        left = tuple(point for point in self.points if turn_of(point) != turn)
        self._steps.drop((len(self.points) - len(left)) * 2 * self._asked.repeats)
        self.points = left
        self._steps.warn(f"left out {turn}: {why}")
        if not left:
            raise RunError(f"no point is left to measure: {why}")

    def _source(self) -> ResidentPictures | None:
        """The resident pictures, read once; None for the pipeline's own source."""
        if self._asked.resident is None:
            return None
        if self._pictures is None:
            self._pictures = ResidentPictures(open_source(self._loaded.config.one_source), self._asked.resident)
        return self._pictures


def _shuffled(points: Sequence[OperatingPoint], seed: str) -> Iterator[OperatingPoint]:
    """In random order, but what takes the same setting of the board together: a power mode takes seconds."""
    random = Random(seed)
    settings = list(dict.fromkeys(map(turn_of, points)))
    random.shuffle(settings)
    for setting in settings:
        group = [point for point in points if turn_of(point) == setting]
        yield from random.sample(group, len(group))
