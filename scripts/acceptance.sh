#!/usr/bin/env bash
# Make .venv, install, and put the whole program through one drive: regions, tracks, a governor on a simulated board,
# recording, the live page in Chromium, faults, SIGTERM; then replay, report, and the books. About a minute.
#
#   scripts/acceptance.sh                     the painted drive, which needs nothing
#   scripts/acceptance.sh --material DIR      and real videos with real detectors (default: ../shared/material, if there)
#   scripts/acceptance.sh --keep DIR          keep what was made, to look at
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/_venv.sh
install_into_venv "[dev]"
source scripts/_test_packages.sh
install_test_packages
exec .venv/bin/python scripts/acceptance.py "$@"
