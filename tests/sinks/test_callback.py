import pytest

from edge_runtime.errors import SinkError
from edge_runtime.sinks.callback import CallbackSink

from .results import context, frame, result


def test_the_function_gets_each_frame_with_its_result(tmp_path):
    got = []
    sink = CallbackSink(lambda shot, found: got.append((shot.frame_id, found.frame_id)))
    sink.open(context(tmp_path))
    sink.write(frame(3), result(3))
    sink.close()
    sink.close()
    assert got == [(3, 3)]


def test_an_exception_of_the_function_ends_the_sink_with_its_text():
    def steer(shot, found):
        raise KeyError("wheel")

    sink = CallbackSink(steer)
    with pytest.raises(SinkError, match=r"callback .*steer: frame 4: KeyError: 'wheel'") as caught:
        sink.write(frame(4), result(4))
    assert isinstance(caught.value.__cause__, KeyError)
