import json

import cv2
import numpy as np
import onnx
import pytest

from edge_runtime.cli.main import run_app
from tests.engines.onnx_models.makers import conv_net, info, network, node
from tests.material import YOLOX, material
from tests.tiny import tiny_video

PIPELINE = """\
name: tiny
source: {kind: video, path: drive.avi}
models:
  road:
    onnx: raw.onnx
    input: {size: [32, 16], resize: stretch, color: rgb, scale: 1/255, mean: [0.1, 0.2, 0.3]}
    decode: {family: yolox, classes: [car, truck], strides: [8], confidence: 0.2, iou: 0.6}
stages:
  - {name: objects, kind: detect, model: road}
"""
INPUT = ["--resize", "stretch", "--color", "bgr", "--scale", "1/255"]


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(conv_net(), path)
    return path


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(10):
        cv2.imwrite(str(folder / f"{index}.png"), random.integers(0, 256, (12, 16, 3), np.uint8))
    (folder / "10.png").write_bytes(b"no picture")
    return folder


def call(*arguments):
    return run_app(["model", *map(str, arguments)])


def test_a_misspelt_subcommand_is_answered_with_the_nearest(capsys):
    assert call("exprot") == 2
    assert "Did you mean 'export'?" in capsys.readouterr().err


def test_edit_writes_what_it_did_as_json(net, tmp_path, capsys):
    out = tmp_path / "out.onnx"
    options = ["--batch", "dynamic", "--fp16", "--uint8-input", "--color", "rgb", "--scale", "1/255", "--json"]
    assert call("edit", net, *options, "-o", out) == 0
    said = json.loads(capsys.readouterr().out)
    assert [step["step"] for step in said["steps"]] == ["batch", "fp16", "uint8-input"]
    assert said["inputs"] == {"image": ["batch", 8, 8, 3]}
    assert said["bytes"] == out.stat().st_size
    assert all(parity["cosine"] > 0.99 for step in said["steps"] for parity in step["parity"])


def test_edit_takes_input_and_decode_from_a_pipeline(tmp_path, capsys):
    random = np.random.default_rng(7)
    model = network(
        [node("Conv", "image w", "c", strides=[8, 8]), node("Sigmoid", "c", "f"), node("Reshape", "f s", "columns")],
        [info("image", [1, 3, 16, 32])],
        [info("columns", [1, 7, 8])],
        {"w": random.normal(size=(7, 3, 8, 8)).astype(np.float32), "s": np.array([1, 7, 8], np.int64)},
    )
    model.graph.node.append(node("Transpose", "columns", "raw", perm=[0, 2, 1]))
    model.graph.output[0].CopyFrom(info("raw", [1, 8, 7]))
    onnx.save(model, tmp_path / "raw.onnx")
    tiny_video(tmp_path / "drive.avi", frames=2)
    (tmp_path / "p.yaml").write_text(PIPELINE)
    out = tmp_path / "out.onnx"
    arguments = ["--append-nms", "auto", "--uint8-input", "--pipeline", tmp_path / "p.yaml", "-o", out, "--json"]
    assert call("edit", tmp_path / "raw.onnx", *arguments) == 0
    said = json.loads(capsys.readouterr().out)
    assert "confidence 0.2, IoU 0.6" in said["steps"][0]["what"]
    assert list(said["outputs"]) == ["num_dets", "det_boxes", "det_scores", "det_classes"]
    assert said["inputs"] == {"image": [1, 16, 32, 3]}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to do"),
        (["--batch", "0"], "--batch"),
        (["--batch", "lots"], "--batch"),
        (["--keep-outputs", "row"], "the outputs are rows"),
        (["--cut", "r1"], "FROM:TO"),
        (["--uint8-input"], "--color, --scale"),
        (["--uint8-input", "--color", "bgr", "--scale", "x"], "--scale"),
        (["--uint8-input", "--color", "bgr", "--scale", "1.0", "--mean", "1,2"], "--mean"),
        (["--append-nms", "auto"], "--pipeline"),
        (["--append-nms", "yolox", "--box-format", "xyxy"], "--box-format"),
        (["--append-nms", "boxes_scores"], "the outputs are 'rows'"),
        (["--model", "road", "--fold"], "--pipeline"),
    ],
)
def test_bad_use_of_edit_is_one_sentence_and_exit_2(arguments, says, net, tmp_path, capsys):
    assert call("edit", net, *arguments, "-o", tmp_path / "out.onnx") == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
    assert not (tmp_path / "out.onnx").exists()


