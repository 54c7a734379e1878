"""A drive is recorded, something is changed, and its replay against the golden says what was lost."""

import json
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from edge_runtime.cli.main import run_app
from edge_runtime.config.schema import SimulationSource
from edge_runtime.evaluate.against import distances_of
from edge_runtime.sources.simulation import Drive as Simulation
from tests.tiny import tiny_video

from .test_record_replay import LADDER

CONFIDENT = ("--set", "models.road.decode.confidence=0.8")


@pytest.fixture
def drive(tiny, tmp_path, monkeypatch, capsys):
    """A recording whose pictures grow brighter, so that the one box in each grows surer: from 0.63 to 0.93."""
    tiny_video(tiny.parent / "drive.avi", frames=40, brightness=lambda n: 160 + 2 * n)
    monkeypatch.chdir(tmp_path)
    assert run_app([str(tiny), "--record", "drive.mcap", "--out", "run"]) == 0
    capsys.readouterr()
    return "drive.mcap"


@pytest.fixture
def golden(drive, capsys):
    assert run_app(["replay", drive, "--against", "golden.jsonl", "--update-golden", "--out", "first"]) == 0
    assert "golden.jsonl is the golden from now on" in capsys.readouterr().err
    return "golden.jsonl"


def document_of(capsys):
    return json.loads(capsys.readouterr().out)


def test_a_replay_with_nothing_changed_is_identical(drive, golden, capsys):
    assert run_app(["replay", drive, "--against", golden, "--out", "again", "--json"]) == 0
    document = document_of(capsys)
    assert document["identical"] is True
    assert (document["matched"], document["lost"], document["broken"]) == (40, 0, [])
    assert document["frames"]["published"] == 40
    assert run_app(["replay", drive, "--against", "again", "--out", "third"]) == 0
    assert "Identical to the golden, to the last byte, in 40 frames." in capsys.readouterr().out


def test_what_a_higher_confidence_loses_is_in_the_document_the_junit_file_and_on_the_page(drive, golden, capsys):
    options = ["--html", "changed.html", "--junit", "changed.xml", "--annotations", "github", "--json"]
    assert run_app(["replay", drive, *CONFIDENT, "--against", golden, "--out", "again", *options]) == 3
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    lost = document["lost"]
    assert 20 < lost < 40
    assert document["matched"] + lost == 40
    assert document["by_class"]["car"]["lost"] == lost
    assert [row["lost"] for row in document["by_class"]["car"]["by_height_px"]] == [lost]
    assert document["first_difference"]["frame_id"] == 0
    assert document["broken"][0] == f"{lost} of 40 boxes lost, none allowed"
    assert f"::error file=golden.jsonl,title=replay of drive.mcap::{lost} of 40 boxes lost" in captured.err

    (suite,) = ElementTree.parse("changed.xml").getroot()
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {"lost"}
    assert (int(suite.get("tests")), int(suite.get("failures"))) == (len(suite), 1)

    page = Page(Path("changed.html").read_text(encoding="utf-8"))
    assert page.tags.count("image") == len({key for key in page.ids if key.startswith("f")}) >= 1
    assert "models.road.decode.confidence" in page.text
    assert f"Not held: {lost} of 40 boxes lost, in 40 frames." in page.text
    assert "lost" in page.classes


def test_tolerances_say_how_much_may_change(drive, golden, capsys):
    Path("loose.yaml").write_text("lost: 0.9\nclasses:\n  person: {lost: 0.0}\n")
    again = ["replay", drive, *CONFIDENT, "--against", golden, "--out", "again"]
    assert run_app([*again, "--tolerances", "loose.yaml"]) == 0
    assert "Held: " in capsys.readouterr().out
    Path("wrong.yaml").write_text("lost: 0.9\nmuch: 1\n")
    assert run_app([*again, "--tolerances", "wrong.yaml"]) == 2
    assert "wrong.yaml:2:1" in capsys.readouterr().err


def test_a_recording_is_a_golden_and_a_part_of_the_drive_is_compared_with_its_part(drive, capsys):
    assert run_app(["replay", drive, "--against", drive, "--frames", "10", "--out", "again", "--json"]) == 0
    document = document_of(capsys)
    assert document["compared"]["both"] == document["matched"] == 10
    assert document["broken"] == []


