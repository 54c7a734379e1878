"""Could a pipeline run here? Asked of pipelines that could not, each for one reason."""

import os
import socket
import sys
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import onnx
import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.core import SystemClock
from edge_runtime.core.machine import Machine
from edge_runtime.engines.tensorrt.cache import Lookup
from edge_runtime.engines.tensorrt.manifest import EngineKey, Manifest
from edge_runtime.pipeline.diagnosis import engine_check, pipeline_checks
from edge_runtime.sinks.ring import RingShape, RingWriter
from tests import mosquitto
from tests.jetson_emulator import tree

DEMO = Path(__file__).parents[2] / "pipelines/demo.yaml"
LADDER = """\
board: Jetson AGX Orin 64GB
idle_w: 10
points:
  - name: low
    knobs: {regions: 0, power_mode: MODE_60W}
    fps: 30
    latency_ms: {p50: 20, p99: 30}
    busy_ms: {gpu: 9, host: 12}
    watts: 20
    usefulness: 0.5
"""


def checks_of(tmp_path, *overrides, root=None, runs=None):
    machine = Machine(root or tmp_path, lambda *command: None)
    found = pipeline_checks(DEMO, overrides, machine, SystemClock(), runs=runs or tmp_path / "runs")
    return {check.name: check for check in found}


def camera(device):
    return (f'source={{kind: camera, device: "{device}"}}',)


def test_a_pipeline_that_fits_has_no_error(tmp_path):
    checks = checks_of(tmp_path)
    assert {check.state for check in checks.values()} <= {"ok", "warning"}
    assert checks["pipeline"].found == "demo: simulation through objects, far, found, tracked, lights"


def test_a_network_that_does_not_fit_the_file_is_found(tmp_path):
    check = checks_of(tmp_path, "models.light_state.input.dtype=uint8", "models.light_state.input.scale=1.0")[
        "pipeline"
    ]
    assert check.state == "error"
    assert "the network takes float32, not uint8" in check.found
    assert check.fix == "Write dtype: float32"


def test_a_model_file_that_is_missing_is_named(tmp_path):
    check = checks_of(tmp_path, f"models.road.onnx={tmp_path}/gone.onnx")["pipeline"]
    assert check.state == "error"
    assert "no such file" in check.found
    assert "gone.onnx" in check.found


def test_a_camera_that_is_not_there_is_an_error_with_the_cameras_there_are(tmp_path):
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video2").touch()
    check = checks_of(tmp_path, *camera("/dev/video0"))["source front"]
    assert (check.state, check.found) == ("error", "/dev/video0 is not there; this machine has /dev/video2")
    assert checks_of(tmp_path, *camera("/dev/video2"))["source front"].state == "ok"


def test_a_gstreamer_pipeline_needs_an_opencv_that_has_it(tmp_path, monkeypatch):
    monkeypatch.setattr("cv2.videoio_registry.hasBackend", lambda backend: False)
    check = checks_of(tmp_path, *camera("nvarguscamerasrc ! appsink"))["source front"]
    assert check.state == "error"
    assert "--system-site-packages" in check.fix


def test_a_network_camera_is_called_and_its_password_kept(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"rtsp://me:secret@127.0.0.1:{server.getsockname()[1]}/stream"
        check = checks_of(tmp_path, *camera(address))["source front"]
        assert (check.state, "secret" in check.found) == ("ok", False)
    check = checks_of(tmp_path, *camera(address))["source front"]
    assert check.state == "error"
    assert "nobody answers at 127.0.0.1" in check.found
    assert "secret" not in check.found


def several(*devices):
    blocks = [f"{{kind: camera, camera: c{n}, device: {device}}}" for n, device in enumerate(devices)]
    return ("source=null", f"sources=[{', '.join(blocks)}]")


def test_each_of_several_cameras_has_a_line_and_one_that_is_away_does_not_keep_a_run_from_starting(tmp_path):
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video0").touch()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        checks = checks_of(tmp_path, *several("0", "7", f"rtsp://127.0.0.1:{port}/1", "rtsp://127.0.0.1:9/2"))
    assert checks["pipeline"].found.startswith("demo: 4 cameras (camera) through objects")
    assert [checks[f"source c{n}"].state for n in range(4)] == ["ok", "warning", "ok", "warning"]
    assert "/dev/video7 is not there" in checks["source c1"].found
    assert "a run begins without it" in checks["source c1"].found
    assert checks["source c3"].fix == "ping 127.0.0.1"
    must = checks_of(tmp_path, *several("0", "7, reconnect: {at_start: refuse}"))
    assert must["source c1"].state == "error"
    alone = checks_of(tmp_path, "source={kind: camera, device: 7, reconnect: {at_start: wait}}")
    assert alone["source front"].state == "warning"


def test_a_network_whose_batch_is_fixed_says_what_that_makes_of_several_cameras(tmp_path):
    assert "calls" not in checks_of(tmp_path, *several("0", "1"))["model road"].found
    model = onnx.load(files("edge_runtime.assets").joinpath("demo_detector.onnx"))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "one.onnx")
    fixed = f"models.road.onnx={tmp_path}/one.onnx"
    assert (
        "fixed at 1: 2 calls for a frame of each" in checks_of(tmp_path, *several("0", "1"), fixed)["model road"].found
    )
    assert "calls" not in checks_of(tmp_path, fixed)["model road"].found


