"""`edge-run eval`."""

from __future__ import annotations

import math
from typing import Any

import click

from edge_runtime.evaluate.rules import Rules

from .command import Verb, option
from .eval_limits import limits
from .options import AS_JSON, CAMERA, FILE, FILE_TO_WRITE, FRAMES, FROM_ZERO, PIPELINE, SET, SHARE
from .values import Real, Whole

DEFAULT = Rules()


class Edges(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.4 on
    """Where the bands of a table begin: rising numbers of 0 or more."""

    name = "edges"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            edges = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 0,50,100", param, context)
        if not all(0 <= edge < math.inf for edge in edges) or sorted(set(edges)) != list(edges):
            self.fail(f"{value!r}: the edges of bands rise and start at 0 or more", param, context)
        return edges


@click.command("eval", cls=Verb)
@click.argument("pipelines", type=PIPELINE, nargs=-1, required=True, metavar="PIPELINE...")
@option("--labels", type=FILE, metavar="COCO.json", help="What should be found.")
@SET
@option("--compare", "side_by_side", is_flag=True, help="Several pipelines, each against the first.")
@option("--without-regions", is_flag=True, help="One pipeline with regions and without, side by side.")
@FRAMES
@CAMERA
@option("--stage", metavar="NAME", help="The stage to judge; default: the last with boxes.")
@option("--only", multiple=True, metavar="NAME", help="Judge only this class or group; repeatable.")
@option(
    "--iou",
    type=Real(0.05, 0.95),
    default=DEFAULT.iou,
    metavar="X",
    rare=True,
    help="Overlap that is a match.",
)
@option(
    "--min-visibility",
    type=SHARE,
    default=DEFAULT.visibility,
    metavar="X",
    rare=True,
    help="An object of which less is seen is ignored, not missed.",
)
@option(
    "--first-frame",
    type=Whole(),
    default=DEFAULT.first_frame,
    metavar="N",
    rare=True,
    help="The labels' number of a video's first frame.",
)
@option(
    "--distances",
    type=Edges(),
    default=DEFAULT.bands.distance_m,
    metavar="M,…",
    rare=True,
    help="Where bands of recall begin, in metres.",
)
@option(
    "--heights", type=Edges(), default=DEFAULT.bands.height_px, metavar="PX,…", rare=True, help="The same, in pixels."
)
@option(
    "--live/--virtual",
    default=False,
    rare=True,
    help="Streaming AP from a second run in real time, or from stage times.",
)
@option("--resamples", type=Whole(10, 100_000), default=1000, metavar="N", rare=True, help="Of the bootstrap.")
@option("--seed", type=FROM_ZERO, default=0, metavar="N", rare=True, help="Of the bootstrap.")
@option("--html", type=FILE_TO_WRITE, metavar="FILE.html", help="Write a page with charts and misses.")
@limits
@AS_JSON
def command(**options: Any) -> int:
    """Accuracy of a pipeline against labels in COCO's format, and what its latency costs.

    A comparison of pictures that nobody has labelled says what one pipeline finds beside the other, and what it finds
    twice; --html shows it.

    \f
    Labels name pictures of a folder by file_name. In a video they name frames: the last number in file_name, or the
    image id where there is none, counted from --first-frame. A simulation brings its own. An annotation may carry
    distance_m, visibility (0..1), state (red, yellow, green) and object_id; iscrowd and ignore mark what is not judged.

    \b
    edge-run eval mine.yaml --labels drive.json --html accuracy.html
    edge-run eval --compare one.yaml two.yaml --labels drive.json
    edge-run eval far.yaml --without-regions --html added.html
    """
    from .eval_work import judge

    return judge(**options)
