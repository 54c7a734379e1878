import subprocess
import sys

import cv2
import numpy as np
import pytest

from edge_runtime.config.schema import VideoSource
from edge_runtime.errors import SourceError
from edge_runtime.sources import open_source
from tests.material import HIGHWAY, material

from .makers import cut, damage, rotate_mp4, write_video


def source(path, **keys):
    return open_source(VideoSource(kind="video", path=path, **keys))


def read_all(opened):
    with opened:
        pictures = []
        while (picture := opened.read()) is not None:
            pictures.append(picture)
        times = [picture.t_stream_ns for picture in pictures]
        assert times == sorted(set(times))
        return pictures, opened.warnings


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
@pytest.mark.parametrize("fps", [25.0, 29.97])
def test_every_picture_comes_once_at_its_own_time(tmp_path, name, fps):
    opened = source(write_video(tmp_path / name, 30, fps))
    assert opened.paced is False
    assert (opened.info.pictures, opened.info.width, opened.info.height) == (30, 160, 120)
    assert opened.info.fps == pytest.approx(fps, abs=0.01)
    pictures, warnings = read_all(opened)
    assert warnings == ()
    assert len(pictures) == 30
    for index, picture in enumerate(pictures):
        assert picture.t_stream_ns == pytest.approx(index * 1e9 / fps, abs=1.1e6)  # Matroska counts milliseconds
        assert picture.image[20, 20].mean() == pytest.approx(5 * index, abs=12)


def test_a_picture_owns_its_memory(tmp_path):
    pictures, _ = read_all(source(write_video(tmp_path / "a.mp4", 10)))
    assert all(picture.image.flags.owndata and picture.image.flags.c_contiguous for picture in pictures)
    assert not any(np.shares_memory(pictures[0].image, picture.image) for picture in pictures[1:])


def test_grey_and_odd_sized_videos_come_as_three_channels(tmp_path):
    path = tmp_path / "grey.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"FFV1"), 25, (160, 120), isColor=False)
    writer.write(np.full((120, 160), 77, np.uint8))
    writer.release()
    image = read_all(source(path))[0][0].image
    assert image.shape == (120, 160, 3)
    assert np.abs(image.astype(int) - 77).max() <= 2
    odd = read_all(source(write_video(tmp_path / "odd.avi", 3, size=(161, 121))))[0]
    assert all(picture.image.dtype == np.uint8 and picture.image.shape[2] == 3 for picture in odd)


def test_a_telephone_s_rotation_is_applied(tmp_path):
    opened = source(rotate_mp4(write_video(tmp_path / "a.mp4", 3)))
    pictures, _ = read_all(opened)
    assert pictures[0].image.shape == (160, 120, 3)
    assert (opened.info.width, opened.info.height) == (120, 160)


def test_a_loop_goes_on_in_time_and_keeps_no_files_open(tmp_path):
    opened = source(write_video(tmp_path / "a.mp4", 10), loop=True)
    pictures = [opened.read() for _ in range(35)]
    opened.close()
    assert [picture.t_stream_ns for picture in pictures] == [index * 40_000_000 for index in range(35)]
    assert np.array_equal(pictures[3].image, pictures[33].image)
    assert opened.read() is None


def test_closing_twice_is_fine(tmp_path):
    opened = source(write_video(tmp_path / "a.mp4", 2))
    opened.close()
    opened.close()


@pytest.mark.parametrize("share", [0.05, 0.33, 0.5, 0.97, 0.9995])
def test_a_truncated_real_video_ends_with_its_position(tmp_path, share):
    path = cut(material(HIGHWAY), tmp_path / "cut.mp4", share)
    pictures, warnings = read_all(source(path))
    count = len(pictures)
    assert 1 <= count < 221
    assert count == pytest.approx(221 * share, abs=25)
    assert warnings == (
        f"cut.mp4: ended at {count / 25:.2f} s, picture {count} of 221: the file is truncated or damaged from there",
    )


def test_a_hole_in_a_real_video_costs_only_the_pictures_in_it(tmp_path):
    path = damage(material(HIGHWAY), tmp_path / "hole.mp4", seed=0, hole=(0.5, 0.56))
    pictures, warnings = read_all(source(path))
    assert pictures[-1].t_stream_ns == 220 * 40_000_000
    assert 150 < len(pictures) < 221
    assert len(warnings) == 1
    assert f"{221 - len(pictures)} pictures before it did not decode" in warnings[0]
    assert " s, picture " in warnings[0]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_random_damage_never_breaks_the_reader(tmp_path, name, seed):
    whole = write_video(tmp_path / name)
    path = damage(whole, tmp_path / f"damaged{whole.suffix}", seed=seed, count=(3, 30, 300)[seed % 3])
    try:
        pictures, warnings = read_all(source(path))
    except SourceError:
        return  # the index is gone; what is asked of the message is asked below
    assert 1 <= len(pictures) <= 51
    assert len(pictures) >= 48 or warnings


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_truncated_recording_says_where_it_ends(tmp_path, name, share):
    whole = write_video(tmp_path / name)
    pictures, warnings = read_all(source(cut(whole, tmp_path / f"cut{whole.suffix}", share)))
    assert len(pictures) == pytest.approx(50 * share, abs=5)
    assert len(warnings) == 1
    assert f"picture {len(pictures)} of 50" in warnings[0]


def bad_files(folder):
    whole = write_video(folder / "whole.mp4").read_bytes()
    yield "missing.mp4", None, "no such file"
    yield "empty.mp4", b"", "is empty"
    yield "notes.txt", "grüß Gott\n".encode() * 900, "is a text file"
    yield "text.mp4", b"<html>404</html>", "is a text file"
    yield "noise.mp4", bytes(range(256)) * 64, "is not a video"
    yield "cut.mp4", whole[: len(whole) // 2], "has no index (moov)"


def test_what_is_not_a_video_is_named_with_what_to_do(tmp_path):
    for name, content, what in bad_files(tmp_path):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SourceError) as caught:
            source(path)
        head, _, advice = str(caught.value).partition("\n")
        assert head.startswith(f"{path}: {what}"), name
        assert advice.strip(), name
    with pytest.raises(SourceError, match="is a folder"):
        source(tmp_path)


def test_a_video_without_one_whole_picture_fails_at_the_opening(tmp_path):
    path = cut(material(HIGHWAY), tmp_path / "head.mp4", 0.005)
    with pytest.raises(SourceError, match="not one picture decodes"):
        source(path)


def test_ffmpeg_and_opencv_print_nothing_of_their_own(tmp_path):
    for name, content, _ in bad_files(tmp_path):
        if content is not None:
            (tmp_path / name).write_bytes(content)
    damage(write_video(tmp_path / "a.mp4"), tmp_path / "damaged.mp4", seed=1, count=500)
    code = (
        "import sys, pathlib\n"
        "from edge_runtime.config.schema import VideoSource\n"
        "from edge_runtime.errors import SourceError\n"
        "from edge_runtime.sources import open_source\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try:\n"
        "        opened = open_source(VideoSource(kind='video', path=path))\n"
        "        while opened.read() is not None: pass\n"
        "    except SourceError: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout == ""
