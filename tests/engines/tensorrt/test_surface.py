"""Every name of TensorRT's API that the package touches, held against the real surface of each version."""

import ast
import json
from pathlib import Path

import pytest

import edge_runtime.engines.tensorrt
from edge_runtime.engines.tensorrt.compat import Traits, touched, traits_of
from edge_runtime.errors import EngineError

SURFACES = Path(__file__).resolve().parents[4] / "shared" / "trt_api"
VERSIONS = {
    "8.6": Traits("tensorrt", (8, 6, 0)),
    "10.3": Traits("tensorrt", (10, 3, 0)),
    "10.13": Traits("tensorrt", (10, 13, 0)),
    "10.16": Traits("tensorrt", (10, 16, 0)),
    "11.4": Traits("tensorrt", (11, 4, 0)),
    "rtx-1.7": Traits("tensorrt_rtx", (1, 7, 0)),
}
# What a trait denies must really be gone, or the trait is wrong.
DENIED = {
    "8.6": ["IProgressMonitor", "BuilderFlag.BF16", "ParserError.node_name", "IExecutionContext.set_device_memory"],
    "11.4": ["BuilderFlag.FP16", "OnnxParser.supports_model", "ICudaEngine.device_memory_size", "TacticSource.CUDNN"],
    "rtx-1.7": ["BuilderFlag.INT8", "OnnxParser.supports_model", "NetworkDefinitionCreationFlag.EXPLICIT_BATCH"],
}


def surface(version):
    path = SURFACES / f"{version}.json"
    if not path.exists():
        pytest.skip(f"the API surface of TensorRT {version} is not here: {path}")
    found = set()
    for owner, entry in json.loads(path.read_text()).items():
        found.add(("", owner))
        if isinstance(entry, dict):
            found |= {(owner, member) for members in entry.values() for member in members}
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_that_is_used_exists_in_the_version(version):
    used = touched(VERSIONS[version])
    assert (used | {("", owner) for owner, _ in used if owner}) - surface(version) == set()


@pytest.mark.parametrize("version", DENIED)
def test_what_a_trait_denies_is_really_gone(version):
    names = {f"{owner}.{member}".lstrip(".") for owner, member in surface(version)}
    assert names.isdisjoint(DENIED[version])


def test_the_table_misses_no_name_that_the_code_uses():
    """Attributes that look like TensorRT's own (an underscore or a capital) and are in some version's API."""
    api = {member for version in VERSIONS for _, member in surface(version)}
    table = {name for traits in VERSIONS.values() for entry in touched(traits) for name in entry}
    for file in Path(edge_runtime.engines.tensorrt.__file__).parent.glob("*.py"):
        if file.name == "precision.py":  # speaks ONNX, whose names are similar
            continue
        used = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        distinctive = {name for name in used if "_" in name or name != name.lower()}
        assert (distinctive & api) - table == set(), file.name


@pytest.mark.parametrize(
    ("text", "version"),
    [("8.6.0", (8, 6, 0)), ("8.6.1.post1", (8, 6, 1)), ("10.16.0.72", (10, 16, 0)), ("11.4", (11, 4, 0))],
)
def test_versions_are_read_as_the_vendor_writes_them(text, version):
    assert traits_of("tensorrt", text).version == version


def test_a_version_without_numbers_is_named():
    with pytest.raises(EngineError, match="'unknown'"):
        traits_of("tensorrt", "unknown")
