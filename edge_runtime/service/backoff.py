"""Starts that follow a failure wait longer and longer, whatever ended the process before and whichever systemd it is.

systemd's own RestartSteps= came with version 254; JetPack 5 and 6 have 245 and 249.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

MOST_S = 30.0
# A run that held out for so long was no failed start.
SETTLED_S = 60.0


class Backoff:
    """The starts in a row that did not go well, in a file that systemd keeps from one start to the next."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "failed_starts"

    def begin(self) -> float:
        """Count a start; returns the seconds to wait before it: 0, 1, 2, 4, … 30."""
        failed = 0
        with suppress(OSError, ValueError):
            failed = int(self._file.read_text())
        with suppress(OSError):
            self._file.write_text(str(failed + 1))
        return wait_s(failed)

    def settled(self) -> None:
        """This start went well."""
        with suppress(OSError):
            self._file.unlink()


def wait_s(failed: int) -> float:
    return 0.0 if failed <= 0 else min(2.0 ** min(failed - 1, 10), MOST_S)
