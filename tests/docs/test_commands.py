"""Every command of the pages runs, in a folder that has what it names, and prints what the page shows.

What cannot run here stands in `places.NOT_HERE` with the reason; its options must exist all the same.
"""

from __future__ import annotations

import configparser
import glob
import os
import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import click
import pytest
import yaml

from edge_runtime.cli.main import app, run_app
from tests.material import MATERIAL as FOLDER

from . import places
from .pages import PAGES, ROOT, Block, Example, blocks, examples, is_shown

WIDTH = 100
_TO_WRITE = {"-o", "--out", "--record", "--html"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_and_print_what_it_shows(page, shelf, tmp_path, monkeypatch, capsys):
    """In their order, and with them the Python of the page, and what it tells to write into a file."""
    folder = tmp_path / "here"
    shutil.copytree(shelf, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    skipped, made = 0, set[str]()
    for block in blocks(page):
        if not FOLDER.exists() and block.language in ("python", "yaml") and re.search(places.MATERIAL, block.text):
            skipped += 1
        elif block.language == "python" and page.name not in places.WAITING:
            exec(compile(block.text, f"{page.name}:{block.line}", "exec"), {})
        elif block.language == "yaml" and (file := _told_to_write(block)) is not None:
            _write(Path(file), yaml.safe_load(block.text))
        for example in examples(block) if block.language == "console" else ():
            if places.first(example.command, places.NOT_HERE):
                _read(example.command)
            elif not FOLDER.exists() and re.search(places.MATERIAL, example.command):
                skipped += 1
            else:
                _run(example, made, f"{page.name}:{example.line}", capsys)
    if skipped:
        pytest.skip(f"{skipped} of its commands need the test material, which is not here: {FOLDER}")


def _run(example: Example, made: set[str], where: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for part in shlex.split(example.command) for word in (sorted(glob.glob(part)) or [part])]
    capsys.readouterr()
    if words[0].startswith("scripts/"):
        short = {**os.environ, "DEMO_SECONDS": "2"}
        done = subprocess.run(words, cwd=ROOT, env=short, text=True, capture_output=True, check=False)
        code, out, err = done.returncode, done.stdout, done.stderr
    else:
        assert words[0] == "edge-run", f"{where}: neither run nor in places.NOT_HERE: {example.command}"
        for option, value in pairwise(words):
            if (
                option in _TO_WRITE and value not in made
            ):  # the page makes it: what the shelf has must not be in the way
                made.add(value)
                Path(value).unlink(missing_ok=True) if not Path(value).is_dir() else shutil.rmtree(value)
        code = run_app([*words[1:], *(places.first(example.command, places.SHORTER) or ())])
        out, err = capsys.readouterr()
    expected = places.first(example.command, places.CODES) or 0
    assert code == expected, f"{where}: {example.command}\nended with {code}\n{out}\n{err}"
    if example.shown and not places.first(example.command, places.ELSEWHERE):
        printed = f"{out}\n{err}\n{out}"
        assert is_shown(example.shown, printed), (
            f"{where}: {example.command}\nshown:\n{example.shown}\nprinted:\n{printed}"
        )


def _told_to_write(block: Block) -> str | None:
    """The file that a block of YAML with the comment `# in FILE` in its first line is to be written into."""
    told = re.match(r"# in (\S+\.yaml)", block.text)
    return told[1] if told else None


def _write(file: Path, told: dict) -> None:
    def over(old: object, new: object) -> object:
        if isinstance(old, dict) and isinstance(new, dict):
            return {**old, **{key: over(old.get(key), value) for key, value in new.items()}}
        return new

    file.write_text(yaml.safe_dump(over(yaml.safe_load(file.read_text()), told), sort_keys=False))


def _read(command: str) -> None:
    """Programs, options and files of a command that does not run here exist."""
    for part in re.split(r"\s*&&\s*", command):
        words = shlex.split(part.replace("$(which edge-run)", "edge-run").replace("…", ""))
        words = words[1:] if words[0] == "sudo" else words
        words = words[2:] if words[:2] == ["unshare", "-n"] else words
        if words[0] == "edge-run":
            _parse(words[1:])
        elif words[0].endswith("python") and words[1].startswith("scripts/"):
            text = (ROOT / words[1]).read_text(encoding="utf-8")
            assert all(f'"{word}"' in text for word in words if word.startswith("--")), f"no such option: {command}"
        elif words[:3] == ["python", "-m", "pytest"]:
            assert (ROOT / words[3]).exists()
        elif words[0] == "pip":
            for extra in re.findall(r"(?:edge-runtime|\.)\[(\w+)\]", part):
                assert extra in _extras(), f"no such extra: {command}"
        elif words[0].startswith("scripts/") or words[0] == "bash":
            assert (ROOT / words[words[0] == "bash"]).exists(), f"no such script: {command}"
        else:
            assert words[0] in {
                "ruff",
                "mypy",
                "lint-imports",
                "echo",
                "cc",
                "./ring",
                "apt",
                "pip3",
                "systemctl",
                "usermod",
                "install",
                "git",
                "cd",
                "python3",
                "source",
                "sudoedit",
            }


def _parse(words: list[str]) -> None:
    """As click does, but for values: files need not be there. Raises `click.UsageError`."""
    command: click.Command = app
    context = click.Context(app, info_name="edge-run")
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context)
        words = (
            words[1:] if words and words[0].endswith(found.name or "") and not isinstance(found, click.Group) else words
        )
    command.make_parser(context).parse_args(list(words))


def _extras() -> set[str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return set(setup["options.extras_require"])


def test_what_stands_in_the_tables_stands_in_a_page():
    commands = [
        one.command
        for page in PAGES
        for block in blocks(page)
        if block.language == "console"
        for one in examples(block)
    ]
    for pattern, _ in [*places.NOT_HERE, *places.ELSEWHERE, *places.SHORTER]:
        assert any(re.search(pattern, command) for command in commands), f"no page has a command with {pattern}"


def test_a_command_that_does_not_exist_is_noticed():
    for wrong in ("edge-run bild mine.yaml", "edge-run bench demo --repeat 3", "sudo edge-run service instal demo"):
        with pytest.raises(click.UsageError):
            _read(wrong)
