"""`edge-run doctor`."""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import CompletionItem

from edge_runtime.config.shipped import meant, shipped

from .command import Verb
from .options import AS_JSON, PIPELINE, SET
from .output import BAD_USE, FAILED, print_json

TELEMETRY = "telemetry"


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    area = [CompletionItem(TELEMETRY)] if TELEMETRY.startswith(incomplete) else []
    return [*area, *PIPELINE.shell_complete(ctx, param, incomplete)]


@click.command("doctor", cls=Verb)
@click.argument("target", metavar="[PIPELINE|telemetry]", required=False, shell_complete=_complete)
@SET
@AS_JSON
def command(target: str | None, overrides: tuple[str, ...], as_json: bool) -> int:
    """Say what this machine has, what is missing, and what to type.

    With a pipeline: could it run here? Exit code 2 when it could not, else 0. `doctor telemetry` looks at sensors only,
    and longer; its exit code is 1 when one is broken.

    \b
    edge-run doctor
    edge-run doctor demo
    edge-run doctor telemetry --json
    """
    from edge_runtime.config.words import did_you_mean, either
    from edge_runtime.core import SystemClock
    from edge_runtime.report.checks import checks_page, checks_table, verdict

    from .doctor_areas import looked_at, looks, telemetry_checks

    if target == TELEMETRY:
        checks = telemetry_checks()
        _show(as_json, checks, checks_table(checks))
        return FAILED if any(check.state == "error" for check in checks) else 0
    by_name = target is not None and meant("pipelines", target) is not None
    if target is not None and not (by_name or target.endswith((".yaml", ".yml")) or os.path.exists(target)):
        known = [TELEMETRY, *shipped("pipelines")]
        hint = did_you_mean(target, known) or f"names are {either(known, 'and')}"
        raise click.UsageError(f"'{target}' is no pipeline: {hint}")
    areas = looked_at(looks(target, overrides), SystemClock())
    checks = [check for found in areas.values() for check in found]
    runs = not any(check.state == "error" for check in areas.get("Pipeline", ()))
    _show(as_json, checks, checks_page(areas, verdict(checks, target, runs=runs)))
    return 0 if runs else BAD_USE


def _show(as_json: bool, checks: Any, page: Any) -> None:
    from rich.console import Console

    if as_json:
        print_json({"checks": [check.document() for check in checks]})
    else:
        Console().print(page)
