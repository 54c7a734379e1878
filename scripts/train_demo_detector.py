"""Train the demo's two networks on drawn roads: a detector, and a classifier for the state of traffic lights.

python scripts/train_demo_detector.py --minutes 8 --workers 15 --out edge_runtime/assets

Needs PyTorch, onnx and this package. Other processes draw while the networks learn. It ends by itself within
`--minutes`; when it is interrupted (Ctrl-C, SIGTERM) it stops learning, measures and writes everything as well, and
the networks as they are then lie in `--out` every minute.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from demo_detector import figures, losses, network, to_onnx, views
from torch import Tensor, nn

from edge_runtime.sources.simulation.things import CATEGORIES

NOTE = "Trained on drawn roads only; see MODEL_CARD.md."
_LEARNING_RATE, _LIGHT_LEARNING_RATE = 2e-3, 2e-3
_WARM_UP_STEPS = 300
_EMA = 0.9995
_LEAST_VIEWS = 8  # batches drawn before learning begins


class Pool:
    """Everything drawn so far, in the memory of the device that learns."""

    def __init__(self, capacity: int, device: torch.device, **columns: tuple[tuple[int, ...], torch.dtype]) -> None:
        self._columns = {
            name: torch.empty((capacity, *shape), dtype=dtype, device=device)
            for name, (shape, dtype) in columns.items()
        }
        self._capacity = capacity
        self.seen = 0

    def __len__(self) -> int:
        return min(self.seen, self._capacity)

    def add(self, rows: Any) -> None:
        """When it is full, the oldest go."""
        first = 0
        while first < len(rows):
            at = self.seen % self._capacity
            part = rows[first : first + self._capacity - at]
            for name, column in self._columns.items():
                column[at : at + len(part)].copy_(torch.from_numpy(part[name].copy()))
            first, self.seen = first + len(part), self.seen + len(part)

    def __getitem__(self, rows: Tensor) -> list[Tensor]:
        return [column.index_select(0, rows) for column in self._columns.values()]


class Learner:
    """One network with its optimiser and the moving average of its weights, which is what counts in the end."""

    def __init__(self, model: nn.Module, rate: float, device: torch.device) -> None:
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).eval()
        self._rate = rate
        weights = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": weights, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
        self._optimiser = torch.optim.AdamW(groups, lr=rate, fused=device.type == "cuda")
        self.steps = 0

    def step(self, loss: Tensor, progress: float) -> None:
        """`progress` 0..1 of the whole training sets the rate."""
        warm = min(1.0, (self.steps + 1) / _WARM_UP_STEPS)
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self._optimiser.step()
        self.steps += 1
        keep = min(_EMA, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            pairs = zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True)
            kept, new = zip(*((a, b) for a, b in pairs if a.is_floating_point()), strict=True)
            torch._foreach_lerp_(list(kept), list(new), 1 - keep)

    def exportable(self) -> nn.Module:
        return network.fused(copy.deepcopy(self.average).cpu().float().to(memory_format=torch.contiguous_format))


def coloured(pictures: Tensor) -> Tensor:
    """(n, h, w, 3) bytes as (n, 3, h, w) in 0..1, each in a slightly different light and with a little noise."""
    count, device = len(pictures), pictures.device
    values = pictures.permute(0, 3, 1, 2).float() / 255
    gain = (torch.empty(count, 1, 1, 1, device=device).uniform_(0.75, 1.3)) * (
        torch.empty(count, 3, 1, 1, device=device).uniform_(0.93, 1.07)
    )
    shift = torch.empty(count, 1, 1, 1, device=device).uniform_(-0.04, 0.04)
    noise = torch.empty(count, 1, 1, 1, device=device).uniform_(-0.02, 0.02).clamp(min=0)
    return (values * gain + shift + noise * torch.randn_like(values)).clamp(0, 1)


class Training:
    """Draws, learns, and leaves its files in `out`."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.began_s = time.monotonic()
        self.deadline_s = self.began_s + 60 * arguments.minutes
        self.stopped = False
        # The drawing processes fork off before CUDA wakes up: it does not survive a fork.
        self.studio = views.Studio(arguments.workers, arguments.seed, arguments.held_pictures, arguments.pictures)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(arguments.seed)
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        if self.device.type == "cpu":
            torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) - arguments.workers))
        self.detector = Learner(network.Detector(len(CATEGORIES)), _LEARNING_RATE, self.device)
        self.light = Learner(network.LightState(len(views.STATES)), _LIGHT_LEARNING_RATE, self.device)
        width, height = views.VIEW
        capacity = arguments.capacity if self.device.type == "cuda" else min(arguments.capacity, 2000)
        self.pool = Pool(
            capacity, self.device, picture=((height, width, 3), torch.uint8),
            boxes=((views.MOST, 4), torch.float32), kinds=((views.MOST,), torch.int8),
        )  # fmt: skip
        width, height = views.LIGHT
        self.lights = Pool(
            8 * capacity, self.device, picture=((height, width, 3), torch.uint8), state=((), torch.int8)
        )  # fmt: skip
        self.by_state = np.zeros(len(views.STATES), int)
        self.held_views: list[Any] = []
        self.held_lights: list[Any] = []
        self.whole_pictures = 0

    def elapsed_s(self) -> float:
        return time.monotonic() - self.began_s

    def say(self, words: str) -> None:
        print(f"{self.elapsed_s():6.1f} s  {words}", flush=True)

    def fetch(self) -> None:
        """What was drawn since."""
        drawn = self.studio.views.take()
        self.held_views.append(drawn[drawn["is_held"]])
        taught = drawn[~drawn["is_held"]]
        self.whole_pictures += int(taught["is_whole"].sum())
        self.pool.add(taught)
        drawn = self.studio.lights.take()
        self.held_lights.append(drawn[drawn["is_held"]])
        taught = drawn[~drawn["is_held"]]
        self.by_state += np.bincount(taught["state"], minlength=len(views.STATES))
        self.lights.add(taught)

    def run(self) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._stop)
        learn_until_s = self.deadline_s - min(40.0, 0.25 * 60 * self.arguments.minutes)
        batch = self.arguments.batch
        said_s = saved_s = fetched_s = time.monotonic()
        history: list[dict[str, float]] = []
        learn_from_s = None
        sums, since = torch.zeros(4, device=self.device), 0
        while not self.stopped and (now_s := time.monotonic()) < learn_until_s:
            if now_s - fetched_s > 0.5 or learn_from_s is None:
                self.fetch()
                fetched_s = now_s
            if len(self.pool) < _LEAST_VIEWS * batch and self.studio.is_drawing:
                time.sleep(0.2)
            elif len(self.pool) == 0:
                raise SystemExit("nothing was drawn: the drawing processes ended, see above why")
            else:
                learn_from_s = learn_from_s or now_s
                parts = self._step(batch, (now_s - learn_from_s) / (learn_until_s - learn_from_s))
                sums += parts
                since += 1
            if now_s - said_s >= 10 or (since and not history):
                means = (sums / max(since, 1)).tolist()
                rate = since / max(now_s - said_s, 1e-3)
                names = ("place", "objectness", "kind", "light")
                history.append(
                    {"t_s": round(self.elapsed_s(), 1), "step": self.detector.steps, "pictures": self.whole_pictures}
                    | {name: round(mean, 4) for name, mean in zip(names, means, strict=True)}
                )
                losses_said = "  ".join(f"{name} {mean:.3f}" for name, mean in zip(names, means, strict=True))
                self.say(
                    f"{self.whole_pictures} pictures, {self.pool.seen} views, {self.lights.seen} lights; "
                    f"step {self.detector.steps} ({rate:.1f}/s)  {losses_said}"
                )
                sums.zero_()
                said_s, since = now_s, 0
            if now_s - saved_s >= 60 and self.detector.steps:
                self.export()
                saved_s = now_s
        if self.detector.steps == 0:
            self.studio.close()
            raise SystemExit(
                f"no step was made in {self.arguments.minutes:g} minutes: give more --minutes or --workers"
            )
        self.fetch()
        self.studio.close()
        self.export()
        self.say("measuring")
        self.measure(history)

    def _step(self, batch: int, progress: float) -> Tensor:
        rows = torch.randint(len(self.pool), (batch,), device=self.device)
        pictures, boxes, kinds = self.pool[rows]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            maps = self.detector.model(coloured(pictures))
        parts = losses.detection_loss(maps, boxes, kinds)
        self.detector.step(parts.total, progress)
        light_loss = torch.zeros((), device=self.device)
        if len(self.lights):
            rows = torch.randint(len(self.lights), (4 * batch,), device=self.device)
            pictures, states = self.lights[rows]
            rarity = torch.tensor(self.by_state.sum() / (self.by_state + 1.0), device=self.device)
            weight = rarity.sqrt().float()
            said = self.light.model(coloured(pictures).contiguous(memory_format=torch.channels_last))
            light_loss = F.cross_entropy(said, states.long(), weight, label_smoothing=0.02)
            self.light.step(light_loss, progress)
        return torch.stack([parts.place, parts.objectness, parts.kind, light_loss.detach()])

    def _stop(self, *_: Any) -> None:
        self.stopped = True

    @property
    def files(self) -> dict[str, Path]:
        out: Path = self.arguments.out
        return {"detector": out / "demo_detector.onnx", "light_state": out / "demo_light_state.onnx"}

    def export(self) -> None:
        self.arguments.out.mkdir(parents=True, exist_ok=True)
        detector, light = self.files["detector"], self.files["light_state"]
        to_onnx.save_detector(self.detector.exportable(), len(CATEGORIES), detector, NOTE)
        to_onnx.save_classifier(self.light.exportable(), len(views.STATES), views.LIGHT, light, NOTE)
        self.say(f"wrote {detector} and {light}")

    def measure(self, history: list[dict[str, float]]) -> None:
        held, lights = np.concatenate(self.held_views), np.concatenate(self.held_lights)
        threads = len(os.sched_getaffinity(0))
        learned_s = self.elapsed_s()
        arguments = vars(self.arguments) | {"out": str(self.arguments.out)}
        width, height = views.VIEW
        log = {
            "date": self.arguments.date,
            "commit": self.arguments.commit,
            "device": torch.cuda.get_device_name() if self.device.type == "cuda" else "CPU",
            "versions": {"python": sys.version.split()[0], "torch": torch.__version__, "numpy": np.__version__},
            "arguments": arguments,
            "minutes": round(learned_s / 60, 2),
            "pictures": self.whole_pictures,
            "views": self.pool.seen,
            "lights": self.lights.seen,
            "lights_by_state": dict(zip(views.STATES, self.by_state.tolist(), strict=True)),
            "steps": self.detector.steps,
            "batch": self.arguments.batch,
            "held_pictures": int(held["is_whole"].sum()),
            "parameters": {
                "detector": network.parameters(self.detector.exportable()),
                "light_state": network.parameters(self.light.exportable()),
            },
            "bytes": {name: path.stat().st_size for name, path in self.files.items()},
            "cost_ms": {
                "detector": figures.cost_ms(self.files["detector"], (1, 3, height, width)),
                "light_state": figures.cost_ms(self.files["light_state"], (1, 3, *views.LIGHT[::-1])),
            },
            "detector": figures.detector_figures(self.files["detector"], held, threads),
            "light_state": figures.light_figures(self.files["light_state"], lights, threads),
            "history": history,
        }
        out: Path = self.arguments.out
        (out / "training.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
        card = figures.model_card(log)
        (out / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        print(card[card.index("## Figures") :])
        self.say(f"done: {out}/training.json, MODEL_CARD.md")


def _commit() -> str:
    try:
        return subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8.0, help="from start to end, measuring included")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="drawing processes")
    parser.add_argument("--out", type=Path, default=Path("runs/demo_detector"))
    parser.add_argument("--batch", type=int, default=128, help="views a step")
    parser.add_argument("--capacity", type=int, default=60_000, help="views kept (0.74 MB each on the device)")
    parser.add_argument("--pictures", type=int, default=None, help="draw no more than so many pictures to learn from")
    parser.add_argument("--held-pictures", type=int, default=96, help="pictures of held-out drives to measure with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commit", default=_commit(), help="for the model card")
    parser.add_argument("--date", default=time.strftime("%Y-%m-%d"), help="for the model card")
    Training(parser.parse_args()).run()


if __name__ == "__main__":
    main()
