import os
import sys

import pytest

from edge_runtime.errors import RunError, SourceError
from edge_runtime.evaluate.many_files import MISSING, digest, expanded, identity, local_copy, names_of


@pytest.fixture
def store():
    """A store of drives at `memory://`, emptied afterwards."""
    fsspec = pytest.importorskip("fsspec", reason="recordings at an address take fsspec")
    system = fsspec.filesystem("memory")
    system.pipe({"/drives/a.mcap": b"one", "/drives/b.mcap": b"two", "/drives/notes.txt": b"", "/ring/000.mcap": b"x"})
    yield system
    system.rm("/drives", recursive=True)
    system.rm("/ring", recursive=True)


@pytest.mark.parametrize(
    ("drives", "names"),
    [
        (["drives/a.mcap", "drives/b.mcap"], ["a", "b"]),
        (["monday/front.mcap", "tuesday/front.mcap"], ["monday.front", "tuesday.front"]),
        (["s3://fleet/monday/front.mcap", "/tuesday/front.mcap"], ["monday.front", "tuesday.front"]),
        (["/front.mcap", "/x/front.mcap"], ["front", "x.front"]),
        (["drives/2026_11_22.v2.mp4"], ["2026_11_22.v2"]),
    ],
)
def test_a_drive_is_called_like_its_file_with_as_many_folders_as_it_takes(drives, names):
    assert names_of(drives) == names


@pytest.mark.parametrize("drives", [["a.mcap", "b.mcap", "a.mcap"], ["a.mcap", "./a.mcap"]])
def test_a_drive_named_twice_is_refused(drives):
    with pytest.raises(SourceError, match=r"a\.mcap: is named twice"):
        names_of(drives)


def test_a_pattern_in_an_address_is_resolved_and_paths_are_left_to_the_shell(store):
    assert expanded(["x/*.mcap", "memory://drives/*.mcap"]) == [
        "x/*.mcap",
        "memory:///drives/a.mcap",
        "memory:///drives/b.mcap",
    ]
    with pytest.raises(SourceError, match="nothing there has such a name"):
        expanded(["memory://drives/*.mp4"])


def test_a_drive_at_an_address_is_a_file_as_long_as_it_is_used(store):
    with local_copy("memory://drives/a.mcap") as path:
        assert path.name == "a.mcap"
        assert path.read_bytes() == b"one"
    assert not path.exists()


def test_a_folder_at_an_address_is_fetched_whole(store):
    with local_copy("memory://ring") as path:
        assert (path / "000.mcap").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://drives/c.mcap", "no such recording"),
        ("nowhere://drives/c.mcap", "Protocol not known"),
    ],
)
def test_an_address_without_a_recording_says_so(store, url, said):
    with pytest.raises(SourceError, match=said), local_copy(url):
        pass
    assert identity(url) == MISSING


def test_an_address_without_fsspec_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(RunError, match=r"pip install 'edge-runtime\[replay\]'"), local_copy("s3://drives/a.mcap"):
        pass


def test_a_drive_is_another_when_its_file_or_a_file_of_its_folder_is(tmp_path, store):
    drive = tmp_path / "a.mcap"
    assert identity(str(drive)) == MISSING
    drive.write_bytes(b"one")
    seen = [identity(str(drive)), identity(str(tmp_path)), identity("memory://drives/a.mcap")]
    assert seen == [identity(str(drive)), identity(str(tmp_path)), identity("memory://drives/a.mcap")]
    os.utime(drive, ns=(1, 1))
    store.pipe("/drives/a.mcap", b"another")
    now = [identity(str(drive)), identity(str(tmp_path)), identity("memory://drives/a.mcap")]
    assert all(one != other for one, other in zip(seen, now, strict=True))


def test_a_digest_is_that_of_the_content_there_is_now(tmp_path):
    file = tmp_path / "road.onnx"
    file.write_bytes(b"one")
    before = digest(file)
    file.write_bytes(b"other")
    assert digest(file) != before
