from edge_runtime.core import machine
from edge_runtime.core.machine import Machine, answer


def test_a_command_answers_with_what_it_prints():
    assert answer("echo", "MODE_50W") == "MODE_50W\n"


def test_a_command_that_is_not_there_fails_or_hangs_has_no_answer(monkeypatch):
    monkeypatch.setattr(machine, "PATIENCE_S", 0.05)
    assert answer("nvpmodel-of-another-board", "-q") is None
    assert answer("false") is None
    assert answer("sleep", "600") is None


def test_files_are_looked_for_below_the_root(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/nv_tegra_release").write_text("# R36 (release)\n\0")
    board = Machine(tmp_path)
    assert board.text("etc/nv_tegra_release") == "# R36 (release)"
    assert board.text("etc/nvpmodel.conf") is None
    assert board.is_jetson
    assert not Machine(tmp_path / "other").is_jetson
