"""How much of one run's boxes another run found: same frame, same class, overlap.

python scripts/compare_detections.py REFERENCE/detections.jsonl OTHER/detections.jsonl --stage objects
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_runtime.vision.nms import iou_matrix


def boxes(path: Path, stage: str) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Frame id, boxes (n, 4) and class ids (n,) of every frame that did not fail."""
    for line in path.read_text(encoding="utf-8").splitlines():
        frame = json.loads(line)
        found = frame["stages"].get(stage)
        if found is not None:
            yield frame["frame_id"], np.array(found["xyxy"], np.float32).reshape(-1, 4), np.array(found["class_id"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--stage", default="objects")
    parser.add_argument("--iou", type=float, default=0.9)
    options = parser.parse_args()
    other = {frame_id: (xyxy, kinds) for frame_id, xyxy, kinds in boxes(options.other, options.stage)}
    frames = total = matched = 0
    for frame_id, xyxy, kinds in boxes(options.reference, options.stage):
        frames += 1
        total += len(xyxy)
        if len(xyxy) and frame_id in other and len(other[frame_id][0]):
            same = kinds[:, None] == other[frame_id][1]
            matched += int(((iou_matrix(xyxy, other[frame_id][0]) >= options.iou) & same).any(axis=1).sum())
    share = f"{matched / total:.2%}" if total else "nothing to match"
    print(f"{frames} frames, {total} boxes, {matched} found again at IoU {options.iou:g}: {share}")


if __name__ == "__main__":
    main()
