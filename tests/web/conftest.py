"""A tiny pipeline that runs for ever with its page open, and how to ask it."""

from __future__ import annotations

import http.client
import re
import socket
from contextlib import closing, contextmanager

import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.core import SystemClock
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.web.site import Site
from tests.jetson_emulator.machine import until
from tests.tiny import PIPELINE, tiny_detector, tiny_video

# The pictures of the front are 160 pixels wide, those of the left 80.
SEVERAL = """\
sources:
  - {kind: video, path: drive.avi, loop: true}
  - {kind: video, camera: left, path: left.avi, loop: true}
"""


def free_port():
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


class Shown:
    """A pipeline file, its site and, from `start` on, its run."""

    def __init__(self, path, port):
        self.path, self.port = path, port
        self.site, self.run, self.loaded = Site(SystemClock()), None, load_pipeline(path)

    def start(self, name="run"):
        self.run = Pipeline(self.loaded).start(out=self.path.parent / name)
        self.site.show(self.run)
        assert until(lambda: self.run.snapshot().counts.published > 0)
        return self.run

    def ask(self, path, method="GET", headers=None):
        """Status, headers and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    @contextmanager
    def looking(self, camera=""):
        """The stream of pictures, as a file to read from."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/picture.mjpeg" + (f"?camera={camera}" if camera else ""))
        with closing(connection), connection.getresponse() as stream:
            assert stream.headers.get_content_type() == "multipart/x-mixed-replace"
            yield stream


@pytest.fixture
def pipeline(tmp_path):
    """Writes `tiny.yaml` with more lines at its end; live and endless unless told otherwise."""
    tiny_detector(tmp_path / "tiny.onnx")
    tiny_video(tmp_path / "drive.avi")

    def write(more, loop=True, several=False):
        text = PIPELINE.replace("pace: fast", "loop: true" if loop else "pace: fast")
        if several:
            tiny_video(tmp_path / "left.avi", size=(80, 60))
            text = re.sub(r"source: .*\n", SEVERAL if loop else SEVERAL.replace("loop: true", "pace: fast"), text)
        (tmp_path / "tiny.yaml").write_text(text + more)
        return tmp_path / "tiny.yaml"

    return write


@pytest.fixture
def shown(pipeline):
    """Opens a site; what is given goes into its `http:` block. Everything ends with the test."""
    opened = []

    def show(block="", more="", loop=True, several=False):
        port = free_port()
        one = Shown(pipeline(f"http: {{bind: {port}{block}}}\n{more}", loop, several), port)
        opened.append(one)
        one.site.open(one.loaded)
        return one

    yield show
    for one in opened:
        if one.run is not None:
            one.run.finish()
        one.site.close()
