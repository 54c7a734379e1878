"""The options of `edge-run eval` that make a figure a condition."""

from __future__ import annotations

from typing import Any

from .command import option
from .values import Real

# option -> key of the document; the parameter has the option's name with _ for -
AT_LEAST = {
    "--min-ap50": "ap50",
    "--min-ap": "ap",
    "--min-streaming-ap": "streaming_ap",
    "--min-recall": "recall",
    "--min-precision": "precision",
    "--min-light-state": "light_state_accuracy",
}
AT_MOST = {"--max-false-positives": "false_positives_per_frame", "--max-ms": "ms_per_frame"}


def limits(function: Any) -> Any:
    """The options that make a figure a condition."""
    for limits_of, word in ((AT_MOST, "above"), (AT_LEAST, "below")):
        for name, key in reversed(limits_of.items()):
            said = f"Exit 3 when {key} is {word} X."
            function = option(name, type=Real(), metavar="X", rare=key != "ap50", help=said)(function)
    return function


def stated(options: dict[str, str], wanted: dict[str, float]) -> dict[str, float]:
    """The limits asked for, by key of the document."""
    return {
        key: wanted[name] for option, key in options.items() if (name := option.lstrip("-").replace("-", "_")) in wanted
    }
