import cv2
import numpy as np
import pytest

from edge_runtime.config.schema import ImagesSource
from edge_runtime.errors import SourceError
from edge_runtime.sources import open_source
from edge_runtime.sources.images import natural_key
from tests.material import material


def source(path, **keys):
    return open_source(ImagesSource(kind="images", path=path, **keys))


def write(folder, *names, size=(40, 30)):
    for index, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((size[1], size[0], 3), 10 + index, np.uint8))


def read_all(opened, limit=100):
    with opened:
        pictures = []
        while len(pictures) < limit and (picture := opened.read()) is not None:
            pictures.append(picture)
        return pictures


def test_pictures_come_in_natural_order_at_the_rate(tmp_path):
    write(tmp_path, "img10.png", "img2.png", "IMG1.bmp", "b.webp")
    (tmp_path / "notes.txt").write_text("not a picture")
    opened = source(tmp_path, fps=4)
    assert (opened.info.fps, opened.info.pictures, opened.info.width, opened.info.height) == (4, 4, 40, 30)
    pictures = read_all(opened)
    assert [picture.t_stream_ns for picture in pictures] == [0, 250_000_000, 500_000_000, 750_000_000]
    assert [round(float(picture.image.mean())) for picture in pictures] == [13, 12, 11, 10]
    assert opened.warnings == ()


def test_natural_order_compares_digits_as_numbers():
    assert sorted(["img10", "img2", "a", "IMG1", "10", "9"], key=natural_key) == [
        "a",
        "IMG1",
        "img2",
        "img10",
        "9",
        "10",
    ]


def test_a_broken_picture_is_skipped_by_name_and_keeps_its_place_in_time(tmp_path):
    write(tmp_path, "1.jpg", "2.jpg", "3.png", "4.jpg", "5.png", size=(400, 300))
    for name in ("2.jpg", "3.png"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    (tmp_path / "4.jpg").write_bytes(b"")
    (tmp_path / "5.png").write_bytes(b"no picture at all")
    write(tmp_path, "6.jpg")
    opened = source(tmp_path, fps=10)
    assert [picture.t_stream_ns for picture in read_all(opened)] == [0, 500_000_000]
    assert opened.warnings == (
        "2.jpg: skipped, it is cut off",
        "3.png: skipped, it is cut off",
        "4.jpg: skipped, it is empty",
        "5.png: skipped, it does not decode",
    )


def test_grey_alpha_and_deep_pictures_come_as_bgr(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.full((8, 9), 50, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((8, 9, 4), 50, np.uint8))
    cv2.imwrite(str(tmp_path / "3.png"), np.full((8, 9, 3), 50 * 257, np.uint16))
    assert [(p.image.shape, p.image.dtype, int(p.image.mean())) for p in read_all(source(tmp_path))] == [
        ((8, 9, 3), np.uint8, 50)
    ] * 3


def test_a_loop_starts_again_and_time_goes_on(tmp_path):
    write(tmp_path, "1.png", "2.png")
    pictures = read_all(source(tmp_path, fps=10, loop=True), limit=5)
    assert [picture.t_stream_ns for picture in pictures] == [index * 100_000_000 for index in range(5)]


def test_a_loop_over_a_folder_that_vanished_ends(tmp_path):
    write(tmp_path, "1.png", "2.png")
    opened = source(tmp_path, loop=True)
    for path in tmp_path.iterdir():
        path.unlink()
    assert len(read_all(opened)) == 1
    assert opened.warnings[0].startswith("2.png: skipped, it cannot be read: ")


def test_a_folder_without_pictures_says_what_was_looked_for(tmp_path):
    with pytest.raises(SourceError, match=r"holds no pictures\n    looked for \.jpg, \.jpeg, \.png"):
        source(tmp_path)
    with pytest.raises(SourceError, match="no such folder"):
        source(tmp_path / "nowhere")
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match="is a file, not a folder"):
        source(tmp_path / "a.jpg")
    with pytest.raises(SourceError, match=r"not one of its 1 pictures can be read\n    a\.jpg: skipped, it is empty"):
        source(tmp_path)


def test_real_photographs_are_all_read():
    opened = source(material("images"))
    assert len(read_all(opened)) == opened.info.pictures == 6
    assert opened.warnings == ()