def test_a_video_that_opencv_does_not_read_is_an_error(tmp_path):
    (tmp_path / "drive.mp4").write_text("no video")
    check = checks_of(tmp_path, f"source={{kind: video, path: {tmp_path}/drive.mp4}}")["source front"]
    assert check.state == "error"


def test_tensorrt_that_is_asked_for_and_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("edge_runtime.pipeline.diagnosis.why_not_tensorrt", lambda model: "tensorrt is not installed")
    check = checks_of(tmp_path, "models.road.backend=tensorrt")["model road"]
    assert (check.state, check.fix) == ("error", f"edge-run {DEMO} --set models.road.backend=auto")
    board = tree.build(tmp_path / "orin").root
    slow = checks_of(tmp_path, root=board)["model road"]
    assert (slow.state, slow.fix) == ("warning", "sudo apt install python3-libnvinfer")


def test_power_modes_that_the_board_lacks_are_warned_of(tmp_path):
    (tmp_path / "ladder.yaml").write_text(LADDER)
    board = tree.build(tmp_path / "orin").root
    checks = checks_of(tmp_path, f"governor.ladder={tmp_path}/ladder.yaml", "board.control=true", root=board)
    assert checks["governor"].state == "warning"
    assert "MODE_60W" in checks["governor"].found


def test_telemetry_that_was_asked_for_by_name_must_answer(tmp_path):
    check = checks_of(tmp_path, "telemetry.source=sysfs")["telemetry"]
    assert (check.state, check.fix) == ("error", f"edge-run {DEMO} --set telemetry.source=auto")


def test_results_need_a_folder(tmp_path):
    (tmp_path / "file").touch()
    check = checks_of(tmp_path, runs=tmp_path / "file/runs")["results"]
    assert check.state == "error"
    assert "--out DIR" in check.fix


@pytest.fixture
def loaded():
    return load_pipeline(DEMO)


def found_engine(state, reason="", refusal=None):
    key = EngineKey({"tensorrt.provider": "tensorrt", "tensorrt.version": "10.3.0", "gpu.compute_capability": "sm_87"})
    parity = {"refusal": refusal}
    manifest = Manifest(key, 1, "", "2026-11-22", 1.0, parity=parity) if state == "hit" else None
    return Lookup(state, Path("road-fp16-1.engine"), reason, b"x", manifest)


def test_an_engine_for_this_board_is_ready(loaded):
    check = engine_check("model road", found_engine("hit"), loaded)
    assert (check.state, check.found) == ("ok", "road-fp16-1.engine, built for TensorRT 10.3.0 on sm_87")


def test_an_engine_of_another_board_says_why_and_how_it_is_built(loaded):
    reason = "road-fp16-1.engine was built for TensorRT 8.6.1 on sm_90, this board has TensorRT 10.3.0 on sm_87"
    check = engine_check("model road", found_engine("foreign", reason), loaded)
    assert (check.state, check.fix) == ("warning", f"edge-run build {DEMO}")
    assert check.found == f"{reason}; it is built when a run starts"


