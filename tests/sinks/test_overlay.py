import numpy as np

from edge_runtime.core import ClassTable, Detections
from edge_runtime.sinks.draw import SKY, Style
from edge_runtime.sinks.overlay import Overlay, RateMeter, draw_detections, head_line, label_text

from .results import context, frame, result, triangle

MS = 1_000_000


def test_the_rate_is_that_of_the_last_second_of_captures():
    meter = RateMeter()
    assert meter.update(0) is None
    assert meter.update(40 * MS) == 25
    rates = [meter.update(40 * MS + index * 100 * MS) for index in range(1, 30)]
    assert rates[-1] == 10


def test_the_frame_itself_is_left_alone(tmp_path):
    shot = frame()
    Overlay(context(tmp_path)).draw(shot, result())
    assert (shot.image == 90).all()


def test_boxes_stand_where_the_objects_are_and_only_shown_stages_are_drawn(tmp_path):
    drawn = Overlay(context(tmp_path)).draw(frame(), result())
    assert drawn[79, 130].tolist() == list(SKY)
    assert (drawn[84:116, 104:156] == 90).all()
    hidden = Overlay(context(tmp_path, shown=("other",))).draw(frame(), result())
    assert (hidden[40:] == 90).all()


def test_masks_lie_below_the_boxes(tmp_path):
    drawn = Overlay(context(tmp_path)).draw(frame(), result(masks=triangle()))
    assert (drawn[225:235, 20:60] != 90).any(axis=2).all()


def test_a_failed_frame_says_so_across_the_picture(tmp_path):
    overlay = Overlay(context(tmp_path))
    plain = overlay.draw(frame(), result(boxes=False))
    failed = overlay.draw(frame(), result(boxes=False, error="NaN in output"))
    assert (plain != failed).any(axis=2).sum() > 1000


def test_no_boxes_and_boxes_beyond_the_picture_are_drawn_without_complaint(tmp_path):
    overlay = Overlay(context(tmp_path))
    wide = Detections.of([[-50, -50, 999, 999], [500, 500, 600, 600]], [0.5, 0.5], [0, 0])
    odd = result()
    assert overlay.draw(frame(), type(odd)(0, "front", 0, 1.0, odd.point, {"tracked": wide})).shape == (240, 320, 3)
    assert overlay.draw(frame(size=(17, 9)), odd).dtype == np.uint8


def test_texts():
    assert label_text("car", 0.874, 12) == "car 0.87 #12"
    assert label_text("car", 0.874, -1) == "car 0.87"
    assert head_line(result(5), 24.96) == "25.0 fps   37 ms   frame 5   default   front"
    assert head_line(result(5), None).startswith("- fps")


def test_among_many_boxes_the_tiny_ones_are_not_hidden_under_labels():
    def painted(count):
        corner = np.array([[20.0 * n + 5, 100.0] for n in range(count)])
        found = Detections.of(np.hstack([corner, corner + 6]), np.full(count, 0.9), np.zeros(count))
        image = np.zeros((200, 600, 3), np.uint8)
        draw_detections(image, found, ClassTable(["car"]), Style(200))
        return np.count_nonzero(image.any(axis=2)) / count

    assert painted(3) > 300, "a few boxes get their labels"
    assert painted(20) < 150, "many tiny ones only their frames"
