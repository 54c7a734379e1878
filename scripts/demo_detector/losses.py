"""What the detector is taught: which cells answer for an object, and how wrong their answers are.

Assignment as in YOLOX (SimOTA, Ge et al. 2021), but seen from the objects: the 3 x 3 cells around the middle of an
object, on every level, are its candidates. Cost and memory grow with the objects, not with objects times cells.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .network import STRIDES
from .views import IGNORED

_AROUND = 1  # cells on each side of the middle one
_NEVER = 1e5


class Parts(NamedTuple):
    total: Tensor
    place: Tensor
    objectness: Tensor
    kind: Tensor


def detection_loss(maps: list[Tensor], boxes: Tensor, kinds: Tensor) -> Parts:
    """`maps` of the detector; `boxes` (batch, objects, 4) in pixels of the view, `kinds` (batch, objects)."""
    raw = torch.cat([one.flatten(2) for one in maps], 2).transpose(1, 2).float()  # (batch, cells, 5 + classes)
    sides = [(one.shape[3], one.shape[2]) for one in maps]
    cells, cell_xy, cell_stride, allowed = _candidates(boxes, kinds, sides)
    batch, objects, count = cells.shape
    picked = raw.gather(1, cells.flatten(1)[..., None].expand(-1, -1, raw.shape[2])).view(batch, objects, count, -1)
    centre = (picked[..., :2] + cell_xy) * cell_stride[:, None]
    size = picked[..., 2:4].clamp(max=8).exp() * cell_stride[:, None]
    found = torch.cat([centre - size / 2, centre + size / 2], -1)
    wanted = boxes[:, :, None].expand_as(found)
    overlap, quality = _overlaps(found, wanted)
    kind = kinds.clamp(min=0).long()
    is_kind = F.one_hot(kind, raw.shape[2] - 5).to(raw.dtype)[:, :, None].expand(-1, -1, count, -1)
    with torch.no_grad():
        chosen = _assign(picked, overlap, kind, allowed, cells, raw.shape[1])
        target = torch.zeros(raw.shape[:2], device=raw.device)
        target.scatter_reduce_(1, cells.flatten(1), chosen.flatten(1).to(target.dtype), "amax")
        open_cells = ~_ignored(boxes, kinds, sides) | (target > 0)
        total = chosen.sum().clamp(min=1)
        sure = 0.5 + 0.5 * overlap.clamp(min=0)[..., None]
    weight = chosen.to(raw.dtype)
    place = (weight * (1 - quality)).sum() / total
    scores = F.binary_cross_entropy_with_logits(picked[..., 5:], is_kind * sure, reduction="none").sum(-1)
    kind_loss = (weight * scores).sum() / total
    misses = F.binary_cross_entropy_with_logits(raw[..., 4], target, reduction="none")
    objectness = (misses * open_cells).sum() / total
    return Parts(4 * place + objectness + kind_loss, place.detach(), objectness.detach(), kind_loss.detach())


def _candidates(boxes: Tensor, kinds: Tensor, sides: list[tuple[int, int]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Index, x and y, stride and permission of each object's candidate cells."""
    steps = torch.arange(-_AROUND, _AROUND + 1, device=boxes.device)
    shift = torch.cartesian_prod(steps, steps)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    cells, places, strides, allowed, first = [], [], [], [], 0
    for stride, (width, height) in zip(STRIDES, sides, strict=True):
        place = (middle / stride).floor().long()[:, :, None] + shift
        x, y = place.unbind(-1)
        allowed.append((x >= 0) & (x < width) & (y >= 0) & (y < height))
        x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
        cells.append(first + y * width + x)
        places.append(torch.stack([x, y], -1))
        strides += [stride] * len(shift)
        first += width * height
    permitted = torch.cat(allowed, 2) & (kinds >= 0)[..., None]
    return torch.cat(cells, 2), torch.cat(places, 2), torch.tensor(strides, device=boxes.device), permitted


def _assign(picked: Tensor, overlap: Tensor, kind: Tensor, allowed: Tensor, cells: Tensor, total: int) -> Tensor:
    """(batch, objects, candidates) bool: each cell for one object at most, the cheapest."""
    index = (5 + kind)[:, :, None, None].expand(-1, -1, picked.shape[2], 1)
    score = (picked[..., 4].sigmoid() * picked.gather(3, index)[..., 0].sigmoid()).clamp(1e-9, 1).sqrt()
    cost = -score.log() - 3 * overlap.clamp(min=1e-6).log() + _NEVER * ~allowed
    enough = (overlap.clamp(min=0) * allowed).topk(10, -1).values.sum(-1).clamp(min=1).long()
    rank = cost.argsort(-1).argsort(-1)
    chosen = allowed & (rank < enough[..., None])
    priced = torch.where(chosen, cost, torch.full_like(cost, 2 * _NEVER)).flatten(1)
    least = torch.full((len(cells), total), 2 * _NEVER, device=cells.device)
    least.scatter_reduce_(1, cells.flatten(1), priced, "amin")
    return chosen & (priced <= least.gather(1, cells.flatten(1))).view_as(chosen)


def _overlaps(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """IoU without gradient, and complete IoU (Zheng et al. 2020)."""
    low, high = torch.maximum(found[..., :2], wanted[..., :2]), torch.minimum(found[..., 2:], wanted[..., 2:])
    common = (high - low).clamp(min=0).prod(-1)
    sides, wanted_sides = found[..., 2:] - found[..., :2], (wanted[..., 2:] - wanted[..., :2]).clamp(min=0.1)
    iou = common / (sides.prod(-1) + wanted_sides.prod(-1) - common + 1e-7)
    around = torch.maximum(found[..., 2:], wanted[..., 2:]) - torch.minimum(found[..., :2], wanted[..., :2])
    away = (found[..., :2] + found[..., 2:] - wanted[..., :2] - wanted[..., 2:]).square().sum(-1) / 4
    shape = (4 / math.pi**2) * (_angle(wanted_sides) - _angle(sides)).square()
    with torch.no_grad():
        much = shape / (1 - iou + shape + 1e-7)
    return iou.detach(), iou - away / (around.square().sum(-1) + 1e-7) - much * shape


def _angle(sides: Tensor) -> Tensor:
    return torch.atan(sides[..., 0] / sides[..., 1].clamp(min=1e-4))


def _ignored(boxes: Tensor, kinds: Tensor, sides: list[tuple[int, int]]) -> Tensor:
    """(batch, cells) bool: the middle of the cell is in a box that counts neither way."""
    gone = (kinds == IGNORED)[..., None]
    low = torch.where(gone, boxes[..., :2] - 2, torch.full_like(boxes[..., :2], math.inf))
    high = torch.where(gone, boxes[..., 2:] + 2, torch.full_like(boxes[..., 2:], -math.inf))
    inside = []
    for stride, (width, height) in zip(STRIDES, sides, strict=True):
        x, y = (stride * (torch.arange(n, device=boxes.device) + 0.5) for n in (width, height))
        across = (x > low[..., :1]) & (x < high[..., :1])  # (batch, objects, width)
        down = (y > low[..., 1:]) & (y < high[..., 1:])
        hits = torch.einsum("boh,bow->bhw", down.float(), across.float())
        inside.append(hits.flatten(1) > 0)
    return torch.cat(inside, 1)
