"""What takes two values to see: names that lead nowhere, stages that do not fit, sinks that collide."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from edge_runtime.errors import Problem

from .address import udp_address as listening_address
from .document import Where
from .draft import Draft
from .model_checks import check_model
from .schema import (
    ClassifyStage,
    MergeStage,
    NetworkStage,
    Stage,
    TrackStage,
)
from .shipped import shipped
from .sink_checks import check_sinks
from .source_checks import check_sources
from .stage_kinds import fitting_kind, no_boxes
from .words import did_you_mean, either

# These stand beside the stages in `stage_ms` of results.
RESERVED = ("source", "preprocess", "queue", "publish", "total")


def check(draft: Draft) -> list[Problem]:
    """Every mistake that the parts of a pipeline make together."""
    problems = [*check_sources(draft), *_stage_names(draft)]
    for index, stage in enumerate(draft.stages):
        if isinstance(stage, NetworkStage):
            problems += _network_stage(draft, index, stage)
            if isinstance(stage, ClassifyStage) and stage.of is not None:
                problems += [*_joining_stage(draft, index, stage), *_cascade(draft, index, stage)]
        elif stage is not None:
            problems += _joining_stage(draft, index, stage)
    for name, model in draft.models.items():
        problems += check_model(draft.document, name, model)
    problems += [*_unused_models(draft), *_groups(draft), *check_sinks(draft), *_telemetry(draft), *_http(draft)]
    return [*problems, *_record(draft), *_faults(draft)]


def _stage_names(draft: Draft) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index in range(len(draft.stages)):
        name = draft.stage_name(index)
        if name is None:
            continue
        where = ("stages", index, "name")
        if name in seen:
            line = draft.document.place(("stages", seen[name], "name")).line
            first = f", first in line {line}" if line else ""
            yield draft.document.problem(where, f"two stages are named '{name}'{first}", "rename one of them")
        if name in RESERVED:
            what = f"'{name}' is reserved: times of the pipeline itself go by it"
            yield draft.document.problem(where, what, "give the stage another name")
        seen.setdefault(name, index)


def _network_stage(draft: Draft, index: int, stage: NetworkStage) -> Iterator[Problem]:
    if stage.model not in draft.models:
        if draft.models:
            fix = did_you_mean(stage.model, draft.models) or f"the file has {either(draft.models, 'and')}"
            yield draft.document.problem(("stages", index, "model"), f"no model is named '{stage.model}'", fix)
        return
    model = draft.models[stage.model]
    kind = draft.document.get(("stages", index, "kind"))
    if model.decode is not None and kind != (fitting := fitting_kind(model)):
        what = f"model '{stage.model}' is of family {model.decode.family}, which cannot {kind}"
        yield draft.document.problem(("stages", index, "kind"), what, f"write `kind: {fitting}`")


def _cascade(draft: Draft, index: int, stage: ClassifyStage) -> Iterator[Problem]:
    """A network that looks at boxes runs after the others of its frame, so it serves no other stage."""
    shared = [
        other.name
        for other in draft.stages
        if isinstance(other, NetworkStage) and other is not stage and other.model == stage.model
    ]
    if shared:
        what = f"model '{stage.model}' is used by stage '{shared[0]}' too"
        fix = "give this stage a model of its own: one more block under models, of the same file"
        yield draft.document.problem(("stages", index, "model"), what, fix)


def _joining_stage(draft: Draft, index: int, stage: Stage) -> Iterator[Problem]:
    """`of:` names stages above, each once, that give boxes."""
    assert isinstance(stage, (ClassifyStage, MergeStage, TrackStage))
    names = [draft.stage_name(other) for other in range(len(draft.stages))]
    own: Where = ("stages", index, "of")
    taken: list[tuple[Where, str]] = (
        [((*own, item), name) for item, name in enumerate(stage.of)] if isinstance(stage, MergeStage) else []
    )
    seen: set[str] = set()
    for where, name in taken or [(own, str(stage.of))]:
        found = names.index(name) if name in names else None
        what = fix = ""
        if found is None:
            if None in names:
                continue
            others = dict.fromkeys(other for other in names if other != stage.name)
            what = f"no stage is named '{name}'"
            fix = did_you_mean(name, others) or (f"the file has {either(others, 'and')}" if others else "")
        elif found == index:
            what, fix = f"stage '{stage.name}' takes itself", "name a stage above it"
        elif name in seen:
            what, fix = f"'{name}' is listed twice", "name it once"
        elif found > index:
            circle = _way(draft, found, stage.name)
            if circle:
                what, fix = (
                    f"a circle: '{stage.name}' takes {', which takes '.join(map(repr, circle))}",
                    "take a stage from above instead",
                )
            else:
                what = f"stage '{stage.name}' takes '{name}', which comes later"
                fix = f"move '{stage.name}' below '{name}'"
        elif gives := no_boxes(draft, found):
            what = f"stage '{name}' gives {gives}; {stage.kind} takes boxes"
            fix = "name a stage that detects, merges or tracks"
        seen.add(name)
        if what:
            yield draft.document.problem(where, what, fix)


def _way(draft: Draft, start: int, goal: str) -> list[str]:
    """The names from a stage through what it takes to `goal`, empty where it does not lead there."""
    by_name = {stage.name: stage for stage in draft.stages if stage is not None}
    ways = [[draft.stage_name(start) or ""]]
    visited = set()
    while ways:
        way = ways.pop()
        if way[-1] == goal:
            return way
        stage = by_name.get(way[-1])
        if way[-1] in visited or not isinstance(stage, (ClassifyStage, MergeStage, TrackStage)):
            continue
        visited.add(way[-1])
        ways += [[*way, name] for name in ((stage.of,) if isinstance(stage.of, str) else stage.of or ())]
    return []


def _unused_models(draft: Draft) -> Iterator[Problem]:
    if not draft.stages or any(stage is None for stage in draft.stages):
        return
    named = {stage.model for stage in draft.stages if isinstance(stage, NetworkStage)}
    for name, model in draft.models.items():
        # A stage that misspells a model is told so; the model is then not called unused as well.
        if name not in named and named <= set(draft.models):
            fix = f"add a stage such as `- {{name: a_name, kind: {fitting_kind(model)}, model: {name}}}`"
            fix += ", or take the model away"
            yield draft.document.problem(("models", name), "no stage uses this model", fix, key=True)


def _groups(draft: Draft) -> Iterator[Problem]:
    """A class belongs to one group, so that what is one object is never a matter of order."""
    first: dict[str, str | int] = {}
    for where, name in draft.document.match("groups.*.*"):
        group = where[1]
        if not isinstance(name, str):
            continue
        if name in first:
            what = f"'{name}' is listed twice"
            if first[name] != group:
                what = f"'{name}' is in group '{first[name]}' already"
            yield draft.document.problem(where, what, "name it once; what may be one object belongs into one group")
        first.setdefault(name, group)


def _telemetry(draft: Draft) -> Iterator[Problem]:
    document, where = draft.document, ("telemetry", "source")
    if document.get(where) == "recorded" and document.get(("telemetry", "log")) is None:
        yield document.problem(where, "needs the log to play", "add `log: FILE.jsonl` beside it")
    if document.get(where) == "plant" and document.get(("telemetry", "plant")) is None:
        fix = f"add `plant: NAME` beside it: {either(shipped('plants'))}, or a file of your own"
        yield document.problem(where, "needs a board to simulate", fix)


def _record(draft: Draft) -> Iterator[Problem]:
    """A recording that is called like a video would be taken for one."""
    where = ("record", "path")
    path = draft.document.get(where)
    if isinstance(path, str | Path) and path and (name := Path(path)).suffix.lower() != ".mcap":
        fix = f"write `path: {name.with_suffix('.mcap').name}`"
        yield draft.document.problem(where, f"'{name.name}' does not end in .mcap, which a recording is", fix)


def _http(draft: Draft) -> Iterator[Problem]:
    """Strangers see nothing: an address that they can reach takes a token or TLS."""
    document, where = draft.document, ("http", "bind")
    bind = document.get(where)
    if not isinstance(bind, int | str) or isinstance(bind, bool):
        return
    try:
        host, _ = listening_address(bind)
    except ValueError as error:
        fix = "write `bind: 127.0.0.1:8080`, or 0.0.0.0:8080 for all networks (with `token_file:`)"
        yield document.problem(where, str(error), fix)
        return
    guarded = document.get(("http", "token_file")) or document.get(("http", "tls"))
    if not ip_address(host).is_loopback and not guarded:
        fix = (
            "make a token, `umask 077; openssl rand -hex 24 > http_token`, and add `token_file: http_token`;\n"
            "or add `tls: {certificate: FILE, key: FILE}`;\n"
            "or leave `bind:` away and look through SSH: `ssh -L 8080:localhost:8080 BOARD`"
        )
        yield document.problem(where, f"{host} can be reached by others, and nothing keeps strangers out", fix)


def _faults(draft: Draft) -> Iterator[Problem]:
    """A fault of a model or camera that is not there would never come."""
    cameras = [source.camera for _, source in draft.sources if source is not None]
    for where, name in draft.document.match("faults.*.camera"):
        if isinstance(name, str) and cameras and name not in cameras:
            fix = did_you_mean(name, cameras) or f"the file has {either(cameras, 'and')}"
            yield draft.document.problem(where, f"no camera is named '{name}'", fix)
    for where, name in draft.document.match("faults.*.model"):
        if isinstance(name, str) and draft.models and name not in draft.models:
            fix = did_you_mean(name, draft.models) or f"the file has {either(draft.models, 'and')}"
            yield draft.document.problem(where, f"no model is named '{name}'", fix)