def test_a_change_that_is_refused_exits_1_and_writes_nothing(tmp_path, capsys):
    nodes = [node("Concat", "x token", "y", axis=1)]
    token = {"token": np.ones((1, 1, 2), np.float32)}
    onnx.save(network(nodes, [info("x", [1, 4, 2])], [info("y", [1, 5, 2])], token), tmp_path / "net.onnx")
    out = tmp_path / "out.onnx"
    out.write_bytes(b"before")
    assert call("edit", tmp_path / "net.onnx", "--batch", "dynamic", "-o", out, "--force") == 1
    assert "Concat 'Concat_y'" in capsys.readouterr().err
    assert out.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "out.onnx"]


def test_an_output_in_the_way_is_never_replaced_silently(net, tmp_path, capsys):
    assert call("edit", net, "--fp16", "-o", net) == 2
    assert "--force" in capsys.readouterr().err


def test_quantize_reports_layers_and_parity(net, pictures, tmp_path, capsys):
    out = tmp_path / "int8.onnx"
    assert call("quantize", net, "--calibrate", pictures, *INPUT, "-o", out, "--json") == 0
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    assert (said["calibrated_on"], said["held_out"], said["int8_layers"]) == (8, 2, 2)
    assert said["parity"][0]["cosine"] > 0.99
    assert "10.png: skipped" in captured.err
    assert {entry.op_type for entry in onnx.load(out).graph.node} >= {"QuantizeLinear", "DequantizeLinear"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (INPUT[2:], "say --resize"),
        ([*INPUT, "--size", "16,16"], "takes rows (3, 8, 8)"),
        ([*INPUT, "--keep-float", "nothing_like_it"], "matches none"),
        ([*INPUT, "--pad", "300"], "--pad"),
        ([*INPUT, "--head-layers", "9"], "nothing to quantize"),
    ],
)
def test_bad_use_of_quantize_is_one_sentence_and_exit_2(arguments, says, net, pictures, tmp_path, capsys):
    assert call("quantize", net, "--calibrate", pictures, *arguments, "-o", tmp_path / "out.onnx") == 2
    assert says in capsys.readouterr().err


def test_a_folder_without_pictures_is_named(net, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert call("quantize", net, "--calibrate", tmp_path / "empty", *INPUT, "-o", tmp_path / "out.onnx") == 2
    assert "holds no pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "says"), [("net.py", "FILE.py:FACTORY"), ("net.py:build", "net.py is not there"), ("net:1x", "FACTORY")]
)
def test_bad_use_of_export_is_one_sentence_and_exit_2(source, says, tmp_path, capsys):
    assert call("export", source, "--input-shape", "1,3,8,8", "-o", tmp_path / "out.onnx") == 2
    assert says in capsys.readouterr().err


def test_export_beyond_the_tolerance_exits_1_and_writes_nothing(tmp_path, capsys):
    pytest.importorskip("torch", reason="exporting needs PyTorch: pip install 'edge-runtime[export]'")
    code = "import torch\nclass N(torch.nn.Module):\n    def forward(self, x):\n        return x * torch.rand(1)\n"
    (tmp_path / "net.py").write_text(code)
    source = f"{tmp_path / 'net.py'}:N"
    assert call("export", source, "--input-shape", "1,3,8,8", "-o", tmp_path / "out.onnx") == 1
    assert "does not compute the same" in capsys.readouterr().err
    assert not (tmp_path / "out.onnx").exists()


def test_yolox_with_suppression_and_pixels_reports_parity(tmp_path, capsys):
    options = ["--append-nms", "yolox", "--uint8-input", "--color", "bgr", "--scale", "1.0", "--json"]
    assert call("edit", material(YOLOX), *options, "-o", tmp_path / "out.onnx") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["outputs"]["det_boxes"] == [1, 300, 4]
