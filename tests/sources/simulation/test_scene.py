from collections import Counter

from edge_runtime.sources.simulation.things import SIGHT_M

from .drives import drive


def test_the_same_seed_is_the_same_drive_whatever_was_asked_before():
    first, second = drive(seed=3), drive(seed=3)
    backwards = {index: second.things(index) for index in reversed(range(0, 40, 7))}
    assert all(first.things(index) == things for index, things in backwards.items())
    assert first.labels(20) == second.labels(20)


def test_another_seed_is_another_drive():
    assert drive(seed=1).things(5) != drive(seed=2).things(5)


def test_a_thing_keeps_its_identity_and_no_two_share_one():
    world = drive(seconds=20.0)
    for index in range(0, 200, 40):
        identities = [thing.identity for thing in world.things(index)]
        assert len(set(identities)) == len(identities)
    now, later = ({label.identity: label for label in world.labels(index)} for index in (50, 52))
    kept = now.keys() & later.keys()
    assert len(kept) > 0.7 * len(now)
    assert all(now[identity].category == later[identity].category for identity in kept)


def test_standing_things_come_nearer_by_what_was_driven():
    world = drive(speed_kmh=72.0, seconds=10.0, bends=0.0, hills=0.0)
    signs = [{one.identity: one for one in world.labels(index) if one.sign} for index in (0, 10)]
    both = signs[0].keys() & signs[1].keys()
    assert both
    assert all(abs(signs[0][sign].distance_m - signs[1][sign].distance_m - 20) < 1e-6 for sign in both)


def test_a_minute_shows_lights_signs_and_vehicles_far_ahead_again_and_again():
    world = drive(seconds=60.0, size=(1920, 1080))
    seen = Counter()
    for index in range(0, 600, 20):
        labels = [label for label in world.labels(index) if label.visibility > 0.5]
        seen += Counter({label.category for label in labels if 100 <= label.distance_m <= 150})
        seen["near sign"] += any(label.sign and 80 <= label.distance_m <= 100 for label in labels)
        assert all(0 <= label.distance_m <= SIGHT_M for label in labels)
    # Of thirty pictures, half of them on a motorway without lights.
    assert seen["traffic light"] >= 10
    assert seen["near sign"] >= 6
    assert seen["car"] >= 20


def test_lights_show_every_state_and_arrows():
    world = drive(seconds=60.0, fps=5.0, speed_kmh=50.0)
    lights = [label for index in range(0, 300, 5) for label in world.labels(index) if label.state]
    assert {label.state for label in lights} == {"red", "yellow", "green"}
    assert {label.arrow for label in lights} == {None, "left", "right", "straight"}


def test_the_driver_never_meets_a_red_light():
    world = drive(seconds=60.0, speed_kmh=50.0)
    near = [label for index in range(600) for label in world.labels(index) if label.state and label.distance_m < 9]
    assert near
    assert {label.state for label in near if label.arrow != "left"} <= {"green", "yellow"}


def test_nobody_is_on_an_empty_road():
    categories = {label.category for label in drive(traffic=0.0, seconds=20.0).labels(100)}
    assert categories <= {"traffic light", "traffic sign"}


def test_a_fast_drive_is_a_motorway_and_a_slow_one_a_street():
    assert set(drive(speed_kmh=110.0).layout.tiles) == {"motorway"}
    assert "motorway" not in drive(speed_kmh=50.0).layout.tiles


def test_the_springs_nod_within_what_was_asked_and_rest_at_a_standstill():
    nods = [drive(bounce_deg=0.5, speed_kmh=90.0).nod_deg(t / 10) for t in range(100)]
    assert 0.1 < max(map(abs, nods)) <= 0.5
    assert drive(bounce_deg=0.5, speed_kmh=0.0).nod_deg(3.3) == 0
