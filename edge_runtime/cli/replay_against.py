"""`edge-run replay --against`: one comparison, and what is done with its outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge_runtime.config.block_file import load_block
from edge_runtime.evaluate.against import compared, distances_of, drive_pictures
from edge_runtime.evaluate.compare import Comparison, Distances
from edge_runtime.evaluate.golden import Golden, check_apart, check_updatable, open_golden, write_golden
from edge_runtime.evaluate.settings_compared import changed_settings
from edge_runtime.evaluate.tolerances import Tolerances
from edge_runtime.pipeline.drive import Drive
from edge_runtime.pipeline.replay import ReplayOutcome
from edge_runtime.report.compare import against_document, github_annotations, junit, update_sentence
from edge_runtime.report.compare_page import compare_page, worth_seeing


class Against:
    """One comparison, or none where no golden was named. What is wrong with it is said before the replay starts."""

    def __init__(
        self,
        *,
        against: Path | None,
        tolerances: Path | None,
        labels: str | None,
        html: Path | None,
        junit_file: Path | None,
        annotations: str | None,
        update_golden: bool,
        clock: str,
    ) -> None:
        if against is None and (tolerances or labels or html or junit_file or annotations or update_golden):
            raise click.UsageError("nothing to compare with: --against GOLDEN")
        if update_golden and clock == "live":
            raise click.UsageError("a golden comes from a replay that gives the same every time: --clock virtual")
        self._path, self._update, self._labels = against, update_golden, labels
        self._html, self._junit, self._annotations = html, junit_file, annotations
        self._tolerances = Tolerances() if tolerances is None else load_block(tolerances, Tolerances)
        self._golden: Golden | None = None
        self._distances: Distances | None = None
        self._comparison: Comparison | None = None
        self._outcome: ReplayOutcome | None = None

    def open(self, drive: Drive, out: Path | None) -> None:
        """Raises `EdgeRuntimeError` when there is nothing to compare with, or the replay would write over it."""
        if self._path is None:
            return
        if self._update:
            check_updatable(self._path)
            if not self._path.exists():
                return
        self._golden = open_golden(self._path)
        check_apart(self._golden, out)
        self._distances = None if self._labels is None else distances_of(drive, self._labels)

    def compare(self, drive: Drive, outcome: ReplayOutcome, frames: int | None) -> Comparison | None:
        """And write the page, while the drive is at hand. A replay that broke down is not compared."""
        self._outcome = outcome
        if self._golden is None or outcome.summary.error is not None:
            return None
        found = compared(self._golden, drive, outcome, self._tolerances, distances=self._distances, frames=frames)
        if self._html is not None:
            pictures = drive_pictures(drive, worth_seeing(found))
            changes = changed_settings(drive, outcome.summary.config)
            page = compare_page(found, outcome.drive.name, self._golden.path.name, pictures, changes)
            self._html.write_text(page, encoding="utf-8")
        self._comparison = found
        return found

    @property
    def broken(self) -> bool:
        """Whether something does not hold; an explicit update makes it the golden instead."""
        return self._comparison is not None and bool(self._comparison.broken) and not self._update

    def document(self) -> dict[str, Any]:
        """What `--json` adds."""
        if self._comparison is None or self._path is None:
            return {}
        return against_document(self._comparison, self._path)

    def tell(self) -> None:
        """Tell the CI, and update the golden where that was asked for."""
        outcome, found = self._outcome, self._comparison
        if outcome is None or self._path is None:
            return
        if found is not None and self._junit is not None:
            self._junit.write_text(junit(found, outcome.drive.name, outcome.summary.seconds), encoding="utf-8")
        if found is not None and self._annotations is not None:
            for line in github_annotations(found, outcome.drive.name, str(self._path)):
                click.echo(line, err=True)
        if self._update and outcome.summary.error is None:
            write_golden(self._path, outcome.results)
            click.echo(update_sentence(self._path, found), err=True)
