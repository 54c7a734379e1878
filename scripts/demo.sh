#!/usr/bin/env bash
# Make .venv, install, and run a pipeline to an annotated video.
#
#   scripts/demo.sh [MODEL.onnx VIDEO]     a YOLOX model (416 x 416, COCO) and any driving video
#
# Without arguments the model and video of ../shared/material are taken, where that folder is there.
set -euo pipefail
cd "$(dirname "$0")/.."
material="../shared/material"
model="${1:-$material/models/yolox_nano_coco_416.onnx}"
video="${2:-$material/video/udacity_highway_540p.mp4}"
for file in "$model" "$video"; do
  [ -f "$file" ] || {
    echo "demo.sh: there is no $file. Pass a YOLOX model and a driving video:" >&2
    echo "    scripts/demo.sh yolox_nano.onnx drive.mp4" >&2
    exit 2
  }
done
source scripts/_venv.sh
install_into_venv ""
exec .venv/bin/edge-run pipelines/highway_video.yaml --set "models.road.onnx=$model" --set "source.path=$video"
