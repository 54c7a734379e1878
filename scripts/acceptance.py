#!/usr/bin/env python
"""The whole program over one drive, as its user meets it: only commands, and what they leave behind.

    python scripts/acceptance.py [--material DIR] [--keep DIR]

Each thing that must hold is a line; the first that does not ends it with exit code 1. A page is looked at in Chromium
where there is one (else a line says that it was not).
"""

from __future__ import annotations

import argparse
import csv
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[1]
EDGE_RUN = (sys.executable, "-m", "edge_runtime")
MATERIAL = ROOT.parent / "shared" / "material"
# A small drive, so that two cores have time to spare and the simulated board's budget is what binds.
SMALL = ("source.size=[960, 540]", "source.fps=5", "budgets.fps_floor={city: 3, highway: 4}", "budgets.power_w=16")
CHEAPEST = "r0-d2"
FAULTS = ("camera_gap:t=6s,d=2s", "sensor_dead:t=12s,d=3s")
LOOK_S, LONG_S = 4.0, 22.0


class NotAccepted(Exception):
    """Something does not hold."""


def holds(what: str, is_so: bool, found: object = "") -> None:
    """Say a line; end when it is not so."""
    print(f"  {'✓' if is_so else '✗'} {what}", flush=True)
    if not is_so:
        raise NotAccepted(f"{what}: found {found}")


