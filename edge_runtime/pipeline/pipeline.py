"""A pipeline from its file to its summary: what the command line and embedding programs use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.core.trace import TraceLog
from edge_runtime.sources.base import Source

from .builds import Builds
from .camera_pose import PoseOf
from .feed import Limits
from .run import OnResult, PointNow, Run
from .summary import RunSummary


class Pipeline:
    """A pipeline file that has been read and checked; every `start` is a run of its own."""

    def __init__(self, loaded: LoadedPipeline) -> None:
        self.loaded = loaded

    @classmethod
    def load(
        cls, path: str | Path, overrides: Mapping[str, object] | Iterable[str] = (), faults: Sequence[str] = ()
    ) -> Pipeline:
        """Read a pipeline file; `overrides` are `{"source.path": "drive.mp4"}` or `["source.path=drive.mp4"]`,
        `faults` come on top of the file's own: `["camera_gap:t=5s,d=2s"]`.

        Raises `ConfigError` with every mistake in it.
        """
        return cls(load_pipeline(path, overrides, faults))

    def start(
        self,
        *,
        out: Path | None = None,
        frames: int | None = None,
        seconds: float | None = None,
        on_result: OnResult | None = None,
        sources: Mapping[str, Source] | None = None,
        builds: Builds | None = None,
        trace: TraceLog | None = None,
        pose: PoseOf | None = None,
        point: PointNow | None = None,
    ) -> Run:
        """Open everything and start the threads; the caller closes the returned run (`with` does).

        `frames` (of each camera) and `seconds` end the run by themselves. `on_result(frame, result)` is called in frame
        order on a thread of its own. `sources`, by camera, take the place of the file's own and are closed with the
        run. `builds` hears of engines being built, `trace` takes down what happens when, and `pose(frame)` says where
        the vehicle stands, for regions that a map expects. With `point`, asked for every frame, no governor runs,
        whatever the file says.
        Raises `EdgeRuntimeError` before the first frame when anything cannot be opened.
        """
        limits = Limits(frames, seconds)
        return Run(self.loaded, out, limits, on_result, sources, builds or Builds(), trace, pose, point)

    def run(
        self,
        on_result: OnResult | None = None,
        *,
        out: Path | None = None,
        frames: int | None = None,
        seconds: float | None = None,
    ) -> RunSummary:
        """Run to the end of the stream or limit and return the summary. Ctrl-C drains and then raises."""
        with self.start(out=out, frames=frames, seconds=seconds, on_result=on_result) as run:
            run.wait()
            return run.finish()
