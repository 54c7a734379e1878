import cv2
import pytest

from edge_runtime.config.schema import DisplaySink
from edge_runtime.errors import SinkError
from edge_runtime.sinks import make_sink

from .results import context, frame, result

WITH_GUI = "GUI:                           GTK3\n"


@pytest.fixture
def screen(monkeypatch):
    """A screen that only remembers what it is asked for; `keys` is what the user types."""
    keys, shown = [], []
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: WITH_GUI)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda _, picture: shown.append(picture))
    monkeypatch.setattr(cv2, "waitKey", lambda _: keys.pop(0) if keys else -1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    monkeypatch.setattr(cv2, "destroyWindow", lambda _: shown.append("closed"))
    return keys, shown


def test_without_windows_in_opencv_the_opening_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: WITH_GUI.replace("GTK3", "NONE"))
    with pytest.raises(SinkError, match=r"built without windows\n.*opencv-python "):
        make_sink(DisplaySink(kind="display")).open(context(tmp_path))


def test_without_a_screen_the_opening_says_what_to_do(tmp_path, monkeypatch, screen):
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SinkError, match="no screen here"):
        make_sink(DisplaySink(kind="display")).open(context(tmp_path))


def test_frames_are_shown_until_the_user_presses_q(tmp_path, screen):
    keys, shown = screen
    display = make_sink(DisplaySink(kind="display"))
    display.open(context(tmp_path))
    display.write(frame(0), result(0))
    keys.append(ord("q"))
    with pytest.raises(SinkError, match="closed by the user"):
        display.write(frame(1), result(1))
    display.close()
    display.close()
    assert [picture if isinstance(picture, str) else picture.shape for picture in shown] == [
        (240, 320, 3),
        (240, 320, 3),
        "closed",
    ]
