"""A replay beside its golden, on made-up results."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_runtime.config.block_file import load_block
from edge_runtime.errors import ConfigError, SourceError
from edge_runtime.evaluate.compare import Comparer
from edge_runtime.evaluate.compare_checks import Decisions
from edge_runtime.evaluate.golden import check_updatable, open_golden, write_golden
from edge_runtime.evaluate.side_by_side import side_by_side
from edge_runtime.evaluate.tolerances import Tolerances

CAR = ((100, 100, 140, 130), "car", 1, None)
FAR = ((300, 90, 306, 100), "car", 2, None)
LIGHT = ((400, 50, 410, 75), "traffic light", 3, "red")
NOT_ASKED = Decisions(None, "nobody decided")


def line(frame_id, *boxes, latency_ms=20.0, camera="front", **more):
    columns = {
        "xyxy": [list(box[0]) for box in boxes],
        "confidence": [0.8] * len(boxes),
        "class_id": [0] * len(boxes),
        "class_name": [box[1] for box in boxes],
        "track_id": [box[2] for box in boxes],
        "label": [box[3] for box in boxes],
    }
    t_ns = frame_id * 100_000_000
    frame = {"frame_id": frame_id, "camera": camera, "t_capture_ns": t_ns, "latency_ms": latency_ms}
    return {**frame, "stages": {"seen": columns}, **more}


def moved_by(box, px):
    (x0, y0, x1, y1), *rest = box
    return ((x0 + px, y0, x1 + px, y1), *rest)


def compared(
    golden, now, tolerances=None, *, live=False, distances=None, budgets=None, decisions=NOT_ASKED, whole=True
):
    comparer = Comparer("seen", tolerances or Tolerances(), distances=distances)
    for one, other in side_by_side(golden, now, *[lambda each: (each["camera"], each["frame_id"])] * 2):
        comparer.see(one, other)
    return comparer.comparison(decisions, live=live, budgets=budgets, whole=whole)


def checks(comparison):
    return {check.name: check.held for check in comparison.checks}


def test_the_same_results_are_identical_and_hold():
    comparison = compared([line(n, CAR, LIGHT) for n in range(3)], [line(n, CAR, LIGHT) for n in range(3)])
    assert comparison.identical
    assert comparison.broken == ()
    document = comparison.document()
    assert [document[key] for key in ("matched", "lost", "new", "moved")] == [6, 0, 0, 0]
    assert document["first_difference"] is None


def test_a_lost_box_breaks_by_default_and_is_counted_by_class_and_height():
    comparison = compared([line(0, CAR, FAR, LIGHT)], [line(0, CAR, LIGHT)])
    document = comparison.document()
    assert document["lost"] == 1
    assert document["broken"] == ["1 of 3 boxes lost, none allowed"]
    assert document["by_class"]["car"]["lost"] == 1
    assert document["by_class"]["traffic light"]["lost"] == 0
    heights = {row["from_px"]: row["lost"] for row in document["by_height_px"]}
    assert heights == {8.0: 1, 24.0: 0}
    assert document["first_difference"]["what"] == "lost: car 0.80 at 300, 90, 10 px high"
    assert next(iter(document["by_class"])) == "car"


def test_new_and_moved_boxes_are_told_apart_from_those_found_again():
    comparison = compared([line(0, CAR)], [line(0, moved_by(CAR, 8), FAR)])
    assert (comparison.total("matched"), comparison.total("moved"), comparison.total("new")) == (1, 1, 1)
    assert comparison.total("lost") == 0


def test_an_object_under_another_class_is_a_flip_and_neither_lost_nor_new():
    comparison = compared([line(0, CAR)], [line(0, (CAR[0], "truck", 1, None))])
    assert comparison.total("class_flips", "car") == 1
    assert comparison.total("lost") == comparison.total("new") == comparison.total("matched") == 0
    assert checks(comparison)["flips"] is False


def test_a_light_in_another_state_is_a_flip_of_a_matched_box():
    comparison = compared([line(0, LIGHT)], [line(0, (*LIGHT[:3], "green"))])
    assert (comparison.total("matched"), comparison.total("state_flips")) == (1, 1)
    assert "(red)" in comparison.first_difference["what"]
    assert "(green)" in comparison.first_difference["what"]


def test_boxes_of_one_class_pair_off_before_others_and_the_most_alike_first():
    near, beside = moved_by(CAR, 6), moved_by(CAR, 2)
    comparison = compared([line(0, CAR)], [line(0, (CAR[0], "truck", 9, None), near, beside)])
    assert (comparison.total("matched"), comparison.total("moved"), comparison.total("new")) == (1, 0, 2)


def test_a_track_that_is_interrupted_or_goes_on_under_another_id_is_a_break():
    golden = [line(n, CAR) for n in range(6)]
    other = (CAR[0], "car", 7, None)
    now = [line(0, CAR), line(1), line(2, CAR), line(3, CAR), line(4, other), line(5, other)]
    assert compared(golden, now).total("breaks") == 2


def test_tracks_of_two_cameras_under_one_id_are_two():
    golden = [line(n, CAR, camera=camera) for n in range(3) for camera in ("front", "left")]
    other = (CAR[0], "car", 7, None)
    now = [
        line(n, CAR if camera == "front" else other, camera=camera) for n in range(3) for camera in ("left", "front")
    ]
    comparison = compared(golden, now)
    assert comparison.total("breaks") == 0
    assert comparison.cameras == ("front", "left")


def test_frames_are_known_by_camera_and_id_in_whatever_order_cameras_take_turns():
    golden = [line(0, CAR), line(0, LIGHT, camera="left"), line(1, CAR), line(1, LIGHT, camera="left"), line(2, CAR)]
    now = [golden[1], golden[3], golden[0], golden[2], line(2, camera="front")]
    document = compared(golden, now).document()
    assert (document["matched"], document["lost"], document["new"]) == (4, 1, 0)
    assert document["compared"] == {"golden": 5, "now": 5, "both": 5, "missing": 0, "added": 0, "failed": 0}
    assert {name: figures["lost"] for name, figures in document["by_camera"].items()} == {"front": 1, "left": 0}
    assert document["first_difference"]["camera"] == "front"


def test_a_camera_that_only_one_side_has_is_missing_frames():
    golden = [line(n, CAR, camera=camera) for n in range(3) for camera in ("front", "left")]
    frames = compared(golden, [each for each in golden if each["camera"] == "left"]).frames
    assert (frames["both"], frames["missing"], frames["added"]) == (3, 3, 0)


def test_the_rate_of_several_cameras_is_that_of_the_slowest():
    fast = [line(n, CAR) for n in range(20)]
    slow = [line(n, CAR, camera="left") for n in range(0, 20, 2)]
    times = compared([*fast, *slow], [*fast, *slow], live=True).document()["times"]
    assert times["now"]["fps"] == pytest.approx(5.0)


def test_an_id_that_is_another_from_the_beginning_is_no_break():
    golden = [line(n, CAR) for n in range(3)]
    assert compared(golden, [line(n, (CAR[0], "car", 7, None)) for n in range(3)]).total("breaks") == 0


def test_breaks_are_not_judged_without_tracks():
    untracked = [line(n, (CAR[0], "car", None, None)) for n in range(2)]
    assert checks(compared(untracked, untracked))["breaks"] is None


def test_distances_split_the_counts_where_they_are_known():
    def distances(key, xyxy):
        return np.where(xyxy[:, 0] == 300, 130.0, np.nan)

    document = compared([line(0, CAR, FAR)], [line(0, CAR)], distances=distances).document()
    assert [(row["from_m"], row["golden"], row["lost"]) for row in document["by_distance"]] == [(100.0, 1, 1)]
    assert compared([line(0, CAR)], [line(0, CAR)]).document()["by_distance"] == []


def test_a_frame_that_is_missing_breaks_but_not_in_a_replay_that_ends_early_or_is_live():
    golden, now = [line(0, CAR), line(1, CAR)], [line(0, CAR)]
    assert checks(compared(golden, now))["frames"] is False
    assert checks(compared(golden, now, whole=False))["frames"] is True
    assert checks(compared(golden, now, live=True))["frames"] is None
    assert compared(golden, now).total("lost") == 0


def test_a_golden_of_another_drive_is_said():
    broken = compared([line(0, CAR)], [line(7, CAR)], live=True).broken
    assert broken == ("no frame is in both results: the golden belongs to another drive",)


def test_a_frame_that_fails_now_breaks():
    failed = {**line(0), "stages": {}, "error": "NaN"}
    comparison = compared([line(0, CAR)], [failed])
    assert "1 frames failed that did not in the golden" in comparison.broken
    assert comparison.total("lost") == 1


def test_tolerances_allow_shares_and_a_class_may_have_limits_of_its_own():
    golden = [line(n, CAR, FAR, LIGHT) for n in range(10)]
    now = [line(0, CAR, LIGHT), *golden[1:]]
    assert checks(compared(golden, now, Tolerances(lost=0.05)))["lost"] is True
    assert checks(compared(golden, now, Tolerances(lost=0.01)))["lost"] is False
    assert checks(compared(golden, now, Tolerances(lost=None)))["lost"] is None
    own = Tolerances(lost=0.0, classes={"car": {"lost": 0.1}})
    assert checks(compared(golden, now, own))["lost car"] is True
    assert checks(compared(golden, now, own))["lost"] is True
    assert checks(compared(golden, now, own))["new car"] is True


def test_times_are_judged_live_and_virtual_time_says_that_they_are_not():
    golden, slow = [line(n, CAR) for n in range(20)], [line(n, CAR, latency_ms=40.0) for n in range(20)]
    tolerances = Tolerances(latency_p99=1.5, fps=0.9)
    live = compared(golden, slow, tolerances, live=True)
    assert (checks(live)["latency"], checks(live)["fps"]) == (False, True)
    assert live.document()["times"]["now"]["latency_ms"]["p99"] == 40.0
    assert live.document()["times"]["golden"]["fps"] == pytest.approx(10.0)
    virtual = compared(golden, slow, tolerances)
    assert checks(virtual)["times"] is None
    assert virtual.document()["times"] == {"judged": False, "golden": None, "now": None}
    assert not virtual.broken


def test_a_budget_that_is_not_held_breaks_a_live_replay():
    budgets = {"latency_ms": {"limit": 10.0, "windows": 5, "held": 3, "longest_violation_s": 2.0}}
    results = [line(n, CAR) for n in range(3)]
    assert compared(results, results, live=True, budgets=budgets).broken == (
        "budget latency_ms 10.0 held in 3 of 5 seconds",
    )
    assert not compared(results, results, budgets=budgets).broken


def test_other_decisions_break_unless_any_are_allowed():
    differ = Decisions(False, "1 of 9 decisions differ")
    results = [line(0, CAR)]
    assert compared(results, results, decisions=differ).broken == ("1 of 9 decisions differ",)
    assert not compared(results, results, Tolerances(decisions="any"), decisions=differ).broken


def test_the_worst_frame_of_each_second_is_kept_the_worst_first():
    golden = [line(n, CAR, FAR, LIGHT) for n in range(20)]
    now = [line(n, *(() if n == 14 else (CAR,) if n in (3, 13) else (CAR, FAR, LIGHT))) for n in range(20)]
    comparison = compared(golden, now)
    assert [found.key for found in comparison.worst] == [("front", 14), ("front", 3)]
    assert comparison.by_second[1]["lost"] == 5


def test_a_difference_that_is_not_counted_is_still_named():
    results, later = [line(0, CAR)], [line(0, CAR, latency_ms=21.0)]
    comparison = compared(results, later)
    assert not comparison.identical
    assert comparison.first_difference["what"].startswith("latency_ms: differs")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lost: 2\n", ["t.yaml:1:7", "lost"]),
        ("iou: 0.5\nlots: 0.1\n", ["t.yaml:2:1", "lots"]),
        ("classes:\n  car: {lost: many}\n", ["t.yaml:2:", "classes.car.lost"]),
    ],
)
def test_a_mistake_in_tolerances_is_answered_with_its_line(tmp_path, text, said):
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_block(tmp_path / "t.yaml", Tolerances)
    assert all(word in str(caught.value) for word in said)


def test_a_golden_is_a_file_of_lines_and_says_which_line_is_none(tmp_path):
    path = tmp_path / "golden.jsonl"
    path.write_text(json.dumps(line(0, CAR)) + '\n{"frame_id": 1}\n')
    with pytest.raises(SourceError, match=r"golden\.jsonl:2: is no line of results"):
        list(open_golden(path).lines())
    with pytest.raises(SourceError, match="--update-golden writes one"):
        open_golden(tmp_path / "missing.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="neither a recording nor results"):
        open_golden(tmp_path / "empty")


def test_a_golden_keeps_masks_inside_and_decisions_beside_it(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "mask.png").write_bytes(b"png")
    masked = line(0, CAR, masks={"lane": {"xyxy": [0, 0, 1, 1], "png": {"lane": "mask.png"}}})
    (run / "detections.jsonl").write_text(json.dumps(masked) + "\n")
    (run / "decisions.jsonl").write_text('{"t_ns": 1, "point": "full"}\n')
    write_golden(tmp_path / "golden.jsonl", run / "detections.jsonl")
    golden, of_run = open_golden(tmp_path / "golden.jsonl"), open_golden(run)
    assert list(golden.lines()) == list(of_run.lines())
    assert next(iter(golden.lines()))["masks"]["lane"]["png"] == {"lane": "cG5n"}
    assert golden.decisions() == of_run.decisions() == [{"t_ns": 1, "point": "full"}]


@pytest.mark.parametrize("name", ["drive.mcap", "run", "none/golden.jsonl"])
def test_only_a_results_file_is_written_as_golden(tmp_path, name):
    (tmp_path / "run").mkdir()
    with pytest.raises(SourceError):
        check_updatable(tmp_path / name)
