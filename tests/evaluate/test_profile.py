"""Profiles of a small pipeline: what is written, what is said, and that nothing is measured twice."""

import json

import pytest

from edge_runtime.cli.main import run_app
from edge_runtime.config.ladder import load_ladder
from edge_runtime.config.load import load_pipeline
from edge_runtime.core import SystemClock
from edge_runtime.errors import RunError
from edge_runtime.evaluate import profile_board, profile_session, profile_visits
from edge_runtime.evaluate.profile import profile
from edge_runtime.evaluate.profile_steps import Asked
from edge_runtime.telemetry.control import BoardStatus
from tests.evaluate.conftest import BOX
from tests.jetson_emulator import tree

QUICK = ["--seconds", "0.2", "--repeats", "1", "--frames", "15", "--set", "telemetry.period_ms=50"]


@pytest.fixture
def profiled(folder, capsys):
    """Runs the verb on `video.yaml`; returns its document and what it said on stderr."""

    def run(*options, code=0):
        out = ["--out", str(folder / "ladder.yaml")]
        assert run_app(["profile", str(folder / "video.yaml"), *QUICK, *out, "--json", *options]) == code
        shown = capsys.readouterr()
        return json.loads(shown.out) if shown.out else None, shown.err

    return run


def every_frame(frames=20):
    return [(n, "car", BOX, {"distance_m": 30.0}) for n in range(frames)]


def test_the_ladder_holds_the_front_and_says_where_it_comes_from(profiled, labelled, folder):
    document, _ = profiled("--labels", str(labelled(every_frame(), images=20)))
    ladder = load_ladder(folder / "ladder.yaml")
    points = {point["name"]: point for point in document["points"]}
    assert set(points) == {"full", "d2", "d3"}
    assert ladder.by_name.keys() == {name for name in points if points[name]["in_ladder"]}
    assert points["full"]["knobs"]["detector_period"] == 1
    assert points["d3"]["busy_ms"]["gpu"] < points["full"]["busy_ms"]["gpu"]
    assert ladder.camera_fps == 25.0
    text = (folder / "ladder.yaml").read_text()
    for said in ("# Measured on", "edge-run", "streaming AP on 15 frames, against", "Nothing measured power here"):
        assert said in text


def test_without_labels_the_file_says_what_stands_in_for_them(profiled, folder):
    document, _ = profiled()
    assert document["usefulness"]["truth"].startswith("what ")
    assert document["usefulness"]["labelled"] is False
    assert "nobody has labelled the pictures" in (folder / "ladder.yaml").read_text()


def test_what_was_measured_is_not_measured_again_and_more_rounds_add_to_it(profiled, monkeypatch):
    profiled()
    with monkeypatch.context() as patched:
        patched.setattr(profile_visits, "Session", None)
        again, said = profiled()
    assert "going on with" in said
    more, _ = profiled("--repeats", "2")
    assert more["repeats"] == 2
    assert [point["name"] for point in again["points"]]
    assert all(low < high for low, high in (point["spread"]["fps"] for point in more["points"]))


def test_a_profile_that_was_cut_short_goes_on_where_it_was(profiled, folder):
    profiled()
    book = folder / "ladder.measured.jsonl"
    lines = book.read_text().splitlines(keepends=True)
    book.write_text("".join(lines[:4]) + lines[4][:20])
    _, said = profiled()
    assert "going on with 3 measurements" in said
    assert book.read_text().splitlines(keepends=True)[:4] == lines[:4]


def test_a_changed_pipeline_is_measured_anew_and_that_is_said(profiled):
    profiled()
    _, said = profiled("--set", "stages.1.keep_frames=10")
    assert "pipeline changed" in said
    assert "measuring anew" in said


def test_budgets_and_sinks_may_change_without_measuring_again(profiled):
    profiled()
    _, said = profiled("--set", "budgets.fps_floor=15", "--set", "sinks=[{kind: jsonl}]")
    assert "going on with" in said


def test_a_ladder_that_somebody_edited_is_kept_aside(profiled, folder):
    profiled()
    edited = (folder / "ladder.yaml").read_text() + "# mine\n"
    (folder / "ladder.yaml").write_text(edited)
    profiled()
    assert (folder / "ladder.before.yaml").read_text() == edited


def test_points_are_chosen_by_name_or_number_and_a_wrong_name_is_answered(profiled):
    document, _ = profiled("--points", "d*", "--max-points", "1")
    assert [point["name"] for point in document["points"]] == ["d3"]
    _, said = profiled("--points", "r*", code=1)
    assert "no point is named r*; this pipeline spans d3, d2 and full" in said


