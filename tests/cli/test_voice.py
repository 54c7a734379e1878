"""All verbs speak alike: help, exit codes, errors, one JSON document on stdout. A new verb is held to it at once."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from edge_runtime.cli import model_export, model_inspect, model_quantize, profile, replay
from edge_runtime.cli.command import Option
from edge_runtime.cli.main import app, run_app
from edge_runtime.engines.onnx_models.export import TORCH_OPSET
from edge_runtime.engines.onnx_models.quantize import Method
from edge_runtime.engines.tensorrt.options import PRECISIONS
from edge_runtime.evaluate.many_workers import LOCAL
from edge_runtime.evaluate.profile_usefulness import Metric

HEAVY = ("numpy", "cv2", "onnxruntime", "pydantic", "yaml", "rich", "psutil", "trackforge", "mcap", "onnx", "aiohttp")
SCREEN = 30
ROOT = Path(__file__).parents[2]
TINY = ["--set", "source.size=[320, 180]", "--set", "source.fps=5", "--set", "source.seconds=1"]


def walk(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it."""
    context = click.Context(group, info_name="edge-run")
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))


COMMANDS = {"": app, **dict(walk(app))}
VERBS = {name: command for name, command in COMMANDS.items() if not isinstance(command, click.Group)}


@pytest.fixture(autouse=True)
def _somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def help_of(name: str, capsys, option: str = "--help") -> list[str]:
    assert run_app([*name.split(), option]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_screen_and_ends_with_two_examples(name, capsys):
    lines = help_of(name, capsys)
    assert lines[0].startswith(f"Usage: edge-run {name}".rstrip())
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) <= 80
    examples = lines[lines.index("Examples:") + 1 :]
    assert sum("edge-run" in line for line in examples) >= 2


@pytest.mark.parametrize("name", VERBS)
def test_options_are_explained_and_named_alike(name, capsys):
    command = VERBS[name]
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    every = help_of(name, capsys, "--help-all" if any(getattr(one, "rare", False) for one in options) else "--help")
    listed = [line.split("  ")[1] for line in every[every.index("Options:") + 1 :] if line.startswith("  -")]
    assert listed[-2:] == ["--json", "-h, --help"]
    text = "\n".join(every)
    assert not re.search(r"\b(INTEGER|FLOAT|RANGE|TEXT|PATH|DIRECTORY|WHOLE NUMBER|NUMBER)\b", text)
    for option in options:
        assert isinstance(option, Option), f"{option.opts[0]} is a plain click option: use `option`"
        assert option.help
        assert option.help.endswith((".", "…")), option.help
    by_name = {option.name: option for option in options}
    if "out" in by_name:
        assert by_name["out"].opts == ["-o", "--out"]


def examples() -> Iterator[tuple[str, str]]:
    for name, command in COMMANDS.items():
        block = (command.help or "").partition("\b\n")[2].replace("\\\n", " ")
        for line in filter(None, map(str.strip, block.splitlines())):
            yield name, line


@pytest.mark.parametrize(("name", "line"), list(examples()))
def test_every_example_is_a_command_line_that_is_understood(name, line):
    part = next(part for part in re.split(r" \| | > | && ", line) if "edge-run " in part)
    words = shlex.split(part.removeprefix('eval "$(').removesuffix(')"'))
    words = words[words.index("edge-run") + 1 :]
    context: click.Context = click.Context(app, info_name="edge-run")
    command: click.Command = app
    while isinstance(command, click.Group) and words:
        _, command, words = command.resolve_command(context, words)
        context = click.Context(command, parent=context, resilient_parsing=True)
    _, rest, order = command.make_parser(context).parse_args(args=list(words))
    assert not rest
    required = {param for param in command.params if param.required}
    assert required <= set(order), f"{[param.name for param in required - set(order)]} is missing in: {line}"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_nothing_heavy(name):
    code = (
        "import sys; from edge_runtime.cli.main import run_app; "
        f"run_app({[*name.split(), '--help']!r}); print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", VERBS)
