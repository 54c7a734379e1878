#!/usr/bin/env bash
# Make .venv, install, run every benchmark of the project on this machine, and write its table: docs/benchmarks.md.
# Some twenty minutes; nothing else should run meanwhile.
#
#   scripts/bench.sh                     all of them
#   scripts/bench.sh --only many         those with `many` in their name; the rows of the others stay
#   scripts/bench.sh --material DIR      real models and videos (default: ../shared/material, if there)
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/_venv.sh
install_into_venv "[dev]"
exec .venv/bin/python scripts/bench.py "$@"
