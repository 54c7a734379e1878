"""What the package imports is what it declares, and a part that is missing is named with the command that adds it."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest

from edge_runtime.cli.main import run_app
from edge_runtime.core.extras import install, missing

ROOT = Path(__file__).parents[1]
# Modules whose distribution is called otherwise.
DISTRIBUTIONS = {
    "cuda": "cuda-core", "cv2": "opencv-python-headless", "jtop": "jetson-stats",
    "paho": "paho-mqtt", "prometheus_client": "prometheus-client", "pynvml": "nvidia-ml-py", "yaml": "pyyaml",
    "zmq": "pyzmq",
}  # fmt: skip
# What comes with another and belongs to it.
COMES_WITH = {"ml_dtypes": "onnx", "pydantic_core": "pydantic", "zstandard": "mcap"}


def requirements(text: str) -> set[str]:
    lines = [line.strip() for line in text.splitlines()]
    return {re.split(r"[<>=!;\[ ]", line, maxsplit=1)[0].lower() for line in lines if line and not line.startswith("#")}


@pytest.fixture(scope="module")
def declared() -> dict[str, set[str]]:
    """Distributions by extra; those of the package itself under the empty name."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = {name: requirements(text) for name, text in setup["options.extras_require"].items()}
    return {"": requirements(setup["options"]["install_requires"]), **extras}


def imports(path: Path) -> set[str]:
    """Top-level names of what a file imports from elsewhere, also by `import_module("…")` and the like."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "need", "find_spec") and isinstance(node.args[0].value, str):
                found.add(node.args[0].value)
    return {name.partition(".")[0] for name in found}


def test_everything_that_is_imported_is_declared(declared):
    everywhere = set().union(*declared.values())
    for path in sorted((ROOT / "edge_runtime").rglob("*.py")):
        for name in imports(path) - {"edge_runtime"} - sys.stdlib_module_names:
            wanted = DISTRIBUTIONS.get(COMES_WITH.get(name, name), COMES_WITH.get(name, name)).lower()
            assert wanted in everywhere, f"{path.relative_to(ROOT)} imports {name}, which setup.cfg does not name"


def test_extras_are_those_that_people_are_told_of(declared):
    told = set()
    for path in [*(ROOT / "edge_runtime").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        text = path.read_text(encoding="utf-8")
        told |= {name for names in re.findall(r"(?:edge-runtime|\.)\[([a-z,]+)\]'", text) for name in names.split(",")}
        told |= set(re.findall(r'(?:missing\([^\n]*|install\()"(\w+)"\)', text))
        told |= set(re.findall(r'missing_library\("\w+", "(\w+)"', text))
    assert told <= set(declared), "named somewhere, but no extra of setup.cfg"
    assert set(declared) - {"", "dev"} <= told, "an extra that nobody is told of"


def test_the_installed_package_has_the_version_that_the_program_says(capsys):
    assert run_app(["--version"]) == 0
    assert capsys.readouterr().out.split()[-1] == metadata("edge-runtime")["Version"]


def test_a_missing_part_is_named_with_the_command_of_this_interpreter():
    assert install("web") == f"{sys.executable} -m pip install 'edge-runtime[web]'"
    sentence = missing("`http:`", "aiohttp", "web")
    assert sentence == f"`http:` needs aiohttp, which is not installed. Run: {install('web')}"


@pytest.mark.parametrize(
    ("module", "command", "extra"),
    [
        ("aiohttp", ["demo", "--set", "http.bind=8080"], "web"),
        ("pycocotools", ["profile", "demo"], "eval"),
        ("fsspec", ["replay", "s3://drives/a.mcap"], "replay"),
        ("ray", ["replay", "a.mcap", "--cluster", "local"], "ray"),
        ("onnx", ["model", "edit", "net.onnx", "--batch", "2", "-o", "out.onnx"], "models"),
        ("onnxscript", ["model", "edit", "net.onnx", "--fold", "-o", "out.onnx"], "models"),
        ("torch", ["model", "export", "net.py:make", "--input-shape", "1,3,8,8", "-o", "out.onnx"], "export"),
    ],
)
def test_each_missing_extra_is_named_before_anything_is_done(module, command, extra, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in list(sys.modules):
        if name.partition(".")[0] == module or name.startswith("edge_runtime.web."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "net.onnx").write_bytes((ROOT / "edge_runtime/assets/demo_light_state.onnx").read_bytes())
    (tmp_path / "net.py").write_text("def make(): ...")
    assert run_app(command) in (1, 2)
    assert f"pip install 'edge-runtime[{extra}]'" in capsys.readouterr().err
    assert not (tmp_path / "out.onnx").exists()
    assert not (tmp_path / "runs").exists()
