#!/usr/bin/env bash
# Make .venv, install, run the tests. Arguments go to pytest: scripts/test.sh tests/vision -x
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/_venv.sh
install_into_venv "[dev]"
source scripts/_test_packages.sh
install_test_packages
exec .venv/bin/python -m pytest "$@"