def test_power_that_is_read_comes_with_points_under_a_cap(profiled, folder):
    samples = [{"t_ns": n * 50_000_000, "source": "recorded", "power_w": 20.0} for n in range(2000)]
    (folder / "power.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    document, said = profiled(
        "--set", "telemetry={source: recorded, log: " + str(folder / "power.jsonl") + "}", "--points", "full"
    )
    assert "power is not measured" not in said
    assert document["idle_w"] == 20.0
    assert {point["name"]: point["derived"] for point in document["points"]} == {
        "full": False,
        "full-12.5fps": True,
        "full-8.333fps": True,
    }
    assert load_ladder(folder / "ladder.yaml").knows_watts


def test_the_page_shows_every_point_and_the_file(profiled, folder):
    profiled("--html", str(folder / "points.html"))
    page = (folder / "points.html").read_text()
    for shown in ("Usefulness over frame rate", "Usefulness over latency", "<svg", "d3", "camera_fps: 25.0"):
        assert shown in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--labels", "nowhere.json"], 2, "no such file: nowhere.json"),
        (["--set", "source={kind: camera, device: 0}"], 2, "a camera's pictures have no labels"),
        (["--out", "nowhere/ladder.yaml"], 2, "mkdir -p nowhere"),
    ],
)
def test_a_mistake_is_answered_before_anything_runs(profiled, folder, options, code, says):
    _, said = profiled(*options, code=code)
    assert says in said
    assert not (folder / "ladder.measured.jsonl").exists()


class Board:
    """Takes one power mode and refuses the other."""

    def __init__(self):
        self.settings, self.closed = [], False

    def apply(self, setting):
        self.settings.append(setting)

    def status(self):
        wanted = self.settings[-1].power_mode
        return BoardStatus(problem="no MAXN today" if wanted == "MAXN" else None)

    def close(self):
        self.closed = True


def test_a_power_mode_that_is_not_to_be_had_is_left_out_and_the_board_is_set_back(folder, monkeypatch):
    monkeypatch.setattr(profile_session, "FIRST_S", 0.3)
    modes = (profile_board.Turn("MODE_50W"), profile_board.Turn("MAXN"))
    monkeypatch.setattr("edge_runtime.evaluate.profile.settings_of", lambda root, now: modes)
    loaded, board, said = load_pipeline(folder / "video.yaml", ["board.control=true"]), Board(), []
    asked = Asked(seconds=0.2, repeats=1, frames=15, only=("d3*",))
    found = profile(
        loaded,
        SystemClock(),
        asked,
        folder / "book.jsonl",
        fresh=False,
        progress=lambda *_: None,
        say=said.append,
        board=board,
    )
    assert [rung.name for rung in found.rungs] == ["d3-mode_50w"]
    assert found.ladder.points[0].knobs.power_mode == "MODE_50W"
    assert "left out power mode MAXN: no MAXN today" in said
    assert board.closed


class Willing(Board):
    """Takes everything, and draws more in the mode of 50 W than at rest."""

    def __init__(self, tree):
        super().__init__()
        self.tree = tree

    def apply(self, setting):
        super().apply(setting)
        self.tree.power_w("VDD_GPU_SOC", 40.0 if setting.power_mode else 2.4)

    def status(self):
        return BoardStatus()


def test_a_jetson_is_profiled_in_its_modes_and_at_its_clocks_with_the_power_of_its_rails(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(profile_session, "FIRST_S", 0.3)
    jetson = tree.build(tmp_path / "board")
    loaded = load_pipeline(folder / "video.yaml", ["board.control=true", "telemetry={source: sysfs, period_ms: 50}"])
    board = Willing(jetson)
    asked = Asked(seconds=0.3, repeats=1, frames=15, only=("full-mode_50w*",))
    found = profile(
        loaded,
        SystemClock(),
        asked,
        folder / "book.jsonl",
        fresh=False,
        progress=lambda *_: None,
        say=lambda _: None,
        board=board,
        root=jetson.root,
    )
    measured = {rung.name: rung for rung in found.rungs if rung.knobs.fps_cap is None}
    assert set(measured) == {"full-mode_50w", "full-mode_50w-918mhz", "full-mode_50w-612mhz"}
    assert {setting.gpu_cap_mhz for setting in board.settings} == {None, 918.0, 612.0}
    assert measured["full-mode_50w"].watts == pytest.approx(40.0 - 2.4, abs=0.5)
    assert any(rung.knobs.fps_cap == 12.5 for rung in found.rungs)
    assert found.ladder.knows_watts


def test_a_pipeline_that_finds_nothing_of_what_there_is_has_no_ladder(folder, labelled):
    labels = labelled([(n, "car", [100.0, 80.0, 30.0, 20.0]) for n in range(20)], images=20)
    asked = Asked(seconds=0.2, repeats=1, frames=15, only=("full",), labels=labels)
    with pytest.raises(RunError, match="no point finds anything of"):
        profile(
            load_pipeline(folder / "video.yaml"),
            SystemClock(),
            asked,
            folder / "book.jsonl",
            fresh=False,
            progress=lambda *_: None,
            say=lambda _: None,
        )
