#!/usr/bin/env bash
# Make .venv, install, run the tests. Arguments go to pytest: scripts/test.sh tests/vision -x
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/_venv.sh
install_into_venv "[dev]"
source scripts/_test_packages.sh
install_test_packages
pytest=(.venv/bin/python -m pytest)
[ $# -eq 0 ] || exec "${pytest[@]}" "$@"

# All of them: what only computes fills the time in which the rest waits for cameras and services, and yields to it.
computing=(tests/cli tests/config tests/core tests/cuda tests/docs tests/engines tests/evaluate tests/governor
  tests/recording tests/report tests/simulate tests/sources tests/vision
  tests/integration/test_{demo,many_drives,record_replay,replay_against,shipped_pipelines,wheel}.py)
log="$(mktemp)"
nice -n 19 "${pytest[@]}" "${computing[@]}" > "$log" 2>&1 &
beside=$!
trap 'kill $beside 2> /dev/null || true; rm -f "$log"' EXIT
failed=0
"${pytest[@]}" "${computing[@]/#/--ignore=}" || failed=1
wait $beside || failed=1
cat "$log"
exit $failed
