"""The stages of a pipeline file, in its order, as steps over opened networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import ClassifyStage, DetectStage, MergeStage, NetworkStage, Source, TrackStage
from edge_runtime.core import UNTRACKED, ClassGroups, ClassTable, Clock, Detections
from edge_runtime.core.trace import TraceLog
from edge_runtime.governor.deadline import DeadlineLimit
from edge_runtime.vision.carry import Carry
from edge_runtime.vision.coast import Coast
from edge_runtime.vision.merge import ViewBoxes, merge_views
from edge_runtime.vision.regions import RegionPlanner
from edge_runtime.vision.resize import plan_view
from edge_runtime.vision.track import Tracker

from .camera_pose import PoseOf, calibration
from .entry import Entry
from .network import Network
from .optional import OptionalModels, OptionalStep, Roll
from .regions import PlannedRegions, RegionsOfCameras, ReportViews
from .steps import CascadeStep, HostStep, Look, NetworkStep, Step, WholeFrame


def make_steps(
    loaded: LoadedPipeline,
    networks: Mapping[str, Network],
    classes: ClassTable,
    clock: Clock,
    trace: TraceLog | None,
    pose: PoseOf | None,
    optional: OptionalModels,
) -> tuple[Step, ...]:
    """Steps in the order of the file; all stages of one network are one step, where the first of them stands."""
    return _Stages(loaded, networks, classes, clock, trace, pose, optional).steps()


class _Stages:
    def __init__(
        self,
        loaded: LoadedPipeline,
        networks: Mapping[str, Network],
        classes: ClassTable,
        clock: Clock,
        trace: TraceLog | None,
        pose: PoseOf | None,
        optional: OptionalModels,
    ) -> None:
        self._config, self._networks, self._classes, self._clock = loaded.config, networks, classes, clock
        self._trace, self._pose, self._optional = trace, pose, optional
        self._tracks = any(isinstance(stage, TrackStage) for stage in loaded.config.stages)
        self._groups = ClassGroups(loaded.config.groups, classes)
        self._planned: list[tuple[RegionsOfCameras, tuple[str, ...]]] = []

    def steps(self) -> tuple[Step, ...]:
        steps: list[Step] = [Roll(self._optional)]
        started: set[str] = set()
        for stage in self._config.stages:
            if isinstance(stage, MergeStage):
                steps.append(HostStep(stage.name, self._merging(stage), self._clock))
            elif isinstance(stage, TrackStage):
                steps.append(HostStep(stage.name, self._tracking(stage), self._clock))
            elif isinstance(stage, ClassifyStage) and stage.of is not None:
                steps.append(self._cascade_step(stage, stage.of))
            elif stage.model not in started:
                started.add(stage.model)
                steps.append(self._network_step(stage.model))
        if self._planned:
            steps.append(ReportViews(self._planned, self._tracked()))
        return tuple(steps)

    def _network_step(self, model: str) -> Step:
        stages = [stage for stage in self._config.stages if isinstance(stage, NetworkStage) and stage.model == model]
        names = tuple(stage.name for stage in stages)
        looks: list[Look] = []
        for stage in stages:
            if isinstance(stage, DetectStage) and stage.regions is not None:
                planned = self._regions(stage)
                self._planned.append((planned, names))
                looks.append(planned)
            else:
                looks.append(WholeFrame(stage.name))
        variants = {variant: f"{model}/{variant}" for variant in self._config.models[model].variants}
        rests = self._tracks and all(isinstance(stage, DetectStage) for stage in stages)
        in_flight = self._config.executor.in_flight
        step = NetworkStep(looks, model, variants, in_flight, self._clock, rests=rests, trace=self._trace)
        step.replace_networks(self._networks)
        return self._maybe_optional(step, model, names)

    def _cascade_step(self, stage: ClassifyStage, of: str) -> Step:
        only = None if stage.only is None else [self._classes.add(name) for name in stage.only]
        step = CascadeStep(stage, of, only, self._config.executor.in_flight, self._clock)
        step.replace_networks(self._networks)
        return self._maybe_optional(step, stage.model, (stage.name,))

    def _maybe_optional(self, step: NetworkStep | CascadeStep, model: str, stages: tuple[str, ...]) -> Step:
        if not self._config.models[model].optional:
            return step
        return OptionalStep(step, model, stages, self._optional)

    def _regions(self, stage: DetectStage) -> RegionsOfCameras:
        each = {source.camera: self._regions_of(stage, source) for source in self._config.cameras}
        return RegionsOfCameras(stage.name, each)

    def _regions_of(self, stage: DetectStage, source: Source) -> PlannedRegions:
        config, block = self._config, stage.regions
        assert block is not None
        picture = config.models[stage.model].input
        planner = RegionPlanner(
            block,
            input_size=picture.size,
            resize=picture.resize,
            classes=self._classes,
            calibration=calibration(source),
            never_shed=config.never_shed,
            groups=self._groups,
        )
        lag = config.executor.in_flight if config.fast else None
        bound_ms = config.budgets.latency_ms
        deadline = None if config.fast or bound_ms is None else DeadlineLimit(bound_ms)
        return PlannedRegions(
            stage.name,
            planner,
            most=block.max,
            period=block.period,
            lag=lag,
            pose=self._pose,
            deadline=deadline,
            clock=self._clock,
        )

    def _tracked(self) -> str:
        """The stage whose boxes the planners follow: the last that tracks, or the last word on boxes without one."""
        boxes = [stage.name for stage in self._config.stages if isinstance(stage, DetectStage | MergeStage)]
        return [*boxes, *(stage.name for stage in self._config.stages if isinstance(stage, TrackStage))][-1]

    def _merging(self, stage: MergeStage) -> Callable[[Entry], Detections | None]:
        """Views of a network as they are; the boxes of a stage without views are of the whole frame."""

        def merged(entry: Entry) -> Detections | None:
            if entry.skipped.issuperset(stage.of):
                return None
            size = (entry.frame.width, entry.frame.height)
            views = [
                ViewBoxes(view.detections, view.transform, size)
                for name in stage.of
                for view in entry.views.get(name, ())
            ]
            whole = plan_view((0, 0, *size), size, "stretch")
            views += [
                ViewBoxes(entry.detections[name], whole, size)
                for name in stage.of
                if name not in entry.views and name not in entry.skipped
            ]
            return merge_views(views, self._groups, stage.iou)

        return merged

    def _tracking(self, stage: TrackStage) -> Callable[[Entry], Detections | None]:
        """Only what the tracker follows comes out; weak boxes that belong to no track stay with the stage before.

        Every camera has tracks of its own. In a frame in which no detector ran they are carried on, and so are those
        that only a region could show while none looks at them; none survives an outage of the camera.
        """
        each = {source.camera: _Following(stage, self._groups) for source in self._config.cameras}
        return lambda entry: each[entry.frame.camera].follow(entry)


class _Following:
    """The tracks of one camera."""

    def __init__(self, stage: TrackStage, groups: ClassGroups) -> None:
        self._stage, self._tracker, self._outages = stage, Tracker(stage, groups), 0
        self._coast, self._carry = Coast(), Carry(stage.carry_ms)

    def follow(self, entry: Entry) -> Detections:
        stage, frame = self._stage, entry.frame
        if frame.outages != self._outages:
            self._outages = frame.outages
            self._tracker.forget()
            self._coast, self._carry = Coast(), Carry(stage.carry_ms)
        if stage.of in entry.skipped:
            return self._coast.at(entry.t_ns, frame.width, frame.height)
        named = self._tracker.update(entry.detections[stage.of])
        tracked = named.track_id != UNTRACKED
        tracks = named if tracked.all() else named.take(tracked)
        regions = [region.xyxy for regions in entry.regions.values() for region in regions]
        carried = self._carry.update(entry.t_ns, tracks, regions, (frame.width, frame.height))
        if len(carried):
            entry.sighted[stage.name] = tracks
            tracks = Detections.concatenate([tracks, carried])
        self._coast.seen(entry.t_ns, tracks)
        return tracks
