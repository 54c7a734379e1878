"""What pip is asked for on a Jetson: nothing that JetPack brings, and nothing that does not go with it."""

import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

SETUP = configparser.ConfigParser()
SETUP.read(Path(__file__).parents[1] / "setup.cfg")


def asked(python, machine, *extras):
    """The requirements that hold there, by name."""
    texts = SETUP["options"]["install_requires"].splitlines()
    for extra in extras:
        texts += SETUP["options.extras_require"][extra].splitlines()
    lines = [Requirement(text) for text in texts if text and not text.startswith("#")]
    there = {"python_version": python, "platform_machine": machine, "sys_platform": "linux"}
    found = {}
    for line in lines:
        if line.marker is None or line.marker.evaluate(there):
            found[line.name] = found.get(line.name, line.specifier) & line.specifier
    return found


@pytest.mark.parametrize(("python", "cuda", "other"), [("3.10", "12.9.4", "13.0.1"), ("3.12", "13.0.1", "12.9.4")])
def test_on_each_jetpack_the_bindings_are_of_its_cuda_and_numpy_of_its_opencv(python, cuda, other):
    found = asked(python, "aarch64", "jetson")
    assert cuda in found["cuda-bindings"]
    assert other not in found["cuda-bindings"]
    assert "1.26.4" in found["numpy"]
    assert "2.0.0" not in found["numpy"]
    assert not {"opencv-python-headless", "tensorrt"} & set(found)


def test_elsewhere_numpy_and_opencv_are_free():
    found = asked("3.12", "x86_64", "nvidia", "mqtt", "zmq")
    assert "2.4.0" in found["numpy"]
    assert {"opencv-python-headless", "tensorrt", "paho-mqtt", "pyzmq"} <= set(found)
