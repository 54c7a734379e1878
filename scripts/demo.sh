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
seconds="${DEMO_SECONDS:-20}"
echo "A painted drive of $seconds seconds, with everything found drawn into it:"
folder="runs/demo-$(date +%Y%m%d-%H%M%S)"
.venv/bin/edge-run pipelines/demo.yaml --seconds "$seconds" --out "$folder"
verdict="$(.venv/bin/edge-run report "$folder")"
echo
echo "Was its one budget held, 15 frames a second? Its page says: ${verdict%%$'\n'*}"
echo
echo "How far did it see? The same drive, held against what was painted:"
.venv/bin/edge-run eval pipelines/demo.yaml --set source.fps=5 --set source.seconds="$seconds" --html "$folder/accuracy.html" \
  --json > "$folder/eval.json" 2> "$folder/eval.log" || { cat "$folder/eval.log" >&2; exit 1; }
.venv/bin/python - "$folder/eval.json" << 'PYTHON'
import json, sys
found = json.load(open(sys.argv[1]))
lights = found["by_class"]["traffic light"]["recall_by_distance"]
share = lambda row: "–" if row["recall"] is None else f"{row['recall']:.0%}"
print("  metres away   found of everything   of traffic lights")
for row, light in zip(found["recall_by_distance"], lights):
    if row["to_m"] is not None:
        print(f"  {row['from_m']:4.0f} to {row['to_m']:3.0f}   {share(row):>19}   {share(light):>17}")
PYTHON
echo
echo "The drive with everything found drawn into it:     $folder/annotated.mp4"
echo "What it was like, second by second, as a page:     $folder/report.html"
echo "What was seen and missed, and how far, as a page:  $folder/accuracy.html"
