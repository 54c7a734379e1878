"""`edge-run doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable

import click
from rich.console import Console

from edge_runtime.core import SystemClock
from edge_runtime.core.check import Check
from edge_runtime.report.checks import checks_table
from edge_runtime.telemetry.diagnosis import diagnose

from .main import FAILED

AREAS: dict[str, Callable[[], list[Check]]] = {"telemetry": lambda: diagnose(SystemClock())}


@click.command("doctor")
@click.argument("area", type=click.Choice(list(AREAS)), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(area: str | None, as_json: bool) -> int:
    """Say what this machine has, what is missing, and what to type. Exit code 1 when something is broken.

    \b
    edge-run doctor
    edge-run doctor telemetry --json
    """
    names = [area] if area else list(AREAS)
    checks = [check for name in names for check in AREAS[name]()]
    if as_json:
        click.echo(json.dumps({"checks": [check.document() for check in checks]}, indent=2))
    else:
        Console().print(checks_table(checks))
    return FAILED if any(check.state == "error" for check in checks) else 0
