"""A pipeline file, read once and frozen; every mistake in it is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from edge_runtime.errors import ConfigError, Problem

from . import fault_text, paths, yaml_source
from . import overrides as overriding
from .checks import check
from .document import Document, NoSuchItem, Where
from .draft import Draft
from .drive_sources import DriveSources
from .explain import explain
from .overrides import Overrides
from .schema import PipelineConfig
from .shipped import meant
from .words import did_you_mean, either


@dataclass(frozen=True)
class LoadedPipeline:
    """A checked pipeline: its frozen values, and where in the text each of them stands.

    `positions` is there for later phases to point at the file with `problem`; running needs only `config`.
    """

    config: PipelineConfig
    path: Path
    positions: Document

    def problem(self, where: str | Where, what: str, fix: str = "") -> Problem:
        """A mistake found later, at its place: `models.road.onnx` or `("models", "road", "onnx")`.

        A key that the file leaves to its default is shown at the block it would be in, and `source` at the chosen one
        of several cameras.
        """
        if isinstance(where, str):
            try:
                where = self.positions.find(where) if where else ()
            except NoSuchItem:
                where = tuple(str(where).split("."))
        if where[:1] == ("source",) and self.positions.data.get("source") is None:
            names = [
                block.get("camera") for block in self.positions.data.get("sources") or () if isinstance(block, dict)
            ]
            camera = self.config.cameras[0].camera
            where = ("sources", names.index(camera), *where[1:]) if camera in names else where
        return self.positions.problem(self.positions.known(where), what, fix)

    def all_required(self) -> LoadedPipeline:
        """The same without optional models: for who measures or builds, where one that is missing is an error."""
        models = {name: model.model_copy(update={"optional": False}) for name, model in self.config.models.items()}
        return self.with_config(self.config.model_copy(update={"models": models}))

    def of_camera(self, camera: str | None) -> LoadedPipeline:
        """The same pipeline over one of its cameras; None takes the only one. Raises `ConfigError`."""
        known = {source.camera: source for source in self.config.cameras}
        if camera is None and len(known) > 1:
            what, fix = f"has {len(known)} cameras: {either(known, 'and')}", "choose one: --camera NAME"
            raise ConfigError([self.problem("sources", what, fix)])
        if camera is not None and camera not in known:
            fix = did_you_mean(camera, known) or f"the file has {either(known, 'and')}"
            raise ConfigError([Problem("", f"no camera is named '{camera}'", fix, f"--camera {camera}")])
        chosen = known[camera] if camera is not None else self.config.cameras[0]
        return self.with_config(self.config.with_sources(chosen))

    def with_config(self, config: PipelineConfig) -> LoadedPipeline:
        """The same file with values changed by the program."""
        return replace(self, config=config)


def load_pipeline(
    path: Path | str,
    overrides: Overrides = (),
    faults: Sequence[str] = (),
    *,
    runs: bool = True,
    text: str | None = None,
    drive: DriveSources | None = None,
) -> LoadedPipeline:
    """Read, override, check and freeze a pipeline file.

    `faults` come on top of the file's own, as `--fault` takes them.
    Where nothing `runs` (a simulation), its source and its networks need not be there. With `text` there is no file of
    its own: `path` is then what messages call it. A pipeline that ships may go by name, such as `demo`. A `drive` that
    is to be replayed takes the place of the file's sources, before anything is overridden.

    Paths in the file are relative to it, paths in overrides to the current folder; both come out absolute. Raises
    ConfigError with every mistake, in the order of the file, those of overrides last.
    """
    path = path if text is not None else meant("pipelines", str(path)) or path
    document = yaml_source.read(path, "pipelines") if text is None else yaml_source.parse(text, str(path), "pipelines")
    problems = [*document.problems, *(() if drive is None else drive.put_into(document))]
    problems += [*overriding.apply(document, overrides), *fault_text.resolve(document, faults)]
    paths.resolve(document)
    config = None
    try:
        config = PipelineConfig.model_validate(document.data)
    except ValidationError as error:
        told = {(flaw.line, flaw.column) for flaw in document.problems}
        found = explain(error.errors(include_url=False), document)
        problems += [problem for problem in found if (problem.line, problem.column) not in told]
    missing = paths.missing(document) if runs else paths.missing(document, of=("governor.ladder",))
    problems += [*missing, *check(Draft.of(document))]
    if problems or config is None:
        raise ConfigError(_in_file_order(problems))
    return LoadedPipeline(config, Path(path).absolute(), document)


def _in_file_order(problems: list[Problem]) -> list[Problem]:
    """The file from top to bottom, then the overrides."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line == 0, problem.line, problem.column))
