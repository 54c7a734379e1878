from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime.config.schema import ImagesSource, VideoSource
from edge_runtime.errors import LabelError
from edge_runtime.evaluate.labels import parse_labels
from edge_runtime.evaluate.placing import covered, label_numbers, picture_name, pictures, same_pictures
from tests.evaluate.coco import document

VIDEO = VideoSource(kind="video", path="drive.mp4")


def labelled(images, file_name=None):
    return parse_labels(document([], images=images, file_name=file_name), "labels.json")


@pytest.fixture
def folder(tmp_path):
    for name in ("a10.png", "a2.png", "a1.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    return ImagesSource(kind="images", path=tmp_path)


def test_a_videos_frame_is_the_last_number_of_the_file_name():
    labels = labelled(2, lambda n: f"cam0/drive2_{n + 118:06}.png")
    assert label_numbers(labels, VIDEO) == ({118: 0, 119: 1}, 0)


def test_without_a_file_name_it_is_the_image_id_less_the_first():
    assert label_numbers(labelled(2), VIDEO, first=-4) == ({4: 0, 5: 1}, 0)


def test_two_labels_of_one_frame_are_refused():
    with pytest.raises(LabelError, match="ids 0 and 1 are both frame 7"):
        label_numbers(labelled(2, lambda n: f"{n}/frame7.png"), VIDEO)


def test_a_folder_is_matched_by_file_name_in_natural_order(folder):
    labels = labelled(3, lambda n: ("val/a10.png", "C:\\val\\a1.png", "gone.png")[n])
    assert label_numbers(labels, folder) == ({2: 0, 0: 1}, 1)


def test_a_folder_without_one_labelled_picture_is_refused_with_an_example_of_each(folder):
    with pytest.raises(LabelError, match=r"labels name b0.png, the folder holds a1.png"):
        label_numbers(labelled(2, lambda n: f"b{n}.png"), folder)


def test_the_same_file_labelled_twice_is_refused(folder):
    with pytest.raises(LabelError, match=r"two images have the file name a1.png"):
        label_numbers(labelled(2, lambda n: f"{n}/a1.png"), folder)


def test_labels_of_pictures_that_never_came_are_counted():
    labels = labelled(1)
    assert covered({0: 0, 1: 1}, {0: 0, 1: 1, 5: 2, 7: 3}, labels, cut_short=False) == (
        "2 labelled pictures did not come, the first is number 5"
    )
    assert covered({0: 0, 1: 1}, {0: 0, 1: 1, 5: 2}, labels, cut_short=True) is None


def test_labels_that_count_from_one_are_recognised():
    said = covered({0: 0, 1: 1}, {1: 0, 2: 1}, labelled(2), cut_short=False)
    assert said is not None
    assert "--first-frame 1" in said


def test_labels_of_other_frames_altogether_are_refused():
    with pytest.raises(LabelError, match="labels frames 900 to 901, and the run saw 0 to 1"):
        covered({0: 0, 1: 1}, {900: 0, 901: 1}, labelled(2), cut_short=False)


def test_pictures_are_read_by_number_in_their_order_and_have_their_files_names(folder):
    (folder.path / "a2.png").write_bytes(b"no picture")
    assert [number for number, _ in pictures(folder, {2, 1, 0})] == [0, 2]
    assert picture_name(folder, 2) == "a10.png"
    assert picture_name(VIDEO, 2) == "frame 2"


def test_two_sources_give_the_same_pictures_whatever_their_pace():
    assert same_pictures(VIDEO, VIDEO.model_copy(update={"pace": "fast", "camera": "rear"}))
    assert not same_pictures(VIDEO, VideoSource(kind="video", path="other.mp4"))