def test_an_unknown_option_is_bad_use_with_one_document_under_json(name, capsys):
    assert run_app([*name.split(), "--no-such-thing", "--json"]) == 2
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["exit_code"] == 2
    assert document["error"].startswith("there is no option --no-such-thing")
    assert document["error"] in said.err
    assert said.err.startswith("edge-run: ")
    assert f"edge-run {name} --help" in said.err


def bad_files(folder: Path) -> dict[str, str]:
    (folder / "folder").mkdir()
    (folder / "empty").write_bytes(b"")
    (folder / "binary").write_bytes(bytes(range(256)) * 9)
    (folder / "text").write_text("hello")
    return {"nothing": "nowhere", **{name: name for name in ("folder", "empty", "binary", "text")}}


TAKES_A_FILE = {
    "run {}.yaml": (),
    "init {}.onnx": (),
    "build {}.yaml": (),
    "bench {}.yaml": (),
    "eval {}.yaml": (),
    "eval demo --labels {}": (),
    "profile {}.yaml": (),
    "simulate {}.yaml --plant thor --scenario city": (),
    "simulate demo --set governor.ladder={} --plant thor --scenario city": (),
    "simulate demo --set governor.ladder=thor --plant {} --scenario city": (),
    "simulate demo --set governor.ladder=thor --plant thor --scenario {}": (),
    "replay {}.mcap": (),
    "replay {}.mp4 --pipeline demo": (),
    "report {}": (),
    "report {}.mcap": (),
    "model inspect {}.onnx --provider tensorrt_rtx --sm 86": (),
    "model inspect {}.engine": (),
    "model edit {}.onnx --batch 2 -o out.onnx": (),
    "model quantize {}.onnx --calibrate folder -o out.onnx": (),
    "model export {}.py:make --input-shape 1,3,8,8 -o out.onnx": (),
    "service install {}.yaml": (),
}


