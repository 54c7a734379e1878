import json
import threading
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.engines.tensorrt.cache import EngineCache, EngineMismatch, layers_path, manifest_path
from edge_runtime.engines.tensorrt.manifest import EngineKey, Manifest
from edge_runtime.engines.tensorrt.onnx_file import OnnxFile
from edge_runtime.engines.tensorrt.options import PRECISIONS, BuildOptions
from edge_runtime.errors import EngineError

from .makers import H200, ORIN, RTX, TRT_8_6, TRT_10_3, SteppingClock, built, sha256

MODEL = OnnxFile(Path("models/road.onnx"), b"the model")
PLAIN = BuildOptions()
WHEN = "2026-11-22T10:00:00Z"


def key(model=MODEL, options=PLAIN, target=H200, traits=TRT_8_6):
    return EngineKey.of(model, options, target, traits)


def obtain(cache, wanted=None, build=built, **options):
    return cache.obtain("road", wanted or key(), build, date=WHEN, clock=SteppingClock(), **options)


def never():
    raise AssertionError("it must not be built")


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "engines")


# ---- the key ---------------------------------------------------------------------------------------------------

DIFFERENT = {
    "precision": st.sampled_from(PRECISIONS),
    "batch": st.tuples(*[st.integers(1, 8)] * 3).map(lambda rows: tuple(sorted(rows))),
    "sides": st.dictionaries(st.sampled_from(["x", "y"]), st.tuples(st.integers(1, 9), st.integers(1, 9))),
    "keep_float32": st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(tuple),
    "workspace_mib": st.none() | st.integers(1, 4096),
    "optimization_level": st.integers(0, 5),
    "dla_core": st.none() | st.integers(0, 1),
    "gpu_fallback": st.booleans(),
    "external_libraries": st.booleans(),
}
OPTIONS = st.builds(BuildOptions, **DIFFERENT)


def same(a, b):
    return replace(a, keep_float32=tuple(sorted(a.keep_float32))) == replace(
        b, keep_float32=tuple(sorted(b.keep_float32))
    )


@given(OPTIONS, OPTIONS)
def test_two_builds_share_a_key_exactly_when_all_their_options_are_equal(a, b):
    assert (key(options=a).digest == key(options=b).digest) == same(a, b)
    assert (key(options=a).request == key(options=b).request) == same(a, b)


@given(st.data(), st.sampled_from(sorted(DIFFERENT)))
def test_any_single_option_changes_the_key(data, name):
    before = BuildOptions()
    value = data.draw(DIFFERENT[name].filter(lambda value: value != getattr(before, name)))
    assert key(options=replace(before, **{name: value})).digest != key(options=before).digest


def test_every_option_is_covered_by_these_tests():
    assert {field.name for field in fields(BuildOptions)} == DIFFERENT.keys() | {"plugin_libraries"}


def test_the_content_of_a_plugin_library_and_of_external_weights_is_in_the_key(tmp_path):
    library, weights = tmp_path / "libnms.so", tmp_path / "road.bin"
    library.write_bytes(b"1")
    weights.write_bytes(b"1")
    model, options = replace(MODEL, external=(weights,)), BuildOptions(plugin_libraries=(library,))
    digests = {key(model, options).digest}
    library.write_bytes(b"2")
    digests.add(key(model, options).digest)
    weights.write_bytes(b"2")
    digests.add(key(model, options).digest)
    assert len(digests) == 3
    with pytest.raises(EngineError, match="cannot read"):
        key(options=BuildOptions(plugin_libraries=(tmp_path / "gone.so",)))


@pytest.mark.parametrize(
    "other",
    [
        key(replace(MODEL, data=b"another model")),
        key(traits=TRT_10_3),
        key(traits=RTX),
        key(target=replace(H200, compute_capability=(8, 7))),
        key(target=replace(H200, gpu_name="NVIDIA H100")),
        key(target=replace(H200, driver="580.1")),
        key(target=replace(H200, cuda="13.0")),
    ],
)
def test_model_version_gpu_and_driver_are_in_the_key(other):
    assert other.digest != key().digest


def test_a_driver_patch_is_not_in_the_key():
    assert key(target=replace(H200, driver="570.200", cuda="12.9")).digest == key().digest


# ---- found, built, refused -------------------------------------------------------------------------------------


def test_an_engine_is_built_once_and_then_found(cache):
    said = []
    first = obtain(cache, build=lambda: built(b"plan", layers="{}", notes=("n",)), say=said.append)
    again = obtain(cache, build=never, say=said.append)
    assert first.engine == again.engine == b"plan"
    assert again.manifest == first.manifest
    assert (first.reason, again.reason) == (said[0].split(": ", 1)[1], "")
    assert said == [f"building {first.path.name}: there is no {first.path.name} in {cache.folder} yet"]
    assert layers_path(first.path).read_text() == "{}"


