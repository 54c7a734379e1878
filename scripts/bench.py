#!/usr/bin/env python
"""Every benchmark of the project, one after the other, as one table: docs/benchmarks.md.

    python scripts/bench.py [--only NAME] [--material DIR] [--out FILE] [--list]

Each row is a figure that the command beside it gave. A benchmark that fails, or lacks what it needs here, says so in
its row. What other programs do at the same time is in the figures, so the load of the machine is written down too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from edge_runtime.evaluate.bench import machine

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "benchmarks.md"
MATERIAL = ROOT.parent / "shared" / "material"
PYTHON = sys.executable
EDGE_RUN = (PYTHON, "-m", "edge_runtime")
HEAD = "| benchmark | figure | measured | spread | aim | commit, date |"


@dataclass(frozen=True)
class Row:
    """One figure; `spread` and `aim` are empty where there is none."""

    figure: str
    measured: str
    spread: str = ""
    aim: str = ""


@dataclass(frozen=True)
class Benchmark:
    """A command and how its figures are read off what it prints. `needs` are files that must be there."""

    name: str
    command: tuple[str, ...]
    rows: Callable[[str], Iterator[Row]]
    needs: tuple[Path, ...] = ()
    shown: str = ""


def number(value: float) -> str:
    """Three significant figures, thousands whole."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def of(values: Sequence[float], *, figure: str, unit: str = "", aim: str = "") -> Row:
    """The median of repeats, with their range."""
    spread = f"{number(min(values))} to {number(max(values))}" if len(values) > 1 else ""
    return Row(figure, f"{number(statistics.median(values))}{unit}", spread, aim)


def pipeline_rows(text: str) -> Iterator[Row]:
    found = json.loads(text)
    repeats = found["repeats"]
    for name, figure in (("bare_engine_fps", "network alone"), ("sequential_fps", "one after another"),
                         ("pipeline_fps", "pipelined")):  # fmt: skip
        yield of(repeats[name], figure=figure, unit=" fps")
    ratios = [one / other for one, other in zip(repeats["pipeline_fps"], repeats["sequential_fps"], strict=True)]
    yield of(ratios, figure="pipelined : one after another")
    yield of(repeats["overlap_efficiency"], figure="overlap efficiency", aim="0.95")
    yield Row("resident memory, start and end", " and ".join(f"{mb:.0f}" for mb in found["rss_mb"].values()) + " MB")


def recording_rows(text: str) -> Iterator[Row]:
    found = json.loads(text)
    cpu, timing, replay, kill = found["cpu"], found["timing"], found["replay"], found["kill"]
    share = 100 * cpu["beyond_encoder_share_of_a_core_at_30_fps"]
    yield Row("recording at 30 pictures a second, beyond the encoder", f"{share:.1f} % of a core", aim="under 15 %")
    median = timing["p50"]
    spread = " to ".join(str(each) for each in median["quartiles"])
    yield Row("median latency, with : without", f"{median['ratio']:.3f}", f"{spread} (quartiles)", aim="1.03")
    spread = " to ".join(f"{each:.2f}" for each in replay["recording_to_video_range"])
    yield Row("fast replay : fast run of a video", f"{replay['recording_to_video']:.2f}", spread, aim="0.95")
    yield Row("virtual replays identical", "yes" if replay["replays_identical"] else "no", aim="yes")
    yield Row("kill -9 at random moments, opened", f"{kill['opened']} of {kill['killed']}", aim="all")


def many_rows(text: str) -> Iterator[Row]:
    found = json.loads(text)
    ratios = [one / two for one, two in zip(*found["seconds"].values(), strict=True)]
    yield of(ratios, figure=f"{found['drives']} drives, two workers : one ({found['workers']})", aim="1.7")
    yield Row("results the same to the last byte", "yes" if found["identical"] else "no", aim="yes")


def page_rows(text: str) -> Iterator[Row]:
    found = json.loads(text)
    for way, aim in (("closed", "0"), ("open", "2 % of the machine")):
        share = found[way]["page_ms"] / 10 / found["cores"]
        yield Row(f"CPU of the page's threads, {way}", f"{share:.2f} % of the machine", aim=aim)


