import pytest

from edge_runtime.evaluate.many_summary import WORST, Row, compared_of, many_document, rows_of, spread, worst_of


def document(name, *, error=None, latency_ms=20.0, failed=0, held=10, differing=0, against=None, fps=30.0, warnings=()):
    replay = {
        "folder": f"out/drives/{name}",
        "decisions": {"compared": 5, "differing": differing},
        "summary": {
            "frames": {"published": 100, "failed": failed},
            "fps": fps,
            "latency_ms": {"p50": latency_ms - 5, "p95": latency_ms, "p99": latency_ms + 5},
            "budgets": {"latency_ms": {"windows": 10, "held": held}},
            "warnings": list(warnings),
        },
    }
    if error is not None:
        replay = None
    return {
        "name": name,
        "drive": f"{name}.mcap",
        "error": error,
        "seconds": 2.0,
        "replay": replay,
        "against": against,
    }


def against(lost=0, broken=(), changes=({"key": "models.road.decode.confidence", "then": 0.3, "now": 0.5},), page=None):
    """A comparison in which all boxes are cars of 20 px; `changes` are the settings that are not the recording's."""
    figures = {"golden": 100, "now": 101 - lost, "matched": 100 - lost, "lost": lost, "new": 1, "moved": 0}
    figures |= {"class_flips": 0, "state_flips": 0, "breaks": 0}
    return {
        **figures,
        "identical": False,
        "by_class": {"car": figures},
        "by_camera": {"front": figures},
        "by_height_px": [{"from_px": 16.0, "to_px": 24.0, **figures}],
        "by_distance": [],
        "broken": list(broken),
        "changed_settings": list(changes),
        "page": page,
    }


def test_the_worst_failed_then_broke_an_expectation_then_changed_most_then_were_slow():
    rows = rows_of(
        [
            document("slow", latency_ms=90.0),
            document("fine"),
            document("broken", against=against(3, ["3 of 100 boxes lost, none allowed"])),
            document("lost", against=against(9)),
            document("corrupt", error="corrupt.mcap: is not an MCAP file\n    name a recording"),
            document("frames", failed=2),
            document("budget", held=9),
            document("decisions", differing=1),
        ]
    )
    assert [row.name for row in worst_of(rows)] == [
        "corrupt",
        "broken",
        "lost",
        "frames",
        "budget",
        "decisions",
        "slow",
        "fine",
    ]
    assert [row.why for row in worst_of(rows)] == [
        "corrupt.mcap: is not an MCAP file",
        "3 of 100 lost, 1 new, 0 moved",
        "9 of 100 lost, 1 new, 0 moved",
        "2 frames failed",
        "latency not held",
        "1 of 5 decisions differ",
        "latency p95 90.0 ms",
        "latency p95 20.0 ms",
    ]


def test_only_ten_are_the_worst():
    rows = rows_of([document(f"d{n}", latency_ms=float(n)) for n in range(10, 40)])
    assert [row.name for row in worst_of(rows)] == [f"d{n}" for n in range(39, 39 - WORST, -1)]


def test_quantiles_are_of_the_drives_that_have_the_figure():
    rows = rows_of([*(document(f"d{n}", fps=float(n)) for n in range(101)), document("bad", error="gone")])
    assert spread(rows, "fps") == {"least": 0.0, "p5": 5.0, "p50": 50.0, "p95": 95.0, "most": 100.0}
    assert spread(rows, "lost") is None


def test_what_a_failed_drive_has_not_got_is_none():
    row = Row.of(document("bad", error="gone"))
    assert (row.frames, row.fps, row.latency_p95_ms, row.lost, row.folder) == (None,) * 5


@pytest.mark.parametrize(("differing", "identical"), [((0, 0), True), ((0, 2), False)])
def test_the_document_adds_the_drives_up(differing, identical):
    documents = [document(f"d{n}", differing=count) for n, count in enumerate(differing)]
    documents += [document("bad", error="gone"), document("b", against=against(1, ["1 lost"]))]
    told = many_document(documents, "out", 12.3456, kept=1)
    assert {key: told[key] for key in ("drives", "failed", "broken", "kept", "frames", "seconds")} == {
        "drives": 4,
        "failed": 1,
        "broken": 1,
        "kept": 1,
        "frames": 300,
        "seconds": 12.346,
    }
    assert told["decisions_identical"] is identical
    assert told["quantiles"]["lost"]["p50"] == 1.0
    assert [row["name"] for row in told["rows"]] == ["d0", "d1", "bad", "b"]


def test_comparisons_are_added_up_by_class_and_band_with_the_settings_of_all():
    other = against(2, changes=[])
    other["by_class"]["person"] = dict(other["by_class"]["car"], lost=50)
    other["by_height_px"].insert(0, {**other["by_height_px"][0], "from_px": 8.0, "to_px": 16.0})
    told = compared_of([document("a", against=against(5)), document("b", against=other), document("c")])
    assert (told["drives"], told["golden"], told["lost"], told["new"]) == (2, 200, 7, 2)
    assert [(name, one["golden"], one["lost"]) for name, one in told["by_class"].items()] == [
        ("person", 100, 50),
        ("car", 200, 7),
    ]
    assert {name: (one["golden"], one["lost"]) for name, one in told["by_camera"].items()} == {"front": (200, 7)}
    bands = [(row["from_px"], row["to_px"], row["golden"], row["lost"]) for row in told["by_height_px"]]
    assert bands == [(8.0, 16.0, 100, 2), (16.0, 24.0, 200, 7)]
    assert told["changed_settings"] == [
        {"key": "models.road.decode.confidence", "then": 0.3, "now": 0.5, "drives": 1},
    ]
    assert compared_of([document("c")]) is None
