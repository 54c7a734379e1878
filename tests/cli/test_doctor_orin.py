"""What doctor says of an AGX Orin: the files of an emulated board, and what its commands would answer."""

import pytest

from edge_runtime.core.machine import Machine
from edge_runtime.cuda.diagnosis import gpu_check
from edge_runtime.engines.diagnosis import fit, runtime_checks
from edge_runtime.engines.tensorrt.compat import Traits
from edge_runtime.service.diagnosis import Person, groups_check, room, systemd_check
from edge_runtime.sources.diagnosis import camera_checks, modes, opencv_check
from edge_runtime.telemetry.board import board_checks
from tests.jetson_emulator import tree

USB_CAMERA = """\
ioctl: VIDIOC_ENUM_FMT
\tType: Video Capture

\t[0]: 'MJPG' (Motion-JPEG, compressed)
\t\tSize: Discrete 1920x1080
\t\t\tInterval: Discrete 0.033s (30.000 fps)
\t\t\tInterval: Discrete 0.067s (15.000 fps)
\t[1]: 'YUYV' (YUYV 4:2:2)
\t\tSize: Discrete 640x480
\t\t\tInterval: Discrete 0.033s (30.000 fps)
"""
CSI_SENSOR = """\
ioctl: VIDIOC_ENUM_FMT
\tType: Video Capture

\t[0]: 'RG10' (10-bit Bayer RGRG/GBGB)
\t\tSize: Discrete 3280x2464
\t\t\tInterval: Discrete 0.048s (21.000 fps)
"""
PACKAGES = """\
Package: libnvinfer10
Status: install ok installed
Version: 10.3.0.30-1+cuda12.5

Package: nvidia-jetpack
Status: install ok installed
Section: metapackages
Version: 6.2+b77
"""


@pytest.fixture
def orin(tmp_path):
    return tree.build(tmp_path / "orin")


def machine_of(orin, **answers):
    """The board with commands that answer; the others are not there."""
    return Machine(orin.root, lambda name, *rest: answers.get(name.replace("-", "_")))


def by_name(checks):
    return {check.name: check for check in checks}


def camera(orin, number, name, index=0):
    orin.put(f"sys/class/video4linux/video{number}/name", name)
    orin.put(f"sys/class/video4linux/video{number}/index", index)
    orin.put(f"dev/video{number}", "")


def test_the_board_its_jetpack_and_its_power_mode(orin):
    orin.put("var/lib/dpkg/status", PACKAGES)
    checks = by_name(board_checks(machine_of(orin, nvpmodel="NV Power Mode: MODE_30W\n2\n")))
    assert checks["board"].found == "NVIDIA Jetson AGX Orin Developer Kit"
    assert checks["JetPack"].found == "6.2 on Jetson Linux 36.4.3"
    assert checks["power mode"].found == "MODE_30W; without a reboot also none"
    assert {check.state for check in checks.values()} == {"ok"}


def test_a_flashed_board_without_jetpack_says_how_to_install_it(orin):
    check = by_name(board_checks(machine_of(orin)))["JetPack"]
    assert (check.state, check.fix) == ("warning", "sudo apt update && sudo apt install nvidia-jetpack")


def test_a_package_that_was_removed_does_not_count(orin):
    orin.put("var/lib/dpkg/status", PACKAGES.replace("install ok installed", "deinstall ok config-files"))
    assert by_name(board_checks(machine_of(orin)))["JetPack"].state == "warning"


def test_a_jetpack_before_6_is_warned_of(orin):
    orin.put("etc/nv_tegra_release", "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref")
    check = by_name(board_checks(machine_of(orin)))["JetPack"]
    assert (check.state, check.found) == ("warning", "Jetson Linux 35.4.1 is older than JetPack 6")


def test_nvpmodel_that_does_not_answer_is_a_warning_with_the_modes_there_are(orin):
    check = by_name(board_checks(machine_of(orin)))["power mode"]
    assert check.state == "warning"
    assert check.found.endswith("it has MAXN, MODE_15W, MODE_30W, MODE_50W")


def test_a_gpu_that_cuda_cannot_use_is_an_error_on_a_jetson(orin, monkeypatch):
    monkeypatch.setattr("edge_runtime.cuda.driver.import_module", missing)
    monkeypatch.setattr("edge_runtime.cuda.diagnosis._bindings", lambda: None)
    check, gpu = gpu_check(machine_of(orin))
    assert gpu is None
    assert check.state == "error"
    assert "pip install 'edge-runtime[" in check.fix


def test_bindings_of_cuda_13_on_jetpack_6_are_told_to_step_back(orin, monkeypatch):
    monkeypatch.setattr("edge_runtime.cuda.driver.import_module", missing)
    monkeypatch.setattr("edge_runtime.cuda.diagnosis._bindings", lambda: 13)
    assert gpu_check(machine_of(orin))[0].fix == "pip install 'cuda-bindings<13'"
    orin.put("etc/nv_tegra_release", "# R38 (release), REVISION: 4.0")
    assert gpu_check(machine_of(orin))[0].fix != "pip install 'cuda-bindings<13'"


def missing(name):
    raise ImportError(f"No module named '{name}'")


def test_without_a_driver_networks_run_on_the_cpu_and_nothing_is_wrong(tmp_path):
    check, gpu = gpu_check(Machine(tmp_path))
    assert (check.state, gpu) == ("ok", None)


def test_tensorrt_that_the_environment_does_not_see_is_missed_on_a_jetson_only(orin, tmp_path, monkeypatch):
    monkeypatch.setattr("edge_runtime.engines.tensorrt.provider.importlib.import_module", not_there)
    on_jetson = by_name(runtime_checks(machine_of(orin), None, is_wanted=True))["TensorRT"]
    elsewhere = by_name(runtime_checks(Machine(tmp_path), None, is_wanted=False))["TensorRT"]
    assert on_jetson.state == "warning"
    assert "python3-libnvinfer" in on_jetson.fix
    assert "--system-site-packages" in on_jetson.fix
    assert elsewhere.state == "ok"


