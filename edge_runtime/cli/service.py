"""`edge-run service`: install a pipeline as a systemd service, and look after it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from edge_runtime.errors import RunError
from edge_runtime.service import manager, places
from edge_runtime.service.swap import reloads

from .command import Group, option
from .options import AS_JSON, COUNT, PIPELINE, SET
from .output import FAILED, print_json

# What needs the pipeline is imported by the commands that do: asking for the status takes no network.

NAME = click.argument("name", required=False)


@click.group("service", cls=Group, subcommand_metavar="VERB ...")
def command() -> None:
    """Run a pipeline as a service: started at boot, watched, restarted.

    \b
    sudo edge-run service install demo --now
    edge-run service status
    """


@command.command("install", short_help="Install a pipeline, to start at boot.")
@click.argument("pipeline", type=PIPELINE)
@SET
@option("--user", metavar="NAME", help="Run as this user; without it, edge-runtime is made.")
@option("--now", is_flag=True, help="Also start it, and wait for its first result.")
@AS_JSON
def install_command(pipeline: Path, overrides: tuple[str, ...], as_json: bool, user: str | None, now: bool) -> int:
    """Install a pipeline under its name: /etc/edge-runtime/NAME.yaml, results in /var/lib/edge-runtime/NAME.

    Starts at every boot from then on. Installing again replaces it; with --now it is then started anew.

    \b
    sudo edge-run service install demo --now
    sudo edge-run service install mine.yaml --user me --set source.device=0
    """
    from edge_runtime.config.load import load_pipeline
    from edge_runtime.service.install import goes_on, install

    loaded = load_pipeline(pipeline, overrides)
    endless = goes_on(loaded)
    loaded = load_pipeline(pipeline, (*overrides, *(f"{key}={json.dumps(value)}" for key, value in endless.items())))
    needs_root("installing a service")
    facts = install(loaded, pipeline.read_text(encoding="utf-8-sig"), user)
    name = loaded.config.name
    if not as_json:
        click.echo(f"installed {name}: {places.pipeline(name)}, as user {facts.user}; it starts at boot")
        for key in endless:
            click.echo(f"{key}: true was added, so that the service does not end with its source")
    if now:
        manager.ask("reset-failed", places.unit(name), check=False)
        manager.ask("restart", places.unit(name), check=False)
    elif not as_json:
        running = manager.state_of(name).active == "active"
        does = (
            f"reload to use it: sudo edge-run service reload {name}"
            if running
            else (f"start it: sudo systemctl start {places.unit(name)}")
        )
        click.echo(does)
    return _show([name], as_json) if now or as_json else 0


@command.command("uninstall", short_help="Stop a service and remove it; its results stay.")
@NAME
@AS_JSON
def uninstall_command(name: str | None, as_json: bool) -> None:
    """Stop a service and remove it. Its results stay.

    \b
    sudo edge-run service uninstall
    sudo edge-run service uninstall demo
    """
    from edge_runtime.service.install import uninstall

    needs_root("removing a service")
    name = _one(name)
    uninstall(name)
    kept = places.STATE / name
    if as_json:
        print_json({"removed": name, "kept": str(kept)})
    else:
        click.echo(f"removed {name}. Its results stay in {kept}; to delete them: sudo rm -r {kept}")


@command.command("status", short_help="Say how the services are.")
@NAME
@AS_JSON
def status_command(name: str | None, as_json: bool) -> int:
    """Say how the services are. Exit code 1 when one of them does not run.

    \b
    edge-run service status
    edge-run service status demo --json
    """
    return _show([_one(name)] if name else places.installed(), as_json)


@command.command("logs", short_help="Show the journal of a service.")
@NAME
@option("-n", "--lines", type=COUNT, default=50, metavar="N", help="The last so many lines.")
@option("-f", "--follow", is_flag=True, help="Go on as new ones come.")
@option("--camera", metavar="NAME", help="Only lines about this camera.")
@AS_JSON
def logs_command(name: str | None, lines: int, follow: bool, camera: str | None, as_json: bool) -> None:
    """Show the journal of a service.

    \b
    edge-run service logs -f
    edge-run service logs demo --camera front
    """
    if follow and as_json:
        raise click.UsageError("--json is one document, so it cannot --follow")
    name = _one(name)
    only = [] if camera is None else [f"CAMERA={camera}"]
    if as_json:
        print_json({"lines": manager.journal_entries(name, lines, *only)})
        return
    order = manager.journal_command(name, lines, *(["--follow"] if follow else []), *only)
    sys.stdout.flush()
    os.execvp(order[0], order)


@command.command("reload", short_help="Swap to the changed pipeline; a broken one is refused.")
@NAME
@AS_JSON
def reload_command(name: str | None, as_json: bool) -> int:
    """Swap to the pipeline in /etc/edge-runtime/NAME.yaml as it is now; a broken one is refused.

    With the same source no frame is lost: the new networks are loaded first, then the open source is handed over.

    \b
    sudoedit /etc/edge-runtime/demo.yaml && sudo edge-run service reload
    sudo edge-run service reload demo --json
    """
    needs_root("reloading a service")
    name = _one(name)
    live = places.LIVE / name
    if manager.state_of(name).active != "active":
        raise RunError(f"{name} does not run. Start it: sudo systemctl start {places.unit(name)}")
    before = reloads(live).get("asked", 0)
    try:
        manager.ask("reload", places.unit(name))
        refused = None
    except RunError as error:
        answer = reloads(live)
        refused = answer["refused"] if answer.get("asked", 0) > before else str(error)
    if as_json:
        print_json({"name": name, "reloaded": refused is None, "refused": refused})
    elif refused is None:
        click.echo(f"{name} runs {places.pipeline(name)} as it is now")
    else:
        click.echo(f"refused, the old pipeline runs on:\n{refused}", err=True)
    return 0 if refused is None else FAILED


@command.command("run", hidden=True)
@click.argument("name")
def run_command(name: str) -> int:
    """What the unit starts."""
    from edge_runtime.core import SystemClock
    from edge_runtime.service.daemon import Service
    from edge_runtime.service.journal import Journal, is_journal
    from edge_runtime.service.notify import Notifier

    native = is_journal(sys.stderr, os.environ.get("JOURNAL_STREAM"))
    watchdog_us = os.environ.get("WATCHDOG_USEC", "")
    return Service(
        places.pipeline(name),
        Path(os.environ.get("RUNTIME_DIRECTORY", ".")),
        Notifier(os.environ.get("NOTIFY_SOCKET")),
        Journal(name, sys.stderr, native=native),
        SystemClock(),
        int(watchdog_us) / 1e6 if watchdog_us.isdecimal() else None,
    ).run()


def needs_root(what: str) -> None:
    """Raises `RunError` with the command as root."""
    if os.geteuid() != 0:
        words = " ".join([shutil.which("edge-run") or "edge-run", *sys.argv[1:]])
        raise RunError(f"{what} needs root. Run: sudo {words}")


def _one(name: str | None) -> str:
    """The service that is meant: the only one, where none is named. Raises `RunError` with the names there are."""
    from edge_runtime.config.words import did_you_mean, either

    names = places.installed()
    if not names:
        raise RunError("no service is installed here. Install one: sudo edge-run service install PIPELINE.yaml")
    if name is None:
        if len(names) > 1:
            raise RunError(f"there are {either(names, 'and')}; say which")
        return names[0]
    if name not in names:
        there = did_you_mean(name, names) or f"there is {either(names, 'and')}"
        raise RunError(f"no service '{name}' is installed here: {there}")
    return name


def _show(names: list[str], as_json: bool) -> int:
    from rich.console import Console

    from edge_runtime.core import SystemClock
    from edge_runtime.service.terminal import status_of

    states = [manager.state_of(name) for name in names]
    runs = {name: reloads(places.LIVE / name).get("run") or None for name in names}
    if as_json:
        documents: list[dict[str, Any]] = [{**state.document(), "run": runs[state.name]} for state in states]
        print_json({"services": documents})
    elif not states:
        click.echo("no service is installed here. Install one: sudo edge-run service install PIPELINE.yaml")
    else:
        console, now_us = Console(), SystemClock().now_ns() // 1000
        for state in states:
            errors = manager.journal_entries(state.name, 3, "--priority=3") if state.failed else []
            console.print(status_of(state, now_us, runs[state.name], errors))
    return 0 if all(state.active in ("active", "reloading") for state in states) else FAILED