def test_where_building_is_off_a_missing_engine_is_an_error():
    loaded = load_pipeline(DEMO, ["engines.build=false"])
    check = engine_check("model road", found_engine("absent", "there is no road-fp16-1.engine"), loaded)
    assert check.state == "error"


def test_an_engine_that_was_refused_stays_refused(loaded):
    check = engine_check("model road", found_engine("hit", refusal="cosine 0.4"), loaded)
    assert (check.state, check.found) == ("error", "road-fp16-1.engine is refused: cosine 0.4")


def output_check(tmp_path, sink):
    kind = sink.partition("kind: ")[2].partition(",")[0].removesuffix("}")
    return checks_of(tmp_path, f"sinks=[{sink}]")[kind]


@mosquitto.needed
def test_a_broker_is_logged_in_to(tmp_path):
    broker = mosquitto.Broker(tmp_path)
    absent = output_check(tmp_path, f'{{kind: mqtt, broker: "{broker.address}"}}')
    assert absent.state == "warning"
    assert absent.found == (
        f"nobody answers at {broker.address}: Connection refused; results are dropped until somebody does"
    )
    broker.start()
    there = output_check(tmp_path, f'{{kind: mqtt, broker: "{broker.address}"}}')
    assert (there.state, there.found) == ("ok", f"{broker.address} answers")
    broker.stop()


@mosquitto.needed
def test_a_broker_that_refuses_is_a_warning_with_its_reason(tmp_path):
    broker = mosquitto.Broker(tmp_path, "allow_anonymous false")
    broker.start()
    check = output_check(tmp_path, f'{{kind: mqtt, broker: "{broker.address}"}}')
    assert check.state == "warning"
    assert check.found.startswith(f"{broker.address} refuses: Not authorized")
    broker.stop()


def test_somebody_who_is_no_broker_is_found_out(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        check = output_check(tmp_path, f'{{kind: mqtt, broker: "127.0.0.1:{other.getsockname()[1]}"}}')
    assert check.state == "warning"
    assert "is no MQTT broker" in check.found


def test_a_missing_library_is_an_error_with_the_command_that_adds_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zmq", None)
    check = output_check(tmp_path, '{kind: zmq, bind: "tcp://127.0.0.1:1"}')
    assert (check.state, check.found) == ("error", "sink zmq needs zmq, which is not installed.")
    assert check.fix.endswith("-m pip install 'edge-runtime[zmq]'")


def test_an_address_that_cannot_be_bound_is_an_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        check = output_check(tmp_path, f'{{kind: zmq, bind: "{address}"}}')
    assert check.state == "error"
    assert "Address already in use" in check.found
    assert check.fix == f"ss -ltnp sport = :{address.rpartition(':')[2]}"
    check = output_check(tmp_path, f'{{kind: zmq, bind: "{address}"}}')
    assert (check.state, check.found) == ("ok", f"{address} can be bound")


def test_a_subscriber_that_waits_for_publishers_is_called(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        assert output_check(tmp_path, f'{{kind: zmq, connect: "{address}"}}').found == f"{address} answers"
    assert output_check(tmp_path, f'{{kind: zmq, connect: "{address}"}}').state == "warning"


def test_a_datagram_port_of_this_machine_that_nobody_hears_is_a_warning(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hears:
        hears.bind(("127.0.0.1", 0))
        port = hears.getsockname()[1]
        check = output_check(tmp_path, f"{{kind: udp, to: {port}}}")
        assert (check.state, check.found) == ("ok", f"somebody listens at 127.0.0.1:{port}")
    assert output_check(tmp_path, f"{{kind: udp, to: {port}}}").state == "warning"


def test_shared_memory_that_another_process_writes_is_an_error(tmp_path):
    name = f"edge-test-{uuid4().hex}"
    check = output_check(tmp_path, f"{{kind: shared_memory, name: {name}}}")
    assert check.state == "ok"
    assert check.found.startswith(f"/dev/shm/{name}, ")
    ring = RingWriter(Path("/dev/shm", name), RingShape("demo", ("car",), ("tracked",), 2, 8), SystemClock())
    check = output_check(tmp_path, f"{{kind: shared_memory, name: {name}}}")
    assert (check.state, check.found) == ("error", f"/dev/shm/{name} is written by process {os.getpid()} now")
    ring.close()
