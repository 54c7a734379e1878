"""The kernels without a GPU: as NumPy for the recording double, and their own text compiled for this processor."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from edge_runtime.cuda import select, twin
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
static int atomicAdd(int* at, int more) { const int before = *at; *at += more; return before; }
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
    run = _compile(compiler, folder, source() + _LOOP, macros).run
    run.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int] * 3 + [Dim, Dim]

    def kernel(views: int, table: int, batch: int, rows: int, width: int, height: int, pad: int) -> None:
        grid = Dim(-(-width // BLOCK[0]), -(-height // BLOCK[1]), rows)
        run(views, table, batch, width, height, pad, grid, Dim(*BLOCK))

    return kernel


class SelectOnHost:
    """The kernels of `select.cu`, compiled for this processor, as effects for a `RecordingGpu`."""

    _SIGNATURES: ClassVar = {
        "select_rows": "const float* boxes, int box_columns, const float* scores, int score_columns, int candidates,"
        " const int* competing, int rivals, int objectness, float threshold, int capacity, Header* headers, char* rows,"
        " int row_bytes",
        "select_planes": "const float* values, int classes, int pixels, const int* wanted, int planes, int first_plane,"
        " Header* headers, unsigned char* rows, int row_bytes",
    }

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._compiler = shutil.which("g++")
        if self._compiler is None:
            pytest.skip("no g++ to compile the kernels for this processor")

    def effects(self):
        return {entry: partial(self._run, entry) for entry in self._SIGNATURES}

    def _run(self, entry, gpu, macros, grid, arguments):
        parameters = [text.split() for text in self._SIGNATURES[entry].split(",")]
        loop = f"""
extern "C" void run({self._SIGNATURES[entry]}, Dim grid, Dim block) {{
    blockDim = block;
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
    for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x)
    for (threadIdx.x = 0; threadIdx.x < block.x; ++threadIdx.x)
        {entry}({", ".join(words[-1] for words in parameters)});
}}
"""
        library = _compile(self._compiler, self._folder, select.source() + loop, {**macros, "ENTRY": entry})
        plain = {"int": ctypes.c_int, "float": ctypes.c_float}
        library.run.argtypes = [plain.get(words[0], ctypes.c_void_p) for words in parameters] + [Dim, Dim]
        given = list(zip([words[0] for words in parameters], arguments, strict=True))
        library.run(
            *(plain[kind](value) if kind in plain else value for kind, value in given), Dim(*grid), Dim(64, 1, 1)
        )
        pointers = [value for kind, value in given if kind not in plain]
        buffers = [gpu.at(int(value))[0] for value in pointers]
        return buffers[:-2], buffers[-2:]


def _compile(compiler: str, folder: Path, text: str, macros) -> ctypes.CDLL:
    name = "_".join(macros.values()).replace(" ", "_")
    library = folder / f"{name}.so"
    if not library.exists():
        file = folder / f"{name}.cpp"
        file.write_text(_SHIM + text)
        defines = [f"-D{key}={value}" for key, value in macros.items()]
        flags = ["-O2", "-std=c++14", "-ffp-contract=off", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
        command = [compiler, "-shared", "-fPIC", *flags, *defines, str(file), "-o", str(library)]
        subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


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