def test_from_raw_pictures_a_replay_is_identical_to_the_recording_itself(tiny, tmp_path, capsys):
    assert run_app([str(tiny), "--set", "record={images: raw, path: drive.mcap}", "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    drive = str(tmp_path / "run" / "drive.mcap")
    assert run_app(["replay", drive, "--against", drive, "--out", str(tmp_path / "again"), "--json"]) == 0
    assert document_of(capsys)["identical"] is True


def test_updating_the_golden_says_what_changed_and_holds_from_then_on(drive, golden, capsys):
    again = ["replay", drive, *CONFIDENT, "--against", golden]
    assert run_app([*again, "--update-golden", "--out", "again"]) == 0
    assert "of 40 boxes lost" in capsys.readouterr().err
    assert run_app([*again, "--out", "third", "--json"]) == 0
    assert document_of(capsys)["identical"] is True


def test_a_live_replay_is_paired_by_the_time_of_the_drive_and_its_times_are_judged(drive, golden, capsys):
    Path("times.yaml").write_text("latency_p99: 1000.0\nfps: 1000.0\n")
    options = ["--clock", "live", "--frames", "20", "--tolerances", "times.yaml", "--out", "live", "--json"]
    assert run_app(["replay", drive, "--against", golden, *options]) == 3
    document = document_of(capsys)
    assert document["times"]["judged"] is True
    assert document["matched"] == document["compared"]["both"] > 0
    assert document["lost"] == 0
    assert [text.split()[1] for text in document["broken"]] == ["fps,"]


def test_another_budget_shows_the_first_decision_that_differs_with_its_inputs(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ladder.yaml").write_text(LADDER)
    (tmp_path / "drive.csv").write_text("\n".join(["t_s,power_w", *(f"{n / 2},{9 + n}" for n in range(1, 5))]))
    options = ["--pipeline", str(tiny), "--telemetry", "drive.csv", "--set", "governor={ladder: ladder.yaml}"]
    again = ["replay", "drive.avi", *options, "--against", "golden.jsonl"]
    assert run_app([*again, "--set", "budgets.power_w=30", "--update-golden", "--out", "first"]) == 0
    assert (tmp_path / "golden.decisions.jsonl").exists()
    assert run_app([*again, "--set", "budgets.power_w=30", "--out", "second"]) == 0
    capsys.readouterr()
    assert run_app([*again, "--set", "budgets.power_w=9", "--html", "page.html", "--out", "third", "--json"]) == 3
    document = document_of(capsys)
    assert document["decisions_identical"] is False
    first = document["first_decision_difference"]
    assert first["golden"]["reason"] != first["now"]["reason"]
    assert first["inputs"]["t_ns"] == first["t_ns"]
    assert "The first decision that differs" in (tmp_path / "page.html").read_text()


def test_labels_split_what_was_lost_by_distance(drive, golden, capsys):
    box = [20, 15, 80, 60]  # the network's, in pixels of the picture
    labels = {
        "images": [{"id": n} for n in range(40)],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": n + 1, "image_id": n, "category_id": 1, "bbox": box, "distance_m": 30.0 + 2 * n} for n in range(40)
        ],
    }
    Path("labels.json").write_text(json.dumps(labels))
    options = ["--against", golden, "--labels", "labels.json", "--out", "again", "--json"]
    assert run_app(["replay", drive, *CONFIDENT, *options]) == 3
    document = document_of(capsys)
    bands = {row["from_m"]: (row["golden"], row["lost"]) for row in document["by_distance"]}
    assert list(bands) == [20.0, 40.0, 60.0, 80.0, 100.0]
    assert bands[20.0] == (5, 5)
    assert bands[100.0] == (5, 0)
    assert sum(lost for _, lost in bands.values()) == document["lost"]


def test_a_recorded_simulation_knows_how_far_its_objects_are():
    source = {"kind": "simulation", "size": [640, 360]}
    simulated = Simulation(SimulationSource.model_validate(source))
    recorded = SimpleNamespace(recording=SimpleNamespace(pipeline_text=json.dumps({"source": source})))
    labels = simulated.labels(5)
    distance_m = distances_of(recorded, "simulation")(("front", 5), np.array([label.xyxy for label in labels], float))
    assert np.isin(distance_m, [label.distance_m for label in labels]).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--html", "page.html"], "--against GOLDEN"),
        (["--against", "missing.jsonl"], "no such golden"),
        (["--against", "drive.mcap", "--update-golden"], "only a results file is written"),
        (["--against", "golden.jsonl", "--update-golden", "--clock", "live"], "--clock virtual"),
        (["--against", "run", "--out", "run"], "would write over it"),
        (["--against", "tiny.yaml"], "tiny.yaml:1: is no line of results"),
        (["--against", "run", "--labels", "simulation"], "no recording of a simulated drive"),
    ],
)
def test_what_cannot_be_compared_is_answered(drive, capsys, options, said):
    out = [] if "--out" in options else ["--out", "again"]
    assert run_app(["replay", drive, *options, *out]) == 2
    assert said in capsys.readouterr().err
    assert not Path("again").exists()  # nothing was started


class Page(HTMLParser):
    """Tags, ids, classes and text of a page that must parse."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.classes, self.text = [], [], set(), ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self.tags.append(tag)
        self.ids += [known["id"]] if "id" in known else []
        self.classes |= set((known.get("class") or "").split())

    def handle_data(self, data):
        self.text += data
