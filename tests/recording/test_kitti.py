import pytest

from edge_runtime.errors import SourceError
from edge_runtime.recording.kitti import find_kitti

P2 = "7.215377e+02 0 6.095593e+02 4.485728e+01 0 7.215377e+02 1.728540e+02 2.163791e-01 0 0 1 2.745884e-03"


def raw_drive(tmp_path, pictures=5):
    drive = tmp_path / "2011_09_26" / "2011_09_26_drive_0001_sync"
    (drive / "image_02" / "data").mkdir(parents=True)
    (drive / "oxts" / "data").mkdir(parents=True)
    stamps = []
    for n in range(pictures):
        (drive / "image_02" / "data" / f"{n:010d}.png").touch()
        values = ["49.0", "8.4", "112.8", "0.0", "0.0", "0.9", "-6.4", "-5.0", str(10 + n), *["0.1"] * 21]
        (drive / "oxts" / "data" / f"{n:010d}.txt").write_text(" ".join(values))
        stamps.append(f"2011-09-26 13:02:25.{n * 125_000_000:09d}")
    (drive / "image_02" / "timestamps.txt").write_text("\n".join(stamps) + "\n")
    (drive.parent / "calib_cam_to_cam.txt").write_text(f"calib_time: 09-Jan-2012 13:57:47\nP_rect_02: {P2}\n")
    return drive


@pytest.mark.parametrize("named", [".", "image_02/data"])
def test_a_raw_drive_gives_pictures_rate_speeds_and_calibration(tmp_path, named):
    drive = raw_drive(tmp_path)
    found = find_kitti(drive / named)
    assert found is not None
    assert found.images == drive / "image_02" / "data"
    assert found.fps == pytest.approx(8.0)
    assert [speed for _, speed in found.speeds] == [10.0, 11.0, 12.0, 13.0, 14.0]
    assert [t_ns for t_ns, _ in found.speeds] == [0, 125_000_000, 250_000_000, 375_000_000, 500_000_000]
    assert found.calibration is not None
    assert found.calibration.focal_px == (721.5377, 721.5377)
    assert found.calibration.centre_px == (609.5593, 172.854)
    assert found.calibration.height_m == 1.65


def test_an_odometry_sequence_gives_its_own_calibration_and_times(tmp_path):
    (tmp_path / "image_2").mkdir()
    (tmp_path / "times.txt").write_text("0.0\n0.05\n0.1\n")
    (tmp_path / "calib.txt").write_text(f"P0: {P2.replace('7.2', '7.0')}\nP2: {P2}\n")
    found = find_kitti(tmp_path)
    assert found is not None
    assert (found.images, found.fps, found.speeds) == (tmp_path / "image_2", pytest.approx(20.0), ())
    assert found.calibration is not None
    assert found.calibration.focal_px[0] == 721.5377


def test_what_is_missing_is_unknown(tmp_path):
    (tmp_path / "image_02" / "data").mkdir(parents=True)
    found = find_kitti(tmp_path)
    assert found is not None
    assert (found.fps, found.speeds, found.calibration) == (10.0, (), None)
    (tmp_path / "pictures").mkdir()
    assert find_kitti(tmp_path / "pictures") is None


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("oxts/data/0000000002.txt", "49.0 8.4", "0000000002.txt: not a line of oxts"),
        ("image_02/timestamps.txt", "noon\nlater\n", "not a list of times"),
        ("../calib_cam_to_cam.txt", "P_rect_02: 1 2 three", "P_rect_02 is not a 3 x 4 matrix"),
        ("../calib_cam_to_cam.txt", "S_02: 1 2", "has no P_rect_02; it has S_02"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, file, text, said):
    drive = raw_drive(tmp_path)
    (drive / file).write_text(text)
    with pytest.raises(SourceError, match=said):
        find_kitti(drive)
