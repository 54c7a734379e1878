"""How soon results come again after the networks failed: from the last failed frame to the next whole result.

    python scripts/engine_recovery.py [PIPELINE.yaml] [--set A.B=C] [--repeats 5] [--model NAME]

Each repeat is a live run in which the calls of three frames in a row fail, so that the networks are torn down and made
anew; with `--model`, which is then optional, only that one. `load_s` is how long making them anew took, of which a part
is reading the files; `recovery_s` has all that a planner behind would have to wait. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
from pathlib import Path
from statistics import median
from unittest.mock import patch

import edge_runtime
from edge_runtime.core import Frame, FrameResult, SystemClock
from edge_runtime.pipeline.assemble import _Assembler

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0


def once(pipeline: Path, overrides: list[str], model: str | None) -> dict[str, float]:
    clock, recovered, load_ns = SystemClock(), threading.Event(), list[int]()
    failed_ns = back_ns = 0
    names = ("_reopen", "_reopen_one")
    real = {name: getattr(_Assembler, name) for name in names}

    def timed(name: str):  # type: ignore[no-untyped-def]
        def reopen(*arguments: object) -> object:
            began_ns = clock.now_ns()
            made = real[name](*arguments)
            load_ns.append(clock.now_ns() - began_ns)
            return made

        return reopen

    def see(frame: Frame, result: FrameResult) -> None:
        nonlocal failed_ns, back_ns
        published_ns = frame.t_capture_ns + round(result.latency_ms * 1e6)
        if result.error is not None or (model is not None and not load_ns and lacks(result)):
            failed_ns = published_ns
        elif load_ns and not back_ns and not lacks(result):
            back_ns = published_ns
            recovered.set()

    fault = "engine_error:3,t=2s" + (f",model={model}" if model else "")
    loaded = edge_runtime.Pipeline.load(pipeline, [*overrides, "source.pace=live"], [fault])
    stages = {stage.name for stage in loaded.loaded.config.stages if getattr(stage, "model", None) == model}

    def lacks(result: FrameResult) -> bool:
        return not stages <= {*result.detections, *result.masks}

    with (
        tempfile.TemporaryDirectory() as folder,
        patch.multiple(_Assembler, **{name: timed(name) for name in names}),
        loaded.start(out=Path(folder) / "run", on_result=see) as run,
    ):
        if not recovered.wait(PATIENCE_S):
            raise SystemExit(f"no result in {PATIENCE_S:.0f} s: {run.notices()}")
    return {"recovery_s": round((back_ns - failed_ns) / 1e9, 3), "load_s": round(sum(load_ns) / 1e9, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", nargs="?", type=Path, default=ROOT / "pipelines" / "demo.yaml")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="A.B=C")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--model", help="let only this one fail, and call it optional")
    asked = parser.parse_args()
    overrides = [*asked.overrides, "sinks=[]", *([f"models.{asked.model}.optional=true"] if asked.model else [])]
    each = [once(asked.pipeline, overrides, asked.model) for _ in range(asked.repeats)]
    told = {name: [one[name] for one in each] for name in ("recovery_s", "load_s")}
    print(json.dumps({**told, "median": {name: median(values) for name, values in told.items()}}, indent=2))


if __name__ == "__main__":
    main()
