"""Is a built engine still its network? Held against ONNX Runtime in FP32 on the source's own pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from edge_runtime.config.schema import ParityBlock, Source
from edge_runtime.core import Detections, Frame, Region
from edge_runtime.engines.tensorrt.parity import OutputParity, compare, refusal, worst
from edge_runtime.errors import OutputError
from edge_runtime.pipeline.open_source import open_source
from edge_runtime.vision.nms import iou_matrix

from .network import Glance, Network

# Box heights in full-frame pixels by which lost detections are told apart.
HEIGHTS_PX = (0, 16, 32, 64, 1 << 20)
MATCH_IOU = 0.5


@dataclass(frozen=True)
class Found:
    """Detections of the reference of one height band, and how many of them the engine found too."""

    from_px: int
    to_px: int
    reference: int
    matched: int


@dataclass(frozen=True)
class Parity:
    """Worst values over all pictures by output, and detections by height; `refusal` is None within the tolerance."""

    pictures: int
    outputs: tuple[OutputParity, ...]
    detections: tuple[Found, ...]
    refusal: str | None

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        cosine = min((output.cosine or 0.0 for output in self.outputs), default=0.0)
        matched, reference = (sum(getattr(band, key) for band in self.detections) for key in ("matched", "reference"))
        text = f"parity on {self.pictures} pictures: cosine {cosine:.5f} at least"
        return f"{text}, {matched} of {reference} detections matched" if reference else text


def read_pictures(block: Source, count: int) -> list[Frame]:
    """The first pictures of a source, spread over a file where that is cheap: every fifth one."""
    source = open_source(block)
    try:
        frames = []
        for n in range(count * 5):
            picture = source.read()
            if picture is None:
                break
            if n % 5 == 0:
                frames.append(Frame(n, block.camera, 0, picture.image))
        return frames
    finally:
        source.close()


def measure(reference: Network, engine: Network, frames: Sequence[Frame], block: ParityBlock) -> Parity:
    """Run both networks on every frame and compare what they say. Uses slot 0 of both."""
    outputs = []
    bands = [Found(low, high, 0, 0) for low, high in pairwise(HEIGHTS_PX)]
    broken = None
    for frame in frames:
        answers, found = [], []
        for network in (reference, engine):
            (view,) = network.launch(0, (Glance(0, frame, Region.whole(frame)),))
            network.wait(0)
            answers.append({name: value[:1].copy() for name, value in network.outputs(0).items()})
            try:
                (result,) = network.decode(0, (view,))
            except OutputError as error:
                broken = str(error)
                continue
            if isinstance(result, Detections):
                found.append(result)
        outputs.append(compare(*answers))
        if len(found) == 2:
            bands = [_add(band, *found) for band in bands]
    return Parity(len(frames), worst(outputs), tuple(bands), broken or _refusal(worst(outputs), bands, block))


def _refusal(outputs: tuple[OutputParity, ...], bands: Sequence[Found], block: ParityBlock) -> str | None:
    if (reason := refusal(outputs, cosine=block.cosine)) is not None:
        return reason
    reference, matched = (sum(getattr(band, key) for band in bands) for key in ("reference", "matched"))
    lost = 1 - matched / reference if reference else 0.0
    if lost > block.lost:
        return f"{reference - matched} of {reference} detections are lost ({lost:.1%}, allowed {block.lost:.1%})"
    return None


def _add(band: Found, reference: Detections, got: Detections) -> Found:
    heights = reference.xyxy[:, 3] - reference.xyxy[:, 1]
    wanted = reference.take((heights >= band.from_px) & (heights < band.to_px))
    matched = 0
    if len(wanted) and len(got):
        hits = (iou_matrix(wanted.xyxy, got.xyxy) >= MATCH_IOU) & (wanted.class_id[:, None] == got.class_id)
        matched = int(np.count_nonzero(hits.any(axis=1)))
    return Found(band.from_px, band.to_px, band.reference + len(wanted), band.matched + matched)
