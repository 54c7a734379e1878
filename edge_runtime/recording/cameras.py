"""What a recording knows of each of its cameras: one metadata record a camera, and before that one for the only one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_runtime.config.schema import CalibrationBlock

# Metadata of several cameras: `cameras` in the recording's own names them, `camera NAME` says what is known of one.
CAMERAS = "cameras"
_ONLY = "camera"


@dataclass(frozen=True, slots=True)
class RecordedCamera:
    """Rate, size of the pictures in pixels and calibration as the run knew them; None where it did not."""

    fps: float | None = None
    width: int | None = None
    height: int | None = None
    calibration: CalibrationBlock | None = None

    def facts(self) -> dict[str, str]:
        """As the metadata of an MCAP file hold them; what is not known is left out."""
        known = {"fps": self.fps, "width": self.width, "height": self.height}
        facts = {name: str(value) for name, value in known.items() if value}
        return facts if self.calibration is None else {**facts, "calibration": self.calibration.model_dump_json()}

    @classmethod
    def of_facts(cls, facts: Mapping[str, str]) -> RecordedCamera:
        calibration = facts.get("calibration")
        return cls(
            fps=float(facts["fps"]) if "fps" in facts else None,
            width=int(facts["width"]) if "width" in facts else None,
            height=int(facts["height"]) if "height" in facts else None,
            calibration=None if calibration is None else CalibrationBlock.model_validate_json(calibration),
        )


def metadata_of(camera: str) -> str:
    """The name of the metadata record of one camera."""
    return f"camera {camera}"


def cameras_of(about: Mapping[str, str], metadata: Mapping[str, Mapping[str, str]]) -> dict[str, RecordedCamera]:
    """The cameras in the order of the pipeline; `about` is the recording's own record, `metadata` are all of them.

    A recording of format 1 has one camera, of which `about` tells everything.
    """
    if CAMERAS not in about:
        return {about[_ONLY]: RecordedCamera.of_facts(about)}
    names = about[CAMERAS].split(",")
    return {name: RecordedCamera.of_facts(metadata.get(metadata_of(name), {})) for name in names}