def edge_run(*arguments: object, code: int = 0) -> str:
    """Run a verb to its end; its standard output."""
    done = subprocess.run([*EDGE_RUN, *map(str, arguments)], capture_output=True, text=True, timeout=600)
    if done.returncode != code:
        words = " ".join(map(str, arguments))
        raise NotAccepted(f"edge-run {words}: exit code {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
    if "Traceback" in done.stderr:
        raise NotAccepted(f"a traceback: {done.stderr}")
    return done.stdout


def document(*arguments: object, code: int = 0) -> dict[str, Any]:
    """The one JSON document that a verb prints with --json."""
    loaded: dict[str, Any] = json.loads(edge_run(*arguments, "--json", code=code))
    return loaded


def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for something that happens by itself."""
    end_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_s:
            raise NotAccepted(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


@contextmanager
def chromium() -> Iterator[Any]:
    """A page of a browser, or None where there is none."""
    browser = which("chromium") or which("chromium-browser") or which("google-chrome")
    if browser is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        opened = tools.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 1280, "height": 900})
        yield page
        opened.close()


def looked_at(page: Any, address: str, picture: Path, words: tuple[str, ...]) -> None:
    """Open a page, keep a picture of it, and find the words in it."""
    if page is None:
        print(
            f"  – {address.rpartition('/')[2] or 'the live page'}: not looked at, there is no Chromium here", flush=True
        )
        return
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    for word in words:
        page.get_by_text(word).first.wait_for(timeout=20_000)
    page.screenshot(path=str(picture), full_page=address.startswith("file:"))
    holds(f"{picture.stem} opens in Chromium without an error", not errors, errors)


def balanced(frames: dict[str, int]) -> bool:
    return frames["captured"] == sum(frames[name] for name in ("published", "overwritten", "shed", "failed"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def the_drive(folder: Path, page: Any) -> None:
    """Live: governed, recorded, watched, with a camera and a sensor that fail, ended by SIGTERM."""
    print("a drive: governor on a simulated board, recording, live page, faults, SIGTERM")
    port, run = free_port(), folder / "run"
    settings = [*SMALL, f"http.bind=127.0.0.1:{port}", "sinks=[{kind: jsonl}, {kind: video}]"]
    command = [*EDGE_RUN, "demo_governed", "--out", str(run), "--record", str(folder / "drive.mcap"), "--json"]
    command += [part for setting in settings for part in ("--set", setting)]
    command += [part for fault in FAULTS for part in ("--fault", fault)]
    with (folder / "run.json").open("wb") as out, (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=out, stderr=log)
    try:
        base = f"http://127.0.0.1:{port}"
        until(lambda: process.poll() is not None or answers(f"{base}/readyz"), "the run is ready")
        holds("the run is ready", process.poll() is None, (folder / "run.log").read_text())
        table = run / "power_fps.csv"
        until(lambda: table.exists() and seconds_of(table) >= LOOK_S, "some seconds have passed")
        looked_at(page, base, folder / "live page.png", ("demo_governed",))
        metrics = urlopen(f"{base}/metrics", timeout=10).read().decode()
        holds("metrics tell frames and watts", "edge_runtime_power_watts" in metrics and "_frames_total" in metrics)
        until(lambda: seconds_of(table) >= LONG_S, f"{LONG_S:.0f} s have passed", 120.0)
    finally:
        process.send_signal(signal.SIGTERM)
    holds("SIGTERM ends it in order", process.wait(30) == 0, (folder / "run.log").read_text())
    said = json.loads((folder / "run.json").read_text())
    holds("standard output is one JSON document, and summary.json the same", said == summary_of(run))
    the_books(said)


def answers(address: str) -> bool:
    try:
        return bool(urlopen(address, timeout=2).status == 200)
    except OSError:
        return False


def seconds_of(table: Path) -> float:
    rows = table.read_text().splitlines()[1:]
    return float(rows[-1].split(",")[0]) if rows else 0.0


def summary_of(run: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return loaded


def the_books(said: dict[str, Any]) -> None:
    holds("the counts of frames add up", balanced(said["frames"]), said["frames"])
    (camera,) = said["cameras"].values()
    holds("and those of the camera", balanced(camera["frames"]), camera)
    did = {fault["fault"].partition(":")[0]: fault["did"] for fault in said["faults"]}
    holds("both faults came", all(did.values()), did)
    holds("the camera's gap is one outage that ended", camera["outages"] == 1 and camera["longest_s"] < 4.0, camera)
    alarms = [alarm["text"] for alarm in said["governor"]["alarms"]]
    holds("the dead sensor was an alarm", any("telemetry" in text for text in alarms), alarms)
    power = said["budgets"]["power_w"]
    rows = list(csv.DictReader((Path(said["folder"]) / "power_fps.csv").read_text().splitlines()))
    ignored = [row for n, row in enumerate(rows) if over_budget(row) and not gives_way(rows[n : n + 4])]
    holds(
        f"power was held in {power['held']} of {power['windows']} seconds; in the others the cheapest point soon held",
        power["windows"] >= 10 and not ignored,
        ignored,
    )
    thermal = said["budgets"]["thermal_c"]
    holds("heat was held in every second", 0 < thermal["windows"] == thermal["held"], thermal)
    decisions = [json.loads(line) for line in (Path(said["folder"]) / "decisions.jsonl").read_text().splitlines()]
    reasons = {decision["reason"] for decision in decisions}
    holds(f"{len(decisions)} decisions, each with its reason", len(decisions) > 50 and all(reasons), len(decisions))
    lines = [json.loads(line) for line in (Path(said["folder"]) / "detections.jsonl").read_text().splitlines()]
    holds("every published frame is a line of results", len(lines) == said["frames"]["published"], len(lines))


def far_things(folder: Path) -> None:
    print("the painted drive, nothing held back")
    out = folder / "far"
    document("demo", "--pace", "fast", "--frames", 25, "--out", out, "--set", "sinks=[{kind: jsonl}]")
    lines = [json.loads(line) for line in (out / "detections.jsonl").read_text().splitlines()]
    looked = sum(len(line.get("regions", {}).get("far", {}).get("xyxy", ())) for line in lines)
    holds(f"{looked} regions were looked at in {len(lines)} frames", looked > len(lines))
    tracks = {track for line in lines for track in line["stages"]["tracked"]["track_id"]} - {None}
    holds(f"{len(tracks)} objects were tracked", len(tracks) > 3)
    states = {state for line in lines for state in line["stages"]["lights"]["label"]} - {None}
    holds(f"traffic lights were read: {', '.join(sorted(states))}", bool(states))


def over_budget(row: dict[str, str]) -> bool:
    return bool(row["power_w"]) and float(row["power_w"]) > float(row["power_budget_w"])


def gives_way(rows: list[dict[str, str]]) -> bool:
    """Whether within these seconds power is held again or the cheapest point holds, or nothing came after."""
    return len(rows) < 4 or any(row["point"] == CHEAPEST or not over_budget(row) for row in rows)


def the_replay(folder: Path) -> None:
    print("the recording, run again")
    drive, golden = folder / "drive.mcap", folder / "golden.jsonl"
    first = document("replay", drive, "--against", golden, "--update-golden", "--out", folder / "replay 1")
    holds("decisions are those of the drive", first["decisions_identical"] is True, first.get("first_difference"))
    again = document("replay", drive, "--against", golden, "--out", folder / "replay 2")
    holds("a second replay gives the same results to the last byte", again["identical"] is True, again)
    changed = document(
        "replay", drive, "--against", golden, "--set", "models.road.decode.confidence=0.6",
        "--html", folder / "changed.html", "--out", folder / "replay 3", code=3,
    )  # fmt: skip
    holds("a higher confidence loses boxes, and the replay says so with exit code 3", changed["lost"] > 0, changed)


def the_reports(folder: Path, page: Any) -> None:
    print("reports")
    edge_run("report", folder / "run", "--out", folder / "run.html")
    looked_at(page, (folder / "run.html").as_uri(), folder / "report of the run.png", ("demo_governed",))
    edge_run("report", folder / "drive.mcap", "--out", folder / "drive.html")
    looked_at(page, (folder / "drive.html").as_uri(), folder / "report of the recording.png", ("demo_governed",))
    looked_at(page, (folder / "changed.html").as_uri(), folder / "comparison.png", ("lost",))


def real_videos(folder: Path, material: Path) -> None:
    """Two real detectors on a real drive."""
    for pipeline, model, video in (
        ("highway_video", "yolox_nano_coco_416.onnx", "udacity_highway_540p.mp4"),
        ("adas_video", "pedestrian-and-vehicle-detector-adas-0001.onnx", "udacity_highway_720p.mp4"),
    ):
        print(f"a real video through {model}")
        out = folder / pipeline
        said = document(
            pipeline, "--pace", "fast", "--frames", 60, "--out", out, "--record", folder / f"{pipeline}.mcap",
            "--set", f"models.road.onnx={material / 'models' / model}",
            "--set", f"source.path={material / 'video' / video}",
        )  # fmt: skip
        holds("the counts of frames add up", balanced(said["frames"]) and said["error"] is None, said)
        lines = [json.loads(line) for line in (out / "detections.jsonl").read_text().splitlines()]
        stage = list(lines[0]["stages"])[-1]
        boxes = sum(len(line["stages"][stage]["xyxy"]) for line in lines)
        holds(f"vehicles were found: {boxes} boxes in {len(lines)} frames", boxes > len(lines), boxes)
        golden = folder / f"{pipeline}.jsonl"
        document("replay", folder / f"{pipeline}.mcap", "--against", golden, "--update-golden", "--out", out / "1")
        again = document("replay", folder / f"{pipeline}.mcap", "--against", golden, "--out", out / "2")
        holds("the replay gives the same results to the last byte", again["identical"] is True, again)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--material", type=Path, default=MATERIAL, help="models/ and video/ with real ones")
    parser.add_argument("--keep", type=Path, help="folder for all that is made")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, chromium() as page:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            the_drive(folder, page)
            far_things(folder)
            the_replay(folder)
            the_reports(folder, page)
            if (arguments.material / "models").is_dir():
                real_videos(folder, arguments.material)
            else:
                print(f"real videos: not run, there is no {arguments.material / 'models'}")
        except NotAccepted as error:
            print(f"not accepted: {error}", file=sys.stderr)
            return 1
    print("accepted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