@pytest.mark.parametrize("line", TAKES_A_FILE)
@pytest.mark.parametrize("sort", ["nothing", "folder", "empty", "binary", "text"])
def test_a_bad_file_is_answered_in_words(line, sort, tmp_path, capsys):
    """Whatever it is: bad use, no traceback, the file named, nothing written, and one document under --json."""
    before = bad_files(tmp_path)
    asked = next((word for word in line.split() if "{}" in word), "").format(before[sort]).partition("=")
    name = (asked[2] or asked[0]).removesuffix(":make")
    if sort != "nothing" and "." in name:  # as if it had the right name
        (tmp_path / before[sort]).rename(tmp_path / name)
        if sort == "folder":
            (tmp_path / "folder").mkdir(exist_ok=True)
    there = set(tmp_path.iterdir())
    assert run_app([*line.format(before[sort]).split(), "--json"]) == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["exit_code"] == 2
    assert "Traceback" not in said.err
    assert name in said.err or "is not installed" in said.err
    assert set(tmp_path.iterdir()) == there


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("run demo --frames 0", "--frames: takes 1 or more, not 0"),
        ("run demo --frames many", "--frames: 'many' is not a whole number"),
        ("run demo --seconds nan", "--seconds: 'nan' is not a number"),
        ("run demo --seconds 0", "--seconds: takes more than 0, not 0"),
        ("run demo --pace lvie", "--pace: takes live or fast, not 'lvie'; did you mean 'live'?"),
        ("run demo --out text", "--out: text is a file, not a folder"),
        ("run demo --record nowhere/x.mcap", "--record: the folder nowhere does not exist. Run: mkdir -p nowhere"),
        ("run demo --trace folder", "--trace: folder is a folder, not a file"),
        ("run demo more", "more than it takes: more"),
        ("run", "PIPELINE is missing"),
        ("simulate demo --plant thor", "--scenario is missing"),
        ("bench demo --repeats 101", "--repeats: takes from 1 to 100, not 101"),
        ("eval demo --labels txet", "no such file: txet; did you mean 'text'?"),
        ("replay a.mcap --resume text", "--resume: text is a file, not a folder"),
        ("service logs --lines 0", "--lines: takes 1 or more, not 0"),
        ("completion tcsh", "bash|zsh|fish: takes bash, zsh or fish, not 'tcsh'"),
        ("bnech demo", "Did you mean 'bench'?"),
        ("dmeo", "Did you mean 'demo'?"),
        ("model qantize", "'qantize' is no verb of edge-run model. Did you mean 'quantize'?"),
        ("service staus", "'staus' is no verb of edge-run service. Did you mean 'status'?"),
    ],
)
def test_bad_values_are_answered_in_the_same_words_everywhere(line, answer, tmp_path, capsys):
    bad_files(tmp_path)
    assert run_app(line.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("edge-run: ")
    assert answer in said.err


def test_all_mistakes_of_a_file_are_in_the_document_with_their_places(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("name: mine\nsource: {kind: vidoe}\nmodels: {}\nstages: []\n")
    assert run_app(["mine.yaml", "--json"]) == 2
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["error"] == said.err.rstrip("\n")
    assert {(problem["where"], problem["line"]) for problem in document["problems"]} >= {("source.kind", 2)}


@pytest.fixture(scope="module")
def drive(tmp_path_factory) -> Path:
    """A recording of a tiny run, and its folder beside it."""
    folder = tmp_path_factory.mktemp("drive")
    record = ["--record", str(folder / "drive.mcap"), "--out", str(folder / "run"), "--pace", "fast"]
    assert run_app(["demo", *TINY, *record]) == 0
    shutil.copy(folder / "drive.mcap", folder / "again.mcap")
    shutil.copy(ROOT / "edge_runtime/assets/demo_light_state.onnx", folder / "net.onnx")
    return folder


WORK = {
    "run demo --pace fast --out out": "frames",
    "build demo": "models",
    "bench demo --repeats 1 --frames 10": "bare_engine_fps",
    "eval demo --frames 3 --resamples 10": "ap50",
    "profile demo --max-points 1 --frames 10 --seconds 0.2 --repeats 1 --out ladder.yaml": "ladder",
    "replay {}/drive.mcap --out out": "identical",
    "replay {0}/drive.mcap --against {0}/golden.jsonl --update-golden --out out": "identical",
    "replay {0}/drive.mcap {0}/again.mcap --out out": "drives",
    "report {}/run --out page.html": "run",
    "service status": "services",
    "init {}/net.onnx": "guesses",
    "model edit {}/net.onnx --batch 2 -o out.onnx": "steps",
    "simulate demo --set governor.ladder=thor --plant thor --scenario load_spike": "policies",
    "list": "pipelines",
    "schema": "properties",
    "completion bash": "source",
    "doctor demo": "checks",
}


@pytest.mark.parametrize("line", WORK)
def test_json_is_one_document_and_nothing_else_on_stdout(line, drive, capsys):
    tiny = TINY if " demo" in line and not line.startswith(("simulate", "doctor")) else []
    assert run_app([*line.format(drive).split(), *tiny, "--json"]) == 0
    said = capsys.readouterr()
    assert WORK[line] in json.loads(said.out)
    assert "Traceback" not in said.err


def test_without_json_words_go_to_stdout_and_progress_does_not(capsys):
    assert run_app(["demo", *TINY, "--pace", "fast", "--out", "out"]) == 0
    said = capsys.readouterr()
    assert "results in" in said.out
    assert "runs on ONNX Runtime" not in said.out
    assert "\x1b" not in said.out + said.err


@pytest.mark.parametrize("columns", ["40", "80"])
def test_tables_fit_a_narrow_terminal(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    for line in (["list"], ["doctor", "demo"], ["demo", *TINY, "--pace", "fast", "--out", "out"]):
        assert run_app(line) == 0
        shown = capsys.readouterr().out.splitlines()
        assert max(len(text) for text in shown if not text.startswith("results in")) <= int(columns)


def test_whoever_reads_only_the_beginning_gets_no_complaint():
    command = f"{shlex.quote(sys.executable)} -m edge_runtime schema | head -n 1; true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_choices_named_on_the_command_line_are_those_there_are():
    assert set(profile.METRICS) == set(get_args(Metric))
    assert set(model_quantize.METHODS) == set(get_args(Method))
    assert model_inspect.PRECISIONS == PRECISIONS
    assert replay.LOCAL == LOCAL
    opset = next(param for param in model_export.command.params if param.name == "opset")
    assert opset.default == TORCH_OPSET