def not_there(name):
    raise ModuleNotFoundError(f"No module named '{name}'", name=name)


@pytest.mark.parametrize(
    ("version", "capability", "state"),
    [
        ((10, 3, 0), (8, 7), "ok"),  # Orin with JetPack 6.1
        ((8, 6, 2), (8, 7), "ok"),  # Orin with JetPack 6.0
        ((10, 3, 0), (11, 0), "error"),  # Thor
        ((10, 13, 3), (11, 0), "ok"),
        ((10, 13, 3), (7, 2), "error"),  # Xavier
    ],
)
def test_a_version_of_tensorrt_is_held_against_the_gpu(version, capability, state):
    assert fit(Traits("tensorrt", version), capability).state == state


def test_an_opencv_that_was_made_for_another_numpy_says_which_one_it_takes(orin, monkeypatch):
    def broken(name):
        raise ImportError("numpy.core.multiarray failed to import")

    monkeypatch.setattr("edge_runtime.sources.diagnosis.import_module", broken)
    check = opencv_check(machine_of(orin))
    assert (check.state, check.fix) == ("error", "pip install 'numpy<2'")


def test_an_opencv_without_gstreamer_is_warned_of_on_a_jetson_only(orin, tmp_path, monkeypatch):
    monkeypatch.setattr("cv2.videoio_registry.hasBackend", lambda backend: False)
    assert opencv_check(machine_of(orin)).state == "warning"
    assert opencv_check(Machine(tmp_path)).state == "ok"


def test_a_usb_camera_shows_its_modes_and_its_second_device_is_left_out(orin):
    camera(orin, 0, "HD Pro Webcam C920")
    camera(orin, 1, "HD Pro Webcam C920", index=1)
    (check,) = camera_checks(machine_of(orin, v4l2_ctl=USB_CAMERA))
    assert (check.name, check.state) == ("/dev/video0", "ok")
    assert check.found == "HD Pro Webcam C920: 1920x1080 MJPG 30/s, 640x480 YUYV 30/s"


def test_a_csi_sensor_is_told_by_its_name_and_how_to_open_it(orin):
    camera(orin, 0, "vi-output, imx219 9-0010")
    (check,) = camera_checks(machine_of(orin, v4l2_ctl=CSI_SENSOR))
    assert check.found == "CSI sensor imx219 9-0010: 3280x2464 RG10 21/s; open it with nvarguscamerasrc"


def test_without_v4l2_ctl_the_camera_is_shown_and_the_package_named(orin):
    camera(orin, 0, "HD Pro Webcam C920")
    (check,) = camera_checks(machine_of(orin))
    assert (check.state, check.fix) == ("warning", "sudo apt install v4l-utils")


def test_a_camera_that_is_closed_to_this_user_says_which_group_opens_it(orin, monkeypatch):
    camera(orin, 0, "HD Pro Webcam C920")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    (check,) = camera_checks(machine_of(orin, v4l2_ctl=USB_CAMERA))
    assert (check.state, check.fix) == ("error", "sudo usermod -aG video $USER, then log in again")


def test_a_device_without_formats_is_no_camera(orin):
    camera(orin, 0, "nvenc")
    (check,) = camera_checks(machine_of(orin, v4l2_ctl="ioctl: VIDIOC_ENUM_FMT\n\tType: Video Capture\n"))
    assert (check.name, check.state) == ("cameras", "ok")


def test_a_size_without_a_rate_has_none():
    assert modes("[0]: 'UYVY' (UYVY 4:2:2)\n\t\tSize: Discrete 1280x720\n") == ["1280x720 UYVY"]


GROUPS = "root:x:0:\nvideo:x:44:me\nrender:x:104:\njtop:x:7777:me\n"


def test_groups_that_are_missing_come_with_the_command_that_adds_them(orin):
    orin.put("etc/group", GROUPS)
    check = groups_check(machine_of(orin), Person("me", 1000, {1000, 44, 7777}))
    assert (check.state, check.fix) == ("warning", "sudo usermod -aG render me, then log in again")


def test_a_group_that_was_joined_since_the_login_wants_a_new_login(orin):
    orin.put("etc/group", GROUPS)
    check = groups_check(machine_of(orin), Person("me", 1000, {1000, 104}))
    assert (check.found, check.fix) == ("me is in video, jtop only from the next login on", "log out and in again")


def test_who_is_in_all_groups_has_nothing_to_do(orin):
    orin.put("etc/group", GROUPS)
    assert groups_check(machine_of(orin), Person("me", 1000, {44, 104, 7777})).state == "ok"


def test_systemd_shows_its_version_and_the_services_there_are(orin):
    assert systemd_check(machine_of(orin)).state == "warning"
    (orin.root / "run/systemd/system").mkdir(parents=True)
    orin.put("etc/systemd/system/edge-runtime@highway.service.d/10-install.conf", "")
    check = systemd_check(machine_of(orin, systemctl="systemd 249 (249.11-0ubuntu3.12)\n+PAM\n"))
    assert (check.state, check.found) == ("ok", "systemd 249; services installed: highway")


def test_a_disk_that_is_nearly_full_says_where_to_look(tmp_path):
    assert room("runs", tmp_path, 200.0).state == "ok"
    check = room("runs", tmp_path, 0.7)
    assert (check.state, check.found) == ("warning", f"only 0.7 GB are free for runs at {tmp_path}")
    assert check.fix.startswith("du ")
