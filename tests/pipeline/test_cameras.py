"""Several cameras in one pipeline: rounds through the networks, tracks and books of each, and what one's end costs."""

import json
import threading
from importlib.resources import files

import numpy as np
import onnx
import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.core import Detections, Frame, OperatingPoint, SystemClock
from edge_runtime.errors import ConfigError, EngineError, OutputError, SourceError
from edge_runtime.pipeline.entry import Entry
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.pipeline.steps import NetworkStep, WholeFrame
from edge_runtime.sources.base import CameraAway, Closing, Picture, SourceInfo
from tests.pipeline.test_steps import Fixed, Network
from tests.service.machine import until

NAMES = ("front", "left", "right")


def entries(*names, **keys):
    image = np.zeros((50, 100, 3), np.uint8)
    return [Entry(1, Frame(7, name, 0, image), OperatingPoint(), 0, 0, 3 + n) for n, name in enumerate(names)]


def stepped(network, looks, calls, round_):
    network.engine.slots = 3 * calls
    step = NetworkStep(looks, "road", {}, 3, SystemClock())
    step.replace_networks({"road": network})
    step.launch(round_)
    return step


def test_frames_of_all_cameras_are_one_batch_and_each_gets_what_was_found_in_its_own_rows():
    network = Network(max_batch=6)
    round_ = entries(*NAMES)
    step = stepped(network, [WholeFrame("objects"), Fixed("far", (10, 10, 20, 20))], 1, round_)
    assert network.calls == [(1, [(0, 0, 100, 50), (10, 10, 20, 20)] * 3)]
    for entry in round_:
        step.finish(entry)
        assert entry.detections["objects"].xyxy.tolist() == [[0.0, 0.0, 100.0, 50.0]]
        assert entry.detections["far"].xyxy.tolist() == [[10.0, 10.0, 20.0, 20.0]]
        assert entry.stage_ms["objects"] == pytest.approx(1.0)
    assert network.waited == [1], "the call is waited for once"


def test_without_a_free_batch_each_frame_waits_for_its_own_call_only():
    network = Network(max_batch=1)
    round_ = entries(*NAMES)
    step = stepped(network, [WholeFrame("objects")], 3, round_)
    assert [slot for slot, _ in network.calls] == [3, 4, 5]
    step.finish(round_[0])
    assert network.waited == [3]
    step.finish(round_[1])
    step.finish(round_[2])
    assert network.waited == [3, 4, 5]


def test_a_call_that_fails_fails_the_frames_in_it_and_no_others():
    network = Network(max_batch=2, fails_slot=2)
    round_ = entries(*NAMES)
    step = stepped(network, [WholeFrame("objects")], 2, round_)
    for entry in round_[:2]:
        with pytest.raises(EngineError):
            step.finish(entry)
    step.finish(round_[2])
    assert len(round_[2].detections["objects"]) == 1


class NanForLeft(Network):
    def decode(self, slot, views, first=0):
        if first == 1:
            raise OutputError("NaN")
        return super().decode(slot, views, first)


def test_an_output_that_makes_no_sense_fails_the_frame_of_its_camera_only():
    round_ = entries(*NAMES)
    step = stepped(NanForLeft(max_batch=3), [WholeFrame("objects")], 1, round_)
    step.finish(round_[0])
    with pytest.raises(OutputError):
        step.finish(round_[1])
    step.finish(round_[2])
    assert [len(entry.detections.get("objects", Detections.empty())) for entry in round_] == [1, 0, 1]


