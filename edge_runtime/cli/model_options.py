"""Options and kinds of values that the verbs of `edge-run model` share."""

from __future__ import annotations

from typing import Any

import click

from .command import option
from .options import AS_JSON, FILE_TO_WRITE, PIPELINE


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """Numbers with commas, or `1/255`; `count` of them, or one where `single` is allowed."""

    name = "numbers"

    def __init__(self, count: int | None, whole: bool = False, single: bool = False) -> None:
        self.count, self.whole, self.single = count, whole, single

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            parts: list[Any] = [int(part) if self.whole else _number(part) for part in value.split(",")]
        except (ValueError, ZeroDivisionError):
            self.fail(f"'{value}' is not {'whole ' if self.whole else ''}numbers with commas.", param, context)
        if self.single and len(parts) == 1:
            return parts[0]
        if self.count is not None and len(parts) != self.count:
            self.fail(f"'{value}' has {len(parts)} numbers, not {self.count}.", param, context)
        return tuple(parts)


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)


class Names(click.ParamType):  # type: ignore[type-arg]
    """Names with commas."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in value.split(","))
        if not all(names) or len(set(names)) != len(names):
            self.fail(f"'{value}' is not a list of different names with commas.", param, context)
        return names


def output_options(function: Any) -> Any:
    function = AS_JSON(function)
    function = option("--force", is_flag=True, help="Replace OUT.onnx if it is there.")(function)
    return option("-o", "--out", type=FILE_TO_WRITE, required=True, metavar="OUT.onnx", help="The model to write.")(
        function
    )


def input_options(function: Any) -> Any:
    """How the network's input is made, from a pipeline file or said here; the keys of a pipeline's `input` block."""
    for each in (
        option("--std", rare=True, type=Numbers(3, single=True), metavar="S|R,G,B", help="Divided by after mean."),
        option("--mean", rare=True, type=Numbers(3, single=True), metavar="M|R,G,B", help="Subtracted after scale."),
        option("--scale", rare=True, metavar="1.0|1/255", help="A pixel is multiplied by it."),
        option("--color", rare=True, type=click.Choice(["bgr", "rgb"]), help="Channels as the network was trained."),
        option(
            "--pad", rare=True, type=click.IntRange(0, 255), metavar="0..255", help="Pixel value around a letterbox."
        ),
        option(
            "--resize",
            rare=True,
            type=click.Choice(["stretch", "letterbox", "letterbox_top_left"]),
            metavar="HOW",
            help="How a picture is fitted: stretch, letterbox, letterbox_top_left.",
        ),
        option(
            "--size", rare=True, type=Numbers(2, whole=True), metavar="W,H", help="The input's size, where it is free."
        ),
        option("--model", "model_name", metavar="NAME", help="Which of its models, where it has several."),
        option(
            "--pipeline",
            type=PIPELINE,
            metavar="PIPELINE",
            help="Take input and decode from it.",
        ),
    ):
        function = each(function)
    return function
