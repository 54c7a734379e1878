"""`preprocess.cu` without a GPU: as NumPy for the recording double, and its own text compiled for this processor."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.cuda import twin
from edge_runtime.cuda.preprocess import BLOCK, VIEW, source

_SHIM = r"""
#include <algorithm>
#include <cmath>
#include <cstdlib>
using std::max; using std::min; using std::abs;
#define __global__
#define __device__ static
struct Dim { int x, y, z; };
static Dim blockIdx, threadIdx, blockDim;
"""
_LOOP = r"""
extern "C" void run(const void* views, const void* table, void* batch, int width, int height, int pad,
                    Dim grid, Dim block) {
    blockDim = block;
    for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
    for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x)
    for (threadIdx.y = 0; threadIdx.y < block.y; ++threadIdx.y)
    for (threadIdx.x = 0; threadIdx.x < block.x; ++threadIdx.x)
        preprocess((const View*)views, (const ELEMENT*)table, (ELEMENT*)batch, width, height, pad);
}
"""


class Dim(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_int), ("z", ctypes.c_int)]


def compile_for_host(folder: Path, macros):
    """The kernel as a function (views, table, batch, width, height, pad) of addresses and ints; skips without g++."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ to compile the kernel for this processor")
    name = "_".join(macros.values()).replace(" ", "_")
    library = folder / f"{name}.so"
    if not library.exists():
        text = folder / f"{name}.cpp"
        text.write_text(_SHIM + source() + _LOOP)
        defines = [f"-D{key}={value}" for key, value in macros.items()]
        flags = ["-O2", "-std=c++14", "-ffp-contract=off", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
        command = [compiler, "-shared", "-fPIC", *flags, *defines, str(text), "-o", str(library)]
        subprocess.run(command, check=True)
    run = ctypes.CDLL(str(library)).run
    run.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int] * 3 + [Dim, Dim]

    def kernel(views: int, table: int, batch: int, rows: int, width: int, height: int, pad: int) -> None:
        grid = Dim(-(-width // BLOCK[0]), -(-height // BLOCK[1]), rows)
        run(views, table, batch, width, height, pad, grid, Dim(*BLOCK))

    return kernel


def preprocess_in_numpy(gpu, macros, grid, arguments):
    """The kernel's effect on a `RecordingGpu`, and the buffers it read and wrote."""
    views_at, table_at, batch_at, width, height, pad = arguments
    views_begin, views = gpu.at(views_at)
    table_begin, table_bytes = gpu.at(table_at)
    batch_begin, batch_bytes = gpu.at(batch_at)
    dtype = {"unsigned char": np.uint8, "unsigned short": np.float16, "unsigned int": np.float32}[macros["ELEMENT"]]
    table = table_bytes[: 768 * np.dtype(dtype).itemsize].view(dtype).reshape(3, 256)
    batch = batch_bytes.view(dtype)
    read, size = [views_begin, table_begin], int(width) * int(height) * 3
    for row in range(grid[2]):
        image_at, pitch, x, y, w, h, left, top, right, bottom = VIEW.unpack_from(views, row * VIEW.size)
        pixels = np.full((height, width, 3), pad, np.uint8)
        if right > left:
            image_begin, data = gpu.at(image_at)
            read.append(image_begin)
            image = data[: pitch * (y + h)].reshape(y + h, pitch // 3, 3)
            antialias = macros["ANTIALIAS"] == "1"
            crop = image[y : y + h, x : x + w]
            pixels[top:bottom, left:right] = twin.resize(crop, (right - left, bottom - top), antialias=antialias)
        if macros["SWAP"] == "1":
            pixels = pixels[..., ::-1]
        planes = np.stack([table[channel][pixels[..., channel]] for channel in range(3)])
        values = planes if macros["PLANAR"] == "1" else planes.transpose(1, 2, 0)
        batch[row * size : (row + 1) * size] = values.reshape(-1)
    return read, [batch_begin]


KERNELS = {"preprocess": preprocess_in_numpy}