PIPELINE = """
name: several
sources:
  - {kind: simulation, camera: front, seed: 1, size: [320, 192], fps: 20, seconds: 4}
  - {kind: simulation, camera: left, seed: 2, size: [320, 192], fps: 20, seconds: 2}
models:
  road:
    onnx: ONNX
    input: {size: [640, 384], resize: letterbox, color: bgr, scale: 1/255, pad: 114}
    decode:
      family: yolox
      classes: [person, car, truck, traffic light, traffic sign]
      strides: [4, 8, 16, 32]
      confidence: 0.35
stages:
  - {name: objects, kind: detect, model: road}
  - {name: far, kind: detect, model: road, regions: {max: 1, size: [320, 192], from: [horizon, tracks]}}
  - {name: fused, kind: merge, of: [objects, far]}
  - {name: tracked, kind: track, of: fused}
sinks: [{kind: jsonl}]
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("several") / "several.yaml"
    network = files("edge_runtime.assets").joinpath("demo_detector.onnx")
    path.write_text(PIPELINE.replace("ONNX", str(network)).replace(", size: [320, 192], from", ", from"))
    return path


def results(folder, camera):
    lines = [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]
    return [(line["frame_id"], line["stages"], line["regions"]) for line in lines if line["camera"] == camera]


def test_each_camera_finds_in_a_fast_run_exactly_what_it_finds_alone(file, tmp_path):
    summary = Pipeline.load(file, ["source.pace=fast"]).run(out=tmp_path / "both", frames=25)
    assert summary.error is None
    assert {name: camera.frames.published for name, camera in summary.cameras.items()} == {"front": 25, "left": 25}
    for camera in ("front", "left"):
        alone = load_pipeline(file, ["source.pace=fast"]).of_camera(camera)
        Pipeline(alone).run(out=tmp_path / camera, frames=25)
        assert results(tmp_path / "both", camera) == results(tmp_path / camera, camera)
    assert results(tmp_path / "both", "front") != results(tmp_path / "both", "left")


def test_a_camera_that_ends_leaves_the_others_running_and_the_books_balance(file, tmp_path):
    summary = Pipeline.load(file, ["source.pace=fast", "source.fps=5"]).run(out=tmp_path / "run")
    assert {name: camera.frames.published for name, camera in summary.cameras.items()} == {"front": 20, "left": 10}
    assert summary.frames.published == 30
    assert summary.frames.balanced
    assert all(camera.frames.balanced for camera in summary.cameras.values())


class Broken(Closing):
    """Gives a few pictures, then fails for good."""

    paced = True
    warnings = ()
    info = SourceInfo(20.0, None, 320, 192)

    def __init__(self, pictures):
        self.left = pictures

    def read(self):
        self.left -= 1
        if self.left < 0:
            raise OSError("unplugged")
        return Picture(np.full((192, 320, 3), 90, np.uint8), None)

    def close(self):
        pass


def test_a_camera_that_fails_for_good_is_said_and_the_others_go_on(file, tmp_path):
    loaded = load_pipeline(file, ["source.fps=5"])
    sources = {"left": Broken(3)}
    with Pipeline(loaded).start(out=tmp_path / "run", sources=sources, seconds=2.0) as run:
        run.wait()
        summary = run.finish()
    assert summary.error is None
    assert "unplugged" in summary.cameras["left"].error
    assert any("camera left ended" in warning for warning in summary.warnings)
    assert summary.cameras["front"].error is None
    assert summary.cameras["front"].frames.published > 3
    assert summary.frames.balanced


def test_when_every_camera_fails_the_run_has_failed(file, tmp_path):
    loaded = load_pipeline(file)
    with Pipeline(loaded).start(out=tmp_path / "run", sources={"left": Broken(2), "front": Broken(1)}) as run:
        run.wait()
        summary = run.finish()
    assert "unplugged" in summary.error
    assert summary.frames.balanced


class Absent(Closing):
    """A camera that never comes; its driver holds its reader up for good where it `hangs`."""

    paced = True
    warnings = ()
    info = SourceInfo(None, None, None, None)

    def __init__(self, hangs=False):
        self.go_on, self.closed = threading.Event(), threading.Event()
        if not hangs:
            self.go_on.set()

    def read(self):
        self.go_on.wait()
        self.closed.wait(0.02)  # as often as a camera that is away says so
        raise CameraAway("left: no stream there")

    def close(self):
        self.closed.set()


def test_a_camera_that_never_comes_does_not_keep_a_run_going_that_was_to_end(file, tmp_path):
    with Pipeline(load_pipeline(file, ["source.loop=true"])).start(
        out=tmp_path / "run", sources={"left": Absent()}, seconds=0.5
    ) as run:
        assert run.wait(20)
        summary = run.finish()
    assert summary.error is None
    assert summary.cameras["front"].frames.published > 0
    assert summary.cameras["left"].frames.captured == 0
    assert summary.frames.balanced


def test_nor_does_one_whose_driver_never_comes_back_and_it_is_closed_when_it_does(file, tmp_path):
    left = Absent(hangs=True)
    with Pipeline(load_pipeline(file, ["source.loop=true"])).start(
        out=tmp_path / "run", sources={"left": left}, seconds=0.5
    ) as run:
        assert run.wait(20)
        assert run.finish().error is None
    assert not left.closed.is_set(), "closing what a driver is at work with would crash it"
    left.go_on.set()
    assert left.closed.wait(20)


class Steady(Absent):
    """A camera that always has a picture."""

    def read(self):
        return Picture(np.full((192, 320, 3), 90, np.uint8), None)


class MinuteLater(SystemClock):
    def now_ns(self):
        return super().now_ns() + 60_000_000_000


def test_a_camera_that_has_given_all_it_was_to_give_is_not_missed(file, tmp_path):
    sources = {"front": Steady(), "left": Absent()}
    with Pipeline(load_pipeline(file)).start(out=tmp_path / "run", sources=sources, frames=3) as run:
        assert until(lambda: run._cameras.feeds["front"].ended)
        run._cameras._clock = MinuteLater()
        assert run.no_picture().startswith("no picture from left for 6")
        assert "front" not in run.no_picture()
        vitals = run.vitals().cameras
        assert vitals["front"].no_picture is None
        assert vitals["left"].no_picture == run.no_picture()


def test_a_camera_that_failed_for_good_is_an_alarm_while_the_others_go_on(file, tmp_path):
    sources = {"front": Steady(), "left": Broken(1)}
    with Pipeline(load_pipeline(file)).start(out=tmp_path / "run", sources=sources) as run:
        assert until(lambda: run.no_picture() is not None)
        assert run.no_picture() == "camera left ended: reading the source failed: OSError: unplugged"
        assert run.vitals().alarm == run.no_picture()


def test_cameras_are_opened_at_once_and_one_that_takes_its_time_holds_nobody_up(file, tmp_path, monkeypatch):
    """Two that wait for each other open, and the start does not wait for the third."""
    both, late = threading.Barrier(2), threading.Event()

    def opening(block, clock, connect_s):
        if block.camera == "right":
            assert late.wait(20)
            raise CameraAway("right: no stream there")
        both.wait(20)
        return Steady()

    monkeypatch.setattr("edge_runtime.sources.camera.Camera", opening)
    monkeypatch.setattr("edge_runtime.pipeline.open_source.OPENING_S", 0.2)
    cameras = [f"{{kind: camera, camera: {name}, device: {n}}}" for n, name in enumerate(NAMES)]
    loaded = load_pipeline(file, [f"sources=[{', '.join(cameras)}]"])
    with Pipeline(loaded).start(out=tmp_path / "run") as run:
        assert until(lambda: run.vitals().snapshot.counts.published > 4)
        late.set()
        assert until(lambda: "right: no stream there" in (run.no_picture() or ""))
        summary = run.finish()
    assert summary.cameras["right"].outages.outages == 1
    assert summary.frames.balanced


def test_a_camera_that_must_be_there_and_is_not_refuses_the_start_and_closes_the_others(file, tmp_path, monkeypatch):
    opened = []

    def opening(block, clock, connect_s):
        if block.camera == "left":
            raise CameraAway("left: no such device")
        opened.append(Steady())
        return opened[-1]

    monkeypatch.setattr("edge_runtime.sources.camera.Camera", opening)
    cameras = "{kind: camera, device: 0}, {kind: camera, camera: left, device: 1, reconnect: {at_start: refuse}}"
    with pytest.raises(SourceError, match="left: no such device"):
        Pipeline(load_pipeline(file, [f"sources=[{cameras}]"])).start(out=tmp_path / "run")
    assert [camera.closed.is_set() for camera in opened] == [True]


def test_a_run_of_several_cameras_stops_when_it_is_told_to(file, tmp_path):
    with Pipeline.load(file, ["source.loop=true"]).start(out=tmp_path / "run") as run:
        threading.Timer(0.5, run.stop).start()
        assert run.wait(20)
        assert run.finish().frames.balanced


def test_the_vitals_tell_each_camera(file, tmp_path):
    with Pipeline.load(file, ["source.pace=fast"]).start(out=tmp_path / "run", frames=10) as run:
        run.wait()
        vitals = run.vitals()
    assert list(vitals.cameras) == ["front", "left"]
    assert all(camera.counts.published == 10 for camera in vitals.cameras.values())
    assert vitals.snapshot.counts.published == 20


def window_ms(file, *overrides, tmp_path):
    with Pipeline(load_pipeline(file, overrides)).start(out=tmp_path / "run") as run:
        return run._cameras.slot._window_ns / 1e6


def test_frames_wait_for_each_other_only_where_a_network_can_take_them_together(file, tmp_path):
    model = onnx.load(files("edge_runtime.assets").joinpath("demo_detector.onnx"))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "one.onnx")
    assert window_ms(file, "executor.batch_window_ms=7", tmp_path=tmp_path / "free") == 7
    fixed = f"models.road.onnx={tmp_path}/one.onnx"
    assert window_ms(file, "executor.batch_window_ms=7", fixed, tmp_path=tmp_path / "fixed") == 0


def test_on_the_cpu_no_frame_waits_for_another_unless_the_file_says_so(file, tmp_path):
    assert window_ms(file, tmp_path=tmp_path) == 0


MISTAKES = {
    "two cameras have the name front": ["sources.1.camera=front"],
    "stands beside `source`": ["source={kind: video, path: drive.mp4}"],
    "some sources are fast and some are not": ["sources.1.pace=fast"],
    "two cameras have the address 5005": ["sources.0.ego_speed_udp=5005", "sources.1.ego_speed_udp=5005"],
    "two cameras have the device 0": [
        "sources.0={kind: camera, camera: front, device: 0}",
        "sources.1={kind: camera, camera: left, device: 0}",
    ],
    "no camera is named 'lift'": ["faults=[{kind: camera_gap, d: 1s, camera: lift}]"],
}


@pytest.mark.parametrize("said", MISTAKES)
def test_cameras_that_get_in_each_others_way_are_refused(file, said):
    with pytest.raises(ConfigError) as caught:
        load_pipeline(file, MISTAKES[said])
    assert said in str(caught.value)


def test_what_is_for_one_camera_asks_which(file):
    loaded = load_pipeline(file)
    with pytest.raises(ConfigError, match="has 2 cameras: front and left"):
        loaded.of_camera(None)
    with pytest.raises(ConfigError, match="no camera is named 'lft'"):
        loaded.of_camera("lft")
    assert loaded.of_camera("left").config.one_source.camera == "left"


def test_a_setting_of_the_source_is_one_of_every_camera(file):
    cameras = load_pipeline(file, ["source.fps=7", "sources.left.seed=9"]).config.cameras
    assert [(camera.fps, camera.seed) for camera in cameras] == [(7, 1), (7, 9)]
