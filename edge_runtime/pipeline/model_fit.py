"""Does an ONNX file fit the blocks that describe it? Asked before the first frame, and before an engine is built."""

from __future__ import annotations

from difflib import get_close_matches

from edge_runtime.config.schema import InputBlock
from edge_runtime.engines.base import TensorInfo
from edge_runtime.vision.decode import Mismatch


def input_shape(block: InputBlock) -> tuple[int, int, int]:
    """One row of the network's input batch."""
    width, height = block.size
    return (3, height, width) if block.layout == "nchw" else (height, width, 3)


def check_input(inputs: tuple[TensorInfo, ...], block: InputBlock) -> list[Mismatch]:
    """Every way in which the network's input contradicts the `input:` block."""
    names = [tensor.name for tensor in inputs]
    if len(inputs) != 1:
        return [
            Mismatch(
                "input",
                f"the network has {len(inputs)} inputs ({', '.join(names)}), and only one can be a picture",
                "Export it with the picture as its only input",
            )
        ]
    tensor = inputs[0]
    found: list[Mismatch] = []
    if block.name is not None and block.name != tensor.name:
        near = get_close_matches(block.name, names, 1)
        fix = f"Did you mean '{near[0]}'?" if near else f"The network's input is '{tensor.name}'; or leave the key out"
        found.append(Mismatch("input.name", f"the network has no input '{block.name}'", fix))
    if tensor.dtype.name != block.dtype:
        found.append(
            Mismatch(
                "input.dtype",
                f"the network takes {tensor.dtype.name}, not {block.dtype}",
                f"Write dtype: {tensor.dtype.name}",
            )
        )
    wanted = input_shape(block)
    if len(tensor.shape) != 4:
        shape = "x".join("?" if side is None else str(side) for side in tensor.shape)
        what = f"the network's input '{tensor.name}' is {shape}, not a batch of pictures (n x {block.layout[1:]})"
        return [*found, Mismatch("input", what, "Export the network with a 4-dimensional picture input")]
    row = tensor.shape[1:]
    if all(side is None or side == want for side, want in zip(row, wanted, strict=True)):
        return found
    other = "nhwc" if block.layout == "nchw" else "nchw"
    height, width, channels = (row[1], row[2], row[0]) if block.layout == "nchw" else row
    if channels not in (None, 3):
        fix = f"Write layout: {other}" if 3 in row else "Only networks with 3 colour channels can run"
        found.append(Mismatch("input.layout", f"the network takes {channels} channels in {block.layout}", fix))
    else:
        size = [block.size[0] if width is None else width, block.size[1] if height is None else height]
        what = f"the network takes pictures of {size[0]} x {size[1]}, not {block.size[0]} x {block.size[1]}"
        found.append(Mismatch("input.size", what, f"Write size: {size}  (width, height)"))
    return found
