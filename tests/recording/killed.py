"""Kill a recording at random moments and open what it left: `python -m tests.recording.killed FOLDER TIMES [SEED]`.

Each child records as fast as it can and says after every chunk how many frames are on the disk. It is killed while it
goes on; what it said must be there, and whatever is there must be whole. Prints how many opened.
"""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from edge_runtime.recording.mcap_file import McapFile
from edge_runtime.recording.reader import RecordedFrame, Recording
from tests.recording.making import MS, opening, picture, write_frame

SIZE = (270, 480)


def record_for_ever(path: Path, pipe: int) -> None:
    file = McapFile(path, opening("raw"), 0)
    n = 0
    while True:
        write_frame(file, n, raw=True, image=picture(n, SIZE))
        n += 1
        if n % 3 == 0:
            file.flush(n * 40 * MS, at_once=True)
            os.write(pipe, struct.pack("<I", n))


def main() -> None:
    folder, times = Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    opened = frames = 0
    for number in range(times):
        path = folder / f"{number}.mcap"
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            record_for_ever(path, theirs)
        os.close(theirs)
        promised = 0
        for _ in range(chance.randrange(1, 30)):
            (promised,) = struct.unpack("<I", os.read(ours, 4))
        for _ in range(chance.randrange(20_000)):  # somewhere between two chunks
            pass
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ours)
        read = 0
        for frame in Recording(path).of(RecordedFrame):
            assert frame.frame_id == read, (frame.frame_id, read)
            assert frame.picture is not None
            assert np.array_equal(frame.picture.decode(), picture(read, SIZE))
            read += 1
        assert read >= promised, (read, promised)
        opened, frames = opened + 1, frames + read
        path.unlink()
    print(json.dumps({"killed": times, "opened": opened, "frames_read": frames}))


if __name__ == "__main__":
    main()
