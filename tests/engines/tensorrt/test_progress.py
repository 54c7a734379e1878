from edge_runtime.engines.tensorrt.progress import BuildProgress, Progress, as_lines

from .makers import SteppingClock


def test_the_share_of_nested_phases_adds_up():
    heard = []
    progress = BuildProgress(heard.append)
    progress.phase_start("engine", None, 4)
    progress.step_complete("engine", 0)
    progress.phase_start("tactics", "engine", 10)
    progress.step_complete("tactics", 4)
    assert heard[-1] == Progress("tactics", 5, 10, 0.25 + 0.25 * 0.5)
    progress.phase_finish("tactics")
    progress.step_complete("engine", 1)
    assert heard[-1].fraction == 0.5
    progress.phase_finish("engine")
    assert heard[-1].fraction == 1.0


def test_phases_that_nobody_announced_do_no_harm():
    progress = BuildProgress()
    assert progress.step_complete("unknown", 3)
    progress.phase_finish("unknown")


def test_lines_for_a_log_come_at_most_every_few_seconds():
    said = []
    tell = as_lines(said.append, SteppingClock(), every_s=3)
    for step in range(7):
        tell(Progress("timing layers", step, 210, step / 210))
    assert said == ["timing layers 0/210 (0%), 1 s", "timing layers 3/210 (1%), 4 s", "timing layers 6/210 (3%), 7 s"]


def test_an_unknown_total_is_not_made_up():
    assert str(Progress("timing layers", 3, None, None)) == "timing layers 3"
