"""A GPU without memory, really: at the start, in the middle of a drive, and with another process that holds it all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from tests.tiny import SIDE, tiny_video

CHECKOUT = Path(__file__).parents[2]
FRAMES = 250
WEIGHTS = 16 << 20  # floats: 64 MiB, which no corner of a begun block has room for
CAR = {"backend": "tensorrt", "precision": "fp32", "tensorrt": {"optimization_level": 0}}
CAR["input"] = {"size": [SIDE, SIDE], "resize": "stretch", "color": "bgr", "scale": "1/255"}
CAR["decode"] = {"family": "end2end", "classes": ["car"], "confidence": 0.3}


def heavy_detector(path):
    """Reports one box; its confidence is the picture's brightness, by way of a product with many weights of about 1."""
    weights = np.random.default_rng(0).normal(1.0, 0.1, (1, WEIGHTS)).astype(np.float32)
    values = {
        "weights": weights / weights.mean(),
        "box": np.array([8, 8, 40, 40], np.float32).reshape(1, 1, 4),
        "kind": np.zeros((1, 1, 1), np.float32),
        "row": np.array([1, 1], np.int64),
        "shape": np.array([1, 1, 1], np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "row"], ["one"]),
        helper.make_node("MatMul", ["one", "weights"], ["many"]),
        helper.make_node("ReduceMean", ["many"], ["bright"], axes=[1], keepdims=0),
        helper.make_node("Reshape", ["bright", "shape"], ["confidence"]),
        helper.make_node("Concat", ["box", "confidence", "kind"], ["found"], axis=2),
    ]
    graph = helper.make_graph(
        nodes,
        "heavy",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, 1, 6])],
        [numpy_helper.from_array(array, name) for name, array in values.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture(scope="module")
def built(gpu, trt, tmp_path_factory):
    """Two heavy models, `road` and the optional `extra`, whose engines are built and compared."""
    folder = tmp_path_factory.mktemp("heavy")
    heavy_detector(folder / "heavy.onnx")
    tiny_video(folder / "drive.avi", frames=FRAMES)
    document = {
        "name": "heavy",
        "source": {"kind": "video", "path": "drive.avi", "pace": "fast"},
        "models": {name: {**CAR, "onnx": "heavy.onnx"} for name in ("road", "extra")},
        "stages": [
            {"name": "objects", "kind": "detect", "model": "road"},
            {"name": "more", "kind": "detect", "model": "extra"},
        ],
        "sinks": [{"kind": "jsonl"}],
        "engines": {"folder": "engines"},
    }
    document["models"]["extra"]["optional"] = True
    path = folder / "heavy.yaml"
    path.write_text(yaml.safe_dump(document))
    done = command(folder, "edge_runtime", "build", str(path))
    assert done.returncode == 0, done.stderr[-3000:]
    return path


def command(folder, *arguments, **options):
    """`python -m …` in a folder, with this checkout's package."""
    paths = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False, **options,
    )  # fmt: skip


def hog(built, tmp_path, kind, *arguments):
    ended = command(tmp_path, "tests.gpu.hog", kind, *arguments)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.strip().splitlines()[-1])


def whole(summary):
    frames = summary["frames"]
    assert frames["captured"] == sum(frames.values()) - frames["captured"]
    return frames


def test_without_memory_nothing_starts_and_nothing_is_left_behind(built, tmp_path):
    told = hog(built, tmp_path, "start", str(built))
    print(told["said"])
    assert "models.road.onnx" in told["said"]
    assert "are free on the GPU" in told["said"]
    assert "nvidia-smi" in told["said"]
    assert told["left"] < 4 << 20, "all of it was taken"
    # What TensorRT and cuda.core keep for the process (their libraries' kernels) is not given back.
    assert told["before"] - told["after"] < 1 << 30
    assert told["then"]["error"] is None
    assert whole(told["then"])["published"] == FRAMES


def test_memory_that_goes_in_the_middle_ends_a_run_that_must_load_its_networks_again(built, tmp_path):
    told = hog(built, tmp_path, "running", str(built))
    print(told["summary"]["error"], told["summary"]["warnings"])
    assert "are free on the GPU" in told["summary"]["error"]
    assert whole(told["summary"])["published"] >= 40
    assert told["then"]["error"] is None, "there is memory again, and the same process can use it"
    assert whole(told["then"])["published"] == FRAMES


def test_an_optional_model_without_memory_is_out_and_the_other_goes_on(built, tmp_path):
    told = hog(built, tmp_path, "running", str(built), "extra")
    out = told["summary"]["optional_models"]["extra"]["out"]
    print(out)
    assert "it cannot be made anew" in out["why"]
    assert "are free on the GPU" in out["why"]
    assert out["stages"] == ["more"]
    assert told["summary"]["error"] is None
    assert told["summary"]["frames"]["failed"] == 0
    assert whole(told["summary"])["published"] == FRAMES
    assert told["then"]["optional_models"]["extra"]["out"] is None


def test_memory_that_another_process_holds_is_told_with_what_to_type(built, tmp_path):
    paths = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
    holder = subprocess.Popen(
        [sys.executable, "-m", "tests.gpu.hog", "hold"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "taken\n"
        ended = command(tmp_path, "edge_runtime", str(built), "--out", str(tmp_path / "run"))
        print(ended.stderr)
        assert ended.returncode == 2, ended.stderr
        assert "Traceback" not in ended.stderr
        assert "memory" in ended.stderr.lower()
        assert "nvidia-smi" in ended.stderr
    finally:
        holder.communicate(timeout=60)
    ended = command(tmp_path, "edge_runtime", str(built), "--out", str(tmp_path / "again"))
    assert ended.returncode == 0, ended.stderr
