import subprocess
import sys

from edge_runtime.sources.base import Warnings


def test_a_warning_stands_once_and_their_number_is_bounded():
    warnings = Warnings()
    for index in range(30):
        warnings.add(f"warning {index}")
        warnings.add("warning 0")
    assert len(warnings.texts) == Warnings.LIMIT + 1
    assert warnings.texts[0] == "warning 0"
    assert warnings.texts[-1] == "and 10 more warnings"


def test_the_borders_import_neither_opencv_nor_pydantic():
    code = (
        "import sys, edge_runtime.sources, edge_runtime.sources.base, edge_runtime.sources.pace\n"
        "import edge_runtime.sinks, edge_runtime.sinks.base\n"
        "sys.exit(' '.join({'cv2', 'pydantic'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr.strip() == ""
    )
