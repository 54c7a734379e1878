"""Whole runs from several cameras on the network, of which some are cut off, absent or hang: the others go on."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

import edge_runtime
from tests.service.machine import until

from .test_camera_outage import Camera, Watched
from .test_rtsp_camera import assert_balanced


@pytest.fixture
def cameras():
    made = {}

    def make(*names):
        made.update({name: Camera() for name in names})
        return made

    yield make
    for each in made.values():
        each.off()


def several(tiny, cameras):
    """The tiny pipeline over all these cameras."""
    sources = [
        f"  - {{kind: camera, camera: {name}, device: 'rtsp://127.0.0.1:{camera.port}/front'}}\n"
        for name, camera in cameras.items()
    ]
    tiny.write_text(re.sub(r"source: .*\n", "sources:\n" + "".join(sources), tiny.read_text()))
    return edge_runtime.load(tiny)


class Several(Watched):
    """A run and what came out of it, by camera."""

    def of(self, camera):
        return [each for each in tuple(self.seen) if each[0].camera == camera]

    def flows_from(self, *cameras):
        """Wait until each of these has given results from now on."""
        before = {camera: len(self.of(camera)) for camera in cameras}
        return until(lambda: all(len(self.of(camera)) > seen + 5 for camera, seen in before.items()))

    def tracks(self, camera, outages):
        found = [result for frame, result in self.of(camera) if frame.outages == outages]
        return {track for result in found for track in result.detections["tracked"].track_id.tolist()}


def test_one_is_cut_off_and_one_absent_at_the_start_while_the_third_goes_on_as_if_alone(tiny, tmp_path, cameras):
    front, left, right = cameras("front", "left", "right").values()
    front.on()
    left.on()
    with Several(several(tiny, {"front": front, "left": left, "right": right}), tmp_path / "out") as watched:
        assert watched.flows_from("front", "left"), "the start does not wait for the camera that is absent"
        assert watched.silent("no picture from right for")
        left.off()
        assert watched.silent("no picture from left for")
        assert watched.flows_from("front")
        assert len(watched.run.no_picture().split("; ")) == 2, "both are said"
        left.on()
        right.on()
        assert watched.flows_from("front", "left", "right")
        assert watched.run.no_picture() is None
        document = watched.document()
    assert document["error"] is None
    outages = {name: camera["outages"] for name, camera in document["cameras"].items()}
    assert outages["front"] == 0, document["warnings"]
    assert outages["left"] >= 1
    assert outages["right"] >= 1
    for camera in document["cameras"].values():
        assert_balanced(camera["frames"])
    assert_balanced(document["frames"])
    assert len(watched.tracks("front", 0)) == 1, "its object is one and the same through all of it"
    assert watched.tracks("left", 0)
    assert not watched.tracks("left", 0) & watched.tracks("left", 1), "tracks of before an outage are not those after"
    lines = [json.loads(line) for line in (tmp_path / "out" / "detections.jsonl").read_text().splitlines()]
    told = Counter(line["camera"] for line in lines)
    assert told == {name: camera["frames"]["published"] for name, camera in document["cameras"].items()}


def test_a_camera_that_hangs_without_a_word_costs_the_other_nothing(tiny, tmp_path, cameras):
    front, left = cameras("front", "left").values()
    front.on()
    left.on()
    with Several(several(tiny, {"front": front, "left": left}), tmp_path / "out") as watched:
        assert watched.flows_from("front", "left")
        left.hang()
        assert watched.silent("sent nothing for 3 s")
        assert watched.flows_from("front")
        left.go_on()
        assert until(lambda: bool(watched.of("left")) and watched.of("left")[-1][0].outages >= 1)
        assert watched.flows_from("front", "left")
        document = watched.document()
    outages = {name: camera["outages"] for name, camera in document["cameras"].items()}
    assert outages["front"] == 0, document["warnings"]
    assert outages["left"] >= 1
    assert len(watched.tracks("front", 0)) == 1
