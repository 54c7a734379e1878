#!/usr/bin/env bash
# Build the wheel and try it as a stranger would: in an empty environment of each Python, in an empty folder, with what
# pip finds for it today. The demo must give the same detections everywhere.
#
#   scripts/try_wheel.sh                     python3.10 to python3.13, from the path or from pyenv
#   scripts/try_wheel.sh python3.12 ...      these
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

interpreter() {
  local found
  found="$(command -v "$1" 2> /dev/null)" && "$found" -c '' 2> /dev/null && echo "$found" && return 0
  ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/${1#python}".*/bin/python 2> /dev/null | tail -1
}

pythons=("$@")
[ $# -gt 0 ] || pythons=(python3.10 python3.11 python3.12 python3.13)
paths=()
for name in "${pythons[@]}"; do
  path="$(interpreter "$name")"
  [ -n "$path" ] || { echo "try_wheel.sh: there is no $name here" >&2; exit 2; }
  paths+=("$path")
done

echo "building"
"${paths[0]}" -m venv "$work/build"
"$work/build/bin/pip" install --quiet --disable-pip-version-check build
# From the files that git has, so that nothing an earlier build has left behind gets in.
mkdir "$work/sources"
git -C "$root" ls-files -z | (cd "$root" && xargs -0 cp --parents -t "$work/sources")
"$work/build/bin/python" -m build --outdir "$work/dist" "$work/sources" > "$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
wheel="$(ls "$work"/dist/*.whl)"
echo "$(basename "$wheel"), $(($(stat -c %s "$wheel") / 1000)) kB"

told=""
for path in "${paths[@]}"; do
  name="$("$path" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')"
  place="$work/$name"
  "$path" -m venv "$place/venv"
  mkdir "$place/empty"
  began=$SECONDS
  "$place/venv/bin/pip" install --quiet --disable-pip-version-check "$wheel"
  installed=$((SECONDS - began))
  cd "$place/empty"
  env -u PYTHONPATH "$place/venv/bin/edge-run" list > list.txt
  env -u PYTHONPATH "$place/venv/bin/edge-run" demo --pace fast --frames 60 --set source.fps=5 --out run > demo.txt 2>&1 ||
    { cat demo.txt >&2; exit 1; }
  # Detections without what a clock says.
  "$place/venv/bin/python" - run/detections.jsonl > results.jsonl << 'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    frame = json.loads(line)
    print(json.dumps([frame["frame_id"], frame["stages"], frame["regions"]], sort_keys=True))
PYTHON
  counts="$("$place/venv/bin/python" -c '
import collections, json
frames = [json.loads(line) for line in open("results.jsonl")]
names = collections.Counter(name for _, stages, _ in frames for name in stages["lights"]["class_name"])
print(f"{len(frames)} frames:", ", ".join(f"{count} {name}" for name, count in sorted(names.items())))')"
  digest="$(sha256sum results.jsonl | cut -c1-12)"
  versions="$("$place/venv/bin/pip" list --format=freeze --disable-pip-version-check | grep -E '^(numpy|onnxruntime|opencv-python-headless|pydantic|click|rich|trackforge)==' | tr '\n' ' ')"
  echo "$name  installed in $installed s  $counts  sha256 $digest"
  echo "    $versions"
  told="$told$digest"$'\n'
done
[ "$(sort -u <<< "${told%$'\n'}" | wc -l)" = 1 ] || { echo "the detections differ" >&2; exit 1; }
echo "the same detections, to the last digit, on each of them"
