"""`edge-run simulate`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from edge_runtime.config.block_file import load_block
from edge_runtime.config.ladder import ladder_of
from edge_runtime.config.load import load_pipeline
from edge_runtime.config.plant import Plant
from edge_runtime.report.simulation import simulation_tables
from edge_runtime.simulate.files import Scenario
from edge_runtime.simulate.run import simulate

from .options import ByName
from .run import pipeline_options


@click.command("simulate")
@pipeline_options
@click.option("--plant", type=ByName("plants"), required=True, metavar="PLANT", help="The board: a name or a file.")
@click.option("--scenario", type=ByName("scenarios"), required=True, metavar="SCENARIO", help="The drive, likewise.")
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", default=0, show_default=True, help="Another seed, other noise."
)
def command(pipeline: Path, overrides: tuple[str, ...], as_json: bool, plant: Path, scenario: Path, seed: int) -> None:
    """Run the governor of a pipeline through a scenario on a simulated board, in virtual time.

    Beside it, in the same world: an oracle, always the highest point, always the safe one, and a plain step-up,
    step-down. Only budgets, governor and ladder of the pipeline count; its source and networks need not be there.

    \b
    edge-run simulate demo --set governor.ladder=orin_nx --plant orin_nx --scenario motorway
    """
    loaded = load_pipeline(pipeline, overrides, runs=False)
    ladder, settings = ladder_of(loaded)
    board, drive = load_block(plant, Plant, "plants"), load_block(scenario, Scenario, "scenarios")
    console = Console(stderr=True)
    with console.status("simulating") as status:
        outcome = simulate(
            ladder, settings, loaded.config.budgets, board, drive, seed=seed, progress=lambda what: status.update(what)
        )
    document = outcome.document()
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        Console().print(simulation_tables(document))
