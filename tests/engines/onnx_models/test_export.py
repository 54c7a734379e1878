import textwrap

import pytest

from edge_runtime.engines.onnx_models.export import ExportPlan, export, load_module
from edge_runtime.engines.onnx_models.files import Misuse, NotTheSame
from edge_runtime.errors import EngineError

from .makers import shape

pytest.importorskip("torch", reason="exporting needs PyTorch: pip install 'edge-runtime[export]'")

CODE = """
import torch
import beside

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, beside.CHANNELS, 3, 2, 1)
        self.norm = torch.nn.BatchNorm2d(beside.CHANNELS)

    def forward(self, x):
        y = torch.relu(self.norm(self.conv(x)))
        return y.mean((2, 3)), y.flatten(2)

class Noisy(torch.nn.Module):
    def forward(self, x):
        return x * torch.rand(1)

def build():
    print("building")
    return Net()

def noisy():
    return Noisy()

def failing():
    raise FileNotFoundError("weights.pt is not there")

def number():
    return 3
"""


@pytest.fixture
def code(tmp_path):
    (tmp_path / "beside.py").write_text("CHANNELS = 8\n")
    path = tmp_path / "net.py"
    path.write_text(textwrap.dedent(CODE))
    return path


def plan(**more):
    return ExportPlan(**{"input_shapes": ((1, 3, 16, 16),), "input_names": ("images",), **more})


@pytest.mark.parametrize("opset", [17, 18])
def test_a_module_comes_out_with_its_names_and_a_free_batch(code, opset, capsys):
    made = load_module(code, "build")
    model, parity = export(made, plan(output_names=("mean", "rows"), dynamic_batch=True, opset=opset))
    assert capsys.readouterr().out == "", "stdout belongs to --json"
    assert shape(model, "images") == ["batch", 3, 16, 16]
    assert shape(model, "rows")[0] == "batch"
    assert [output.name for output in parity] == ["mean", "rows"]
    assert max(output.max_error for output in parity) < 1e-5
    assert model.opset_import[0].version == opset


def test_a_module_that_does_not_repeat_itself_is_refused(code):
    with pytest.raises(NotTheSame, match="export: "):
        export(load_module(code, "noisy"), plan())


def test_wrong_names_and_factories_are_answered(code):
    with pytest.raises(Misuse, match=r"it has .*build"):
        load_module(code, "bild")
    with pytest.raises(Misuse, match="returns int"):
        load_module(code, "number")
    with pytest.raises(EngineError, match=r"failing\(\).*weights.pt is not there \(line 27"):
        load_module(code, "failing")
    with pytest.raises(Misuse, match=r"1 names.*2 outputs"):
        export(load_module(code, "build"), plan(output_names=("one",)))
    with pytest.raises(EngineError, match=r"fails on inputs of \(1, 4, 16, 16\)"):
        export(load_module(code, "build"), plan(input_shapes=((1, 4, 16, 16),)))
