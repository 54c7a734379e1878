"""A service without systemd, in its state folder: `python -m tests.service.serve PIPELINE LIVE SOCKET [MINUTE_S]`."""

from __future__ import annotations

import sys
from pathlib import Path

from edge_runtime.cli.main import leave
from edge_runtime.core import SystemClock
from edge_runtime.service import daemon
from edge_runtime.service.journal import Journal
from edge_runtime.service.notify import Notifier

pipeline, live, address, *minute_s = sys.argv[1:]
if minute_s:
    daemon.MINUTE_NS = round(float(minute_s[0]) * 1e9)
journal = Journal("tiny", sys.stderr, native=False)
service = daemon.Service(Path(pipeline), Path(live), Notifier(address), journal, SystemClock(), watchdog_s=0.2)
leave(service.run())
