"""Speeds over a real socket of the loopback; the clock is the test's."""

import json
import socket

import pytest

from edge_runtime.errors import SourceError
from edge_runtime.sources.ego_speed import SpeedPort, speed_mps
from tests.jetson_emulator.machine import until

MS = 1_000_000


class FakeClock:
    now = 5_000 * MS

    def now_ns(self):
        return self.now


class Vehicle:
    """Sends to a port, and waits until what it sent was heard."""

    def __init__(self, port):
        self.port, self.socket = port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def sends(self, datagram):
        if isinstance(datagram, dict):
            datagram = json.dumps(datagram).encode()
        before = self.port.heard
        self.socket.sendto(datagram, self.port.address)
        assert until(lambda: self.port.heard > before)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def port(clock):
    with SpeedPort(("127.0.0.1", 0), 1000, clock) as port:
        yield port


@pytest.fixture
def vehicle(port):
    vehicle = Vehicle(port)
    yield vehicle
    vehicle.socket.close()


def test_the_newest_speed_is_that_of_the_frame(port, vehicle, clock):
    vehicle.sends({"speed_mps": 12.5, "seq": 1})
    assert port.of_frame(clock.now) == 12.5
    vehicle.sends({"speed_kmh": 108})
    assert port.of_frame(clock.now) == pytest.approx(30.0)
    assert port.warnings == ()


def test_until_the_first_word_the_speed_is_unknown_and_that_is_said(port, clock):
    assert port.of_frame(clock.now) is None
    host, number = port.address
    assert port.warnings == (f"ego speed on {host}:{number}: nothing has arrived, so every floor is that of a highway",)


def test_a_speed_that_nobody_repeats_is_unknown_after_its_time_and_comes_back(port, vehicle, clock):
    vehicle.sends({"speed_mps": 12.5})
    said_ns = clock.now
    assert port.of_frame(said_ns + 1000 * MS) == 12.5
    assert port.of_frame(said_ns + 1001 * MS) is None
    assert port.of_frame(said_ns + 1034 * MS) is None
    assert port.warnings[0].endswith("fell silent once; 2 frames counted as highway")
    clock.now += 3000 * MS
    vehicle.sends({"speed_mps": 3})
    assert port.of_frame(clock.now) == 3.0


def test_what_is_not_understood_is_counted_said_once_and_changes_nothing(port, vehicle, clock):
    vehicle.sends({"speed_mps": 12.5})
    for datagram in (b"27.8 m/s\xff", b"", b"{}", b"[" * 2000):
        vehicle.sends(datagram)
    assert port.of_frame(clock.now) == 12.5
    (said,) = port.warnings
    assert said.endswith(
        "4 datagrams were not understood, first '27.8 m/s\\ufffd': no JSON; send {\"speed_mps\": 27.8}"
    )


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ('{"speed_mps": NaN}', "speed_mps is outside 0 to 139"),
        ('{"speed_mps": -1}', "speed_mps is outside 0 to 139"),
        ('{"speed_kmh": 501}', "speed_kmh is outside 0 to 500"),
        ('{"speed_kmh": 1' + "0" * 400 + "}", "speed_kmh is outside 0 to 500"),
        ('{"speed_mps": true}', "speed_mps is no number"),
        ('{"speed_mps": "27"}', "speed_mps is no number"),
        ('{"speed_mps": 1, "speed_kmh": 1}', "both speed_mps and speed_kmh"),
        ('{"speed": 1}', "neither speed_mps nor speed_kmh"),
        ("[27.8]", "neither speed_mps nor speed_kmh"),
    ],
)
def test_an_impossible_speed_is_no_speed(message, why):
    with pytest.raises(ValueError, match=why):
        speed_mps(message.encode())


def test_a_port_that_is_taken_is_refused_with_what_to_do(port, clock):
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:\d+ cannot be heard: Address already in use\n.*no other prog"):
        SpeedPort(port.address, 1000, clock)


def test_an_address_of_another_machine_is_refused(clock):
    with pytest.raises(SourceError, match=r"192\.0\.2\.1:5005 cannot be heard"):
        SpeedPort(("192.0.2.1", 5005), 1000, clock)


def test_it_listens_on_ipv6_too_and_closes_twice(clock):
    try:
        port = SpeedPort(("::1", 0), 1000, clock)
    except SourceError as error:
        pytest.skip(f"no IPv6 here: {error}")
    port.close()
    port.close()