def planner_rows(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 2 and re.match(r"[\d.]+ \(", cells[1]):
            median, _, rest = cells[1].partition(" (")
            together = cells[0] == "both"
            yield Row(f"{cells[0]}, a frame", f"{median} µs", rest.rstrip(")"), "500 µs" if together else "")


def recovery_rows(text: str) -> Iterator[Row]:
    for kind, found in json.loads(text).items():
        came = [seconds for seconds in found["recovery_s"] if seconds is not None]
        if len(came) < len(found["recovery_s"]):
            yield Row(f"camera {kind}: back to first result", "never in one of the repeats", aim="2 s")
        else:
            yield of(came, figure=f"camera {kind}: back to first result", unit=" s", aim="2 s")


def accuracy_rows(text: str) -> Iterator[Row]:
    found = json.loads(text)
    lights = [
        band["recall"] for band in found["by_class"]["traffic light"]["recall_by_distance"] if band["from_m"] == 100
    ]
    yield Row("recall of traffic lights, 100 to 150 m", number(lights[0]), aim="0.80")
    yield Row("AP50, all", number(found["ap50"]))
    yield Row("streaming AP", number(found["streaming_ap"]))
    yield Row("time a frame", f"{number(found['ms_per_frame'])} ms")


def soak_rows(text: str) -> Iterator[Row]:
    found = json.loads(text)
    yield Row("memory held, growth in 100,000 frames", f"{found['slope_mb_per_100k']:+.2f} MB", aim="flat")
    handles, threads = (", ".join(map(str, found[name])) for name in ("handles", "threads"))
    yield Row("handles and threads", f"{handles} and {threads}", aim="the same in every row")


def start_rows(text: str) -> Iterator[Row]:
    found = json.loads(text)
    yield of(found["help_ms"], figure="edge-run --help", unit=" ms")
    yield of(found["bare_ms"], figure="Python itself", unit=" ms")


def governor_rows(text: str) -> Iterator[Row]:
    """Of the table: what must be reached, and the governor's column."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split("[│┃|]", line)]
        cells = cells[1:-1] if len(cells) > 3 and not cells[0] else cells
        if len(cells) >= 3 and re.search(r"\d", cells[2]) and not cells[0].startswith("─"):
            yield Row(cells[0], cells[2], aim=cells[1])
    if median := re.search(r"median (\d+) us, 99 % under (\d+) us", text):
        yield Row("one decision", f"{median[1]} µs", f"99 % under {median[2]}")


STARTS = """
import json, subprocess, sys, time
took = {"help_ms": [], "bare_ms": []}
for _ in range(7):
    for name, command in (("help_ms", ["-m", "edge_runtime", "--help"]), ("bare_ms", ["-c", "pass"])):
        began = time.monotonic()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        took[name].append(1e3 * (time.monotonic() - began))
print(json.dumps(took))
"""


def benchmarks(material: Path) -> list[Benchmark]:
    models, videos = material / "models", material / "video"
    yolox, adas, lanes = (models / name for name in (
        "yolox_nano_coco_416.onnx", "pedestrian-and-vehicle-detector-adas-0001.onnx", "twinlitenet_bdd100k_360x640.onnx"
    ))  # fmt: skip
    video = videos / "udacity_highway_540p.mp4"

    def pipelined(name: str, pipeline: str, onnx: Path, model: str = "road") -> Benchmark:
        command = ("bench", pipeline, "--json", "--seconds", "2", "--set", f"models.{model}.onnx={onnx}", "--set",
                   f"source.path={video}", "--set", "sinks=[{kind: jsonl}]")  # fmt: skip
        return Benchmark(name, (*EDGE_RUN, *command), pipeline_rows, (onnx, video))

    def script(name: str, rows: Callable[[str], Iterator[Row]], *command: str) -> Benchmark:
        return Benchmark(name, (PYTHON, f"scripts/{command[0]}", *command[1:]), rows)

    unshared = script("camera comes back", recovery_rows, "camera_recovery.py", "--repeats", "3", "--away", "4")
    if os.geteuid() == 0:
        unshared = Benchmark(unshared.name, ("unshare", "-n", *unshared.command), recovery_rows)
    return [
        Benchmark("start", (PYTHON, "-c", STARTS), start_rows, shown="edge-run --help"),
        pipelined("YOLOX-nano 416, 540p motorway", "highway_video", yolox),
        pipelined("Intel ADAS 672x384, 540p motorway", "adas_video", adas),
        pipelined("TwinLiteNet 640x360, 540p motorway", "lane_video", lanes, "lanes"),
        script("planner and merge", planner_rows, "vision_cost.py", "--pictures", "40"),
        Benchmark(
            "demo drive, seed 7",
            (*EDGE_RUN, "eval", "demo", "--json", "--set", "source.seed=7", "--set", "source.fps=5", "--set",
             "source.seconds=40"),
            accuracy_rows,
        ),
        script("governor, 60 simulated drives", governor_rows, "governor_figures.py", "--pairs", "60"),
        script("recording", recording_rows, "recording_cost.py"),
        script("many drives", many_rows, "many_drives.py", "--drives", "24", "--frames", "100", "--workers", "ray"),
        script("live page", page_rows, "web_cost.py", "pipelines/demo.yaml", "--rounds", "6"),
        unshared,
        script("soak, 20,000 frames", soak_rows, "soak.py", "--frames", "20000", "--every", "1000", "--json"),
    ]  # fmt: skip


def loop_ms() -> float:
    """How long Python takes for a million additions: what this machine is worth at the moment."""
    began, total = time.perf_counter(), 0
    for n in range(1_000_000):
        total += n
    return 1e3 * (time.perf_counter() - began)


def commit() -> str:
    told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return told.stdout.strip() or "no commit"


def shell(command: Sequence[str]) -> str:
    """As a person would type it."""
    text = " ".join(f"'{word}'" if re.search(r"[\s{}\[\]]", word) else word for word in command)
    return text.replace(" ".join(EDGE_RUN), "edge-run").replace(PYTHON, "python").replace(str(MATERIAL), "…")


def measured(benchmark: Benchmark) -> list[Row]:
    """Run it, and read its figures off; a failure is a row."""
    missing = [path.name for path in benchmark.needs if not path.exists()]
    if missing:
        return [Row("not measured", f"{', '.join(missing)} is not here")]
    done = subprocess.run(benchmark.command, cwd=ROOT, capture_output=True, text=True)
    try:
        rows = list(benchmark.rows(done.stdout))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        rows = [Row("failed", f"{type(error).__name__}: {error}")]
    if not rows or rows[0].figure == "failed":
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return [Row("failed", last[:120])]
    return rows


def known_rows(table: Path) -> dict[str, list[str]]:
    """The lines of an earlier table by benchmark, so that one of them can be measured anew."""
    kept: dict[str, list[str]] = {}
    name = ""
    for line in table.read_text(encoding="utf-8").splitlines() if table.exists() else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or line == HEAD or len(cells) != HEAD.count("|") - 1:
            continue
        name = cells[0] or name
        kept.setdefault(name, []).append(line)
    return kept


def written(
    table: Path, lines: dict[str, list[str]], commands: Sequence[Benchmark], before: Sequence[tuple[float, float]]
) -> None:
    computer: dict[str, Any] = machine()
    loads, loops = zip(*before, strict=True)
    text = [
        "# Benchmarks",
        "",
        "Every figure comes from a command; `scripts/bench.sh` runs them all and writes this page. On a GPU:"
        " [gpu-results.md](gpu-results.md).",
        "",
        f"Machine: {computer['cores']} cores of {computer['cpu']}, {computer['platform']}, Python"
        f" {computer.get('python', sys.version.split()[0])}. Before each benchmark: a load average of"
        f" {min(loads):.1f} to {max(loads):.1f}, the benchmark before it included, and {min(loops):.0f} to"
        f" {max(loops):.0f} ms for a million additions in Python. Median and range of repeats that alternate within one"
        " run.",
        "",
        HEAD,
        "|---|---|---|---|---|---|",
        *(line for benchmark in commands for line in lines.get(benchmark.name, [])),
        "",
        "## Commands",
        "",
    ]
    text += [f"- {benchmark.name}: `{benchmark.shown or shell(benchmark.command)}`" for benchmark in commands]
    table.write_text("\n".join(text) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="those with this in their name; may be repeated"
    )
    parser.add_argument("--material", type=Path, default=MATERIAL, help="models/ and video/ with real ones")
    parser.add_argument("--out", type=Path, default=TABLE, metavar="FILE", help="the table")
    parser.add_argument("--list", action="store_true", help="name the benchmarks and their commands, run none")
    options = parser.parse_args()
    known = benchmarks(options.material)
    if options.list:
        for benchmark in known:
            print(f"{benchmark.name}: {benchmark.shown or shell(benchmark.command)}")
        return 0
    chosen = [one for one in known if not options.only or any(part in one.name for part in options.only)]
    if not chosen:
        parser.error(f"no benchmark is named so; there are {', '.join(one.name for one in known)}")
    lines, stamp, failed = known_rows(options.out), f"{commit()}, {date.today()}", False
    before: list[tuple[float, float]] = []
    for benchmark in chosen:
        print(f"{benchmark.name} …", end=" ", flush=True, file=sys.stderr)
        before.append((os.getloadavg()[0], loop_ms()))
        began = time.monotonic()
        rows = measured(benchmark)
        failed |= rows[0].figure == "failed"
        print(f"{time.monotonic() - began:.0f} s", flush=True, file=sys.stderr)
        lines[benchmark.name] = [
            "| " + " | ".join(("" if n else benchmark.name, *astuple(row), stamp)) + " |" for n, row in enumerate(rows)
        ]
        written(options.out, lines, known, before)
    print(options.out, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
