"""The governor asked again what it was asked on the drive."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from edge_runtime.core import Decision, OperatingPoint
from edge_runtime.governor.governor import Governor
from edge_runtime.recording.documents import GovernorInputs, decision_document
from edge_runtime.recording.reader import RecordedFrame

_AS_IN_THE_FILE = OperatingPoint()


@dataclass(frozen=True, slots=True)
class DecisionDifference:
    """The first time that the same inputs led elsewhere."""

    inputs: GovernorInputs
    recorded: Decision
    recomputed: Decision

    def document(self) -> dict[str, Any]:
        return {
            "n": self.inputs.n,
            "t_ns": self.inputs.t_ns,
            "inputs": self.inputs.document(),
            "recorded": decision_document(self.recorded),
            "recomputed": decision_document(self.recomputed),
        }


@dataclass(frozen=True, slots=True)
class DecisionAccount:
    """How many decisions were made again, of those how many had a recorded one to compare with, and how many differ.

    `from_beginning` is False where the recording begins in the middle of a drive: a governor remembers what came
    before, so nothing follows from a difference then.
    """

    made: int
    compared: int
    differing: int
    first_difference: DecisionDifference | None
    from_beginning: bool

    @property
    def identical(self) -> bool | None:
        """None where nothing can be said."""
        return self.differing == 0 if self.compared and self.from_beginning else None

    def document(self) -> dict[str, Any]:
        return {
            "made": self.made,
            "compared": self.compared,
            "differing": self.differing,
            "from_beginning": self.from_beginning,
            "first_difference": None if self.first_difference is None else self.first_difference.document(),
        }


class Redecided:
    """Takes the entries of a drive in their order; without a governor nothing is decided."""

    def __init__(self, governor: Governor | None) -> None:
        self._governor = governor
        self._inputs: GovernorInputs | None = None
        self._times_ns: list[int] = []
        self._recorded: list[str | None] = []
        self._made: list[Decision] = []
        self._compared = self._differing = 0
        self._first: DecisionDifference | None = None
        self._from_beginning = True

    def told(self, inputs: GovernorInputs) -> Decision | None:
        """Ask the governor, if there is one."""
        if self._governor is None:
            return None
        if self._inputs is None:
            self._from_beginning = inputs.n == 0
        decision = self._governor.decide(inputs.sample, inputs.stats, inputs.ego_speed_mps)
        self._inputs = inputs
        self._times_ns.append(inputs.t_ns)
        self._recorded.append(None)
        self._made.append(decision)
        return decision

    def recorded(self, decision: Decision) -> None:
        """What was answered on the drive; comes right after its inputs."""
        if self._inputs is None or self._inputs.t_ns != decision.t_ns:
            return
        self._recorded[-1] = decision.point.name
        self._compared += 1
        if decision != self._made[-1]:
            self._differing += 1
            self._first = self._first or DecisionDifference(self._inputs, decision, self._made[-1])

    def point_of(self, frame: RecordedFrame) -> OperatingPoint:
        """The point of the decision that held when the frame was taken up.

        A frame taken in the moment of a decision says by the name of its point whether it was before or after.
        """
        place = bisect_right(self._times_ns, frame.taken_ns) - 1
        if place < 0:
            return _AS_IN_THE_FILE
        if self._recorded[place] not in (None, frame.point) and (not place or self._recorded[place - 1] == frame.point):
            place -= 1
        return self._made[place].point if place >= 0 else _AS_IN_THE_FILE

    @property
    def account(self) -> DecisionAccount:
        return DecisionAccount(len(self._made), self._compared, self._differing, self._first, self._from_beginning)
