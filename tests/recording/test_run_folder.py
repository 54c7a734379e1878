"""A run never writes into the folder of another, whatever the clock says."""

from datetime import datetime, timedelta

from edge_runtime.recording.run_folder import create_run_folder, write_stacks

NOW = datetime(2026, 3, 29, 2, 30)


def test_a_clock_that_shows_the_same_second_again_gives_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [create_run_folder("drive", None, now) for now in (NOW, NOW, NOW + timedelta(hours=5), NOW)]
    assert [folder.name for folder in made] == [
        "drive-20260329-023000",
        "drive-20260329-023000-2",
        "drive-20260329-073000",
        "drive-20260329-023000-3",
    ]


def test_the_stacks_of_all_threads_say_where_each_stands(tmp_path):
    write_stacks(tmp_path)
    assert "in test_the_stacks_of_all_threads" in (tmp_path / "stuck.txt").read_text()
    write_stacks(tmp_path / "a disk that is gone")  # nothing to write to is no reason to fail