def test_the_manifest_is_readable_and_complete(cache):
    entry = obtain(cache, build=lambda: built(b"plan", dla_fallback=("resize",)))
    entry = cache.record_parity(entry, [{"name": "boxes", "cosine": 0.9999}])
    note = json.loads(manifest_path(entry.path).read_text())
    assert note["board"] == "TensorRT 8.6.0 on sm_90 (NVIDIA H200)"
    assert note["date"] == WHEN
    assert note["engine"] == {"bytes": 4, "sha256": sha256(b"plan")}
    assert note["build"] == {"seconds": 12.5, "dla_fallback": ["resize"], "notes": []}
    assert note["parity"] == [{"name": "boxes", "cosine": 0.9999}]
    assert note["key"] == dict(key().parts)
    assert obtain(cache, build=never).manifest == Manifest.read(manifest_path(entry.path))


def test_other_options_live_in_another_file(cache):
    fp16, fp32 = obtain(cache), obtain(cache, key(options=BuildOptions("fp32")))
    assert fp16.path != fp32.path
    assert fp32.path.name.startswith("road-fp32-")
    obtain(cache, build=never)


@pytest.mark.parametrize(
    ("wanted", "state", "sentence"),
    [
        (
            key(target=ORIN, traits=TRT_10_3),
            "foreign",
            "was built for TensorRT 8.6.0 on sm_90 (NVIDIA H200), this board has TensorRT 10.3.0 on sm_87 (Orin)",
        ),
        (key(replace(MODEL, data=b"new")), "stale", "is out of date: the ONNX file has changed since"),
        (
            key(target=replace(H200, driver="580", cuda="13")),
            "stale",
            "is out of date: cuda major was 12, is 13, and driver major was 570, is 580",
        ),
    ],
)
def test_an_engine_that_does_not_fit_is_named_with_why_and_rebuilt(cache, wanted, state, sentence):
    entry = obtain(cache)
    found = cache.lookup("road", wanted)
    assert (found.state, found.path, found.engine) == (state, entry.path, None)
    assert found.reason == f"{entry.path.name} {sentence}"
    assert obtain(cache, wanted, lambda: built(b"new plan")).engine == b"new plan"
    assert obtain(cache, wanted, never).engine == b"new plan"


def _cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def _flip(path):
    data = bytearray(path.read_bytes())
    data[2] ^= 1
    path.write_bytes(bytes(data))


DAMAGE = {
    "truncated": (_cut, "is cut off: 6 of 9 bytes"),
    "corrupt": (_flip, "is not the file that was written"),
    "no_manifest": (lambda path: manifest_path(path).unlink(), "has no manifest"),
}


@pytest.mark.parametrize("state", DAMAGE)
def test_damage_is_named_and_the_engine_is_rebuilt(cache, state):
    damage, sentence = DAMAGE[state]
    entry = obtain(cache)
    damage(entry.path)
    found = cache.lookup("road", key())
    assert found.state == state
    assert sentence in found.reason
    assert obtain(cache).reason == found.reason
    assert cache.lookup("road", key()).state == "hit"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 99}', '{"format": 1, "key": 3}', "\x00\xff"])
def test_a_manifest_that_is_not_ours_counts_as_none(cache, text):
    entry = obtain(cache)
    manifest_path(entry.path).write_text(text, "latin-1")
    found = cache.lookup("road", key())
    assert found.state == "no_manifest"
    assert "cannot be read" in found.reason


def test_without_leave_to_build_it_says_why_and_what_to_type(cache):
    obtain(cache)
    with pytest.raises(EngineMismatch) as caught:
        obtain(
            cache,
            key(target=ORIN, traits=TRT_10_3),
            never,
            allow_build=False,
            how_to_build="edge-run build highway.yaml",
        )
    assert "was built for TensorRT 8.6.0 on sm_90" in str(caught.value)
    assert str(caught.value).endswith("building is off (--no-build). Run: edge-run build highway.yaml")
    assert obtain(cache, build=never, allow_build=False).engine == b"an engine"


def test_a_failed_build_leaves_the_old_engine_and_no_draft(cache):
    entry = obtain(cache)

    def fail():
        raise EngineError("no")

    with pytest.raises(EngineError, match="no"):
        obtain(cache, key(target=ORIN), fail)
    assert entry.path.read_bytes() == b"an engine"
    assert not list(cache.folder.glob(".*"))
    assert obtain(cache, build=never).engine == b"an engine"


def test_a_full_disk_is_said(cache, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EngineError, match=r"cannot write .*\(9 bytes\): No space left on device"):
        obtain(cache)
    assert not list(cache.folder.glob(".*"))


def test_waiting_for_another_process_ends_when_the_run_is_stopped(cache):
    stop = threading.Event()
    said = []

    def inner():
        stop.set()
        with pytest.raises(EngineError, match="stopped while waiting"):
            obtain(cache, build=never, stop=stop, say=said.append)
        return built()

    obtain(cache, build=inner)
    assert said == [f"another process is building {cache.path('road', key()).name}; waiting for it"]
