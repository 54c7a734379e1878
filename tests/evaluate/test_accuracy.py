"""Whole evaluations of a pipeline that finds one box, always the same."""

from __future__ import annotations

import json

import pytest

from edge_runtime.cli.main import run_app
from tests.evaluate.conftest import AWAY, BOX

KEYS = (
    "ap50",
    "ap",
    "recall_by_distance",
    "recall_by_height_px",
    "by_class",
    "false_positives_per_frame",
    "streaming_ap",
    "regions_per_frame",
    "ms_per_frame",
)


@pytest.fixture
def judge(folder, capsys):
    def run(pipeline, labels, *options, code=0):
        arguments = ["eval", str(folder / pipeline), "--stage", "objects", "--resamples", "20", "--json", *options]
        assert run_app([*arguments, *(["--labels", str(labels)] if labels else [])]) == code
        out = capsys.readouterr().out
        return json.loads(out) if out else None

    return run


def every_frame(box=BOX, name="car", frames=20):
    return [(n, name, box, {"distance_m": 30.0}) for n in range(frames)]


def test_a_video_is_matched_by_frame_number_and_the_document_has_its_keys(judge, labelled):
    found = judge("video.yaml", labelled(every_frame(), images=20))
    assert set(KEYS) <= set(found)
    assert found["ap50"] == found["recall"] == found["precision"] == 1.0
    assert found["frames"] == 20
    assert found["false_positives_per_frame"] == 0.0
    assert found["ms_per_frame"] > 0
    assert sum(row["count"] for row in found["recall_by_distance"]) == 20


def test_a_recording_is_judged_by_the_labels_of_the_pictures_in_it(judge, labelled, folder, capsys):
    drive = folder / "drive.mcap"
    options = ["--pace", "fast", "--record", str(drive), "--out", str(folder / "run")]
    assert run_app([str(folder / "video.yaml"), *options]) == 0
    capsys.readouterr()
    labels = labelled([*every_frame(frames=10), *every_frame(AWAY, frames=10)], images=10)
    found = judge("video.yaml", labels, "--set", f"source={{kind: recording, path: {drive}}}")
    assert found["frames"] == 10
    assert found["recall"] == 0.5
    assert found["precision"] == 1.0


def test_half_of_the_objects_found_is_a_recall_of_one_half(judge, labelled):
    labels = labelled([*every_frame(), *every_frame(AWAY)], images=20)
    found = judge("video.yaml", labels)
    assert found["recall"] == 0.5
    assert found["ap50"] == pytest.approx(51 / 101, abs=1e-6)
    assert found["precision"] == 1.0


def test_every_fifth_frame_labelled_is_every_fifth_frame_judged(judge, labelled):
    labels = labelled([(n, "car", BOX) for n in range(4)], images=4, file_name=lambda n: f"f_{n * 5:04}.jpg")
    found = judge("video.yaml", labels)
    assert found["frames"] == 4
    assert found["recall"] == 1.0


def test_pictures_of_a_folder_are_matched_by_name(judge, labelled):
    labels = labelled(
        [(0, "car", BOX), (1, "car", AWAY)], images=3, file_name=lambda n: ("c.png", "a.png", "no.png")[n]
    )
    found = judge("images.yaml", labels)
    assert found["frames"] == 2
    assert found["recall"] == 0.5
    assert found["false_positives_per_frame"] == 0.5
    assert "1 labelled pictures are not in the folder" in found["warnings"]


def test_a_truck_is_found_as_a_vehicle_and_told_apart_by_class(judge, labelled):
    found = judge("video.yaml", labelled(every_frame(name="truck"), images=20))
    assert found["by_group"]["vehicle"]["recall"] == 1.0
    assert found["by_class"]["truck"]["recall"] == 1.0
    assert found["by_class"]["truck"]["judged_as"] == "vehicle"
    assert found["by_class"]["truck"]["ap"] is None


def test_latency_lets_the_first_frame_pass_without_a_result(judge, labelled):
    found = judge("video.yaml", labelled(every_frame(), images=20))
    assert found["streaming"]["mode"] == "virtual"
    assert found["streaming"]["recall"] < 1.0
    assert found["streaming_ap"] < found["ap"]


def test_a_live_run_is_judged_by_its_own_times(judge, labelled):
    found = judge("video.yaml", labelled(every_frame(), images=20), "--live")
    assert found["streaming"]["mode"] == "live"
    assert found["streaming"]["captured"] == 20
    assert found["recall"] == 1.0


def test_the_figures_do_not_depend_on_the_chance_of_a_run(judge, labelled):
    labels = labelled([*every_frame(), *every_frame(AWAY)], images=20)
    first, second = (judge("video.yaml", labels) for _ in range(2))
    for key in ("ap", "ap50", "recall", "precision", "recall_by_height_px", "by_class"):
        assert first[key] == second[key]
    assert first["intervals"]["recall"] == second["intervals"]["recall"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--min-ap50", "0.9", "--min-recall", "1"], 0),
        (["--min-recall", "1.01"], 3),
        (["--max-false-positives", "0"], 0),
        (["--max-ms", "0.000001"], 3),
        (["--min-light-state", "0.5"], 3),
    ],
)
def test_an_expectation_that_does_not_hold_exits_three(judge, labelled, options, code):
    judge("video.yaml", labelled(every_frame(), images=20), *options, code=code)


