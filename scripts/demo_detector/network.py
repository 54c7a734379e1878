"""The two networks of the demo: a detector for boxes, and a classifier for the state of a traffic light.

Plain convolutions with few channels and ReLU, nothing else: TensorRT and ONNX Runtime fuse each of them into one
kernel. The detector has a level at stride 4, because a traffic light at 150 m is 4 x 11 pixels of a 1080p picture.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDES = (4, 8, 16, 32)
_BACKBONE = (32, 64, 96, 128)  # channels at each stride
_HEAD = (32, 48, 64, 64)


class Conv(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, channels: int, out: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(channels, out, size, stride, size // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out, eps=1e-3, momentum=0.03)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))

    def fuse(self) -> None:
        """Put the normalisation into the convolution, for ever."""
        self.conv = fuse_conv_bn_eval(self.conv.eval(), self.norm.eval())
        self.norm = nn.Identity()


class Block(nn.Module):
    """Half of the channels go through `depth` residual pairs of convolutions; all that was made is joined (C2f)."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        half = channels // 2
        self.into = Conv(channels, half, 1)
        self.beside = Conv(channels, half, 1)
        self.pairs = nn.ModuleList(nn.Sequential(Conv(half, half), Conv(half, half)) for _ in range(depth))
        self.join = Conv(half * (2 + depth), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.beside(x), self.into(x)]
        for pair in self.pairs:
            parts.append(parts[-1] + pair(parts[-1]))
        return self.join(torch.cat(parts, 1))


class Detector(nn.Module):
    """(batch, 3, height, width) in 0..1, BGR, sides divisible by 32, to raw YOLOX maps (batch, 5 + classes, h, w).

    One map for each of `STRIDES`: x, y, w, h, objectness and class scores, the scores before their sigmoid.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        c4, c8, c16, c32 = _BACKBONE
        self.stem = nn.Sequential(Conv(3, 16, 3, 2), Conv(16, c4, 3, 2))
        self.at4 = Block(c4, 1)
        self.at8 = nn.Sequential(Conv(c4, c8, 3, 2), Block(c8, 2))
        self.at16 = nn.Sequential(Conv(c8, c16, 3, 2), Block(c16, 2))
        self.at32 = nn.Sequential(Conv(c16, c32, 3, 2), Block(c32, 2))
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.pooled = Conv(3 * c32, c32, 1)
        self.larger = nn.Upsample(scale_factor=2.0, mode="nearest")
        self.lateral = nn.ModuleList(Conv(c, h, 1) for c, h in zip(_BACKBONE, _HEAD, strict=True))
        self.down = nn.ModuleList(
            nn.Identity() if coarse == fine else Conv(coarse, fine, 1) for fine, coarse in pairwise(_HEAD)
        )
        self.smooth = nn.ModuleList(Conv(h, h) for h in _HEAD)
        self.head = nn.ModuleList(nn.Sequential(Conv(h, h), nn.Conv2d(h, 5 + classes, 1)) for h in _HEAD)
        for head in self.head:
            nn.init.constant_(head[1].bias[4:], -math.log(99))  # type: ignore[index]  # scores begin at 1 %

    def forward(self, x: Tensor) -> list[Tensor]:
        at4 = self.at4(self.stem(x))
        at8 = self.at8(at4)
        at16 = self.at16(at8)
        at32 = self.at32(at16)
        near = self.pool(at32)
        at32 = self.pooled(torch.cat([at32, near, self.pool(near)], 1))
        maps = [self.smooth[3](self.lateral[3](at32))]
        for level, fine in ((2, at16), (1, at8), (0, at4)):
            above = self.larger(self.down[level](maps[0]))
            maps.insert(0, self.smooth[level](self.lateral[level](fine) + above))
        return [head(one) for head, one in zip(self.head, maps, strict=True)]


class LightState(nn.Module):
    """(batch, 3, 48, 24) in 0..1, BGR, to (batch, states) before their softmax."""

    def __init__(self, states: int) -> None:
        super().__init__()
        self.maps = nn.Sequential(Conv(3, 16), Conv(16, 24, 3, 2), Conv(24, 32), Conv(32, 48, 3, 2), Conv(48, 48))
        # Where the lamp shines tells as much as its colour, so the place is kept: 12 x 6 cells to 6 x 3.
        self.last = nn.Sequential(Conv(48, 32, 3, 2), nn.Flatten(), nn.Linear(32 * 6 * 3, states))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.maps(x))


def fused(network: nn.Module) -> nn.Module:
    """In place: ready for export, without batch normalisation."""
    for module in network.modules():
        if isinstance(module, Conv):
            module.fuse()
    return network.eval()


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
