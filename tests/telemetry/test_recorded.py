import json
from dataclasses import replace

import pytest

from edge_runtime.core import TelemetrySample
from edge_runtime.errors import TelemetryError
from edge_runtime.telemetry.recorded import RecordedTelemetry, load_samples
from tests.material import material

MS = 1_000_000
SAMPLE = TelemetrySample(
    t_ns=5 * MS,
    source="sysfs",
    power_w=21.5,
    rails_w={"VDD_GPU_SOC": 14.0},
    temp_c={"tj": 71.5},
    throttle_events={"oc3_instantaneous": 3},
    throttled=("gpu",),
    power_mode="MODE_30W",
)


def test_a_log_of_samples_reads_back_as_it_was_written(tmp_path):
    log = tmp_path / "telemetry.jsonl"
    log.write_text("".join(json.dumps(replace(SAMPLE, t_ns=t * MS).document()) + "\n" for t in (5, 105)))
    assert load_samples(log) == [SAMPLE, replace(SAMPLE, t_ns=105 * MS)]


def test_what_was_not_measured_is_not_in_the_log():
    assert TelemetrySample(1, "host").document() == {"t_ns": 1, "source": "host"}


def test_a_recording_plays_at_the_rate_it_was_taken_and_then_grows_old():
    recorded = RecordedTelemetry([replace(SAMPLE, t_ns=t * MS, power_w=t / 10) for t in (50, 150, 250)])
    seen = [recorded.read(now * MS) for now in (1000, 1099, 1100, 1260, 9000)]
    assert [sample.power_w for sample in seen] == [5.0, 5.0, 15.0, 25.0, 25.0]
    assert [sample.t_ns // MS for sample in seen] == [1000, 1000, 1100, 1200, 1200]


def test_a_log_of_tegrastats_in_columns_is_read_with_its_rails():
    samples = load_samples(material("traces/orin-nano-8gb_JP6.2.2_VLM-TensorRT_100ms.csv"))
    assert len(samples) == 661
    assert max(sample.power_w for sample in samples) == 21.663
    assert samples[0].rails_w == {"VDD_IN": 5.971, "VDD_CPU_GPU_CV": 1.669, "VDD_SOC": 2.308}
    assert samples[10].t_ns - samples[0].t_ns == 1000 * MS
    assert samples[0].temp_c == {}, "its board temperature is 0.0 throughout: nobody measured it"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", '{"t_ns": 1, "source": "x"}\n{"t_ns": 2}\n', r"a\.jsonl:2: not a telemetry sample"),
        ("a.jsonl", "power\n", r"a\.jsonl:1: not a telemetry sample"),
        ("a.jsonl", "[]\n", r"a\.jsonl:1: not a telemetry sample"),
        ("a.csv", "time,watts\n1,2\n", r"a\.csv:1: has no column t_ms; its columns are time, watts"),
        ("a.csv", "t_ms,power_in_mw\n0,5\n100,many\n", r"a\.csv:3: not a number"),
        ("a.jsonl", "", "holds no sample"),
    ],
)
def test_a_log_that_cannot_be_read_is_named_with_its_line(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(TelemetryError, match=says):
        load_samples(tmp_path / name)


def test_a_missing_log_is_named(tmp_path):
    with pytest.raises(TelemetryError, match=r"gone\.jsonl: cannot be read"):
        load_samples(tmp_path / "gone.jsonl")
