"""A network that hangs for ever, really: the run says so, ends in order and lets its process go."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml

from tests.service.machine import CHECKOUT
from tests.tiny import tiny_detector

from .test_record_replay import lines
from .test_service_systemd import GREY, MOODY_PIPELINE, STUNNING, moody_network


@pytest.fixture
def moody(tmp_path):
    """Ten pictures of which the last is never finished."""
    moody_network(tmp_path / "moody.onnx")
    (tmp_path / "pictures").mkdir()
    for n, grey in enumerate([GREY] * 9 + [STUNNING]):
        cv2.imwrite(str(tmp_path / "pictures" / f"{n}.png"), np.full((64, 64, 3), grey, np.uint8))
    path = tmp_path / "moody.yaml"
    path.write_text(MOODY_PIPELINE + "sinks: [{kind: jsonl}]\nexecutor: {stuck_s: 1}\nrecord: {path: drive.mcap}\n")
    return path


def edge_run(*arguments):
    command = [sys.executable, "-m", "edge_runtime", *map(str, arguments)]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("pace", ["live", "fast"])
def test_a_run_whose_network_hangs_ends_in_order_with_all_that_came_before(moody, tmp_path, pace):
    out = tmp_path / "run"
    ended = edge_run(moody, "--out", out, "--set", "source.loop=true", "--pace", pace)
    assert ended.returncode == 1, ended.stderr
    assert "objects has not come back from frame 9 for" in ended.stdout.replace("│", "").replace("\n", " ")
    summary = json.loads((out / "summary.json").read_text())
    frames = summary["frames"]
    assert summary["error"].startswith("objects has not come back from frame 9 for")
    assert summary["error"].endswith("write `executor: {stuck_s: 2}`")
    assert frames["published"] == 9 == len(lines(out))
    assert frames["captured"] == sum(frames.values()) - frames["captured"]
    assert "in collect" in (out / "stuck.txt").read_text()


def test_a_replay_whose_network_hangs_ends_as_well(moody, tmp_path):
    """What was found before the hang is in the recording, which is whole."""
    edge_run(moody, "--out", tmp_path / "run", "--pace", "fast")
    replayed = edge_run("replay", tmp_path / "pictures", "--pipeline", moody, "--json", "--out", tmp_path / "again")
    assert replayed.returncode == 1, replayed.stderr
    summary = json.loads(replayed.stdout)["summary"]
    assert summary["frames"] == {"captured": 10, "published": 9, "overwritten": 0, "shed": 0, "failed": 1}
    assert "has not come back from frame 9" in summary["error"]


@pytest.mark.parametrize("pace", ["live", "fast"])
def test_an_optional_model_that_hangs_is_taken_out_and_the_run_goes_on_without_it(moody, tmp_path, pace):
    """The thread in it spins on; the process ends all the same, and in order."""
    tiny_detector(tmp_path / "steady.onnx")
    document = yaml.safe_load(moody.read_text())
    document["models"]["steady"] = {**document["models"]["road"], "onnx": "steady.onnx"}
    document["models"]["road"]["optional"] = True
    document["stages"].append({"name": "bright", "kind": "detect", "model": "steady"})
    moody.write_text(yaml.safe_dump(document))
    out = tmp_path / "run"
    ended = edge_run(moody, "--out", out, "--set", "source.loop=true", "--pace", pace, "--frames", 40)
    assert ended.returncode == 0, ended.stderr
    summary = json.loads((out / "summary.json").read_text())
    gone = summary["optional_models"]["road"]["out"]
    assert (gone["why"], gone["stages"]) == ("the network call has not come back for 0.5 s: it hangs", ["objects"])
    assert "model road is out: the network call has not come back for 0.5 s: it hangs" in summary["warnings"][0]
    frames = summary["frames"]
    assert (frames["captured"], frames["failed"]) == (40, 0)
    results = lines(out)
    assert [set(line["stages"]) for line in results[:9]] == [{"objects", "bright"}] * 9
    assert [set(line["stages"]) for line in results[9:]] == [{"bright"}] * (frames["published"] - 9)
    assert frames["published"] > 20
