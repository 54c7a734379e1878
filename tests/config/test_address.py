import pytest

from edge_runtime.config.address import udp_address
from edge_runtime.config.load import load_pipeline
from edge_runtime.errors import ConfigError
from tests.config.test_config_telemetry import PIPELINE


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (5005, ("127.0.0.1", 5005)),
        ("5005", ("127.0.0.1", 5005)),
        ("localhost:1", ("127.0.0.1", 1)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
        ("[::1]:5005", ("::1", 5005)),
    ],
)
def test_an_address_is_a_port_of_this_machine_or_host_and_port(text, address):
    assert udp_address(text) == address


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("127.0.0.1", "'127.0.0.1' does not end in a port, 1 to 65535"),
        ("127.0.0.1:0", "does not end in a port"),
        ("127.0.0.1:65536", "does not end in a port"),
        ("127.0.0.1:" + "9" * 5000, "does not end in a port"),
        ("127.0.0.1:٣", "does not end in a port"),
        ("vehicle:5005", "'vehicle' is no address of a network interface"),
        (":5005", "'' is no address of a network interface"),
        ("udp://127.0.0.1:5005", "'udp://127.0.0.1' is no address"),
    ],
)
def test_what_is_no_address_is_answered_with_what_is_wrong(text, what):
    with pytest.raises(ValueError, match="^.*" + what):
        udp_address(text)


def refusal(tmp_path, keys):
    (tmp_path / "tiny.yaml").write_text(PIPELINE.replace("path: drive.avi", f"path: drive.avi, {keys}"))
    with pytest.raises(ConfigError) as error:
        load_pipeline(tmp_path / "tiny.yaml", runs=False)
    return str(error.value)


def test_a_wrong_address_is_refused_with_its_line_and_what_to_write(tmp_path):
    said = refusal(tmp_path, "ego_speed_udp: car.local:5005")
    assert "tiny.yaml:2:55: source.ego_speed_udp: 'car.local' is no address of a network interface" in said
    assert "write `ego_speed_udp: 127.0.0.1:5005`" in said
    said = refusal(tmp_path, "ego_speed_udp: 70000")
    assert "source.ego_speed_udp: 70000 is too large" in said
    assert said.count("ego_speed_udp: 7") == 2, "once, with its line"


def test_two_speeds_at_once_are_refused(tmp_path):
    said = refusal(tmp_path, "ego_speed_udp: 5005, ego_speed_kmh: 50")
    assert "the speed is constant (`ego_speed_kmh`) and sent by UDP" in said
