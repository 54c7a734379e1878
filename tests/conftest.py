"""FFmpeg asks for its log level once a process, before any test that reads a video with OpenCV directly."""

import os

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
