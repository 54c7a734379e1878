"""What `edge-run replay` of many drives does, on processes or on a Ray cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from edge_runtime.core import SystemClock
from edge_runtime.evaluate.against import SIMULATION
from edge_runtime.evaluate.many import Asked, check, replay_many, tasks_of
from edge_runtime.evaluate.many_files import expanded
from edge_runtime.evaluate.many_summary import many_document, rows_of
from edge_runtime.evaluate.many_workers import LOCAL, in_processes, on_ray
from edge_runtime.recording.run_folder import write_whole
from edge_runtime.report.many import many_annotations, many_junit, many_table, shown_drives
from edge_runtime.report.many_page import many_page

from .output import FAILED, NOT_HELD, print_json, refusals


def replay_all(
    drives: tuple[str, ...],
    *,
    jobs: int | None,
    cluster: str | None,
    gpus: float | None,
    resume: Path | None,
    html: Path | None,
    junit_file: Path | None,
    annotations: str | None,
    out: Path | None,
    as_json: bool,
    **asked: Any,
) -> int:
    """The verb, with its options; returns the exit code."""
    if gpus is not None and cluster is None:
        raise click.UsageError("--gpus-per-drive goes with --cluster: processes share the GPUs of this machine")
    if jobs is not None and cluster not in (None, LOCAL):
        raise click.UsageError("--jobs goes without a cluster or with --cluster local: there the cluster decides")
    if out is not None and resume is not None:
        raise click.UsageError("--resume DIR says already where the results go: leave --out out")
    folder, against = out or resume, asked["against"]
    if folder is not None and against is not None and folder.resolve() == against.resolve():
        raise click.UsageError(f"the goldens in {against} would be written over: name another --out DIR")
    if against is None and (asked["tolerances"] or asked["labels"] or annotations):
        raise click.UsageError("nothing to compare with: --against FOLDER")
    if asked["labels"] not in (None, SIMULATION):
        raise click.UsageError(f"--labels COCO.json goes with one drive; many have --labels {SIMULATION}")
    console, clock = Console(stderr=True), SystemClock()
    began_ns, kept = clock.now_ns(), 0
    wanted = Asked(**asked, pages=html is not None)
    with refusals():
        named = expanded(drives)
        check(wanted, named)
        workers = in_processes(jobs or 1) if cluster is None else on_ray(cluster, jobs=jobs or 1, gpus=gpus or 0.0)
        tasks = tasks_of(named, wanted, folder)
    with shown_drives(console, len(tasks)) as told:

        def count(document: dict[str, Any], was_kept: bool) -> None:
            nonlocal kept
            kept += was_kept
            told(document, was_kept)

        written = tasks[0].out.parents[1]
        try:
            documents = replay_many(tasks, workers, resume=resume is not None, told=count)
        except KeyboardInterrupt:
            click.echo(f"what is over is kept; to go on, add --resume {written}", err=True)
            raise
    rows = rows_of(documents)
    document = many_document(documents, str(written), (clock.now_ns() - began_ns) / 1e9, kept)
    write_whole(written / "report.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if html is not None:
        configs = [each["replay"]["summary"]["config"] for each in documents if each["replay"] is not None]
        shown = {"the first drive's": configs[0]} if configs else {}
        write_whole(html, many_page(document, rows, shown, html.parent))
    if junit_file is not None:
        write_whole(junit_file, many_junit(document, rows))
    if annotations is not None:
        for line in many_annotations(rows):
            click.echo(line, err=True)
    if as_json:
        print_json(document)
    else:
        printed = Console()
        printed.print(many_table(document, rows))
        printed.print(f"results in {written}", soft_wrap=True, highlight=False)
    if document["failed"]:
        return FAILED
    return NOT_HELD if document["broken"] else 0
