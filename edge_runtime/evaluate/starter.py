"""The pipeline file that `edge-run init` writes: complete, with every guess marked and its reason beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from textwrap import wrap
from typing import Any

from edge_runtime.config.shipped import file_of
from edge_runtime.config.words import flow
from edge_runtime.sources.images import SUFFIXES

from .first_look import FirstLook

Entry = tuple[str, Any, str]
_WIDE = 72  # a longer comment stands above its key
_COLUMN = 34
_CHOICES = {"resize": "letterbox, letterbox_top_left, stretch, ", "color": "bgr, rgb, "}
_MEANING = {
    "confidence": "boxes below it are dropped",
    "iou": "of two boxes of one class that overlap more, the weaker goes",
    "pad": "pixel value around the picture",
}
_DETECT = """\
stages:
  - {name: objects, kind: detect, model: road}
  # Small and far things: look closely at two places of every frame, and let the tracker follow what both see.
  # - {name: far, kind: detect, model: road, regions: {max: 2, from: [tracks, horizon, explore]}}
  # - {name: found, kind: merge, of: [objects, far]}
  - {name: tracked, kind: track, of: objects} # with regions: of: found
"""
_STAGES = {
    "detect": _DETECT,
    "segment": "stages:\n  - {name: areas, kind: segment, model: road}\n",
    "classify": "stages:\n  - {name: sort, kind: classify, model: road} # with of: STAGE, of the boxes of a detector\n",
}
_END = """\
sinks:
  - {kind: jsonl} # detections.jsonl in the run's folder
  - {kind: video} # annotated.mp4, beside it
# What must be held; edge-run says when it was not, and exits with 3 under --strict:
# budgets: {fps_floor: {city: 15, highway: 30}, latency_ms: 100, power_w: 30}
# Steer by operating points, after `edge-run profile FILE` has measured them and written the ladder:
# governor: {ladder: NAME-ladder.yaml}
# Where nothing measures power (edge-run doctor telemetry), a simulated board shows how it would be steered:
# telemetry: {source: plant, plant: orin_agx_30w}
"""


@dataclass(frozen=True)
class Starter:
    """A pipeline to be: `source` is a block, or None where nobody said; `seen` names the picture that decided."""

    onnx: Path
    file: Path
    look: FirstLook
    source: Mapping[str, Any] | None
    seen: str | None

    @property
    def name(self) -> str:
        return re.sub(r"[^A-Za-z0-9_.-]+", "_", self.file.stem).strip("._-") or "mine"

    @property
    def guesses(self) -> dict[str, dict[str, Any]]:
        """By key of the file: the value, and why."""
        entries = {f"input.{key}": (value, why) for key, value, why in self._input()}
        entries |= {f"decode.{key}": (value, why) for key, value, why in self._decode()}
        return {key: {"value": value, "why": why.removeprefix("guess: ")} for key, (value, why) in entries.items()}

    def text(self) -> str:
        """The file."""
        tried = "" if self.seen is None else f" or tried on {self.seen}"
        lines = [
            f"# Written by `edge-run init {self.onnx.name}` on {date.today().isoformat()}.",
            *_comment(f"What is marked `guess` was read out of the model{tried}: compare it with how it was trained."),
            "#",
            f"#   edge-run {self.file.name}" + (" --set source.path=drive.mp4" if self.source is None else ""),
            "#",
            f"# yaml-language-server: $schema={file_of('configs/pipeline.schema.json')}",
            f"name: {flow(self.name)}",
        ]
        if self.source is None:
            lines.append("source: {kind: video, path: drive.mp4, pace: live} # your drive; or kind: camera, device: 0")
        else:
            lines.append(f"source: {flow(self._relative(self.source))}")
        lines += ["models:", "  road:", f"    onnx: {flow(beside(self.onnx, self.file.parent))}", "    input:"]
        lines += _written(self._input())
        lines += ["    decode:", *_written(self._decode())]
        end = _STAGES[self.look.decode.stage] + _END.replace("NAME", self.name).replace("FILE", self.file.name)
        return "\n".join(lines) + "\n" + end

    def _relative(self, source: Mapping[str, Any]) -> dict[str, Any]:
        path = source.get("path")
        return dict(source) if path is None else {**source, "path": beside(Path(path), self.file.parent)}

    def _input(self) -> list[Entry]:
        return [(key, value, self._why(key)) for key, value in self.look.input_block.items()]

    def _why(self, key: str) -> str:
        look = self.look
        if key == "size":
            return "the network takes any: larger sees farther, smaller is faster" if look.is_free else ""
        if key in ("mean", "std"):
            return "goes with scale"
        if key not in ("resize", "color", "scale"):
            return _MEANING.get(key, "")
        usual = {"color": look.fed.colors[0], "scale": look.fed.norms[0]}.get(key)
        chosen = {"color": look.color, "scale": look.norm}.get(key)
        why = "guess: " + (look.fed.why if chosen == usual else "the picture says so")
        trials = {"color": look.colors, "scale": look.norms}.get(key, ())
        if len(trials) > 1:
            why += f"; boxes found: {', '.join(map(str, trials))}"
            why += ". The picture does not decide" if key == "color" and look.colors_alike else ""
        elif key in _CHOICES:
            others = _CHOICES[key].replace(f"{look.input_block[key]}, ", "").removesuffix(", ")
            why += f"; else {others}"
        return why

    def _decode(self) -> list[Entry]:
        guess = self.look.decode
        return [
            (key, value, f"guess: {guess.why[key]}" if key in guess.why else _MEANING.get(key, ""))
            for key, value in guess.block.items()
        ]


def source_block(text: str) -> dict[str, Any] | None:
    """The `source` block for what a person calls a source; None where there is no such thing.

    A number or /dev/…, an address or a GStreamer pipeline is a camera; a folder holds pictures; else a file: a
    recording or a video. `simulation` is the painted drive.
    """
    if text == "simulation":
        return {"kind": "simulation"}
    if text.isdecimal():
        return {"kind": "camera", "device": int(text)}
    if text.startswith("/dev/") or "://" in text or "!" in text:
        return {"kind": "camera", "device": text}
    path = Path(text).expanduser()
    if path.is_dir():
        return {"kind": "recording" if any(path.glob("*.mcap")) else "images", "path": str(path.absolute())}
    if not path.is_file() or path.suffix.lower() in SUFFIXES:
        return None
    kind = "recording" if path.suffix.lower() == ".mcap" else "video"
    return {"kind": kind, "path": str(path.absolute()), "pace": "live"}


def beside(path: Path, folder: Path) -> str:
    """The path as it is written in a file of that folder: relative where it lies below it."""
    path, folder = path.absolute(), folder.absolute()
    return os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)


def _written(entries: Iterable[Entry]) -> list[str]:
    lines = []
    for key, value, why in entries:
        text = f"      {key}: {flow(value)}"
        if why and (len(why) > _WIDE or len(text) > _COLUMN + 20):
            lines += [*_comment(why, "      # "), text]
        else:
            lines.append(f"{text:{_COLUMN}} # {why}" if why else text)
    return lines


def _comment(text: str, mark: str = "# ") -> list[str]:
    return wrap(text, 118, initial_indent=mark, subsequent_indent=mark)