def test_what_did_not_hold_is_said_on_stderr(folder, labelled, capsys):
    labels = labelled(every_frame(AWAY), images=20)
    assert run_app(["eval", str(folder / "video.yaml"), "--labels", str(labels), "--min-recall", "0.5"]) == 3
    captured = capsys.readouterr()
    assert "not held: recall is 0, asked for at least 0.5" in captured.err
    assert "false positives a frame" in captured.out


def test_classes_that_the_pipeline_does_not_know_are_named_and_left_out(judge, labelled):
    labels = labelled([*every_frame(), *every_frame(AWAY, "person")], images=20)
    found = judge("video.yaml", labels)
    assert found["recall"] == 1.0
    assert any("person (20 objects)" in warning for warning in found["warnings"])


def test_only_one_class_may_be_asked_for(judge, labelled):
    labels = labelled([*every_frame(), *every_frame(AWAY, "lane")], images=20, categories=("car", "lane"))
    assert judge("video.yaml", labels)["judged"] == ["vehicle", "lane"]
    only = judge("video.yaml", labels, "--only", "lane")
    assert only["judged"] == ["lane"]
    assert only["recall"] == 0.0
    assert only["false_positives_per_frame"] == 0.0


def test_labels_without_an_object_count_false_positives_and_say_so(judge, labelled):
    found = judge("video.yaml", labelled([], images=20))
    assert (found["ap"], found["recall"]) == (None, None)
    assert found["false_positives_per_frame"] == 1.0
    assert "only false positives" in found["warnings"][0]


@pytest.mark.parametrize(
    ("annotations", "more", "said"),
    [
        ([(0, "person", BOX)], {"categories": ("person",)}, "none of its classes (person) is one of stage tracked's"),
        ([(0, "car", BOX)], {"file_name": lambda n: "f900.png"}, "labels frames 900 to 900, and the run saw 0 to 19"),
    ],
)
def test_labels_that_do_not_fit_exit_two(folder, labelled, capsys, annotations, more, said):
    labels = labelled(annotations, **more)
    assert run_app(["eval", str(folder / "video.yaml"), "--labels", str(labels)]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "need --labels COCO.json"),
        (["--labels", "no.json"], "no such file: no.json"),
        (["--stage", "nothing"], "no stage named nothing reports boxes"),
        (["--distances", "0,50,20"], "the edges of bands rise"),
        (["--heights", "low"], "is not a list of numbers"),
        (["--compare"], "at least two pipelines"),
        (["--iou", "0"], "--iou"),
        (["--html", "/dev/null/page.html"], "--html"),
        (["--set", "source={kind: camera, device: 0}"], "a camera's pictures have no labels"),
    ],
)
def test_bad_options_exit_two_with_a_sentence_and_nothing_runs(folder, capsys, options, said):
    assert run_app(["eval", str(folder / "video.yaml"), *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_two_pipelines_without_compare_are_refused(folder, capsys):
    assert run_app(["eval", str(folder / "video.yaml"), str(folder / "images.yaml")]) == 2
    assert "side by side with --compare" in capsys.readouterr().err


def test_a_comparison_pairs_frames_and_is_certain_only_of_a_difference(folder, labelled, capsys):
    text = (folder / "video.yaml").read_text()
    (folder / "blind.yaml").write_text(
        text.replace("name: video", "name: blind").replace("confidence: 0.3", "confidence: 0.99")
    )
    (folder / "same.yaml").write_text(text.replace("name: video", "name: same"))
    labels = labelled(every_frame(), images=20)
    paths = [str(folder / name) for name in ("video.yaml", "blind.yaml", "same.yaml")]
    page = folder / "compare.html"
    command = [
        "eval",
        "--compare",
        *paths,
        "--labels",
        str(labels),
        "--stage",
        "objects",
        "--html",
        str(page),
        "--json",
    ]
    assert run_app(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["baseline"] == "video"
    assert list(found["pipelines"]) == ["video", "blind", "same"]
    blind, same = found["differences"]["blind"]["recall"], found["differences"]["same"]["recall"]
    assert (blind["difference"], blind["certain"], blind["better"]) == (-1.0, True, False)
    assert (same["difference"], same["certain"], same["better"]) == (0.0, False, None)
    assert "video against blind against same" in page.read_text()


def test_a_comparison_over_different_pictures_is_refused(folder, labelled, capsys):
    labels = labelled([(0, "car", BOX)], images=2, file_name=lambda n: ("a.png", "b.png")[n])
    paths = [str(folder / name) for name in ("video.yaml", "images.yaml")]
    assert run_app(["eval", "--compare", *paths, "--labels", str(labels)]) == 2
    assert "different pictures" in capsys.readouterr().err


def test_a_simulation_brings_its_own_labels(folder, capsys):
    text = (folder / "video.yaml").read_text()
    source = "{kind: simulation, seconds: 0.2, size: [160, 96], fps: 10}"
    (folder / "simulated.yaml").write_text(text.replace("{kind: video, path: drive.avi}", source))
    assert run_app(["eval", str(folder / "simulated.yaml"), "--resamples", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["frames"] == 2
    assert found["labels"]["origin"] == "the simulation"
    assert found["recall_by_distance"]


def test_the_page_shows_the_missed_object_and_loads_nothing(judge, folder, labelled):
    page = folder / "page.html"
    judge("video.yaml", labelled([*every_frame(), *every_frame(AWAY)], images=20), "--html", str(page))
    text = page.read_text()
    assert text.count("data:image/jpeg") == 1
    assert "30 m, 20 px high" in text
    assert "http" not in text.replace("http-equiv", "")
