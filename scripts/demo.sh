#!/usr/bin/env bash
# Make .venv, install, and show a drive: painted, so that it needs no camera, no download and no GPU.
#
#   scripts/demo.sh                      a drive from a street to a motorway, and how far was seen
#   scripts/demo.sh MODEL.onnx VIDEO     your own YOLOX model (416 x 416, COCO) on your own driving video
set -euo pipefail
cd "$(dirname "$0")/.."
for file in "$@"; do
  [ -f "$file" ] || {
    echo "demo.sh: there is no $file. Pass a YOLOX model and a driving video, or nothing:" >&2
    echo "    scripts/demo.sh yolox_nano.onnx drive.mp4" >&2
    exit 2
  }
done
source scripts/_venv.sh
if [ $# -gt 0 ]; then
  install_into_venv ""
  model="$1" video="${2:?a driving video too: scripts/demo.sh yolox_nano.onnx drive.mp4}"
  exec .venv/bin/edge-run pipelines/highway_video.yaml --set "models.road.onnx=$model" --set "source.path=$video"
fi
install_into_venv "[eval]"
folder="runs/demo-$(date +%Y%m%d-%H%M%S)"
.venv/bin/edge-run pipelines/demo.yaml --seconds 20 --out "$folder"
echo
echo "How far did it see? The same drive, held against what was painted:"
.venv/bin/edge-run eval pipelines/demo.yaml --set source.fps=5 --set source.seconds=30 --html "$folder/accuracy.html"
echo
echo "the drive with everything found drawn into it: $folder/annotated.mp4"
echo "what was seen and what was missed, as a page:  $folder/accuracy.html"
