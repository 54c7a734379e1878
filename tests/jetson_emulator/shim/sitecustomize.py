"""Seen only by the emulated machine's Python: its processor is ARM, and jtop keeps its settings in the tree."""

import os
import platform
import sys

if "EMULATED_JETSON" in os.environ:
    platform.machine = lambda: "aarch64"
    sys.base_prefix = os.environ["EMULATED_JETSON"]
