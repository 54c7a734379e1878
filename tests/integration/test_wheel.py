"""What a user gets from the wheel, without a checkout: built from the sources as they are, installed, run elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("edge_runtime", "pipelines", "configs")
SHORT = ["--set", "source.fps=5", "--set", "source.seconds=2", "--pace", "fast", "--set", "sinks=[{kind: jsonl}]"]


def run(command: Sequence[str | Path], cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing an earlier build has left behind can get in."""
    sources = tmp_path_factory.mktemp("sources")
    for folder in SHIPPED:
        shutil.copytree(ROOT / folder, sources / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", "."], sources)
    (built,) = (sources / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a new environment with the wheel; what it depends on is seen from this one."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    places = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", places))
    (packages / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    pip = [sys.executable, "-m", "pip", f"--python={home / 'bin/python'}"]
    run([*pip, "install", "-q", "--no-deps", "--no-index", "--ignore-installed", wheel], home)
    return home / "bin"


def results(folder: Path) -> list[Any]:
    lines = [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]
    return [(line["frame_id"], line["stages"], line["regions"]) for line in lines]


def test_every_file_of_the_package_and_what_goes_by_name_is_in_the_wheel(wheel):
    wanted = {
        "edge_runtime" / path.relative_to(ROOT / folder if folder == "edge_runtime" else ROOT)
        for folder in SHIPPED
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    assert wanted == {name for name in names if name.parts[0] == "edge_runtime"}
    assert {name.parts[0] for name in names} == {"edge_runtime", f"{wheel.name.split('-py3')[0]}.dist-info"}


def test_the_demo_of_the_wheel_is_that_of_the_checkout(installed, tmp_path):
    here, there = tmp_path / "wheel", tmp_path / "checkout"
    run([installed / "edge-run", "demo", *SHORT, "--out", here], tmp_path)
    run([sys.executable, "-m", "edge_runtime", ROOT / "pipelines/demo.yaml", *SHORT, "--out", there], ROOT)
    assert len(results(here)) == 10
    assert results(here) == results(there)
    networks = json.loads((here / "summary.json").read_text())["config"]["models"]
    assert all(Path(network["onnx"]).is_relative_to(installed.parent) for network in networks.values())


def test_what_goes_by_name_is_found_from_an_empty_folder(installed, tmp_path):
    listed = json.loads(run([installed / "edge-run", "list", "--json"], tmp_path))
    assert [pipeline["name"] for pipeline in listed["pipelines"]] == sorted(
        path.stem for path in (ROOT / "pipelines").glob("*.yaml")
    )
    names = ["demo", "--set", "governor.ladder=orin_nx", "--plant", "orin_nx", "--scenario", "city"]
    simulated = json.loads(run([installed / "edge-run", "simulate", *names, "--json"], tmp_path))
    assert simulated["policies"]["governor"]["energy_j"] > 0


def test_the_unit_of_a_service_is_in_the_wheel(installed, tmp_path):
    code = "from edge_runtime.service.places import template_text; print(template_text())"
    assert run([installed / "python", "-c", code], tmp_path).strip() == (
        (ROOT / "configs/edge-runtime@.service").read_text().strip()
    )
