"""`edge-run simulate`."""

from __future__ import annotations

from pathlib import Path

import click

from .command import Verb, option
from .options import FROM_ZERO, pipeline_options
from .output import print_json
from .values import ByName


@click.command("simulate", cls=Verb)
@pipeline_options
@option("--plant", type=ByName("plants"), required=True, metavar="PLANT", help="The board: a name or a file.")
@option("--scenario", type=ByName("scenarios"), required=True, metavar="SCENARIO", help="The drive, likewise.")
@option("--seed", type=FROM_ZERO, metavar="N", default=0, help="Another seed, other noise.")
def command(pipeline: Path, overrides: tuple[str, ...], as_json: bool, plant: Path, scenario: Path, seed: int) -> None:
    """Run the governor of a pipeline through a scenario on a simulated board, in virtual time.

    Beside it, in the same world: an oracle, always the highest point, always the safe one, and a plain step-up,
    step-down. Only budgets, governor and ladder of the pipeline count; its source and networks need not be there.
    `edge-run list` shows the plants, scenarios and ladders that ship.

    \b
    edge-run simulate demo --set governor.ladder=orin_nx \\
        --plant orin_nx --scenario motorway
    edge-run simulate mine.yaml --plant thor --scenario my_road.yaml --json
    """
    from rich.console import Console

    from edge_runtime.config.block_file import load_block
    from edge_runtime.config.ladder import ladder_of
    from edge_runtime.config.load import load_pipeline
    from edge_runtime.config.plant import Plant
    from edge_runtime.core import SystemClock
    from edge_runtime.report.progress import shown_progress
    from edge_runtime.report.simulation import simulation_tables
    from edge_runtime.simulate.files import Scenario
    from edge_runtime.simulate.run import simulate

    loaded = load_pipeline(pipeline, overrides, runs=False)
    ladder, settings = ladder_of(loaded)
    board, drive = load_block(plant, Plant, "plants"), load_block(scenario, Scenario, "scenarios")
    with shown_progress(Console(stderr=True), SystemClock()) as progress:
        outcome = simulate(
            ladder,
            settings,
            loaded.config.budgets,
            board,
            drive,
            seed=seed,
            progress=lambda what: progress(f"simulating: {what}", 0, None),
        )
    document = outcome.document()
    if as_json:
        print_json(document)
    else:
        Console().print(simulation_tables(document))
